"""What a diagnosis means for one sweep: the advice that holds there, and a change of its file that would be accepted.

`diagnose` knows a curve and nothing else. Here its change is held against the sweep that the trial belongs to: where
a bound would leave the default outside, or the hyperparameter is a choice or a constant, the same is said in a way
that fits, and what the sweep file's own checks would still refuse is not proposed at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from orchestrator.curves.diagnosis import CurveVerdict, Diagnosis
from orchestrator.errors import SpecError
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Config, Constant, Float, Hyperparameter
from orchestrator.sweep.spec import Goal, SweepSpec
from orchestrator.sweep.standing import better
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.values import is_number
from orchestrator.sweepfile.parse import parse

RATE = "learning_rate"
SCHEDULE = "schedule"
WEIGHT_DECAY = "weight_decay"

TRIED, BESIDE = 5, 1.5
"""So many ended trials whose learning rates lie so many times beside a trial's own speak against moving it there."""
_OF_THE_RATE = {CurveVerdict.DIVERGING, CurveVerdict.OSCILLATING, CurveVerdict.TOO_LOW}
_NEEDS_AN_END = {CurveVerdict.TOO_SHORT, CurveVerdict.STILL_IMPROVING}
"""Verdicts whose advice is for a training that came to its end."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change of the sweep file that follows from a diagnosis and that its checks accept."""

    change: str
    """`key=value`, as on the command line."""
    new: str | None = None
    """The hyperparameter that it adds: the training function must come to read it. None: it adds none."""


def keep_valid_advice(diagnosis: Diagnosis, trial: Trial) -> Diagnosis:
    """Return the diagnosis of a final trial with advice that holds for how it ended.

    A trial that was stopped early, or failed, was still improving or too short because of that: nobody is advised.
    """
    if trial.state is TrialState.COMPLETED or diagnosis.verdict not in _NEEDS_AN_END:
        return diagnosis
    return replace(diagnosis, advice="", change=None)


def keep_untried_advice(diagnosis: Diagnosis, trial: Trial, trials: Sequence[Trial], goal: Goal) -> Diagnosis:
    """Return the diagnosis of a trial without advice on the learning rate that the others of its sweep speak against.

    They do where `TRIED` of them and more were tried on the side that is advised, and none did better.
    """
    own, rises = learning_rate(trial.config), diagnosis.verdict is CurveVerdict.TOO_LOW
    if diagnosis.change is None or diagnosis.verdict not in _OF_THE_RATE or own is None or trial.value is None:
        return diagnosis
    there = []
    for other in trials:
        rate = learning_rate(other.config)
        if rate is not None and other.state.is_final and (rate >= BESIDE * own if rises else rate * BESIDE <= own):
            there.append(other)
    if len(there) < TRIED or any(t.value is not None and better(goal, t.value, trial.value) for t in there):
        return diagnosis
    side = "higher" if rises else "lower"
    return replace(diagnosis, advice=f"{len(there)} trials at {side} learning rates did no better", change=None)


def learning_rate(config: Config) -> float | None:
    """Return the learning rate that a trial was trained with; None where its configuration has none."""
    value = config.get(RATE)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def remedy(diagnosis: Diagnosis, spec: SweepSpec, config: Config) -> Remedy | None:
    """Return what to change in the sweep of `spec` after its trial of this configuration; None where nothing fits."""
    written = _written(spec)
    for found in _proposals(diagnosis, spec, config):
        if _is_accepted(written, found.change):
            return found
    return None


def _proposals(diagnosis: Diagnosis, spec: SweepSpec, config: Config) -> list[Remedy]:
    """Return what may be tried, the plainest first."""
    plain, space = diagnosis.change, spec.search_space
    if plain is None:
        return []
    value = plain.partition("=")[2]
    match diagnosis.verdict:
        case CurveVerdict.DIVERGING | CurveVerdict.OSCILLATING | CurveVerdict.TOO_LOW:
            domain, wanted = space[RATE], float(value)
            is_inside = isinstance(domain, Float) and domain.low < wanted < domain.high
            fitted = _moved(RATE, domain, wanted, rises=diagnosis.verdict is CurveVerdict.TOO_LOW)
            return [Remedy(plain), *fitted] if is_inside else fitted
        case CurveVerdict.PLATEAU:
            return _scheduled(space[SCHEDULE], config) if SCHEDULE in space else [Remedy(plain, SCHEDULE)]
        case CurveVerdict.OVERFITTING:
            return _decayed(space[WEIGHT_DECAY], config) if WEIGHT_DECAY in space else [Remedy(plain, WEIGHT_DECAY)]
        case CurveVerdict.STILL_IMPROVING:
            return [Remedy(plain)] if float(value) > spec.fidelity.max else []
        case _:
            return []


