"""What going on with a long sweep costs, and looking at it: from its log, and again once a driver has left."""

from __future__ import annotations

import argparse
import gc
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from bench_costs.older import record
from bench_costs.sweeps import EIGHT, plan_of
from orchestrator.control.answers import ResumeTrial, StartTrial
from orchestrator.control.session import Session, reopen
from orchestrator.state.reading import read_sweep
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Outcome, StopReason

try:
    from orchestrator.cli.app import YOUNG
except ImportError:  # an older tree, whose commands left that to Python
    YOUNG = None
try:
    from orchestrator.storage import snapshot_file
except ImportError:  # an older tree, which reads its log each time
    snapshot_file = None
HAS_SNAPSHOTS = snapshot_file is not None

EPOCHS, AT_ONCE, FRAME = 10, 64, 2_000
"""Reports of a trial, trials that run at the same time, records of a commit."""


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure a sweep of `--scale-trials` trials of ten reports each, whose last driver died.

    The log is written without a sync: what is asked is what it costs to read. Garbage is looked for as in the command.
    """
    if YOUNG is not None:
        gc.set_threshold(YOUNG)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        folder, plan = Location.parse(place), plan_of(arguments.scale_trials + 1_000, EPOCHS, EIGHT)
        write_log(Path(place), plan, arguments.scale_trials)
        what = f"{arguments.scale_trials:,} trials, {arguments.scale_trials * EPOCHS:,} reports"
        found = {f"s of CPU, `status`, from the log alone, {what}": _status(place)}
        begun = time.process_time()
        session, _ = reopen(folder, plan)
        _leave_alone()
        found[f"s of CPU, a resume from the log alone, {what}"] = time.process_time() - begun
        begun = time.process_time()
        _propose(session)
        found[f"s of CPU, its first proposal, {what}"] = time.process_time() - begun
        begun = time.process_time()
        session.close("SIGINT")
        found[f"s of CPU, closing it, {what}"] = time.process_time() - begun
        if not HAS_SNAPSHOTS:
            return found
        del session
        gc.unfreeze()
        gc.collect()  # what the first driver held is gone when another goes on
        begun = time.process_time()
        read_sweep(folder)
        found[f"s of CPU, the state after it, {what}"] = time.process_time() - begun
        begun = time.process_time()
        session, _ = reopen(folder, plan)
        _leave_alone()
        _propose(session)
        found[f"s of CPU, the next resume and its first proposal, {what}"] = time.process_time() - begun
        session.close("SIGINT")
        found[f"s of CPU, `status`, {what}"] = _status(place)
        return found


def _leave_alone() -> None:
    """Take what was read for no garbage, as `resume` does."""
    if YOUNG is not None:
        gc.freeze()


def _propose(session: Session) -> None:
    """Begin what a dead driver left, and then a trial that it had not: that is proposed."""
    while not isinstance(step := session.controller.next_step(), StartTrial):
        assert isinstance(step, ResumeTrial)


def write_log(folder: Path, plan: Plan, count: int) -> None:
    """Write the log of a sweep whose driver died once `count` trials had begun: each ends after ten reports at most."""
    (folder / "journal").mkdir()
    writer = JournalWriter(_Unsynced(folder), 1)
    t = 1_700_000_000.0
    planned = plan.model_dump(mode="json")
    writer.append(record(ev.SweepPlanned, t, ev.FORMAT, planned, m=0.0))
    writer.append(record(ev.DriverStarted, t, 1, "nobody:1", "bench", {}, format=ev.FORMAT, m=0.0))
    dice, live = Random(0), {}
    for number in range(count):
        t += 0.01
        for event in _begun(number, {name: 10 ** dice.uniform(-4, 0) for name in EIGHT}, t, t - 1.7e9):
            writer.append(event)
        live[number] = 0
        while len(live) >= AT_ONCE:
            for trial in list(live):
                t += 0.001
                live[trial] += 1
                is_last = live[trial] == EPOCHS
                metrics = {"loss": dice.random() + 1 / live[trial], "accuracy": dice.random(), "seconds": 1.0}
                stop = StopReason.FULL_FIDELITY if is_last else None
                writer.append(record(ev.Reported, t, trial, 0, float(live[trial]), metrics, None, stop, m=t - 1.7e9))
                if is_last:
                    del live[trial]
                    writer.append(record(ev.AttemptEnded, t, trial, 0, Outcome.STOPPED, m=t - 1.7e9))
        if number % FRAME == FRAME - 1:
            writer.commit()
    writer.commit()


def _begun(number: int, config: dict[str, float], t: float, m: float) -> list[ev.Event]:
    return [
        record(ev.TrialProposed, t, number, config, "all", "model", list(EIGHT), None, 0, learned_from=number, m=m),
        record(ev.AttemptStarted, t, number, 0, m=m),
        record(ev.AttemptPlaced, t, number, 0, "node-1", "0", m=m),
    ]


class _Unsynced(LocalFileSystem):
    def sync(self, name: str) -> None:
        """Leave it to the system."""


def _status(folder: str) -> float:
    """Return the CPU that `stepladder status` takes in a process of its own, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "orchestrator", "status", folder]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
