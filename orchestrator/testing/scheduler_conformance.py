"""What every scheduler must do: judge from the reports it was shown and from nothing else, each rung once a trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import NamedTuple

from orchestrator.schedulers import Scheduler
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.spec import Fidelity, Goal
from orchestrator.testing.options import options_of

FIDELITY = Fidelity(min=3, max=27, reduction_factor=3)
"""The training that the suite's trials go through: 27 epochs, a report each."""

FIDELITIES = (
    FIDELITY,
    Fidelity(max=100),
    Fidelity(max=1, every=0.1, reduction_factor=2),
    Fidelity(max=1_000_000, every=500, reduction_factor=4),
    Fidelity(min=5, max=5),
    Fidelity(min=2, max=50, every=5),
)
"""Trainings of other lengths and grids, for `plan`."""


class Shown(NamedTuple):
    """A report as a scheduler is shown it."""

    trial: int
    bracket: int
    fidelity: float
    value: float


class SchedulerConformance:
    """The suite."""

    def test_plans_rungs_on_the_grid_below_the_full_training(self, member: type[Scheduler]) -> None:
        """Rungs ascend, lie where reports fall, and the brackets' shares sum to 1."""
        for fidelity in FIDELITIES:
            brackets = member.plan(fidelity, options_of(member))
            assert math.isclose(sum(bracket.share for bracket in brackets), 1)
            for bracket in brackets:
                assert list(bracket.rungs) == sorted(set(bracket.rungs))
                assert all(0 < rung < fidelity.max for rung in bracket.rungs)
                assert all(math.isclose(rung / fidelity.every, round(rung / fidelity.every)) for rung in bracket.rungs)

    def test_replay_restores_it_exactly(self, member: type[Scheduler]) -> None:
        """Shown the same reports, another instance holds the same and judges alike from there on."""
        lived, replayed = build(member), build(member)
        reports = list(stream(lived, trials=40))
        for report in reports:
            replayed.show(*report)
        assert replayed.snapshot() == lived.snapshot()
        probes = [Shown(trial, lived.bracket_of(trial), 3.0, trial / 40) for trial in range(100, 140)]
        assert [lived.show(*probe) for probe in probes] == [replayed.show(*probe) for probe in probes]

    def test_shown_all_at_once_it_is_the_same(self, member: type[Scheduler]) -> None:
        """Whoever goes on with a long sweep shows it everything in one go, and reports that come again too."""
        lived, restored = build(member), build(member)
        reports = list(stream(lived, trials=40))
        for report in reports[:30]:
            lived.show(*report)
        restored.show_all(iter(reports[:100]))
        restored.show_all(iter([*reports[100:], *reports[:30]]))
        assert restored.snapshot() == lived.snapshot()
        probes = [Shown(trial, lived.bracket_of(trial), 3.0, trial / 40) for trial in range(100, 140)]
        assert [lived.show(*probe) for probe in probes] == [restored.show(*probe) for probe in probes]

    def test_same_reports_give_the_same_verdicts(self, member: type[Scheduler]) -> None:
        """Nothing but the reports decides."""
        one, other = build(member), build(member)
        assert list(stream(one, trials=40)) == list(stream(other, trials=40))
        assert one.snapshot() == other.snapshot()

    def test_a_report_said_again_changes_nothing(self, member: type[Scheduler]) -> None:
        """A resumed trial repeats what it reported since its checkpoint: the first time stands."""
        scheduler = build(member)
        reports = list(stream(scheduler, trials=20))
        before = deepcopy(scheduler.snapshot())
        for report in reports:
            assert not is_weak(scheduler.show(*report._replace(value=-1e9)))
        assert scheduler.snapshot() == before

    def test_later_reports_never_enter_an_earlier_rung(self, member: type[Scheduler]) -> None:
        """Trials that report sparsely, or are resumed late, leave the judgement at the first rung as it was."""
        for value in (-5.0, 0.2, 0.5, 5.0):
            plain, mixed = build(member), build(member)
            for trial in range(10):
                for scheduler in (plain, mixed):
                    scheduler.show(trial, 0, 1.0, trial / 10)
                    scheduler.show(trial, 0, 3.0, trial / 10)
                for late in (5.0, 10.0, 15.0):
                    mixed.show(50 + trial, 0, late, 1e6)
            assert mixed.show(100, 0, 3.0, value) == plain.show(100, 0, 3.0, value)

    def test_first_to_arrive_goes_on(self, member: type[Scheduler]) -> None:
        """Without anything to compare with, nothing is weak, however bad."""
        scheduler = build(member)
        bracket = scheduler.bracket_of(0)
        judged = [scheduler.show(0, bracket, float(epoch), -1e9) for epoch in range(1, 28)]
        assert not any(is_weak(found) for found in judged)
        assert all(found.among == 0 for found in judged if found is not None)

    def test_the_best_of_all_goes_on(self, member: type[Scheduler]) -> None:
        """Whatever the rule, a trial that is better than every report so far is not stopped."""
        scheduler = build(member)
        for count, report in enumerate(stream(scheduler, trials=40)):
            if count % 10 == 0:
                best = 1_000 + count
                judged = scheduler.show(best, scheduler.bracket_of(best), report.fidelity, float(best))
                assert not is_weak(judged)

    def test_minimize_is_maximize_upside_down(self, member: type[Scheduler]) -> None:
        """Values are shown as reported."""
        up, down = build(member), build(member, "minimize")
        for report in stream(up, trials=40):
            down.show(*report._replace(value=-report.value))
        probes = [Shown(trial, up.bracket_of(trial), 3.0, trial / 40 - 0.1) for trial in range(100, 140)]
        for probe in probes:
            found, mirrored = up.show(*probe), down.show(*probe._replace(value=-probe.value))
            assert (found is None) == (mirrored is None)
            if found is not None and mirrored is not None:
                assert (found.weak, found.rung, found.among) == (mirrored.weak, mirrored.rung, mirrored.among)
                assert found.threshold == (None if mirrored.threshold is None else -mirrored.threshold)

    def test_a_judgement_says_what_it_rests_on(self, member: type[Scheduler]) -> None:
        """It is made at a rung of the bracket, once a trial; weak is who is worse than the threshold, in its unit.

        Whether the value of the report is compared, or the trial's best so far, is the member's own affair: a weak
        trial's report is worse than the threshold, and the best of one that goes on is not.
        """
        goals: tuple[tuple[Goal, int], ...] = (("maximize", 1), ("minimize", -1))
        for goal, sign in goals:
            scheduler = build(member, goal)
            shown: dict[int, list[float]] = {}
            judged: set[tuple[int, float]] = set()
            for report, found in judged_stream(scheduler, trials=40):
                values = shown.setdefault(report.trial, [])
                values.append(sign * report.value)
                if found is None:
                    continue
                assert found.rung in scheduler.brackets[report.bracket].rungs
                assert math.isclose(found.rung, report.fidelity)
                assert (report.trial, found.rung) not in judged
                judged.add((report.trial, found.rung))
                assert found.among < len(shown)
                if found.threshold is None:
                    assert not found.weak
                elif found.weak:
                    assert values[-1] < sign * found.threshold
                else:
                    assert max(values) >= sign * found.threshold

    def test_deals_brackets_by_seed_and_trial_alone(self, member: type[Scheduler]) -> None:
        """A trial's bracket is the same in every instance, and exists."""
        one, other = build(member), build(member)
        list(stream(other, trials=10))
        dealt = [one.bracket_of(trial) for trial in range(200)]
        assert dealt == [other.bracket_of(trial) for trial in range(200)]
        assert set(dealt) <= set(range(len(one.brackets)))

    def test_snapshot_tells_different_pasts_apart(self, member: type[Scheduler]) -> None:
        """Snapshots are plain data of their own, and differ where a report at a rung made a difference."""
        scheduler = build(member)
        empty = scheduler.snapshot()
        assert empty == build(member).snapshot()
        rungs = scheduler.brackets[0].rungs
        scheduler.show(0, 0, next(iter(rungs), 3.0), 0.5)
        assert (scheduler.snapshot() != empty) == bool(rungs)

    def test_refuses_values_that_are_not_finite(self, member: type[Scheduler]) -> None:
        """The controller stops those trials itself; in a rung they would end all comparison."""
        scheduler = build(member)
        before = deepcopy(scheduler.snapshot())
        for value in (math.nan, math.inf, -math.inf):
            assert _refuses(scheduler, value), f"{value} was accepted"
        assert scheduler.snapshot() == before


