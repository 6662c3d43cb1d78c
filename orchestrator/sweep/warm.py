"""The winners of earlier sweeps as first trials of a new one: what of them fits its space, and what is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orchestrator.sweep.domains import Choice, Config, Constant, Float, Hyperparameter, Int
from orchestrator.sweep.record import Record
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import JsonValue, Value, is_number

MOST_WARM = 5
"""So many winners are tried at most: more of them help no further."""


class WarmTrial(Record):
    """A configuration that a sweep tries first, after the baseline."""

    config: dict[str, JsonValue]
    """Full configuration in the new sweep's space."""
    notes: tuple[str, ...]
    """Whose winner it is, and what had to be changed for it to fit."""


class EarlierWinner(NamedTuple):
    """What an earlier sweep found."""

    sweep: str
    """Its folder, as the file says it."""
    trial: int
    """Number of its winner."""
    config: Mapping[str, Value]
    """The winner's configuration."""


def warm_trials(space: Space, winners: Iterable[EarlierWinner]) -> tuple[list[WarmTrial], list[str]]:
    """Return the first `MOST_WARM` winners that fit the space, and why each of the others is left out, one a sentence.

    One fits that shares a hyperparameter which is tuned here. What it lacks takes its default, what lies outside is
    clipped; a note says so. One that comes to the baseline, or to an earlier one, is left out.
    """
    found: list[WarmTrial] = []
    left_out = []
    for winner in winners:
        if not any(name in winner.config for name in space.tunable):
            left_out.append(f"{winner.sweep}: its winner has none of the hyperparameters that are tuned here")
            continue
        config, notes = _fitted(space, winner.config)
        if config == space.baseline or any(config == earlier.config for earlier in found):
            left_out.append(f"{winner.sweep}: its winner is the baseline here, or one that is tried already")
        elif len(found) == MOST_WARM:
            left_out.append(f"{winner.sweep}: {MOST_WARM} winners are tried already")
        else:
            origin = f"won {winner.sweep}, where it was trial {winner.trial}"
            found.append(WarmTrial(config=config, notes=(origin, *notes)))
    return found, left_out


def _fitted(space: Space, config: Mapping[str, Value]) -> tuple[Config, list[str]]:
    values, notes = {}, {}
    for name, domain in space.items():
        if name in config and not isinstance(domain, Constant):
            values[name] = _inside(domain, config[name])
            if not domain.same(values[name], config[name]):
                notes[name] = f"{name} was {config[name]!r} there, which is none of its values here"
    fitted = space.complete(values)
    lacking = [name for name in space.tunable if name in fitted and name not in config]
    told = [note for name, note in notes.items() if name in fitted]
    return fitted, [*told, *([f"{', '.join(lacking)}: the default, as there was none there"] if lacking else [])]


def _inside(domain: Hyperparameter, value: Value) -> Value:
    """Return the value of the domain that is nearest to `value`; the default where nothing is near."""
    if domain.contains(value):
        return domain.canonical(value)
    if not is_number(value) or not math.isfinite(value):
        return domain.default
    if isinstance(domain, Float | Int):
        clipped = min(max(value, domain.low), domain.high)
        near = round(clipped) if isinstance(domain, Int) else clipped
        return domain.canonical(near) if domain.contains(near) else domain.from_unit(domain.to_unit(near))
    if isinstance(domain, Choice) and domain.is_ordered:
        return min(domain.choices, key=lambda choice: abs(float(str(choice)) - value))
    return domain.default
