"""Numbers that are valid one by one and that no sweep can be made of: too many, too fine, too far apart.

Each is refused before anything is computed from it, so that no slip of the keyboard makes a plan that takes minutes.
The limits lie far beyond every real sweep; a log that was begun with more is read as ever, for they hold for files.
"""

from __future__ import annotations

import math

from orchestrator.sweep.domains import Float
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import Complaints

MOST_HYPERPARAMETERS = 500
"""Most hyperparameters of one space."""
MOST_STAGES = 100
"""Most stages of one sweep."""
MOST_CELLS = 1e9
"""Most values of a range with a step: beyond, a step says nothing that the range does not."""
LEAST_FACTOR = 1.1
"""Least `fidelity.reduction_factor`; one nearer to 1 makes rungs without number, of which each stops next to nobody."""
MOST_REPORTS = 1e15
"""Most reports of one training, and the largest fidelity: one more makes no difference to a float soon after."""
ULPS_OF_STEP = 4
"""A step is at least so many distances between two neighbouring floats at the range's far end."""


def size_problems(spec: SweepSpec) -> Complaints:
    """Yield parts of which there are too many for anything else to be said about each."""
    if (found := len(spec.search_space)) > MOST_HYPERPARAMETERS:
        what = f"{found:,} hyperparameters are more than a search can tell apart"
        yield ("search_space",), f"{what}; keep {MOST_HYPERPARAMETERS} at most"
    if spec.stages != "auto" and (found := len(spec.stages)) > MOST_STAGES:
        yield ("stages",), f"{found:,} stages are more than any budget feeds; write {MOST_STAGES} at most"


def fidelity_problems(spec: SweepSpec) -> Complaints:
    """Yield a training that no counter counts, and rungs without number."""
    fidelity = spec.fidelity
    if fidelity.max > MOST_REPORTS:
        yield ("fidelity", "max"), f"{fidelity.max:g} is too large; count in a larger unit, {MOST_REPORTS:g} at most"
    elif fidelity.max / fidelity.every > MOST_REPORTS:
        text = f"{fidelity.every:g} makes {fidelity.max / fidelity.every:.2g} reports of one training"
        yield ("fidelity", "every"), f"{text}; write the distance between two reports"
    if fidelity.reduction_factor < LEAST_FACTOR:
        text = f"{fidelity.reduction_factor!r} puts rungs too close together; choose {LEAST_FACTOR:g} or more"
        yield ("fidelity", "reduction_factor"), f"{text}, such as 3"


def space_problems(spec: SweepSpec) -> Complaints:
    """Yield steps that are finer than floats, or make more values than anybody means."""
    for name, domain in spec.search_space.items():
        if isinstance(domain, Float) and domain.step is not None:
            text = _step_problem(domain, domain.step)
            if text is not None:
                yield ("search_space", name, "step"), text


def _step_problem(domain: Float, step: float) -> str | None:
    far = max(abs(domain.low), abs(domain.high))
    if step < ULPS_OF_STEP * math.ulp(far):
        return f"step {step!r} is finer than what a float can tell apart at {far:g}; drop it, or write a wider one"
    if (cells := domain.high / step - domain.low / step) >= MOST_CELLS:
        return f"step {step!r} makes {cells:.2g} values of the range; drop it, or write a wider one"
    if domain.cells == 1 and domain.low < domain.high:
        return f"step {step!r} is wider than the range [{domain.low!r}, {domain.high!r}]; write a narrower one"
    return None