def build(member: type[Scheduler], goal: Goal = "maximize") -> Scheduler:
    """Return a fresh scheduler for the suite's training."""
    options = options_of(member)
    return member(member.plan(FIDELITY, options), FIDELITY, goal, options, 7)


def is_weak(judged: Judgement | None) -> bool:
    """Say whether a judgement is that the trial should stop."""
    return judged is not None and judged.weak


def stream(scheduler: Scheduler, trials: int) -> Iterator[Shown]:
    """Show `scheduler` the reports of `judged_stream`, and yield each."""
    return (report for report, _ in judged_stream(scheduler, trials))


def judged_stream(scheduler: Scheduler, trials: int) -> Iterator[tuple[Shown, Judgement | None]]:
    """Show `scheduler` the interleaved reports of some trials of differing quality; yield each with its judgement.

    A trial that is found weak reports no more; every seventh is resumed from its middle and repeats itself.
    """
    random = Random("stream")
    at = dict.fromkeys(range(trials), 0)
    while at:
        trial = random.choice(list(at)[:8])
        at[trial] += 1
        epoch = at[trial]
        value = math.sin(trial) * (1 - 1 / (epoch + 1)) + random.gauss(0, 0.02)
        report = Shown(trial, scheduler.bracket_of(trial), float(epoch), value)
        judged = scheduler.show(*report)
        yield report, judged
        if is_weak(judged) or epoch == FIDELITY.max:
            del at[trial]
        elif epoch == 12 and trial % 7 == 0 and random.random() < 0.5:
            at[trial] = 6


def _refuses(scheduler: Scheduler, value: float) -> bool:
    try:
        scheduler.show(0, 0, 3.0, value)
    except ValueError:
        return True
    return False
