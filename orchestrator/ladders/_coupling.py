"""Couplings: a hyperparameter that is held follows another one that moves, by a law with a source.

The law holds value / f(other), so `value' = value * f(other') / f(other)`:

    linear          f(b) = b            SGD: the step per example stays what it was. Goyal et al. 2017,
                                        arXiv:1706.02677, "linear scaling rule"; Krizhevsky 2014, arXiv:1404.5997
    sqrt            f(b) = b ** 0.5     optimizers that divide by the gradient's size, as Adam and RMSprop do: keeps
                                        the noise of a step. Malladi et al. 2022, arXiv:2205.10287
    effective-rate  f(m) = 1 - m        SGD with momentum sums gradients: learning_rate / (1 - momentum) is the step

Going there and back returns the same value, unless it was clipped: a value never leaves its hyperparameter's range,
and what was clipped is no longer known. Nothing is coupled that the proposal itself drew, nor the baseline, which is
the file's defaults as they stand. A value that lies outside its range on purpose (an explicit zero) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.domains import Config, Float, Value
from orchestrator.sweep.space import Space

OPTIMIZER = "optimizer"
"""The hyperparameter that `rule: auto` goes by."""
MOMENTUM = "momentum"
"""The hyperparameter for which `rule: auto` is effective-rate."""

RULE_OF_OPTIMIZER = {
    **dict.fromkeys(("sgd", "sgd_momentum", "momentum", "nesterov"), "linear"),
    **dict.fromkeys(("adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam"), "sqrt"),
}
"""What `auto` takes with a batch size. That the square root serves Adagrad, Adadelta, Adamax and Nadam too is inferred
from their dividing by the gradient's size; the paper shows it for Adam and RMSprop."""

_LAWS: dict[str, Callable[[float], float]] = {
    "linear": lambda value: value,
    "sqrt": lambda value: value**0.5,
    "effective-rate": lambda value: 1.0 - value,
}


class CoupledConfig(NamedTuple):
    """A configuration once its couplings were applied."""

    config: Config
    """All values, the re-scaled ones among them."""
    notes: tuple[str, ...]
    """What was re-scaled, and why: one note a value."""


def rule_of(coupling: Coupling, optimizer: Value | None) -> str | None:
    """Return the rule of a coupling at a value of `optimizer`; None where `auto` knows none."""
    if coupling.rule != "auto":
        return coupling.rule
    if coupling.with_ == MOMENTUM:
        return "effective-rate"
    return RULE_OF_OPTIMIZER.get(str(optimizer).lower())


class Couplings:
    """The couplings of one sweep, whose specification was checked: names exist, there is no circle."""

    def __init__(self, space: Space, couplings: Mapping[str, Coupling]) -> None:
        self._space = space
        self._couplings = {name: couplings[name] for name in _leaders_first(couplings)}

    def apply(self, config: Config, drawn: Collection[str], parent: Mapping[str, Value] | None) -> CoupledConfig:
        """Re-scale what `config` holds and did not draw.

        A value held at `parent`'s belongs to the value of the other one there; a default (`parent` None, or without
        it) to the coupling's reference.
        """
        coupled, notes = dict(config), []
        for name, coupling in self._couplings.items():
            before = self._before(name, coupling, parent)
            if name in drawn or name not in coupled or coupling.with_ not in coupled or before is None:
                continue
            note = self._follow(name, coupling, before, coupled)
            if note is not None:
                notes.append(note)
        return CoupledConfig(coupled, tuple(notes))

    def _before(self, name: str, coupling: Coupling, parent: Mapping[str, Value] | None) -> float | None:
        """Return the value of the other one to which the held value belongs; None where there is none."""
        if parent is not None and name in parent:
            return float(parent[coupling.with_]) if coupling.with_ in parent else None
        return float(self._space[coupling.with_].default) if coupling.reference is None else coupling.reference

    def _follow(self, name: str, coupling: Coupling, before: float, coupled: Config) -> str | None:
        """Re-scale one value in place; returns what was done, None where nothing was."""
        domain, value, after = self._space[name], float(coupled[name]), float(coupled[coupling.with_])
        rule = rule_of(coupling, coupled.get(OPTIMIZER))
        if rule is None or after == before or not isinstance(domain, Float) or not domain.low <= value <= domain.high:
            return None
        wanted = value * _LAWS[rule](after) / _LAWS[rule](before)
        coupled[name] = clipped = min(max(wanted, domain.low), domain.high)
        limit = "" if clipped == wanted else f", clipped to its range from {wanted:.4g}"
        return f"{name} {value:.4g} -> {clipped:.4g}, as {coupling.with_} {before:g} -> {after:g} ({rule}{limit})"


def _leaders_first(couplings: Mapping[str, Coupling]) -> list[str]:
    """Order names so that whatever a coupling follows is settled before it."""
    ordered: dict[str, None] = {}
    for name in couplings:
        trail: list[str] = []
        while name in couplings and name not in ordered:
            trail.append(name)
            name = couplings[name].with_
        ordered.update(dict.fromkeys(reversed(trail)))
    return list(ordered)
