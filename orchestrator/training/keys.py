"""The hyperparameters that the training parts read, by name: one table, one way to read it, one error.

A training function hands its whole `config` to each `build_*`; each part reads its own keys and leaves the other
parts' alone. What no part knows is refused by name, so that a misspelt key cannot be a hyperparameter without effect.
Keys of your own are named once:

    known = check_keys(config, own=["heads"])
    optimizer = build_optimizer(known, model.parameters())

A key that begins with `_` is nobody's hyperparameter and passes.

A length (of a warm-up, of a step) is a share of the whole where it is a real number, 0.25, and a count of scheduler
steps where it is a whole one, 30. Shares stretch with the fidelity, counts do not.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import StepladderError


class TrainingConfigError(StepladderError, ValueError):
    """A hyperparameter that a training part cannot use: which one, why, and what may stand there."""

    def __init__(self, key: str, reason: str, allowed: str) -> None:
        super().__init__(key, reason, allowed)
        self.key = key
        self.reason = reason
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}; {self.allowed}"


@dataclass(frozen=True)
class Key:
    """What may stand under one key."""

    part: str
    """Who reads it: optimizer, schedule, loss, initialisation, or the training function itself."""
    kind: str = "number"
    """number, length, flag or word; `any` for what the training function reads itself."""
    low: float = 0.0
    high: float = math.inf
    open_low: bool = False
    """Whether `low` itself is excluded."""
    open_high: bool = False
    words: tuple[str, ...] = ()
    """What a word may be."""

    def allowed(self) -> str:
        """Say what may be written here."""
        if self.kind == "word":
            return f"choose one of {', '.join(self.words)}"
        if self.kind == "flag":
            return "write true or false"
        if self.kind == "length":
            return "write a share of the whole above 0 and up to 1.0, or a whole number of scheduler steps"
        lower = f"{'above' if self.open_low else 'from'} {self.low:g}"
        upper = "" if self.high == math.inf else f" {'and below' if self.open_high else 'to'} {self.high:g}"
        return f"write a number {lower}{upper}"

    def holds(self, value: float) -> bool:
        """Say whether a number lies inside the bounds; NaN and infinity never do."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and math.isfinite(value)


