"""The tables of a long sweep are kept by a process of their own, which costs its driver nothing but a line."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from orchestrator.results.rebuilt import are_equal, rebuilt_table
from orchestrator.sweep import event as ev
from orchestrator.views.beside.keeping import BEHIND, KeptBeside

pytestmark = pytest.mark.thorough
PATIENCE_S = 240.0


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def check_tables(sweep) -> None:
    """Hold what lies there against what the log makes."""
    import pyarrow.parquet as pq

    for name in ("trials", "reports", "attempts"):
        there = pq.read_table(sweep.folder / name)
        made = rebuilt_table(sweep.location, name)
        order = [(column, "ascending") for column in ("trial", "attempt", "fidelity") if column in there.column_names]
        assert are_equal(there.select(made.column_names).sort_by(order), made.sort_by(order)), name


def test_a_log_that_is_long_is_left_to_a_process(sweep, told):
    warnings: list[str] = []
    sweep.write(told[:200])
    kept = KeptBeside(sweep.location, 200, warn=warnings.append, long=100)
    assert kept._thread is None
    wait_until(lambda: (sweep.folder / "best.json").exists())
    sweep.write(told[200:])
    assert kept.stop() == warnings == []
    check_tables(sweep)


def test_one_that_grows_long_is_left_to_a_process_meanwhile(sweep, told):
    warnings: list[str] = []
    sweep.write(told[:80])
    kept = KeptBeside(sweep.location, 80, warn=warnings.append, long=100)
    wait_until(lambda: (sweep.folder / "best.json").exists())
    kept.look(80)
    assert kept._process is None
    sweep.write(told[80:200])
    wait_until(lambda: kept.look(200) or kept._process is not None)
    sweep.write(told[200:])
    kept.look(len(told))
    assert kept.stop() == warnings == []
    check_tables(sweep)


def test_a_short_one_needs_none(sweep, told):
    sweep.write(told)
    kept = KeptBeside(sweep.location, len(told))
    kept.look(len(told))
    assert kept.stop() == []
    assert kept._process is None
    check_tables(sweep)


def test_one_that_is_killed_is_begun_again_at_the_end(sweep, told):
    sweep.write(told[:100])
    kept = KeptBeside(sweep.location, 100, long=1)
    wait_until(lambda: (sweep.folder / "best.json").exists())
    os.kill(kept._process._process.pid, signal.SIGKILL)
    sweep.write(told[100:])
    assert kept.stop() == []
    check_tables(sweep)


def test_one_whose_driver_is_killed_writes_nothing_more(sweep, told):
    """Another driver's process may be at work by then."""
    sweep.write(told[:100])
    kept = KeptBeside(sweep.location, 100, long=1)
    process = kept._process._process
    wait_until(lambda: (sweep.folder / "best.json").exists())
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 1
    before = (sweep.folder / "best.json").stat().st_mtime_ns
    sweep.write(told[100:])
    assert (sweep.folder / "best.json").stat().st_mtime_ns == before
    kept._process._listener.join()
    process.stdout.close()


def test_one_whose_sweep_is_anothers_by_now_is_ended_with_what_it_has_not_taken_in(sweep, told):
    sweep.write(told[:100])
    kept = KeptBeside(sweep.location, 100, long=1)
    process = kept._process._process
    wait_until(lambda: (sweep.folder / "best.json").exists())
    os.kill(process.pid, signal.SIGSTOP)  # so that it has taken in nothing of what follows
    before = (sweep.folder / "best.json").stat().st_mtime_ns
    sweep.write(told[100:])
    assert kept.stop(is_ours=False) == []
    assert process.returncode == -signal.SIGKILL
    assert (sweep.folder / "best.json").stat().st_mtime_ns == before


def test_half_a_line_of_one_that_was_killed_is_no_fault(sweep, told, tmp_path, monkeypatch):
    faults: list[object] = []
    monkeypatch.setattr("threading.excepthook", faults.append)
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf '{\"warn'; kill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    kept = KeptBeside(sweep.location, 1, long=1)
    (problem,) = kept.stop()
    assert "with exit code -9" in problem
    assert faults == []


def test_a_signal_that_is_the_drivers_does_not_end_it(sweep, told):
    sweep.write(told[:100])
    kept = KeptBeside(sweep.location, 100, long=1)
    wait_until(lambda: (sweep.folder / "best.json").exists())
    for kind in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(kept._process._process.pid, kind)
    sweep.write(told[100:])
    assert kept.stop() == []
    check_tables(sweep)


def test_what_goes_wrong_is_told_by_the_driver(sweep, told):
    warnings: list[str] = []
    sweep.write([ev.DriverStarted(0.0, 1, "host:17", "c0de", {})])
    kept = KeptBeside(sweep.location, 1, warn=warnings.append, long=1)
    (problem,) = kept.stop()
    assert problem.startswith(
        "the tables, the report page fell behind the journal: journal: it does not begin with a plan"
    )
    assert warnings == [problem]


def test_one_that_cannot_begin_is_told(sweep, told, monkeypatch):
    monkeypatch.setattr("sys.executable", str(sweep.folder / "nothing"))
    kept = KeptBeside(sweep.location, 1, long=1)
    (problem,) = kept.stop()
    assert problem.startswith(f"{BEHIND}: their process could not be begun: ")


def test_one_that_always_dies_is_told(sweep, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    kept = KeptBeside(sweep.location, 1, long=1)
    assert kept.stop() == [
        f"{BEHIND}: their process ended by itself, with exit code 1; the next driver makes them again"
    ]


def test_others_follow_in_the_drivers_own_process(sweep, told):
    seen = Counting()
    sweep.write(told)
    kept = KeptBeside(sweep.location, len(told), [seen], long=1)
    assert kept.stop() == []
    assert (seen.taken, seen.is_closed) == (len(told), True)


class Counting:
    """An observer that counts."""

    name = "the count"

    def __init__(self) -> None:
        self.taken = 0
        self.is_closed = False

    def take(self, event, state):
        self.taken += 1

    def flush(self):
        pass

    def close(self):
        self.is_closed = True
