"""`stepladder show SWEEP TRIAL`: how a trial came to be, how it went, how it ended and by what evidence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.errors import UsageError
from orchestrator.policies.caps import TRIAL_LIMIT
from orchestrator.results.export import arguments_of, ordered
from orchestrator.results.summary import note, valued_at
from orchestrator.state.attempt_time import trial_time
from orchestrator.storage.attempt_logs import AttemptLogs
from orchestrator.sweep.trial import FIRST_REPLICATE, Outcome, TrialState, training_seed
from orchestrator.sweep.values import is_same
from orchestrator.views.render import commands, pairs
from orchestrator.views.time_use import trial_time_line

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep.domains import Value
    from orchestrator.sweep.trial import Attempt, Trial


PRINTED_LINES = 10
"""Last lines of its newest attempt's prints that are shown."""
_BARS = "▁▂▃▄▅▆▇█"
_CURVE = 48
_OF_RAY = "Checkpoint successfully created at: Checkpoint("


def trial_meant(state: SweepState, text: str) -> int:
    """Return the number that `text` says: digits, or `winner`. Raises UsageError for others, and without a winner."""
    if text == "winner":
        if (winner := state.winner()) is None:
            raise UsageError(f"there is no winner: {note(state)}")
        return winner.number
    if not text.isdecimal():
        raise UsageError(f"{text}: name a trial by its number, 0 is the baseline, or `winner`")
    return int(text)


def find_trial(state: SweepState, number: int) -> Trial:
    """Return a trial of the sweep; raises UsageError where there is none of this number, with those there are."""
    if FIRST_REPLICATE <= number < FIRST_REPLICATE + len(state.replicates):
        return state.replicates[number - FIRST_REPLICATE]
    if not 0 <= number < len(state.trials):
        there = f"it has trials 0 to {len(state.trials) - 1}" if state.trials else "it has no trial yet"
        raise UsageError(f"trial {number}: the sweep has no such trial; {there}")
    return state.trials[number]


def trial_document(state: SweepState, number: int, folder: Location) -> dict[str, Any]:
    """Return everything known of a trial as plain data; raises as `find_trial`, StorageError."""
    trial = find_trial(state, number)
    content = msgspec.structs.asdict(trial) | {"value": trial.value, "judgement": None}
    content["attempts"] = [msgspec.structs.asdict(attempt) for attempt in trial.attempts]
    if (judged := trial.judgement) is not None:
        content["judgement"] = msgspec.structs.asdict(judged)
    content["seed"] = training_seed(state.plan.spec.seed, number)
    content["arguments"] = arguments_of(state, trial)
    content["time"] = asdict(trial_time(trial, state.last_clock_s))
    content["changed"] = {name: list(pair) for name, pair in changed(state, trial).items()}
    content["printed"] = last_printed(folder, trial)
    return content


def trial_answer(state: SweepState, number: int, folder: Location) -> Group:
    """Return a trial for a person; raises as `find_trial`, StorageError."""
    trial = find_trial(state, number)
    rows = [("values", wording.configuration(ordered(state, trial))), ("came from", origin(trial))]
    rows += [("changed", told) for told in _changes(state, trial)]
    rows += [("note", note) for note in trial.notes]
    rows.append(("reached", reached(state, trial)))
    if len(trial.values) > 1:
        rows.append(("curve", _curve(trial, state.plan.spec.fidelity.unit)))
    rows += _bounds(state, trial)
    if (why := why_stopped(state, trial)) is not None:
        rows.append(("stopped", why))
    unit = state.plan.spec.fidelity.unit
    rows += [(f"attempt {attempt.number}", _attempt(trial, attempt, unit)) for attempt in trial.attempts]
    if trial.attempts:
        rows.append(("time", trial_time_line(trial_time(trial, state.last_clock_s))))
    rows.append(("seed", str(training_seed(state.plan.spec.seed, trial.number))))
    head = Text(f"trial {number}: {trial.state}, stage {trial.stage}", style="bold")
    printed = last_printed(folder, trial)
    lines = [Text(), Text("printed last", style="bold"), *(Text(line) for line in printed)] if printed else []
    return Group(head, Text(), pairs(rows), Text(), *_again(state, trial), *lines)


def changed(state: SweepState, trial: Trial) -> dict[str, tuple[Value, Value]]:
    """Return what differs from the trial it held the rest from, else from the baseline: what was there, what is here.

    None stands for what does not apply.
    """
    if trial.replicates is not None or trial.number == 0:
        return {}
    return _differing(state, find_trial(state, trial.parent or 0), trial)


def _differing(state: SweepState, before: Trial, trial: Trial) -> dict[str, tuple[Value, Value]]:
    names = [name for name in state.plan.space if not is_same(before.config.get(name), trial.config.get(name))]
    return {name: (before.config.get(name), trial.config.get(name)) for name in names}


def last_printed(folder: Location, trial: Trial) -> list[str]:
    """Return the last lines that the trial's newest attempt printed; none where it printed nothing.

    What Ray says of each checkpoint is left out: it would push out what the training says.
    """
    pieces = list(AttemptLogs(folder.files(), trial.number).read_new())
    newest = [piece.text for piece in pieces if piece.attempt == pieces[-1].attempt]
    return [line for line in "".join(newest).splitlines() if not line.startswith(_OF_RAY)][-PRINTED_LINES:]


