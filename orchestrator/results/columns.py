"""The columns of the Parquet tables: their names, their types, and where each value comes from.

Fixed columns have fixed names. A hyperparameter's column bears the hyperparameter's name, the objective's the metric's;
a hyperparameter or a metric whose name is taken (case aside, since SQL does not tell `Loss` from `loss`) is written as
`config.<name>` or `metric.<name>`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pyarrow as pa

from orchestrator.curves.diagnosis import Diagnosis
from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Int, Scalar
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.standing import best
from orchestrator.sweep.trial import Attempt, Trial, training_seed

MOMENT = pa.timestamp("us")
"""In UTC without saying so in the type: DuckDB fetches a timestamp with a time zone only where pytz is installed."""

TRIAL_HEAD = {
    "sweep_id": pa.string(),
    "trial": pa.int64(),
    "trial_id": pa.string(),
    "attempt": pa.int64(),
    "stage": pa.string(),
    "state": pa.string(),
    "fidelity": pa.float64(),
    "reports": pa.int64(),
}
"""Before the objective and the hyperparameters. `attempt` is the last one's number, 0 for a trial started once."""

TRIAL_TAIL = {
    "move": pa.string(),
    "block": pa.string(),
    "parent": pa.int64(),
    "bracket": pa.int64(),
    "learned_from": pa.int64(),
    "nearest": pa.int64(),
    "stopped_at_rung": pa.float64(),
    "stopped_threshold": pa.float64(),
    "stopped_among": pa.int64(),
    "notes": pa.string(),
    "checkpoint": pa.string(),
    "worker_s": pa.float64(),
    "gpu_s": pa.float64(),
    "node": pa.string(),
    "gpu_ids": pa.string(),
    "outcome": pa.string(),
    "cause": pa.string(),
    "error": pa.string(),
    "diagnosis": pa.string(),
    "advice": pa.string(),
    "started": MOMENT,
    "ended": MOMENT,
    "seed": pa.int64(),
    "session": pa.int64(),
    "code_hash": pa.string(),
    "code_changed": pa.bool_(),
}
"""After them. `block` is comma-separated; `learned_from` is how many trials the searcher had learned from (0 for a draw
around the defaults) and `nearest` the earlier trial nearest to the proposal, both null where nothing was modelled;
`stopped_at_rung`, `stopped_threshold` and `stopped_among` say of a trial that was stopped for being weak at which
fidelity, what it was worse than, and how many values that is made from, null for any other; `notes` says, one a line,
what a coupling re-scaled or a searcher narrowed for the trial, null where nothing was; `diagnosis` is what the learning
curve of a final trial shows (a value of `curves.diagnosis.CurveVerdict`) and `advice` what to do about it, null where
there is nothing to say; node, GPUs, outcome, cause (why it was ended from outside, null where it was not) and error are
the last attempt's; `worker_s` and `gpu_s` count all attempts up to the last sign of life; `started` and `ended` are in
UTC, `ended` null until the state is final; `session` is the number of the driver that wrote the newest record,
`code_hash` the training code it ran.
"""

REPORT_HEAD = {
    "sweep_id": pa.string(),
    "trial": pa.int64(),
    "attempt": pa.int64(),
    "fidelity": pa.float64(),
    "t": MOMENT,
    "stage": pa.string(),
    "verdict": pa.string(),
    "checkpoint": pa.string(),
    "session": pa.int64(),
    "code_hash": pa.string(),
    "code_changed": pa.bool_(),
}
"""Before the metrics. (trial, attempt, fidelity) is the key; `verdict` is continue, or why the trial was stopped."""


@dataclass(frozen=True, slots=True)
class DriverPeriod:
    """What is in force when a record is written."""

    epoch: int | None = None
    """Number of the driver; None before the first."""
    code_hash: str | None = None
    """The training code it runs."""
    code_changed: bool = False
    """Whether that differs from the plan's."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What a trial cost so far, all attempts."""

    worker_s: float
    """Seconds from placement to the last sign of life or the end."""
    gpu_s: float
    """GPUs times those seconds."""


