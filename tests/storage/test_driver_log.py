"""What a driver says is kept with its sweep while it says it, where its stderr is a file."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.storage.driver_log import DriverLog, read_driver_logs, without_dumps
from orchestrator.storage.location import Location


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "plan.json").write_text("{}")
    return Location.parse(tmp_path / "runs")


@pytest.fixture
def stderr(tmp_path: Path) -> Iterator[io.BufferedRandom]:
    with (tmp_path / "job.log").open("wb+", buffering=0) as file:
        yield file  # type: ignore[misc]


def kept(folder: Location) -> str:
    return "".join(read_driver_logs(folder.files()))


def test_what_is_said_from_now_on_is_kept_also_by_the_next_driver(folder, stderr):
    os.write(stderr.fileno(), b"of somebody before\n")
    log = DriverLog(folder, 1, stderr.fileno())
    os.write(stderr.fileno(), b"[1s] trial 0 started\n")
    log.copy()
    os.write(stderr.fileno(), b"error: no more\n")
    log.stop()
    log.copy()
    began = os.fstat(stderr.fileno()).st_size
    os.write(stderr.fileno(), b"warning: said before it had its sweep\n")
    second = DriverLog(folder, 2, stderr.fileno(), began_at_byte=began)
    os.write(stderr.fileno(), b"[1s] trial 0 goes on\n")
    second.stop()
    assert kept(folder) == (
        "==> driver 1 <==\n[1s] trial 0 started\nerror: no more\n\n"
        "==> driver 2 <==\nwarning: said before it had its sweep\n[1s] trial 0 goes on\n"
    )


def test_it_is_copied_while_it_grows(folder, stderr):
    log = DriverLog(folder, 1, stderr.fileno())
    os.write(stderr.fileno(), b"at work\n")
    deadline = time.monotonic() + 240
    while "at work" not in kept(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    log.stop()


def test_a_folder_that_is_gone_is_not_made_again_and_a_pipe_is_no_file(folder, stderr):
    log = DriverLog(folder, 1, stderr.fileno())
    (folder.path / "plan.json").unlink()
    os.write(stderr.fileno(), b"late\n")
    log.stop()
    assert list(folder.path.iterdir()) == []
    reading, writing = os.pipe()
    piped = DriverLog(folder, 2, writing)
    os.write(writing, b"x")
    piped.stop()
    os.close(reading)
    os.close(writing)
    assert kept(folder) == ""


def test_what_ray_dumps_of_its_processes_is_left_out_however_the_text_is_cut():
    text = "[1s] one\n(raylet) [state-dump] NodeManager:\n[state-dump] x\n[2s] two\nlast"
    wanted = "[1s] one\n[2s] two\nlast"
    for size in range(1, len(text)):
        assert "".join(without_dumps(text[at : at + size] for at in range(0, len(text), size))) == wanted
