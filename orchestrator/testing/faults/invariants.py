"""What must hold of a pretended sweep once it is over, whatever went wrong: each check yields what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator import exitcodes
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.policies.confirming import search_trials
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.checkpoints import found_checkpoint
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.testing.faults.cluster import SLOWEST_STOP_S
from orchestrator.testing.faults.kinds import FaultKind

if TYPE_CHECKING:
    from orchestrator.testing.faults.story import Story

CAPS = ("gpu_hours", "cpu_hours", "wall")
ENDING_S = 10.0
"""How long a training may take to end once it was told to, or its worker to begin."""


def broken(story: Story, events: Sequence[ev.Event]) -> Iterator[str]:
    """Yield a sentence for each thing that does not hold of a story that was played to its end."""
    state = replay(events)
    for check in _CHECKS:
        yield from check(story, events, state)


def _each_once(story: Story, events: Sequence[ev.Event], _: SweepState) -> Iterator[str]:
    """Every trial was proposed once, and every attempt that began ended once."""
    proposed = Counter(event.trial for event in events if isinstance(event, ev.TrialProposed))
    starts = Counter((event.trial, event.attempt) for event in events if isinstance(event, ev.AttemptStarted))
    ends = Counter((event.trial, event.attempt) for event in events if isinstance(event, ev.AttemptEnded))
    for what, counts in (("proposed", proposed), ("started", starts), ("ended", ends)):
        for key, count in counts.items():
            if count != 1:
                yield f"{key} was {what} {count} times"
    if starts != ends:
        yield f"started and ended differ: {sorted(starts.keys() ^ ends.keys())}"
    if {FaultKind.REPORT_TWICE, FaultKind.ODD_REPORT}.isdisjoint(story.fates.kinds):
        reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
        yield from (f"report {key} is there {count} times" for key, count in reports.items() if count != 1)


def _all_planned(_: Story, _events: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """Every planned trial came to its end, or the log says why not."""
    reason = state.stopped
    if reason in CAPS:
        return
    if reason == "brake" and not state.stopped_note:
        yield "the brake says nothing of why"
    unfinished = [trial.number for trial in state.everyone() if not trial.state.is_final]
    if unfinished and reason != "brake":
        yield f"trials {unfinished} did not end, and the driver left as {reason!r}"
    if reason == "finished" and len(state.trials) != search_trials(state):
        yield f"{len(state.trials)} trials are there of {search_trials(state)}"


def _same_state(story: Story, _: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """Hold the log against what its last driver knew."""
    if story.last is not None and facts(story.last.session.state) != facts(state):
        yield "the log does not say what its last driver knew"


def _caps(story: Story, events: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """No cap is passed by more than what passes until the next report, or the next turn of the loop."""
    spec = state.plan.spec
    ending_s = ENDING_S + (SLOWEST_STOP_S if FaultKind.SLOW_STOP in story.fates.kinds else 0.0)
    more_s = story.between.most_s(1.2 * story.sweep.pace_s * spec.fidelity.every + ending_s)
    more_h = more_s * story.sweep.places / 3600
    spent = {
        "gpu_hours": (state.spend.gpu_hours, more_h * spec.resources.gpus),
        "cpu_hours": (state.spend.cpu_hours, more_h * spec.resources.cpus),
        "wall": (_worked_s(events), more_s),
    }
    for name, (used, more) in spent.items():
        cap = getattr(spec.budget, name)
        if cap is not None and used > cap + more:
            yield f"{name}: {used:.4f} were spent of {cap:.4f}, {used - cap:.4f} more, where {more:.4f} may be"


def _worked_s(events: Sequence[ev.Event]) -> float:
    """Return how long all drivers worked, by their own clocks."""
    total, first = 0.0, events[0].clock_s
    last = first
    for event in events:
        if isinstance(event, ev.DriverStarted):
            total, first = total + last - first, event.clock_s
        last = event.clock_s
    return total + last - first


def _checkpoints(story: Story, events: Sequence[ev.Event], _: SweepState) -> Iterator[str]:
    """Every attempt went on from the newest checkpoint that was acknowledged, but where somebody removed that.

    So no trial that lost its checkpoint because nobody could need it was ever started again.
    """
    newest: dict[int, tuple[str, float]] = {}
    for event in events:
        if isinstance(event, ev.Reported) and event.checkpoint:
            newest[event.trial] = event.checkpoint, event.fidelity
        elif isinstance(event, ev.AttemptStarted) and event.attempt:
            known = newest.get(event.trial, (None, 0.0))
            if (event.checkpoint, event.fidelity) != known and known[0] not in story.gone:
                yield f"attempt {event.attempt} of trial {event.trial} began at {event.fidelity}, not at {known}"


def _kept(story: Story, events: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """Hold what is there against what is needed: the winner's newest checkpoint, and all that the log still names."""
    newest = {e.trial: e.checkpoint for e in events if isinstance(e, ev.Reported) and e.checkpoint}
    winner = state.winner()
    if winner is not None and winner.checkpoint != newest.get(winner.number):
        yield f"the winner, trial {winner.number}, has the checkpoint {winner.checkpoint}"
    place = story.ground.calm()
    for trial in state.everyone():
        is_lost = trial.checkpoint is not None and found_checkpoint(trial.checkpoint, place) is None
        if is_lost and trial.checkpoint not in story.gone:
            yield f"the checkpoint of trial {trial.number} is gone, and nobody removed it: {trial.checkpoint}"


def _exit_code(story: Story, _: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """Hold the last driver's exit code against what has come of the sweep."""
    left, bad = story.left[-1], {TrialState.FAILED, TrialState.DIVERGED}
    good = any(trial.values and trial.state not in bad for trial in state.trials)
    wanted = exitcodes.DONE if good and left.reason != "brake" else exitcodes.FAILED
    if left.code != wanted:
        yield f"it left with {left.code} ({left.reason}), and {'something' if good else 'nothing'} came of it"


def _as_undisturbed(story: Story, _: Sequence[ev.Event], state: SweepState) -> Iterator[str]:
    """Where no fault may change a decision, none did."""
    if not story.is_neutral or state.stopped == "brake":
        return
    sweep = story.sweep
    cluster = SimulatedCluster(workers=1, fails=sweep.task.error, noise=sweep.task.luck)
    calm, _journal = simulate_plan(sweep.plan, sweep.task.height, cluster)
    for one, other in zip(facts(state), facts(calm), strict=False):
        if one != other:
            yield f"trial {one[0]} is {one[1:]}, and without any fault {other[1:]}"
            return
    if len(facts(state)) != len(facts(calm)):
        yield f"{len(facts(state))} trials are there, and without any fault {len(facts(calm))}"


def facts(state: SweepState) -> list[tuple[object, ...]]:
    """Return what two sweeps share that are the same but for how often their trials were started."""
    return [_fact(trial) for trial in state.everyone()]


def _fact(trial: Trial) -> tuple[object, ...]:
    made = (trial.number, trial.config, trial.stage, trial.move, trial.parent, trial.replicates, trial.bracket)
    return (*made, trial.state, trial.values, trial.fidelity)


_CHECKS: tuple[Callable[[Story, Sequence[ev.Event], SweepState], Iterator[str]], ...] = (
    _each_once, _all_planned, _same_state, _caps, _checkpoints, _kept, _exit_code, _as_undisturbed,
)  # fmt: skip
