"""What is seen of a training that does not report: its prints, its files, its processes. No Ray: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.ray.worker.ending import (
    WorkerProcess,
    end_processes,
    place_in,
    take_stacks,
)
from orchestrator.ray.worker.signs import MARK, Signs, own_processes

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are seen on Linux"),
    pytest.mark.thorough,
]

WORKS = "import os, sys\nwhile True: open(sys.argv[1], 'w').write(str(sum(range(100000))))"
COMPUTES = "while True: [bytes(50_000_000)]"
SPINS = "while True: pass"
SPINS_POLITELY = "import os\nwhile True: os.sched_yield()"
SLEEPS = "import time\ntime.sleep(1000)"

DEAF = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"


@pytest.fixture
def start(tmp_path):
    """Start Python code as a process of the attempt whose folder is `tmp_path / "own"`."""
    started = []
    (tmp_path / "own").mkdir()

    def begin(code, *, marked=False, **options):
        environment = {**os.environ, **({MARK: str(tmp_path / "own")} if marked else {})}
        arguments = [sys.executable, "-c", code, str(tmp_path / "written")]
        started.append(subprocess.Popen(arguments, env=environment, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def _settled(signs: Signs, seconds: float = 1.0) -> str | None:
    """Return what is seen in a while once what starting takes is over."""
    time.sleep(0.7)
    signs.seen()
    time.sleep(seconds)
    return signs.seen()


@pytest.mark.parametrize(
    ("code", "seen"),
    [(WORKS, "processes"), (COMPUTES, "processes"), (SPINS, None), (SPINS_POLITELY, None), (SLEEPS, None)],
    ids=["writes", "computes", "spins", "spins politely", "sleeps"],
)
def test_a_process_that_works_is_a_sign_and_one_that_waits_is_none(tmp_path, start, code, seen):
    signs = Signs(tmp_path / "own")
    start(code)
    assert _settled(signs) == seen


def test_a_process_that_was_there_before_is_no_sign(tmp_path, start):
    """What an earlier attempt left behind in a worker that is used again, say."""
    start(WORKS)
    time.sleep(0.3)
    signs = Signs(tmp_path / "own")
    (tmp_path / "own" / "mine").mkdir()
    signs.seen()
    assert _settled(signs) is None


def test_a_process_that_left_the_family_is_known_by_its_mark(tmp_path, start):
    signs = Signs(tmp_path / "own")
    others = own_processes(tmp_path / "own", os.getpid())  # a Ray that other tests of this process began
    leaves = f"subprocess.Popen([sys.executable, '-c', {WORKS!r}, sys.argv[1]], start_new_session=True)"
    start(f"import subprocess, sys\n{leaves}", marked=True).wait()
    try:
        assert _settled(signs) == "processes"
    finally:
        for pid in own_processes(tmp_path / "own", os.getpid()) - others:
            os.kill(pid, signal.SIGKILL)


def test_a_print_and_a_file_of_its_own_are_signs_each_once(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    code = f"""
from pathlib import Path
from orchestrator.ray.worker.signs import Signs, waiting
own = Path({str(own)!r})
signs = Signs(own)
seen = [signs.seen()]
print("epoch", flush=True)
seen += [signs.seen(), signs.seen()]
(own / "deep").mkdir()
(own / "deep" / "model.pt").write_text("weights")
seen += [signs.seen(), signs.seen()]
with waiting():
    seen += [signs.seen(), signs.seen()]
seen += [signs.seen()]
Path({str(tmp_path / "seen")!r}).write_text(repr(seen))
"""
    with (tmp_path / "stdout").open("wb") as stdout:
        subprocess.run([sys.executable, "-c", code], stdout=stdout, stderr=stdout, check=True)
    told = [None, "printed", None, "saved", None, "waiting", "waiting", None]
    assert (tmp_path / "seen").read_text() == repr(told), (tmp_path / "stdout").read_text()


def test_computing_of_its_own_is_no_sign(tmp_path):
    """A collective that hangs spins in the training's own process."""
    signs, until = Signs(tmp_path), time.monotonic() + 1.0
    while time.monotonic() < until:
        sum(range(1000))
    assert signs.seen() is None


@pytest.fixture
def hung(tmp_path):
    """A process that hangs in its own file, with a child in its family and one that left it."""
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "train.py").write_text(f"""
import os, subprocess, sys, threading, time
from pathlib import Path
from orchestrator.ray.worker.ending import offer_stacks
own = Path({str(own)!r})
offer_stacks(own)
os.environ[{MARK!r}] = str(own)
subprocess.Popen([sys.executable, "-c", {DEAF!r}])
subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], start_new_session=True)
def wait_for_ever():
    (own.parent / "ready").touch()
    time.sleep(1000)
wait_for_ever()
""")
    process = subprocess.Popen([sys.executable, str(tmp_path / "train.py")])
    while not (tmp_path / "ready").exists():
        time.sleep(0.05)
    yield WorkerProcess("node", process.pid, _began(process.pid), str(own))
    process.kill()
    process.wait()


def _began(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_the_stacks_of_a_hung_process_say_where_it_stands(hung):
    stacks = take_stacks(hung)
    assert place_in(stacks, "train.py") == "train.py:12 in wait_for_ever"
    assert f"process {hung.pid}\n" in stacks


def test_without_py_spy_the_process_itself_says_where_it_stands(hung, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert place_in(take_stacks(hung), "train.py") == "train.py:12 in wait_for_ever"


def test_a_process_that_is_stopped_and_has_no_py_spy_says_so(hung, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    os.kill(hung.pid, signal.SIGSTOP)
    stacks = take_stacks(hung)
    assert stacks == f"process {hung.pid}\nit does not say where it stands; install py-spy on the nodes for such cases"
    assert place_in(stacks, "train.py") is None


def test_a_process_ends_with_all_that_it_started(hung):
    os.kill(hung.pid, signal.SIGSTOP)  # even so
    family = own_processes(Path(hung.folder), hung.pid)
    assert len(family) == 2
    assert end_processes(hung) == 3
    left = [pid for pid in (*family, hung.pid) if _state(pid) not in ("", "Z")]
    assert left == []
    assert take_stacks(hung) == f"process {hung.pid} is gone"
    assert end_processes(hung) == 0


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_number_that_another_process_has_by_now_is_left_alone(tmp_path, start):
    other = start(SLEEPS)
    stale = WorkerProcess("node", other.pid, "1", str(tmp_path / "own"))
    assert end_processes(stale) == 0
    assert take_stacks(stale) == f"process {other.pid} is gone"
    assert other.poll() is None


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("    train (train.py:12)", "train.py:12 in train"),
        ("    train (jobs/train.py:12)", "train.py:12 in train"),
        ('  File "/home/a b/train.py", line 12 in fit', "train.py:12 in fit"),
        ("    wait (threading.py:331)", None),
        ("process 12: python train.py:12", None),
    ],
)
def test_a_place_is_read_from_either_kind_of_stack(line, place):
    assert place_in(f"Thread 1 (idle)\n    get (queue.py:1)\n{line}\n", "train.py") == place