def _moved(name: str, domain: Hyperparameter, wanted: float, *, rises: bool) -> list[Remedy]:
    """Let a hyperparameter's values end (or, where it `rises`, begin) at the wanted one, the default among them."""
    fields: dict[str, Any]
    if isinstance(domain, Constant):
        fields = {"value": wanted}
    elif isinstance(domain, Choice):
        numbers = [value for value in domain.choices if is_number(value)]
        kept = [value for value in numbers if (value >= wanted if rises else value <= wanted)] or [wanted]
        fields = {
            "choices": kept,
            "default": domain.default if domain.default in kept else (min if rises else max)(kept),
        }
    elif rises:
        high = domain.high if domain.high > wanted else _shifted(wanted, 10)
        fields = {"low": wanted, "high": high, "default": max(domain.default, wanted)}
    else:
        low = domain.low if domain.low < wanted else _shifted(wanted, 0.1)
        fields = {"low": low, "high": wanted, "default": min(domain.default, wanted)}
    changed = {key: value for key, value in fields.items() if getattr(domain, key) != value}
    return [_set(name, changed)] if changed else []


def _shifted(value: float, factor: float) -> float:
    """Return a product as a person would write it: 4.69, not 4.6899999999999995."""
    return float(f"{factor * value:.12g}")


def _scheduled(domain: Hyperparameter, config: Config) -> list[Remedy]:
    """Let the rate decay in a sweep that knows schedules; nothing for a trial that had one."""
    if config.get(SCHEDULE) != "none":
        return []
    if not isinstance(domain, Choice):
        return [_set(SCHEDULE, {"value": "cosine"})]
    decaying = [choice for choice in domain.choices if choice != "none"]
    preferred = [choice for choice in (domain.default, "cosine", *decaying) if choice in decaying]
    return [_set(SCHEDULE, {"choices": decaying, "default": preferred[0]})] if decaying else []


def _decayed(domain: Hyperparameter, config: Config) -> list[Remedy]:
    """Let weight decay begin above the trial's; nothing for a trial that had none to be changed."""
    value = config.get(WEIGHT_DECAY)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return []
    if isinstance(domain, Float) and value in domain.also:
        inside = {} if domain.low <= domain.default <= domain.high else {"default": domain.low}
        return [_set(WEIGHT_DECAY, {"also": [other for other in domain.also if other != value], **inside})]
    return _moved(WEIGHT_DECAY, domain, float(f"{3 * value:.3g}") or 5e-4, rises=True)


def _set(name: str, fields: Mapping[str, Any]) -> Remedy:
    """Write fields of a hyperparameter as one override, in YAML's short form, which needs no quotes inside."""
    return Remedy(f"search_space.{name}={{{', '.join(f'{key}: {_flow(value)}' for key, value in fields.items())}}}")


def _flow(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    is_word = isinstance(value, str) and value.isidentifier() and value.lower() not in ("true", "false", "null")
    return str(value) if is_word else json.dumps(value)


def _written(spec: SweepSpec) -> bytes:
    """Write a specification as a sweep file; JSON is YAML."""
    content = spec.model_dump(mode="json", exclude={"search_space": {"__all__": set(SET_BY_PARSER)}})
    return json.dumps(content).encode()


@lru_cache(maxsize=16)
def _is_accepted(written: bytes, change: str) -> bool:
    """Say whether a sweep file is valid under an override. Kept, as best.json asks for the same again and again."""
    try:
        parse(written, "sweep.yaml", [change])
    except SpecError:
        return False
    return True