class TrialColumns:
    """The columns of trials.parquet for one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        metric, fixed = plan.spec.objective.metric, {*TRIAL_HEAD, *TRIAL_TAIL}
        objective = free_name("metric", metric, fixed)
        highest = free_name("metric", f"best_{metric}", {*fixed, objective})
        taken = {*fixed, objective, highest}
        self._types = {name: value_type(domain) for name, domain in plan.space.items()}
        columns = {free_name("config", name, taken): arrow for name, arrow in self._types.items()}
        measured = {objective: pa.float64(), highest: pa.float64()}
        self.schema = pa.schema({**TRIAL_HEAD, **measured, **columns, **TRIAL_TAIL})
        """Names and types, in the order of `row`."""

    def row(
        self, trial: Trial, paid: Paid, session: DriverPeriod, diagnosis: Diagnosis | None = None
    ) -> tuple[object, ...]:
        """Return a trial's values in the order of the schema."""
        last = trial.attempts[-1] if trial.attempts else None
        config = (_cast(trial.config.get(name), arrow) for name, arrow in self._types.items())
        return (
            self._plan.sweep_id,
            trial.number,
            trial.trial_id,
            last.number if last else None,
            trial.stage,
            trial.state.value,
            trial.fidelity,
            trial.report_count,
            trial.value,
            best(self._plan.goal, trial.values.values()) if trial.values else None,
            *config,
            *_proposed(trial),
            *_stopped(trial),
            "\n".join(trial.notes) or None,
            trial.checkpoint,
            paid.worker_s,
            paid.gpu_s,
            *_ended(last),
            diagnosis.verdict.value if diagnosis else None,
            (diagnosis.advice or None) if diagnosis else None,
            moment(trial.attempts[0].started_t) if last else None,
            moment(last.ended_t) if last and last.ended_t is not None and trial.state.is_final else None,
            training_seed(self._plan.spec.seed, trial.number),
            session.epoch,
            session.code_hash,
            session.code_changed,
        )


def _proposed(trial: Trial) -> tuple[object, ...]:
    return trial.move, ",".join(trial.block), trial.parent, trial.bracket, trial.learned_from, trial.nearest


def _stopped(trial: Trial) -> tuple[float | None, float | None, int | None]:
    judged = trial.stopped_by
    return (None, None, None) if judged is None else (judged.rung, judged.threshold, judged.among)


def _ended(last: Attempt | None) -> tuple[str | None, ...]:
    if last is None:
        return (None,) * 5
    return last.node, last.gpu_ids, last.outcome.value if last.outcome else None, last.cause, last.error


def free_name(prefix: str, name: str, taken: Collection[str]) -> str:
    """Return `name`, or `<prefix>.<name>` where a column has that name already, case aside."""
    return f"{prefix}.{name}" if name.casefold() in {other.casefold() for other in taken} else name


def moment(t: float) -> int:
    """Return seconds since the epoch as the microseconds that timestamp columns hold."""
    return round(t * 1e6)


def value_type(domain: Hyperparameter) -> pa.DataType:
    """Return a hyperparameter's column type: float64, int64, bool or string.

    Choices of mixed types and whole numbers beyond 64 bits become strings.
    """
    if isinstance(domain, Float):
        return pa.float64()
    if isinstance(domain, Int):
        return _common_type([domain.low, domain.high])
    return _common_type(domain.choices if isinstance(domain, Choice) else [domain.value])


def _common_type(values: Iterable[Scalar]) -> pa.DataType:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(abs(int(value)) < 2**63 for value in values):
        return pa.int64()
    return pa.float64() if kinds in ({float}, {float, int}) else pa.string()


def _cast(value: Scalar | None, arrow: pa.DataType) -> Scalar | None:
    if value is None:
        return None
    if arrow == pa.float64():
        return float(value)
    if arrow == pa.string() and not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else repr(value)
    return value