OPTIMIZERS = ("sgd", "sgd_momentum", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam")
SCHEDULES = (
    "none", "step", "multi_step", "exponential", "linear", "cyclic", "one_cycle", "cosine", "halving",
    "constant_then_exponential",
)  # fmt: skip
LOSSES = ("cross_entropy", "focal", "huber")
SCHEMES = (
    "torch", "uniform", "normal", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"
)  # fmt: skip
ACTIVATIONS = ("linear", "relu", "leaky_relu", "sigmoid", "tanh", "selu", "elu", "gelu", "silu")


def _below_1(part: str) -> Key:
    return Key(part, high=1.0, open_high=True)


def _positive_to_1(part: str) -> Key:
    return Key(part, high=1.0, open_low=True)


KEYS: Mapping[str, Key] = {
    "optimizer": Key("optimizer", "word", words=OPTIMIZERS),
    "learning_rate": Key("optimizer", open_low=True),
    "weight_decay": Key("optimizer"),
    "momentum": _below_1("optimizer"),
    "nesterov": Key("optimizer", "flag"),
    "beta1": _below_1("optimizer"),
    "beta2": _below_1("optimizer"),
    "epsilon": Key("optimizer", open_low=True),
    "rho": _below_1("optimizer"),
    "schedule": Key("schedule", "word", words=SCHEDULES),
    "horizon": Key("schedule", "word", words=("full", "rung")),
    "warmup": Key("schedule", "length"),
    "warmup_start": _positive_to_1("schedule"),
    "gamma": _positive_to_1("schedule"),
    "step_size": Key("schedule", "length"),
    "milestones": Key("schedule", "lengths"),
    "start_factor": _positive_to_1("schedule"),
    "end_factor": Key("schedule", high=1.0),
    "decay_length": Key("schedule", "length"),
    "cycle_up": Key("schedule", "length"),
    "cycle_down": Key("schedule", "length"),
    "base_factor": _positive_to_1("schedule"),
    "momentum_swing": _below_1("schedule"),
    "peak_at": Key("schedule", high=1.0, open_low=True, open_high=True),
    "div_factor": Key("schedule", low=1.0),
    "final_div_factor": Key("schedule", low=1.0),
    "halve_every": Key("schedule", "length"),
    "hold": Key("schedule", "length"),
    "loss": Key("loss", "word", words=LOSSES),
    "label_smoothing": _below_1("loss"),
    "focal_gamma": Key("loss"),
    "focal_alpha": Key("loss", high=1.0, open_low=True, open_high=True),
    "huber_delta": Key("loss", open_low=True),
    "center_loss_weight": Key("loss"),
    "center_rate": _positive_to_1("loss"),
    "initialisation": Key("initialisation", "word", words=SCHEMES),
    "initialisation_scale": Key("initialisation", open_low=True),
    "activation": Key("initialisation", "word", words=ACTIVATIONS),
    "batch_size": Key("the training function", "any"),
    "dropout": Key("the training function", "any"),
    "depth": Key("the training function", "any"),
    "width": Key("the training function", "any"),
    "kernel_size": Key("the training function", "any"),
    "pooling": Key("the training function", "any"),
    "pooling_size": Key("the training function", "any"),
}
"""Every key that a part reads, and the catalogue's names that a training function reads itself."""

TASK_WEIGHT = "task_weight_"
"""Begins the key of a task's weight: `task_weight_boxes`."""


def check_keys(config: Mapping[str, Any], own: Collection[str] = ()) -> dict[str, Any]:
    """Return the keys of `config` that the parts know, after refusing each that neither they nor `own` name.

    `own` names the hyperparameters that your training function reads itself. Raises TrainingConfigError.
    """
    known = {}
    for key, value in config.items():
        if key.startswith("_") or key in own:
            continue
        if key not in KEYS and not key.startswith(TASK_WEIGHT):
            close = difflib.get_close_matches(key, [*KEYS, *own], n=1)
            meant = f"did you mean {close[0]!r}? Else name" if close else "name"
            raise TrainingConfigError(
                key, "no training part reads it", f"{meant} it as your own: check_keys(config, own=[{key!r}])"
            )
        known[key] = value
    return known


def refuse_unused(config: Mapping[str, Any], part: str, used: Collection[str], choice: str, value: str) -> None:
    """Raise TrainingConfigError for a key of `part` that does nothing where `choice` is `value`."""
    for key in config:
        if key in KEYS and KEYS[key].part == part and key not in used:
            raise TrainingConfigError(
                key,
                f"has no effect where {choice} is {value}",
                f"give it a condition, `when: {{{choice}: [...]}}`, or remove it",
            )


def number(config: Mapping[str, Any], key: str, default: float | None = None) -> float:
    """Return a number, `default` where the key is absent. Raises TrainingConfigError."""
    value = _present(config, key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not KEYS[key].holds(value):
        raise TrainingConfigError(key, f"{value!r} cannot be used", KEYS[key].allowed())
    return float(value)


def word(config: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Return a word of the key's list, `default` where the key is absent. Raises TrainingConfigError."""
    value = _present(config, key, default)
    if value not in KEYS[key].words:
        raise TrainingConfigError(key, f"{value!r} is unknown", KEYS[key].allowed())
    return str(value)


def flag(config: Mapping[str, Any], key: str, *, default: bool) -> bool:
    """Return true or false, `default` where the key is absent. Raises TrainingConfigError."""
    value = config.get(key, default)
    if not isinstance(value, bool):
        raise TrainingConfigError(key, f"{value!r} is neither true nor false", KEYS[key].allowed())
    return value


def length(config: Mapping[str, Any], key: str, total: int, default: float, leave: int = 0) -> int:
    """Return a length in scheduler steps; a share counts of `total`, 1 step at least, but leaves `leave` of them.

    Raises TrainingConfigError.
    """
    return in_steps(key, config.get(key, default), total, leave)


def in_steps(key: str, value: object, total: int, leave: int = 0) -> int:
    """Return one length in scheduler steps, as `length` does. Raises TrainingConfigError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value <= 1:
        return min(max(1, round(value * total)), total - leave)
    raise TrainingConfigError(key, f"{value!r} is not a length", Key("", "length").allowed())


def _present(config: Mapping[str, Any], key: str, default: object) -> Any:
    value = config.get(key, default)
    if value is None:
        raise TrainingConfigError(key, "is missing", KEYS[key].allowed())
    return value
