"""What can be wrong with `couple`: names that do not exist, values that no rule can be applied to, circles."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.ladders._coupling import MOMENTUM, OPTIMIZER, RULE_OF_OPTIMIZER, rule_of
from orchestrator.members import nearest
from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter, Int, Value
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.circles import circle, phrase_circle
from orchestrator.sweepfile.messages import Complaints, KeyPath, quote


def coupling_problems(spec: SweepSpec) -> Complaints:
    """Yield key paths and sentences."""
    space = spec.search_space
    for name, coupling in spec.couple.items():
        path: KeyPath = ("couple", name)
        if name not in space:
            yield path, f"{name!r} is not in the search space; choose {nearest(name, sorted(space))}"
        elif coupling.with_ not in space:
            other = coupling.with_
            yield (*path, "with"), f"{other!r} is not in the search space; choose {nearest(other, sorted(space))}"
        else:
            yield from _follower(path, name, space[name])
            yield from _followed(path, coupling, space)
    if ring := circle({name: (coupling.with_,) for name, coupling in spec.couple.items()}):
        chain = phrase_circle(ring, "follows")
        yield ("couple", ring[0], "with"), f"the couplings go in a circle: {chain}; drop one of them"


def _follower(path: KeyPath, name: str, domain: Hyperparameter) -> Complaints:
    if isinstance(domain, Constant):
        yield path, f"{name!r} is a constant and cannot follow anything; give it a range {{low, high, default}}"
    elif not isinstance(domain, Float):
        yield path, f"{name!r} is no real number, which re-scaling makes of it; couple one of type: float"
    elif domain.step is not None:
        yield path, f"{name!r} has a step, which re-scaled values miss; drop the step, or the coupling"


def _followed(path: KeyPath, coupling: Coupling, space: Mapping[str, Hyperparameter]) -> Complaints:
    other = coupling.with_
    numbers = _numbers(space[other])
    if numbers is None:
        yield (*path, "with"), f"{other!r} is not numeric, nothing can be in proportion to it; name one that is"
        return
    rules = _rules(coupling, space)
    if isinstance(rules, str):
        yield (*path, "rule"), rules
        return
    low, high = min(numbers), max(numbers)
    if rules & {"linear", "sqrt"} and low <= 0:
        rule = " or ".join(sorted(rules & {"linear", "sqrt"}))
        yield (*path, "with"), f"{other!r} can be {low:g}; {rule} needs values above 0: raise its lowest"
    if "effective-rate" in rules and (low < 0 or high >= 1):
        extreme = low if low < 0 else high
        yield (*path, "with"), f"{other!r} can be {extreme:g}; effective-rate holds for 0 and above, below 1"
    reference = coupling.reference
    if reference is not None and not low <= reference <= high and not isinstance(space[other], Constant):
        told = f"{reference:g} lies outside the values of {other!r}, {low:g} to {high:g}"
        yield (*path, "reference"), f"{told}; choose the one that the default is meant for"


def _numbers(domain: Hyperparameter) -> list[float] | None:
    """Return values among which the least and the greatest are; None where some are no numbers."""
    values: list[Value]
    if isinstance(domain, Float):
        values = [domain.low, domain.high, *domain.also]
    elif isinstance(domain, Int):
        values = [domain.low, domain.high]
    else:
        values = list(domain.choices) if isinstance(domain, Choice) else [domain.value]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return numbers if len(numbers) == len(values) else None  # lists and mappings are values as well


def _rules(coupling: Coupling, space: Mapping[str, Hyperparameter]) -> set[str] | str:
    """Return every rule that may come to hold, or what keeps `auto` from knowing one."""
    remedy = "write rule: linear (SGD kinds), sqrt (Adam kinds) or effective-rate"
    if coupling.rule != "auto" or coupling.with_ == MOMENTUM:
        return {str(rule_of(coupling, None))}
    optimizer = space.get(OPTIMIZER)
    if not isinstance(optimizer, Choice | Constant):
        return f"auto goes by a choice or constant `{OPTIMIZER}`, which the search space lacks; {remedy}"
    names = optimizer.choices if isinstance(optimizer, Choice) else (optimizer.value,)
    unknown = [name for name in names if rule_of(coupling, name) is None]
    if unknown:
        return (
            f"auto knows no rule for optimizer {quote(unknown[0])}, only for {', '.join(RULE_OF_OPTIMIZER)}; {remedy}"
        )
    return {str(rule_of(coupling, name)) for name in names}
