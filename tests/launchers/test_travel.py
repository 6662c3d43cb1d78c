"""What travels with a submission: shown by its top-level entries, and packed alike wherever and whenever."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._travel import described, is_kept, keep, pack, refuse_above
from orchestrator.sweep.resources import Resources


def sent(folder: Path, files: dict[str, int]) -> Submission:
    return Submission("digits", "digits-1", folder, "sweep.yaml", (), "/shared/runs", Resources(), files=files)


def test_the_largest_entries_come_first_and_folders_are_one():
    assert described(sent(Path("/home/ada"), {"sweep.yaml": 300, "src/a.py": 2048, "src/b/c.py": 1024}), 2**20) == [
        "uploads /home/ada: 3 files, 3.3 KiB of at most 1.0 MiB",
        "     3.0 KiB  src/",
        "   300 bytes  sweep.yaml",
    ]


def test_many_entries_are_counted():
    lines = described(sent(Path("/home/ada"), {f"{number:02}.py": 100 - number for number in range(20)}), 2**20)
    assert len(lines) == 14
    assert lines[-1] == "   676 bytes  8 more"


def test_more_than_is_taken_is_refused():
    submission = sent(Path("/home/ada"), {"a": 9, "b/c": 20})
    refuse_above(29, submission, "it", "do")
    with pytest.raises(UsageError) as refused:
        refuse_above(28, submission, "it", "do that")
    assert str(refused.value) == (
        "/home/ada would upload 29 bytes, and it takes 28 bytes at most. The largest are b/ (20 bytes), a (9 bytes): "
        "do that"
    )


def test_a_package_holds_the_files_that_may_travel_and_is_the_same_again(tmp_path: Path):
    for name, content in {"train.sh": "train", "nets/cnn.py": "layers = 3", ".env": "KEY=1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "train.sh").chmod(0o755)
    (tmp_path / "link.py").symlink_to("nets/cnn.py")
    submission = sent(tmp_path, {"train.sh": 5, "nets/cnn.py": 10, "link.py": 10})
    packages = [tmp_path / "first.zip", tmp_path / "second.zip"]
    for package in packages:
        pack(submission, package)
        os.utime(tmp_path / "train.sh", (0, 0))
    assert packages[0].read_bytes() == packages[1].read_bytes()
    with zipfile.ZipFile(packages[0]) as archive:
        assert archive.namelist() == [".stepladder-package", "link.py", "nets/cnn.py", "train.sh"]
        assert archive.read("link.py") == b"layers = 3"
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        del modes[".stepladder-package"]
        assert modes == {"train.sh": 0o755, "nets/cnn.py": 0o644, "link.py": 0o644}


def test_a_file_that_went_meanwhile_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"gone\.py: No such file or directory; it is to be sent along"):
        pack(sent(tmp_path, {"gone.py": 1}), tmp_path / "package.zip")


def test_more_than_a_cluster_takes_goes_into_the_storage_once_by_its_content(tmp_path: Path):
    folder, storage = tmp_path / "code", tmp_path / "runs"
    folder.mkdir()
    (folder / "train.py").write_text("train")
    submission = dataclasses.replace(sent(folder, {"train.py": 5}), storage=str(storage))
    assert not is_kept(submission, 5), "that much is taken"
    assert is_kept(submission, 4)
    assert not is_kept(dataclasses.replace(submission, storage="/nowhere/at/all/runs"), 4), "it is not seen from here"
    pack(submission, tmp_path / "package.zip")
    uri = keep(tmp_path / "package.zip", str(storage))
    (kept,) = (storage / ".packages").iterdir()
    assert uri == f"file://{kept}"
    assert kept.read_bytes() == (tmp_path / "package.zip").read_bytes()
    before = kept.stat().st_mtime_ns
    assert keep(tmp_path / "package.zip", str(storage)) == uri
    assert kept.stat().st_mtime_ns == before, "what is there is not written again"
    assert described(submission, 4)[0] == (
        f"uploads {folder}: 1 files, 5 bytes to {storage}/.packages, once for this content"
    )
