"""While a driver works, nobody takes its sweep, however much it has to fold and to learn before its loop turns."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from sweeps import make_plan

from orchestrator.errors import LeaseHeldError
from orchestrator.state.reading import read_sweep
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.lease import TTL_S, Holder, acquire, current
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Outcome, StopReason

TRIALS = 100_000
AT_WORK_S = 2.5 * TTL_S
"""For how long the driver's loop does not turn: a lease that nobody renews is taken after `TTL_S`."""
DRIVER = """
import os, sys, time
from dataclasses import replace

import msgspec

from orchestrator.control.machine import THIS_MACHINE
from orchestrator.control.session import reopen
from orchestrator.storage.lease import Holder
from orchestrator.storage.location import Location
from orchestrator.sweep.plan import Plan

folder, plan = sys.argv[1], Plan.model_validate(msgspec.json.decode(sys.stdin.readline()))
elsewhere = replace(THIS_MACHINE, holder=lambda: Holder("far-away", os.getpid(), "another-kernel", "1"))
session, _ = reopen(Location.parse(folder), plan, machine=elsewhere)
begun, proposed = time.monotonic(), 0
with session.kept():
    while proposed < 1 or time.monotonic() - begun < float(sys.argv[2]):
        session.controller.next_step()
        proposed += 1
    session.close("SIGINT")
print(proposed)
"""


class Unsynced(LocalFileSystem):
    """As many commits as the log of a long sweep has would take a minute."""

    def sync(self, name: str) -> None:
        """Leave it to the system."""


def history(plan: Plan) -> Iterator[ev.Event]:
    """The log of a sweep whose driver died."""
    dice, t = Random(0), 1_700_000_000.0
    yield ev.SweepPlanned(t, ev.FORMAT, plan.model_dump(mode="json"), m=0.0)
    yield ev.DriverStarted(t, 1, "nobody:1", "c0de", {}, format=ev.FORMAT, m=0.0)
    for number in range(TRIALS):
        m = number + 1.0
        config = {"learning_rate": 10 ** dice.uniform(-5, 0), "momentum": dice.random()}
        proposed = (config, plan.stages[0].name, "model", list(config), None, 0)
        yield ev.TrialProposed(t + m, number, *proposed, learned_from=number, m=m)
        yield ev.AttemptStarted(t + m, number, 0, m=m)
        yield ev.AttemptPlaced(t + m, number, 0, "node-1", "0", m=m)
        yield ev.Reported(t + m, number, 0, 1.0, {"score": dice.random()}, None, StopReason.FULL_FIDELITY, m=m)
        yield ev.AttemptEnded(t + m, number, 0, Outcome.STOPPED, m=m)


@pytest.mark.nightly
def test_a_resume_of_a_hundred_thousand_trials_is_not_taken_by_another_host(tmp_path: Path):
    """The other driver sees the lease alone: who holds it is on a host of which it can tell nothing."""
    plan = make_plan(
        searcher={"name": "tpe"}, scheduler="none", search="joint", budget={"trials": TRIALS + 1000},
        fidelity={"min": 1, "max": 1}, confirm="none",
    )  # fmt: skip
    (tmp_path / "journal").mkdir()
    writer = JournalWriter(Unsynced(tmp_path), 1)
    for count, event in enumerate(history(plan)):
        writer.append(event)
        if count % 5000 == 0:
            writer.commit()
    writer.commit()
    folder = Location.parse(str(tmp_path))
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), str(AT_WORK_S)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert driver.stdin is not None
    driver.stdin.write(msgspec.json.encode(plan.model_dump(mode="json")).decode() + "\n")
    driver.stdin.close()
    refused = watched(driver, folder)
    assert driver.stdout is not None
    assert int(driver.stdout.read()) >= 1
    assert driver.wait() == 0
    driver.stdout.close()
    assert refused > 2
    state = read_sweep(folder)
    assert state.stopped == "SIGINT"
    assert [session.epoch for session in state.sessions] == [1, 2]
    assert len(state.trials) > TRIALS


def watched(driver: subprocess.Popen[str], folder: Location) -> int:
    """Try to take the sweep for as long as its driver works; returns how often that was refused."""
    files, refused = folder.files(), 0
    while driver.poll() is None:
        held = current(files)
        if held is None or held.released:
            time.sleep(0.05)
            continue
        try:
            acquire(files, Holder.current(), time.time(), time.sleep)
        except LeaseHeldError:
            refused += 1
        else:  # it left while we waited; else its next commit would have found that it was replaced
            assert driver.wait(600) == 0, "a driver at work was replaced"
    return refused
