"""The columns of the Parquet tables: their names, their types, and where each value comes from.

Fixed columns have fixed names. A hyperparameter's column bears the hyperparameter's name, the objective's the metric's;
a hyperparameter or a metric whose name is taken (case aside, since SQL does not tell `Loss` from `loss`) is written as
`config.<name>` or `metric.<name>`, as often as it takes: two names never share a column. Nor do two choices share a
cell: where values are of several kinds, or null, lists or mappings, every cell of the column is JSON text, so that 1
and "1" stay apart; `null` is the text there, and SQL's NULL says that the hyperparameter does not apply.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from orchestrator.curves.diagnosis import Diagnosis
from orchestrator.sweep.confirmation import FreshScore
from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Int, Value
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
    "breaks": pa.string(),
    "replicates": pa.int64(),
    "confirmed": pa.float64(),
    "confirmed_n": pa.int64(),
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
`breaks` names the metrics that the trial reported beyond a bound of `constraints`, or never reported; null for none;
`replicates` is the trial whose configuration a replicate repeats with another seed, null for a trial of
the search, and `move` is then what it is for: race or confirm; `confirmed` is the mean over the `confirmed_n` seeds
that chose nothing, for the chosen trial and the baseline, null for all others;
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
"""Before the metrics, numbers under their names, texts under `<name>.text`. (trial, attempt, fidelity) is the key;
`verdict` is continue, or why the trial was stopped."""


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
    """Seconds from reservation to the last sign of life or the end."""
    gpu_s: float
    """GPUs times those seconds."""


class TrialColumns:
    """The columns of the trials for one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        metric, fixed = plan.spec.objective.metric, {*TRIAL_HEAD, *TRIAL_TAIL}
        names = FreeNames(fixed)
        objective, highest = names.take("metric", metric), names.take("metric", f"best_{metric}")
        self._cells = {name: Cells.of(domain) for name, domain in plan.space.items()}
        columns = {names.take("config", name): cells.arrow for name, cells in self._cells.items()}
        measured = {objective: pa.float64(), highest: pa.float64()}
        self.schema = pa.schema({**TRIAL_HEAD, **measured, **columns, **TRIAL_TAIL})
        """Names and types, in the order of `row`."""

    def row(
        self,
        trial: Trial,
        paid: Paid,
        session: DriverPeriod,
        diagnosis: Diagnosis | None = None,
        score: FreshScore | None = None,
    ) -> tuple[object, ...]:
        """Return a trial's values in the order of the schema; `score` is what fresh seeds say of it."""
        last = trial.attempts[-1] if trial.attempts else None
        config = (cells.of_trial(name, trial.config) for name, cells in self._cells.items())
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
            ",".join((*trial.breaks, *trial.unsaid)) or None,
            *_confirmed(trial, score),
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


def _confirmed(trial: Trial, score: FreshScore | None) -> tuple[float | None, ...]:
    return (trial.replicates, None, None) if score is None else (trial.replicates, score.mean, score.n)


def _stopped(trial: Trial) -> tuple[float | None, float | None, int | None]:
    judged = trial.stopped_by
    return (None, None, None) if judged is None else (judged.rung, judged.threshold, judged.among)


def _ended(last: Attempt | None) -> tuple[str | None, ...]:
    if last is None:
        return (None,) * 5
    return last.node, last.gpu_ids, last.outcome.value if last.outcome else None, last.cause, last.error


class FreeNames:
    """Gives names to the columns of one table, none twice, case aside."""

    def __init__(self, taken: Iterable[str]) -> None:
        """Begin with the columns that are `taken`."""
        self._taken = {name.casefold() for name in taken}

    def take(self, prefix: str, name: str) -> str:
        """Return `name`, with `<prefix>.` before it as often as a column has that name already."""
        while name.casefold() in self._taken:
            name = f"{prefix}.{name}"
        self._taken.add(name.casefold())
        return name


def moment(t: float) -> int:
    """Return seconds since the epoch as the microseconds that timestamp columns hold."""
    return round(t * 1e6)


@dataclass(frozen=True, slots=True)
class Cells:
    """How a hyperparameter's values are written in its column: what Python keeps apart stays apart."""

    arrow: pa.DataType
    """float64, int64, bool or string."""
    as_json: bool = False
    """Whether every string is JSON: of values of several kinds, of null, lists, mappings, and of numbers that neither
    float64 nor int64 can hold."""

    @classmethod
    def of(cls, domain: Hyperparameter) -> Cells:
        """Return how a domain's values are written."""
        if isinstance(domain, Float):
            return cls(pa.float64())
        if isinstance(domain, Int):
            values: Sequence[Value] = (domain.low, domain.high)
        else:
            values = domain.choices if isinstance(domain, Choice) else (domain.value,)
        arrow = _common_type(values)
        return cls(arrow, arrow == pa.string() and not all(isinstance(value, str) for value in values))

    def of_trial(self, name: str, config: Mapping[str, Value]) -> Value:
        """Return the cell of a hyperparameter in a configuration; None where it is not active."""
        return self.cell(config[name]) if name in config else None

    def cell(self, value: Value) -> Value:
        """Return a value as the column holds it."""
        if self.arrow == pa.float64():
            return float(value)
        return json.dumps(value, ensure_ascii=False) if self.as_json else value


def _common_type(values: Sequence[Value]) -> pa.DataType:
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(abs(int(value)) < 2**63 for value in values):
        return pa.int64()
    is_real = kinds in ({float}, {float, int}) and all(_fits_a_float(value) for value in values)
    return pa.float64() if is_real else pa.string()


def _fits_a_float(value: Value) -> bool:
    return type(value) is float or (isinstance(value, int) and abs(value) <= 2**53)
