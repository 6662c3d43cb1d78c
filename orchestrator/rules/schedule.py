"""Learning-rate schedules beside early stopping."""

from __future__ import annotations

from orchestrator import members
from orchestrator.rules import Applies, Subject, at, bounds, rule
from orchestrator.sweep.domains import Float, Int

_LENGTHS = ("step_size", "halve_every", "hold", "decay_length", "t_max", "total_iters", "cycle_up", "milestones")
"""Counts of epochs after which a schedule decays."""
NEGLIGIBLE = 1e-3
"""A rate that fell below this part of itself before half of the training is as good as 0: ours."""


@rule(
    "schedule-horizon",
    "warning",
    reason="Early stopping would judge trials before their learning rate decayed, and stops about half the winners.",
    source="public training logs: 2 of 5 kept at 25 % of training under a decaying schedule",
    fix="Write horizon: rung (a whole schedule up to each rung), or scheduler: none.",
)
def schedule_horizon(subject: Subject) -> Applies:
    """Fire where a decay comes later than the first rung."""
    space, scheduler = subject.spec.search_space, subject.spec.scheduler.name
    if scheduler == "none" or subject.words("horizon") == {"rung"}:
        return
    name = next((name for name in ("schedule", "lr_schedule", "lr_scheduler") if name in space), None)
    if name is not None and subject.words(name) - {"none", "constant"}:
        yield at(name), f"the schedule stretches over all of the training, {scheduler} compares trials before"
        return
    first = min(rung for bracket in _brackets(subject) for rung in bracket)
    for length in (length for length in _LENGTHS if length in space):
        ends = bounds(space[length])
        if ends and ends[0] >= 1 and isinstance(ends[1], int) and ends[1] > first:
            yield at(length), f"{length} up to {ends[1]:g}, the first rung is at {first:g}"


def _brackets(subject: Subject) -> list[tuple[float, ...]]:
    """Return the rungs of each bracket, the full training where there are none."""
    scheduler, options = members.build("orchestrator.schedulers", subject.spec.scheduler)
    found = [tuple(bracket.rungs) for bracket in scheduler.plan(subject.spec.fidelity, options)]
    return [rungs or (subject.spec.fidelity.max,) for rungs in found]


@rule(
    "exponential-gamma",
    "warning",
    reason="A too small gamma drives the learning rate to 0 at once: the rest of the training is wasted.",
    source="[C]",
    fix="Raise gamma, 0.9 and above for an exponential decay at every epoch.",
)
def exponential_gamma(subject: Subject) -> Applies:
    """Fire where the rate is negligible before half of the training."""
    domain = subject.spec.search_space.get("gamma")
    schedules = subject.words("schedule")
    if domain is None or not schedules & {"exponential", "constant_then_exponential"}:
        return
    if not set(domain.when.get("schedule", tuple(schedules))) & {"exponential", "constant_then_exponential"}:
        return
    epochs = subject.spec.fidelity.max / 2
    ends = bounds(domain)
    if ends and subject.spec.fidelity.metric == "epoch" and ends[0] < NEGLIGIBLE ** (1 / epochs):
        left = ends[0] ** epochs
        yield (
            at("gamma", "low" if isinstance(domain, Float | Int) else "value"),
            (f"at gamma {ends[0]:g} a rate is {left:.1g} of itself after {epochs:g} epochs"),
        )


MEMBER = (schedule_horizon, exponential_gamma)
