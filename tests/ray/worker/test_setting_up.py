"""What the lines of `setup` do on a node, by real processes: how they end, and what is left of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.ray.worker.setting_up import NodeSetup, set_up
from orchestrator.storage.location import Location

DAEMON = "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(900)"


def asked(folder: Path, *lines: str) -> NodeSetup:
    return NodeSetup(lines, None, str(folder), str(folder / "sweep"), "n1")


@pytest.mark.parametrize(
    "line",
    ["sleep 900 & echo began", "nohup setsid sleep 900 >/dev/null 2>&1 & true", f"python -c '{DAEMON}'"],
    ids=["background", "session", "daemon"],
)
def test_a_line_ends_with_its_command_and_takes_along_what_it_left_running(tmp_path: Path, line: str, monkeypatch):
    mark = f"of-{tmp_path.name}"
    monkeypatch.setenv("SETUP_TEST_MARK", mark)
    assert set_up(asked(tmp_path, line, "echo next")).failed is None
    assert "$ echo next\nnext\n" in (tmp_path / "sweep/logs/setup/n1/stdout.txt").read_text()
    assert marked(mark) == []


def marked(mark: str) -> list[str]:
    """List the command lines of living processes, this one aside, that have the mark in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                environ = (folder / "environ").read_bytes()
                if f"SETUP_TEST_MARK={mark}".encode() in environ.split(b"\0"):
                    found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_what_runs_is_found(monkeypatch):
    """The other test could not fail otherwise."""
    monkeypatch.setenv("SETUP_TEST_MARK", "kept")
    with subprocess.Popen(["sleep", "900"]) as kept:
        assert marked("kept") == ["sleep\x00900\x00"]
        kept.kill()


@pytest.mark.parametrize(
    ("line", "how"),
    [
        ("echo no room >&2; exit 3", "left with exit code 3: no room"),
        ("kill -9 $$", "was ended by signal 9: it printed nothing"),
        ("./missing.sh", "left with exit code 127: /bin/sh: 1: ./missing.sh: not found"),
    ],
)
def test_a_line_that_fails_is_told_and_none_comes_after_it(tmp_path: Path, line: str, how: str):
    end = set_up(asked(tmp_path, "true", line, "touch after"))
    assert end.failed == f"`{line}` {how}"
    assert not (tmp_path / "after").exists()


@pytest.mark.thorough
def test_on_an_object_store_its_prints_lie_there(bucket, tmp_path: Path):
    sweep = Location.parse(f"{bucket}/sweep")
    end = set_up(NodeSetup(("echo staged",), None, str(tmp_path), str(sweep), "n1"))
    assert (end.failed, end.log) == (None, f"{sweep}/logs/setup/n1")
    assert sweep.files().read("logs/setup/n1/stdout.txt") == b"$ echo staged\nstaged\n"
