"""Whatever a program's checkpoint is made of, its content is kept, and what has none is told."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from orchestrator.ray.worker.kept_checkpoints import KeptCheckpoints, found_in
from orchestrator.ray.worker.reports import ReportError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def kept(folder: Path, told: list[str]) -> KeptCheckpoints:
    return KeptCheckpoints(folder, told.append)


def content(place: Path) -> dict[str, str]:
    """What storage would copy: every file by its path, links followed."""
    return {
        str((Path(here) / name).relative_to(place)): (Path(here) / name).read_text()
        for here, _, names in os.walk(place, followlinks=True)
        for name in names
    }


def taken(kept: KeptCheckpoints, name: str) -> dict[str, str]:
    place = Path(kept.staged(name, "line 1").path)
    assert not any(path.is_symlink() for path in place.rglob("*"))
    return content(place)


def test_a_link_to_the_newest_of_several_files_is_kept_with_its_content(kept, folder, told):
    for epoch in ("1", "2"):
        (folder / f"epoch-{epoch}.pt").write_text(epoch)
        (folder / "last.pt").unlink(missing_ok=True)
        (folder / "last.pt").symlink_to(f"epoch-{epoch}.pt")
        assert taken(kept, "last.pt") == {"last.pt": epoch}
        kept.done()
    assert told == []
    assert sorted(path.name for path in folder.iterdir()) == ["epoch-1.pt", "epoch-2.pt", "last.pt"]


def test_links_of_every_kind_inside_a_folder(kept, folder, told, tmp_path):
    outside = tmp_path / "tokenizer"
    outside.mkdir()
    (outside / "vocab.txt").write_text("a")
    model = folder / "epoch-3"
    (model / "deep").mkdir(parents=True)
    (model / "model.pt").write_text("3")
    (model / "latest").symlink_to("model.pt")
    (model / "tok").symlink_to(outside)
    (model / "deep" / "again").symlink_to(outside)
    (model / "self").symlink_to(".")
    (model / "deep" / "up").symlink_to("..")
    (model / "events").symlink_to("/nowhere/at/all")
    assert taken(kept, "epoch-3") == {
        "epoch-3/model.pt": "3", "epoch-3/latest": "3", "epoch-3/tok/vocab.txt": "a",
        "epoch-3/deep/again/vocab.txt": "a",
    }  # fmt: skip
    assert told == [
        "epoch-3/deep/up of the checkpoint is not kept: it leads back to a folder that it lies in",
        "epoch-3/events of the checkpoint is not kept: it leads nowhere (No such file or directory)",
        "epoch-3/self of the checkpoint is not kept: it leads back to a folder that it lies in",
    ]


def test_pipes_and_sockets_are_left_out_and_nobody_waits_for_them(kept, folder, told, monkeypatch):
    (folder / "run").mkdir()
    (folder / "run" / "model.pt").write_text("1")
    os.mkfifo(folder / "run" / "pipe")
    monkeypatch.chdir(folder / "run")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for _ in range(2):
            assert taken(kept, "run") == {"run/model.pt": "1"}
    assert told == [f"run/{name} of the checkpoint is not kept: it is no file" for name in ("pipe", "socket")]


def test_a_named_folder_that_is_a_link_is_kept(kept, folder):
    (folder / "step-10").mkdir()
    (folder / "step-10" / "w").write_text("10")
    (folder / "last").symlink_to("step-10")
    assert taken(kept, "last") == {"last/w": "10"}


def test_an_older_checkpoint_goes_once_a_newer_is_named(kept, folder):
    for name in ("a", "b"):
        (folder / name).write_text(name)
        taken(kept, name)
    (folder / "c").symlink_to("b")
    taken(kept, "c")
    assert sorted(path.name for path in folder.iterdir()) == ["b", "c"], "c leads to b, which may be read again"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no other file system here")
def test_a_link_to_another_file_system_is_copied(kept, folder):
    far = Path("/dev/shm") / f"stepladder-test-{os.getpid()}"
    far.write_text("far")
    try:
        (folder / "last.pt").symlink_to(far)
        assert taken(kept, "last.pt") == {"last.pt": "far"}
    finally:
        far.unlink()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "there is no 'model.pt' in STEPLADDER_CHECKPOINTS; write the checkpoint before the report"),
        (
            lambda path: path.symlink_to("gone.pt"),
            "there is no 'model.pt' in STEPLADDER_CHECKPOINTS, it is a link to 'gone.pt', which is not there; write",
        ),
        (os.mkfifo, "'model.pt' in STEPLADDER_CHECKPOINTS is neither a file nor a folder"),
    ],
    ids=["nothing", "dangling", "pipe"],
)
def test_what_cannot_be_kept_is_said(kept, folder, make, complaint):
    make(folder / "model.pt")
    with pytest.raises(ReportError, match=rf"^line 7: {re.escape(complaint)}"):
        kept.staged("model.pt", "line 7")


def test_what_a_program_finds_again_is_whatever_its_name_is(kept, folder, tmp_path):
    (folder / ".last").write_text("1")
    shutil.copytree(kept.staged(".last", "line 1").path, tmp_path / "back")
    (tmp_path / "back" / ".metadata.json").write_text("{}")
    assert found_in(tmp_path / "back") == tmp_path / "back" / ".last"
    (tmp_path / "back" / ".last").unlink()
    assert found_in(tmp_path / "back") is None
