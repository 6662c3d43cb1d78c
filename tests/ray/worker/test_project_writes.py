"""What of a project changed while a program wrote: looked at here without a program, and with one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker import project_writes
from orchestrator.ray.worker.project_writes import ProjectWrites, bytes_written

S = 1_000_000_000


class Watched:
    """A project whose files are changed by the clock, and a program that writes when told."""

    def __init__(self, folder: Path):
        self.folder, self.now_s, self.bytes = folder, 0.0, 0
        (folder / "runs" / "sweep").mkdir(parents=True)
        (folder / "before.pt").touch()
        os.utime(folder / "before.pt", ns=(0, 5))
        self.writes = ProjectWrites(
            folder, str(folder / "runs" / "sweep"), lambda: self.bytes, lambda: self.now_s, lambda: int(self.now_s * S)
        )

    def change(self, name: str, size: int = 0) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, ns=(0, int(self.now_s * S)))

    def look(self, at_s: float, writes: int = 0):
        self.now_s, self.bytes = at_s, self.bytes + writes
        self.writes.look()
        return self.writes.take()


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_what_changed_while_the_program_wrote_may_be_its_own(watched):
    watched.now_s = 1.5
    watched.change("model.pt"), watched.change("before.pt"), watched.change("out/deep/log.csv")
    at = int(1.5 * S)
    assert watched.look(2, writes=1) == (
        2 * S,
        (("before.pt", 5, at), ("model.pt", 0, at), ("out/deep/log.csv", 0, at)),
    )
    assert watched.look(4, writes=1) == (4 * S, ())


def test_what_changed_while_it_wrote_nothing_is_not(watched):
    watched.now_s = 1.5
    watched.change("model.pt")
    assert watched.look(2) == (0, ()), "it may be in the middle of a write: the next look tells"
    assert watched.look(4) == (4 * S, ())
    watched.change("model.pt")
    assert watched.look(6) == (4 * S, ())
    assert watched.look(8, writes=1) == (8 * S, (("model.pt", int(1.5 * S), 4 * S),))


@pytest.mark.parametrize(
    ("before", "after", "least"), [(100, 400, 300), (100, 100, 100), (400, 100, 100), (0, 50, 50), (50, 0, 1)]
)
def test_it_must_have_written_what_the_file_grew_by_or_holds_anew(watched, before, after, least):
    watched.change("model.pt", before)
    watched.look(2, writes=before + 1)
    watched.now_s = 3
    watched.change("model.pt", after)
    assert watched.look(4, writes=least - 1).writes == ()
    assert watched.look(6).writes == ()
    watched.change("model.pt", before), watched.look(8, writes=before + 1)
    watched.now_s = 9
    watched.change("model.pt", after)
    assert [write.name for write in watched.look(10, writes=least).writes] == ["model.pt"]


@pytest.mark.parametrize(
    "name", ["train.py", "notes.md", "runs.db", "conf/lr.yaml", ".cache/x", "__pycache__/x.pyc", "runs/other/x"]
)
def test_what_people_edit_and_what_hides_is_not_looked_at(watched, name):
    watched.now_s = 1.5
    watched.change(name)
    assert watched.look(2, writes=1).writes == ()


def test_links_are_not_followed(watched, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (watched.folder / "data").symlink_to(elsewhere)
    (elsewhere / "x").touch()
    assert watched.look(2, writes=1).writes == ()


def test_what_does_not_fit_into_one_report_comes_with_the_next(watched, monkeypatch):
    monkeypatch.setattr(project_writes, "MOST_CLAIMS", 2)
    watched.now_s = 1.5
    for name in "abc":
        watched.change(f"{name}.pt")
    first = watched.look(2, writes=1)
    assert ([write.name for write in first.writes], first.seen_ns) == (["a.pt", "b.pt"], 0)
    second = watched.writes.take()
    assert ([write.name for write in second.writes], second.seen_ns) == (["c.pt"], 2 * S)


def test_looks_take_a_hundredth_of_the_time(watched, monkeypatch):
    found, looks = watched.writes._found, []
    monkeypatch.setattr(watched.writes, "_found", lambda: (looks.append(watched.now_s), found())[1])
    monkeypatch.setattr(watched.writes, "_written", lambda: setattr(watched, "now_s", watched.now_s + 0.5) or 0)
    for second in range(1, 120):
        watched.now_s = max(watched.now_s, float(second))
        watched.writes.look()
    assert len(looks) == 3


def test_one_look_that_had_to_wait_does_not_put_off_the_next(watched, monkeypatch):
    looks = []
    monkeypatch.setattr(watched.writes, "_found", lambda: looks.append(watched.now_s) or {})
    monkeypatch.setattr(
        watched.writes, "_written", lambda: setattr(watched, "now_s", watched.now_s + (len(looks) == 5)) or 0
    )
    for second in range(1, 12):
        watched.now_s = float(second)
        watched.writes.look()
    assert looks == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11], "the fifth took a second"


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what is written")
def test_bytes_are_counted_of_what_a_process_started_and_of_what_has_ended():
    code = (
        "import subprocess, sys; child = [sys.executable, '-c', 'import os; os.write(1, bytes(50_000))']\n"
        "subprocess.run(child, stdout=subprocess.DEVNULL); print('done', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        assert 50_000 < bytes_written(program.pid) < 100_000
        program.communicate(b"\n")
    assert bytes_written(program.pid) == bytes_written(None) == 0