def sparkline(values: Sequence[float], width: int = _CURVE) -> str:
    """Draw values as bars of eight heights, the lowest and the highest of them at the ends; at most `width` of them."""
    step = max(1.0, len(values) / width)
    drawn = [values[min(len(values) - 1, round((index + 1) * step) - 1)] for index in range(min(width, len(values)))]
    low, high = min(drawn), max(drawn)
    span = high - low
    return "".join(_BARS[min(7, int(8 * (value - low) / span)) if span > 0 else 3] for value in drawn)


def _curve(trial: Trial, unit: str) -> str:
    points = sorted(trial.values.items())
    first, last = points[0], points[-1]
    ends = f"{wording.number(first[1], 4)} at {unit} {wording.number(first[0])}"
    return f"{sparkline([value for _, value in points])} from {ends} to {wording.number(last[1], 4)}"


def _changes(state: SweepState, trial: Trial) -> list[str]:
    """Say what it changed against its parent, and against the baseline: the one says how it came, the other what."""
    found = changed(state, trial)
    said = [_change(f"trial {trial.parent}" if trial.parent else "the baseline", found)] if found else []
    base = _differing(state, find_trial(state, 0), trial) if trial.parent and trial.replicates is None else {}
    return [*said, _change("the baseline", base)] if base else said


def _change(whose: str, found: Mapping[str, tuple[Value, Value]]) -> str:
    parts = [f"{name} {_value(before)} to {_value(after)}" for name, (before, after) in found.items()]
    return f"against {whose}: {', '.join(parts)}"


def _value(value: Value) -> str:
    return "none" if value is None else wording.scalar(value)


def _again(state: SweepState, trial: Trial) -> list[Text]:
    """Return what it takes to run it again: each on a line of its own, to be copied whole."""
    arguments = arguments_of(state, trial)
    found = [] if arguments is None else commands("arguments", [shlex.join(arguments)], [("checkpoint", "")])
    return [*found, *(commands("checkpoint", [trial.checkpoint], ()) if trial.checkpoint else [])]


def origin(trial: Trial) -> str:
    """Say how a trial's configuration came to be."""
    if trial.replicates is not None:
        return f"{trial.move}; repeats trial {trial.replicates} with another seed"
    parts = [trial.move]
    if trial.block:
        parts.append(f"drew {', '.join(trial.block)}")
    if trial.parent is not None:
        parts.append(f"the rest from trial {trial.parent}")
    if trial.learned_from is not None:
        parts.append(f"learned from {wording.counted(trial.learned_from, 'trial')}")
    if trial.nearest is not None:
        parts.append(f"nearest to trial {trial.nearest}")
    return "; ".join(parts)


def reached(state: SweepState, trial: Trial) -> str:
    """Say which value a trial came to, and where."""
    objective, unit = state.plan.spec.objective.metric, state.plan.spec.fidelity.unit
    if trial.value is None:
        return f"no finite {objective} reported"
    return f"{objective} {wording.number(trial.value)} at {unit} {wording.number(valued_at(trial))}"


def _bounds(state: SweepState, trial: Trial) -> list[tuple[str, str]]:
    """Return what it reported of each metric that `constraints` bounds, and whether that keeps within."""
    rows = []
    for name, bound in state.plan.spec.constraints.items():
        said = f"{name} {wording.number(trial.bounded[name])}" if name in trial.bounded else f"no {name} reported"
        rows.append(("constraint", f"{said}; {'beyond' if name in trial.breaks else 'bound'}: {bound}"))
    return rows


def why_stopped(state: SweepState, trial: Trial) -> str | None:
    """Say by what evidence it was stopped early; None where it was not, or the log does not say."""
    judged = trial.stopped_by
    if trial.state is TrialState.PRUNED and trial.attempt.cause == TRIAL_LIMIT:
        taken_s = sum(attempt.charged_s for attempt in trial.attempts)
        return f"after {wording.duration(taken_s)}: as long as limits.trial lets one trial take"
    if judged is None:
        return None
    where = f"at {state.plan.spec.fidelity.unit} {wording.number(judged.rung)}"
    if judged.threshold is None:
        return f"{where}, by the scheduler"
    among = f", made from {wording.counted(judged.among, 'value')} of other trials" if judged.among else ""
    return f"{where}: worse than {wording.number(judged.threshold)}{among}"


def _attempt(trial: Trial, attempt: Attempt, unit: str) -> str:
    parts = [attempt.outcome.value if attempt.outcome is not None else "not ended"]
    if attempt.outcome is Outcome.STOPPED and trial.state is TrialState.COMPLETED:
        parts = ["trained to the end"]  # where it was told to stop as well, which reads as if it had been weak
    if attempt.cause is not None:
        parts.append(f"by {attempt.cause}")
    begun = f"from {unit} {wording.number(attempt.resumed_from)} " if attempt.resumed_from else ""
    parts.append(f"{begun}to {unit} {wording.number(attempt.fidelity)}" if attempt.fidelity else "no report")
    if attempt.node is not None:
        gpus = f", GPUs {attempt.gpu_ids}" if attempt.gpu_ids else ""
        parts.append(f"on {attempt.node}{gpus}")
    if attempt.ended_t is None and attempt.silent_s:
        parts.append(f"silent for {wording.duration(attempt.silent_s)}")
    if attempt.ended_t is not None:
        parts.append(wording.duration(attempt.charged_s))
    text = "; ".join(parts)
    return f"{text}\n{attempt.error}" if attempt.error else text
