"""The learning rate: its scale, its range, and that it moves during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.rules import Applies, Subject, at, bounds, has_word, rule
from orchestrator.sweep.domains import Constant, Float, Int


@rule(
    "linear-learning-rate",
    "warning",
    reason="On a linear scale nine draws in ten fall into the highest order of magnitude.",
    source="[E]: the usual ladder is 0.1, 0.01 and so on; [B]",
    fix="Write scale: log.",
)
def linear_learning_rate(subject: Subject) -> Applies:
    """Fire where a learning rate spans an order of magnitude on a linear scale."""
    for name, domain in subject.learning_rates.items():
        if domain.scale == "linear" and domain.high >= 10 * domain.low and domain.high > domain.low:
            yield at(name, "scale"), f"{domain.low:g} to {domain.high:g} on a linear scale"


@rule(
    "learning-rate-bounds",
    "warning",
    reason="Above 1 a training diverges as a rule, below 1e-6 it hardly moves.",
    source="[B]: below 1 and above 1e-6",
    fix="Narrow the range; torch's Adadelta alone wants 1 and more.",
)
def learning_rate_bounds(subject: Subject) -> Applies:
    """Fire where a learning rate can be above 1 or below 1e-6."""
    if "adadelta" in subject.words("optimizer"):
        return
    for name, domain in subject.learning_rates.items():
        if domain.high > 1:
            yield at(name, "high"), f"{name} reaches up to {domain.high:g}"
        if domain.low < 1e-6:
            yield at(name, "low"), f"{name} reaches down to {domain.low:g}"


@rule(
    "outside-catalogue",
    "warning",
    reason="What the sources advise cannot be drawn.",
    source="the catalogue, which names the source of each range: stepladder spaces show NAME",
    fix="Widen the range, or extend the space that is meant, e.g. adam-finetune.",
)
def outside_catalogue(subject: Subject) -> Applies:
    """Fire where a range holds neither a default nor any advised value of a shipped space that it was taken from."""
    for name, definitions in subject.shipped.items():
        domain = subject.tuned.get(name)
        if isinstance(domain, Float | Int) and definitions and all(_left_out(domain, fields) for fields in definitions):
            advised = next((_advised(fields) for fields in definitions if _advised(fields)), None)
            told = f", the catalogue's is {advised[0]:g} to {advised[1]:g}" if advised else ""
            yield at(name, "low"), f"{name} from {domain.low:g} to {domain.high:g}{told}"


def _advised(fields: Mapping[str, Any]) -> tuple[float, float] | None:
    pair = fields.get("advised") or [fields.get("low"), fields.get("high")]
    numbers = [value for value in pair if isinstance(value, int | float)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


def _left_out(domain: Float | Int, fields: Mapping[str, Any]) -> bool:
    advised, default = _advised(fields), fields.get("default")
    if advised is None:
        return False
    overlaps = domain.low <= advised[1] and advised[0] <= domain.high
    return not overlaps and not (isinstance(default, int | float) and domain.low <= default <= domain.high)


@rule(
    "no-schedule",
    "info",
    reason="The best learning rate moves during training: a high one at first, a low one at the end.",
    source="[A][D]",
    fix="Extend a schedule, e.g. schedule-cosine; where the training function has its own, ignore this rule.",
)
def no_schedule(subject: Subject) -> Applies:
    """Fire where a learning rate is tuned and nothing speaks of a schedule."""
    if not any(has_word(name, "schedule", "scheduler", "decay_length", "warmup") for name in subject.spec.search_space):
        for name in list(subject.learning_rates)[:1]:
            yield at(name), f"{name} is tuned without a schedule"


@rule(
    "shared-across-optimizers",
    "warning",
    reason="The learning rates that suit two optimizers lie in different ranges, so one range misleads the search.",
    source="[A]: each optimizer has its own range",
    fix="Run a sweep for each optimizer, or give each its own name under `when`.",
)
def shared_across_optimizers(subject: Subject) -> Applies:
    """Fire where one learning rate serves several optimizers."""
    optimizers = subject.spec.search_space.get("optimizer")
    if optimizers is None or isinstance(optimizers, Constant):
        return
    for name, domain in subject.learning_rates.items():
        served = domain.when.get("optimizer", tuple(sorted(subject.words("optimizer"))))
        if len(served) > 1:
            yield at(name), f"{name} serves {', '.join(map(str, served))}"


@rule(
    "momentum-uncoupled",
    "info",
    reason="torch sums gradients, so at a held learning rate its step grows with 1 / (1 - momentum).",
    source="[F] torch.optim.SGD; [A] and [D] average the gradient instead",
    fix="Write couple: {learning_rate: {with: momentum}}, or a narrower range such as 0.8 to 0.97.",
)
def momentum_uncoupled(subject: Subject) -> Applies:
    """Fire where momentum alone can change the step more than tenfold."""
    for name, domain in subject.tuned.items():
        ends = bounds(domain) if has_word(name, "momentum") else None
        coupled = any(coupling.with_ == name for coupling in subject.spec.couple.values())
        if ends and ends[1] < 1 and not coupled and subject.learning_rates and _steps(ends) > 10:
            yield at(name), f"{name} from {ends[0]:g} to {ends[1]:g} changes the step {_steps(ends):.0f} times"


def _steps(ends: tuple[float, float]) -> float:
    return (1 - ends[0]) / (1 - ends[1])


MEMBER = (
    linear_learning_rate,
    learning_rate_bounds,
    outside_catalogue,
    no_schedule,
    shared_across_optimizers,
    momentum_uncoupled,
)
