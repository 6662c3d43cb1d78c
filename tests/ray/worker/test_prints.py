"""What a process prints lies in the sweep's folder at once, whoever prints it, within a bound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker import prints
from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.metric_sources import source_of
from orchestrator.ray.worker.prints import Prints
from orchestrator.storage.attempt_logs import AttemptLogs, headed
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.sweep.program import Metrics


def told(folder: Path, number: int = 7, attempt: int = 0):
    return {"sweep_folder": str(folder), "number": number, "attempt": attempt}


CAPTURED = """
import ctypes, os, subprocess, sys, threading
from pathlib import Path
from orchestrator.ray.worker.prints import captured
folder = Path(sys.argv[1])
print("before")
with captured({"sweep_folder": str(folder), "number": 7, "attempt": 0}, folder, int(sys.argv[2])):
    print("python")
    thread = threading.Thread(target=print, args=("thread",))
    thread.start()
    thread.join()  # an unbuffered print writes a word and its newline apart: another may write between them
    os.write(1, b"fd\\n")
    subprocess.run(["sh", "-c", "echo child; echo warning >&2"])
    ctypes.CDLL(None).puts(b"libc")
    ctypes.CDLL(None).fflush(None)
    print("error", file=sys.stderr)
    if sys.argv[3:]:
        ctypes.string_at(0)
print("after")
"""


@pytest.mark.thorough
def test_whatever_a_process_prints_comes_along_and_nothing_else(tmp_path):
    ran = subprocess.run([sys.executable, "-c", CAPTURED, tmp_path, "0"], capture_output=True, text=True, check=True)
    assert ran.stdout == "before\nafter\n"
    place = tmp_path / "logs" / "7" / "0"
    assert sorted((place / "stdout.txt").read_text().split()) == ["child", "fd", "libc", "python", "thread"]
    assert (place / "stderr.txt").read_text() == "warning\nerror\n"


@pytest.mark.thorough
def test_a_crash_takes_no_last_word_away_and_a_rank_has_its_own_files(tmp_path):
    command = [sys.executable, "-X", "faulthandler", "-c", CAPTURED, tmp_path, "3", "crash"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -11
    place = tmp_path / "logs" / "7" / "0"
    assert "Segmentation fault" in (place / "stderr.rank-3.txt").read_text()
    assert not (place / "stderr.txt").exists()


@pytest.mark.thorough
def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(tmp_path):
    (tmp_path / "logs").write_text("no folder")
    ran = subprocess.run([sys.executable, "-c", CAPTURED, tmp_path, "0"], capture_output=True, text=True, check=True)
    assert "python" in ran.stdout
    assert "what trial 7 prints is not kept: " in ran.stderr
    (tmp_path / "own").mkdir()
    beside = Prints(told(tmp_path), tmp_path / "own")
    assert beside.folder == tmp_path / "own" / "logs"
    beside.remark("here")
    assert beside.stderr.read_text() == "stepladder: here\n"


@pytest.fixture
def small(monkeypatch):
    for name, value in {"MOST_BYTES": 4000, "FIRST_BYTES": 1000, "LAST_BYTES": 2000, "LOOK_S": 0.0}.items():
        monkeypatch.setattr(prints, name, value)


def test_a_long_file_loses_its_middle_and_is_gone_on_with(small, tmp_path):
    kept = Prints(told(tmp_path), tmp_path)
    with kept.stdout.open("ab", buffering=0) as file:
        for number in range(1000):
            file.write(f"line {number:04}\n".encode())
            before = kept.stdout.stat().st_size
            moved = kept.look().get(kept.stdout, 0)
            assert moved <= 0
            assert kept.stdout.stat().st_size == before + moved <= 4000
    text = kept.stdout.read_text()
    assert text.startswith("line 0000\nline 0001\n")
    assert text.endswith("line 0998\nline 0999\n")
    assert text.count("bytes are left out here: a log holds 4,000 at most") == 1
    kept.remark("a link is not kept")
    assert kept.stderr.read_text() == "stepladder: a link is not kept\n"


def test_a_reader_goes_on_where_it_stopped_and_over_a_cut(small, tmp_path):
    kept = Prints(told(tmp_path), tmp_path)
    other = Prints(told(tmp_path, 12, 1), tmp_path, 2)
    logs, last = AttemptLogs(LocalFileSystem(tmp_path)), []
    assert list(logs.read_new()) == []
    kept.stdout.write_text("a\n")
    other.stderr.write_bytes("é".encode()[:1])
    assert "".join(headed(logs.read_new(), last)) == "==> trial 7, attempt 0: stdout.txt <==\na\n"
    with kept.stdout.open("a") as file:
        file.write("b\n")
    assert "".join(headed(logs.read_new(), last)) == "b\n"
    with other.stderr.open("ab") as file:
        file.write("é\n".encode()[1:])
    assert "".join(headed(logs.read_new(), last)) == "\n==> trial 12, attempt 1: stderr.rank-2.txt <==\né\n"
    with kept.stdout.open("a") as file:
        file.write("c\n" * 3000)
    kept.look()
    assert [piece.trial for piece in logs.read_new()] == [7]
    only = AttemptLogs(LocalFileSystem(tmp_path), 12)
    assert [piece.text for piece in only.read_new()] == ["é\n"]
    assert list(AttemptLogs(LocalFileSystem(tmp_path), 3).read_new()) == []


def test_prints_of_a_node_are_sent_to_an_object_store(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(prints, "SEND_S", 0.0)

    folder = bucket / "sweep"
    kept = Prints({"sweep_folder": str(folder), "number": 7, "attempt": 0}, tmp_path)
    logs = AttemptLogs(folder.files())
    for text in ("a\n", "b\n"):
        with kept.stdout.open("a") as file:
            file.write(text)
        kept.look()
        assert [piece.text for piece in logs.read_new()] == [text]
    kept.look(final=True)
    assert sorted(folder.files().names("logs/7/0")) == ["stderr.txt", "stdout.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_metrics_are_read_on_behind_what_was_cut(small, tmp_path):
    kept = Prints(told(tmp_path), tmp_path)
    metrics = Metrics(stdout=r"epoch (?P<epoch>\d+) acc (?P<acc>\S+)")
    source = source_of(metrics, tmp_path / "none", tmp_path, kept.folder, "acc", "epoch", wall=Firewall(None))
    read = []
    with kept.stdout.open("ab", buffering=0) as file:
        for epoch in range(300):
            file.write(b"x" * 90 + f"\nepoch {epoch} acc 0.{epoch}\nepo".encode())
            read += [row["epoch"] for _, row in source.read(final=False)]
            source.moved(kept.look())
            file.write(b"ch\n")
    assert read == list(range(300))
    assert kept.stdout.stat().st_size <= 4000
