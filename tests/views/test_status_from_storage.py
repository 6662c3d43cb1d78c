"""`status` says of a sweep's folder what its records say, whatever part of them it gets from a snapshot."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.project.handle import SweepLog
from orchestrator.results.diagnoses import diagnosed_winner, winner_diagnosis
from orchestrator.state import snapshot
from orchestrator.state.course import LastImprovement
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.reading import LogReading
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.location import Location
from orchestrator.storage.snapshot_file import NAME
from orchestrator.sweep import event as ev
from orchestrator.sweep import leaderboard
from orchestrator.sweep.standing import better
from orchestrator.sweep.trial import TrialState
from orchestrator.testing.faults.drawing import draw
from orchestrator.views.status import status_document

KEPT = ("of all of it", "and a tail", "absent", "damaged", "of another sweep", "by other code")


def drawn(seed: int) -> list[ev.Event]:
    """The log of a sweep drawn by chance, some of whose machines are lost and some of whose trials fail."""
    sweep, dice = draw(Random(f"{seed}/sweep")), Random(f"{seed}/fates")
    lost = {(dice.randrange(8), 0, float(dice.randint(1, 4))) for _ in range(3)}
    cluster = SimulatedCluster(
        workers=sweep.places, seconds=lambda _: sweep.pace_s, loses=lambda *where: where in lost,
        noise=sweep.task.luck, fails=sweep.task.error,
    )  # fmt: skip
    events = simulate_plan(sweep.plan, sweep.task.height, cluster)[1].events
    return events[: dice.randrange(len(events) // 2, len(events))]  # its driver was killed


def written(folder: Path, events: list[ev.Event], kept: str, dice: Random) -> Location:
    """A sweep's folder with these records, in frames as they come, and a snapshot of the given kind."""
    location = Location.parse(str(folder))
    files = location.files()
    journal, at = JournalWriter(files, 1), len(events) if kept != "and a tail" else dice.randrange(2, len(events))
    for number, event in enumerate(events, 1):
        journal.append(event)
        if number == at:
            journal.commit()
            reader = JournalReader(files)
            state = replay(reader.read_new())
            snapshot.keep(files, state, at, reader.places)
        elif not dice.randrange(4):
            journal.commit()
    journal.commit()
    path = folder / NAME
    content = path.read_bytes()
    if kept == "absent":
        path.unlink()
    elif kept == "damaged":
        place = dice.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
    elif kept == "of another sweep":
        other = written(folder.parent / "other", drawn(dice.randrange(10**6)), "of all of it", dice)
        path.write_bytes((other.path / NAME).read_bytes())
    return location


def document(state: SweepState, folder: Location, diagnosis: Any, holder: str | None) -> dict[str, Any]:
    return status_document(state, folder, holder, state.last_t + 3.0, diagnosis=diagnosis)


@pytest.mark.parametrize("holder", [None, "somebody:1"], ids=["killed", "running"])
@pytest.mark.parametrize("kept", KEPT)
def test_it_says_what_all_records_say(kept: str, holder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leaderboard, "AT_ONCE", 1)
    for seed in range(3):
        dice, events = Random(f"{seed}/{kept}"), drawn(seed)
        folder = written(tmp_path / str(seed) / "test", events, kept, dice)
        if kept == "by other code":
            monkeypatch.setattr(snapshot, "form", lambda: "9.9.9-00000000")
        whole = replay(JournalReader(folder.files()).read_new())
        expected = document(whole, folder, winner_diagnosis(whole, JournalReader(folder.files()).read_new()), holder)
        reading = LogReading(folder, folder.files())
        reading.go_on()
        assert bool(reading.kept_records) == (kept in ("of all of it", "and a tail"))
        read = SweepLog.read(folder).state
        assert document(read, folder, diagnosed_winner(folder, read), holder) == expected, seed
        assert read.course.last_improvement == plainly_improved(whole, events), seed
        monkeypatch.undo()
        monkeypatch.setattr(leaderboard, "AT_ONCE", 1)


def plainly_improved(state: SweepState, events: list[ev.Event]) -> LastImprovement | None:
    """What the course of a sweep says of it, by one look at all trials in the order in which they ended."""
    order = [event.trial for event in events if isinstance(event, ev.AttemptEnded) and event.trial < len(state.trials)]
    last = {number: place for place, number in enumerate(order)}
    ended = [state.trials[number] for number in sorted(last, key=last.__getitem__)]
    ended = [trial for trial in ended if trial.state.is_final and not trial.is_open]
    newest = None
    for trial in ended:
        counts = trial.state is TrialState.COMPLETED and trial.max_fidelity is None and not trial.breaks
        if counts and (newest is None or better(state.plan.goal, trial.value, newest.value)):
            newest = trial
    if newest is None:
        return None
    since = ended[ended.index(newest) + 1 :]
    full = sum(trial.state is TrialState.COMPLETED for trial in since)
    return LastImprovement(newest.number, newest.stage, len(since), full)
