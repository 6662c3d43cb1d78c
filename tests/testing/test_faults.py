"""The fault simulator: seeds of it, those that found something on the way, and that it would notice."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest

from orchestrator.sweep import event as ev
from orchestrator.testing.faults import invariants
from orchestrator.testing.faults.damage import damaged
from orchestrator.testing.faults.drawing import draw
from orchestrator.testing.faults.kinds import NEUTRAL, ON_DISK, ON_LOG, ON_STORE, FaultKind
from orchestrator.testing.faults.ledger import Fact
from orchestrator.testing.faults.play import play
from orchestrator.testing.faults.story import Story

IN_EVERY_BUILD, AT_ONCE = 500, 50
FOUND = {
    73: "bytes that were sealed and never synced, gone after a power cut",
    146: "the same, two drivers in",
    176: "a checkpoint removed because its report arrived twice",
    241: "the same, of a trial that was started eight times",
    330: "exit code 0 of a sweep whose wall time was used up before anything was reported",
    516: "the same",
    7034: "a mark that promises more than a newer driver sealed, unseen behind a snapshot",
    8748: "a KeyError in place of the outage that a driver left for: an attempt that ended after it was still watched",
    4009: "no bug of the log: after a power cut `gc` wrote before anybody looked at what the disk had kept",
}
"""Seeds that found something when they were played first, and what."""


@pytest.fixture(autouse=True)
def _silent():
    """Nothing of what hundreds of drivers say is kept."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def broken(seeds) -> dict[int, tuple[str, ...]]:
    return {played.seed: played.broken for played in map(play, seeds) if played.broken}


def told(seed: int, folder: Path) -> tuple[Story, list[ev.Event]]:
    story = Story(seed, folder)
    story.play()
    return story, story.look()


def test_what_seeds_found_stays_mended():
    assert broken(FOUND) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, IN_EVERY_BUILD, AT_ONCE))
def test_no_seed_breaks_an_invariant(first: int):
    """To play one again: scripts/faults --seeds 1 --start SEED."""
    assert broken(range(first, first + AT_ONCE)) == {}


def test_a_seed_is_the_same_each_time():
    for seed in (3, 5):
        assert play(seed) == play(seed)


@pytest.mark.thorough
def test_every_kind_of_fault_strikes_within_some_hundred_seeds():
    struck: Counter[FaultKind] = Counter()
    for seed in range(400):
        struck += play(seed).struck
        if len(struck) == len(FaultKind):
            return
    assert sorted(set(FaultKind) - struck.keys()) == []


def test_the_kinds_are_told_apart_by_their_borders():
    assert not ON_DISK & ON_STORE
    assert not NEUTRAL & ON_LOG
    assert {kind.partition(" ")[0] for kind in FaultKind} == {
        "disk", "store", "clock", "ray", "worker", "driver", "log",
    }  # fmt: skip


def test_sweeps_of_every_ladder_searcher_scheduler_and_cap_are_drawn():
    drawn = [draw(Random(f"{seed}/sweep")) for seed in range(200)]
    specs = [sweep.plan.spec for sweep in drawn]
    assert len({spec.search.name for spec in specs}) == 5
    assert {spec.searcher.name for spec in specs} == {"random", "quasirandom", "tpe"}
    assert {spec.scheduler.name for spec in specs} == {"asha", "median", "none"}
    assert {sweep.is_remote for sweep in drawn} == {True, False}
    for cap in ("gpu_hours", "cpu_hours", "wall"):
        assert any(getattr(spec.budget, cap) for spec in specs)
    assert any(spec.fidelity.once for spec in specs)
    assert any(spec.confirm != "none" for spec in specs)


def without(events: list[ev.Event], kind: type[ev.Event]) -> list[ev.Event]:
    """The log without the last record of a kind."""
    at = max(number for number, event in enumerate(events) if isinstance(event, kind))
    return events[:at] + events[at + 1 :]


def test_it_notices_what_is_missing_from_a_log(tmp_path: Path):
    story, events = told(0, tmp_path)
    assert list(invariants.broken(story, events)) == []
    assert any(
        "started and ended differ" in said for said in invariants.broken(story, without(events, ev.AttemptEnded))
    )
    assert story.ledger.missing(without(events, ev.AttemptEnded)) != []
    story.ledger.take(Fact("start", 99, 0))
    story.look()
    assert story.broken == ["acknowledged and not in the log: Fact(what='start', trial=99, attempt=0, fidelity=0.0)"]


def test_it_notices_records_that_were_changed_after_they_were_read(tmp_path: Path):
    story, events = told(0, tmp_path)
    story._read = [msgspec.structs.replace(events[0], t=1.0), *events[1:]]
    story.look()
    assert story.broken == [f"of {len(events)} records that were read before, not all stand"]


def test_it_notices_an_exit_code_that_is_not_true(tmp_path: Path):
    story, events = told(0, tmp_path)
    reason, story.left[-1].code = story.left[-1].reason, 75
    (said,) = invariants.broken(story, events)
    assert said.startswith(f"it left with 75 ({reason}), and ")


def test_it_notices_damage_of_which_nobody_is_told(tmp_path: Path):
    story, events = told(0, tmp_path)
    struck: Counter[FaultKind] = Counter()
    assert list(damaged(story.ground, events, Random(1), struck)) == []
    assert struck.total() == 3
    said = list(damaged(story.ground, events[:-1], Random(2), struck))
    assert all("records are read, and nothing is said" in text for text in said)


def test_a_report_without_any_fault_is_the_same_sweep(tmp_path: Path):
    """A neutral seed is compared with the same sweep in the simulator: the two hosts must tell one story."""
    neutral = [seed for seed in range(60) if Story(seed, tmp_path).is_neutral]
    assert len(neutral) > 6
    story, events = told(neutral[0], tmp_path)
    changed = [
        msgspec.structs.replace(event, config={**event.config, "h0": None})
        if isinstance(event, ev.TrialProposed) and event.trial == 1
        else event
        for event in events
    ]
    assert any("and without any fault" in said for said in invariants.broken(story, changed))


def test_a_checkpoint_that_is_removed_too_early_is_found(monkeypatch: pytest.MonkeyPatch):
    """The rule that keeps what may be needed, broken on purpose: no contender keeps its own."""
    monkeypatch.setattr("orchestrator.policies.keeping.ranked", lambda _goal, _trials: [])
    assert any(problem.startswith("the winner, trial ") for problem in broken([5])[5])


def test_a_checkpoint_that_a_trial_goes_on_from_is_missed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orchestrator.policies.keeping.is_over", lambda trial: trial.attempts and not trial.is_open)
    assert any(" began at 0.0, not at " in problem for problem in broken([0])[0])
