"""Sweeps whose logs were written in format 1 read and go on as their writer would have.

`format_1/` was written at abf2b37, the last commit whose logs have format 1, and is never written again. Each folder
holds a journal and, in `expected.json`, what that commit made of it: the state, and what the next driver did with free
places. `real/` is a sweep on Ray that was killed, resumed and cancelled; the others were simulated.
"""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sweeps import cliff

from orchestrator.control.answers import Report, ResumeTrial, StartTrial
from orchestrator.control.controller import Controller
from orchestrator.control.recovery import ended_by_crash
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

KEPT = Path(__file__).parent / "format_1"
FOLDERS = sorted(path.parent for path in KEPT.rglob("journal"))


def name(folder: Path) -> str:
    return str(folder.relative_to(KEPT))


def events_of(folder: Path) -> list[ev.Event]:
    return JournalReader(Location.parse(str(folder)).files()).read_new()


def expected(folder: Path) -> dict[str, Any]:
    return json.loads(
        next(path for path in KEPT.rglob("expected.json") if path.parent in (folder, folder.parent)).read_text()
    )


def plain(value: Any) -> Any:
    """The value as JSON holds it."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(entry) for name, entry in msgspec.structs.asdict(value).items()}
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.value if isinstance(value, Enum) else value


def kept(found: Any, known: Any) -> Any:
    """What is found, without the fields that a later version added to what was known."""
    if isinstance(known, dict):
        return {key: kept(found[key], entry) for key, entry in known.items()}
    if isinstance(known, list) and isinstance(found, list) and len(found) == len(known):
        return [kept(*pair) for pair in zip(found, known, strict=True)]
    return found


def facts(state: SweepState) -> dict[str, Any]:
    winner = state.winner()
    return {
        "trials": [plain(trial) for trial in state.trials],
        "spend": plain(state.spend),
        "waiting": list(state.waiting),
        "open": list(state.open),
        "stages_entered": {stage: [entry.incumbent, entry.value] for stage, entry in state.stages_entered.items()},
        "stopped": state.stopped,
        "drivers": len(state.sessions),
        "counts": {state.value: count for state, count in state.counts().items()},
        "winner": None if winner is None else winner.number,
        "rungs": plain(state.scheduler.snapshot()),
    }


def next_steps(events: list[ev.Event]) -> list[Any]:
    """What the next driver does with four free places, how it answers a report of each, and what it does then."""
    state = replay(events)
    now = state.last_t + 60
    for record in ended_by_crash(state, now):
        state.apply(record)
    clock, done, started = VirtualClock(now), [], []
    controller = Controller(state, MemoryJournal(), clock)
    for _ in range(4):
        step = controller.next_step()
        done.append([type(step).__name__, plain(step)])
        if isinstance(step, StartTrial | ResumeTrial):
            started.append(step)
            controller.on_placed(step.trial, step.attempt)
    for step in started:
        clock.now += 1
        fidelity = step.from_fidelity + 1
        metrics = {state.plan.spec.objective.metric: cliff(step.config, fidelity)}
        done.append(["verdict", controller.on_report(Report(step.trial, step.attempt, fidelity, metrics)).value])
        controller.on_attempt_end(step.trial, step.attempt, Outcome.RETURNED)
    return done + [[type(step).__name__, plain(step)] for step in (controller.next_step() for _ in range(4))]


def same(found: Any, known: Any) -> bool:
    """Equal, but that another machine's floating point may differ in the last digits."""
    if isinstance(known, dict):
        return found.keys() == known.keys() and all(
            same(found[key], known[key])
            for key in known
            if not (key == "trial_id" and is_other_by_digits(found, known))
        )
    if isinstance(known, list):
        return len(found) == len(known) and all(map(same, found, known))
    if isinstance(known, float):
        return found == pytest.approx(known, rel=1e-9, abs=1e-12)
    return bool(found == known)


def is_other_by_digits(found: Any, known: Any) -> bool:
    """Say whether an id differs because it is made from a configuration that another machine computed so."""
    numbers = [step["trial_id"].partition("-")[0] for step in (found, known)]
    return found.get("config") != known.get("config") and numbers[0] == numbers[1]


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_it_folds_to_the_same_state(folder: Path):
    known = expected(folder)["state"]
    found = kept(facts(replay(events_of(folder))), known)
    for entry, trial in zip(found["trials"], known["trials"], strict=True):
        assert same(entry, trial)
    assert same(found, known)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_it_goes_on_with_the_same_steps_and_verdicts(folder: Path):
    known = expected(folder)["next"]
    found = next_steps(events_of(folder))
    assert [entry[0] for entry in found] == [entry[0] for entry in known]
    for entry, step in zip(found, known, strict=True):
        assert same(kept(entry, step), step), step


def test_every_ladder_searcher_and_scheduler_of_then_is_among_them():
    specs = [replay(events_of(folder)[:1]).plan.spec for folder in FOLDERS]
    assert {spec.search.name for spec in specs} == {
        "soft-stages", "hard-stages", "joint", "random", "screen-stages-joint"
    }  # fmt: skip
    assert {spec.searcher.name for spec in specs} >= {"tpe", "grid", "quasirandom", "coarse-to-fine"}
    assert {spec.scheduler.name for spec in specs} == {"asha", "median", "none"}
