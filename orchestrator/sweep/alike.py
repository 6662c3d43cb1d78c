"""One object for values that many trials have alike, so that a hundred thousand of them fit into a driver's memory.

What is decoded from a log or a snapshot comes as an object of its own each time: the names of a block, a stage, a node,
the fidelities that reports were made at. Of a trial of ten reports that is a third. Only what cannot change is shared,
and nothing compares by identity, so nobody sees a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from sys import intern
from typing import Final

from orchestrator.sweep.trial import Attempt, Trial

MOST = 10_000
"""How many values are kept of a kind."""


_FIDELITIES: dict[float, float] = {}
_NOTHING: Final[dict[str, float]] = {}  # where it stands nobody writes: `take_bounded` makes a new one


def one_fidelity(value: float) -> float:
    """Return the one object for a fidelity; what is no positive float (its sign, its kind would be lost) as it is."""
    if type(value) is not float or not value > 0:
        return value
    if len(_FIDELITIES) >= MOST:
        _FIDELITIES.clear()
    return _FIDELITIES.setdefault(value, value)


def _shared(values: dict[float, float]) -> dict[float, float]:
    """Return the same values by the one object for each fidelity; of a million of them none is looked at in Python."""
    if not values.keys() <= _FIDELITIES.keys():
        for fidelity in values:
            one_fidelity(fidelity)
    if not set(map(type, values)) <= {float}:
        return values
    return dict(zip(map(_FIDELITIES.get, values, values), values.values(), strict=True))


@lru_cache(MOST)
def one_block(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the one object for the names of a block."""
    return tuple(map(intern, names))


def share(trial: Trial, earlier: Sequence[Trial]) -> None:
    """Let a trial hold what others hold alike, those before it by number; all its values stay as they are."""
    trial.learned_from, trial.nearest = _number(trial.learned_from, earlier), _number(trial.nearest, earlier)
    trial.stage, trial.move, trial.block = intern(trial.stage), intern(trial.move), one_block(trial.block)
    trial.values = _shared(trial.values)
    trial.bounded = trial.bounded or _NOTHING
    trial.fidelity = one_fidelity(trial.fidelity)
    trial.checkpoint_fidelity, trial.checkpoint_iteration = (
        trial.checkpoint_fidelity or 0.0,
        trial.checkpoint_iteration or 0.0,
    )
    for attempt in trial.attempts:
        attempt.fidelity = one_fidelity(attempt.fidelity)
        attempt.resumed_from, attempt.silent_s = attempt.resumed_from or 0.0, attempt.silent_s or 0.0
        if attempt.seen_t == attempt.ended_t:
            attempt.seen_t = attempt.ended_t
        if attempt.seen_s == attempt.reported_s:
            attempt.seen_s = attempt.reported_s
        share_places(attempt)


def _number(number: int | None, trials: Sequence[Trial]) -> int | None:
    """Return the number as the trial holds it that has it."""
    return trials[number].number if number is not None and 0 <= number < len(trials) else number


def share_places(attempt: Attempt) -> None:
    """Likewise the names of where an attempt runs, and the hashes of what."""
    attempt.node = _one_name(attempt.node)
    attempt.gpu_ids = _one_name(attempt.gpu_ids)
    attempt.code_hash = _one_name(attempt.code_hash)
    attempt.outside_hash = _one_name(attempt.outside_hash)


def _one_name(name: str | None) -> str | None:
    return name and intern(name)
