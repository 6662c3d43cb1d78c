"""What people ask about single trials, ruled on: a configuration to try, the end of a trial, another run of one.

The same rules answer who asks, from the log as it is then, and the driver that is to do it, from the log as it is by
then: in between a trial may have ended, or the space may have grown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.policies.confirming import search_trials
from orchestrator.state.fold import SweepState
from orchestrator.storage.wishes import Wish
from orchestrator.sweep import event as ev
from orchestrator.sweep.asked import filled, objections
from orchestrator.sweep.domains import Config, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import FIRST_REPLICATE, Trial, TrialState
from orchestrator.sweep.values import exact
from orchestrator.wording import configuration

SAID = {"stop": "asked for the end of trial {trial}", "retry": "asked for another run of trial {trial}"}
"""What a wish about a trial asks for."""


def wish_to_try(state: SweepState, values: Mapping[str, Value]) -> Wish:
    """Return the wish for a configuration of `values`, the rest as in the trial that leads, or the baseline.

    Raises ValueError, in words, where it cannot be tried.
    """
    space, leader = state.plan.space, state.leader()
    held = {} if leader is None else leader.config
    problems = [text for _, text in objections(space, values, held)]
    if problems:
        raise ValueError("; ".join(problems))
    wish = Wish("try", config=filled(space, values, held), notes=[_note(space, values, leader)])
    if (problem := problem_of(state, wish)) is not None:
        raise ValueError(problem)
    return wish


def problem_of(state: SweepState, wish: Wish) -> str | None:
    """Say why nothing can come of a wish as the sweep stands; None where something can, at once or later."""
    if wish.trial is None:
        problems = state.plan.space.problems(wish.config)
        return "; ".join(problems) or _tried(state, wish.config)
    number = wish.trial
    if not (0 <= number < len(state.trials) or 0 <= number - FIRST_REPLICATE < len(state.replicates)):
        last = len(state.trials) - 1
        return f"there is no trial {number}" + (f"; the last is {last}" if state.trials else " yet")
    trial = state.trial(number)
    return _nothing_to_stop(trial) if wish.kind == "stop" else _nothing_to_retry(trial)


def answer_to(state: SweepState, name: str, wish: Wish | None, t: float, m: float | None) -> ev.Event | None:
    """Return the record by which a driver obeys, or refuses, the wish of that name; None: not yet.

    It is written at `t` seconds since the epoch and `m` by the monotonic clock. `wish` is None where it is unreadable.
    """
    problem = "it cannot be read" if wish is None else problem_of(state, wish)
    if wish is None or problem is not None:
        return ev.WishRefused(t, name, problem or "", m=m)
    if wish.trial is None:
        return ev.ConfigurationAsked(t, wish.config, wish.notes, name, m=m)
    if wish.kind == "stop":
        return ev.TrialWithdrawn(t, wish.trial, name, m=m)
    return None if state.trial(wish.trial).is_open else ev.TrialReopened(t, wish.trial, name, m=m)


def told_of(wish: Wish | None, answer: ev.Event) -> str:
    """Say in one line what a driver does about a wish."""
    if isinstance(answer, ev.WishRefused):
        what = "something was" if wish is None else f"`{wish.kind}` was"
        return f"{what} asked for, and cannot be: {answer.why}"
    if isinstance(answer, ev.ConfigurationAsked):
        return f"{'; '.join(answer.notes)}: it is tried next"
    assert wish is not None
    if wish.kind == "stop":
        return f"the end of trial {wish.trial} was asked for: it is stopped"
    return f"trial {wish.trial} was asked for once more: it runs again"


def waiting(state: SweepState, unruled: Iterable[Wish | None], *, is_driven: bool) -> list[str]:
    """Say, one line each, what was asked about single trials and has not happened; `unruled` no driver has seen yet."""
    is_full = len(state.trials) >= search_trials(state)
    when = "no trial of the budget is left for it" if is_full else "tried next"
    lines = [f"{'; '.join(asked.notes)}: {when}" for asked in state.wished.configurations]
    untaken = "its driver has not taken it yet" if is_driven else "it waits for the next driver"
    wishes = (wish for wish in unruled if wish is not None)
    return lines + [
        f"{'; '.join(wish.notes) or SAID[wish.kind].format(trial=wish.trial)}: {untaken}" for wish in wishes
    ]


def asked_by_file(
    state: SweepState, spec: SweepSpec, earlier: Sequence[Mapping[str, Value]], t: float, m: float | None
) -> list[ev.ConfigurationAsked]:
    """Return the records of what the sweep file asks to try, but for what the `earlier` file asked; `t`, `m` as above.

    What is left out there is the baseline's. A configuration that is there already is not asked for again.
    """
    known, space = {exact(values) for values in earlier}, Space(spec.search_space)
    found = {exact(values): values for values in spec.try_ if exact(values) not in known}
    configs = [(values, filled(space, values, {})) for values in found.values()]
    new = [(values, config) for values, config in configs if _tried(state, config) is None]
    return [ev.ConfigurationAsked(t, config, [_note(space, values, None)], m=m) for values, config in new]


def _note(space: Space, values: Mapping[str, Value], leader: Trial | None) -> str:
    rest = [name for name in space.tunable if name not in values]
    source = "the baseline" if leader is None or leader.number == 0 else f"trial {leader.number}, the best so far"
    return f"asked for: {configuration(values)}" + (f"; the rest as in {source}" if rest else "")


def _tried(state: SweepState, config: Config) -> str | None:
    wanted = exact(config)
    found = next((trial.number for trial in state.trials if exact(trial.config) == wanted), None)
    if found is not None:
        return f"trial {found} has this very configuration"
    is_asked = any(exact(asked.config) == wanted for asked in state.wished.configurations)
    return "this very configuration was asked for already" if is_asked else None


def _nothing_to_stop(trial: Trial) -> str | None:
    if trial.state.is_final:
        return f"trial {trial.number} has ended ({trial.state}), so there is nothing to stop"
    return None


def _nothing_to_retry(trial: Trial) -> str | None:
    if trial.state is TrialState.FAILED or trial.withdrawn_s is not None:
        return None
    if not trial.state.is_final:
        return f"trial {trial.number} has not ended ({trial.state}), so there is nothing to run again"
    again = "with the same seed it would be the same again" if trial.state is TrialState.DIVERGED else "it did not fail"
    return f"trial {trial.number} ended {trial.state}: {again}"
