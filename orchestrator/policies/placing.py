"""Which machines what comes next needs: a stage, and confirming, may say so for their trainings.

The host asks for a place before it is decided what runs there (tickets), so it must know what kind of place is due.
What stage a trial belongs to is known from its number, before anything of it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orchestrator.sweep.plan import Plan
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweep.trial import Trial


class PlacesDue(NamedTuple):
    """What kind of place is to be had next."""

    resources: Resources
    """What the trial that starts next takes, and where."""
    startable: int
    """How many trials could be started now, had each a place."""
    alike: int
    """How many of them, from the next one on, take the same."""


def resources_in(spec: SweepSpec, stage: str) -> Resources:
    """Return what a trial of the search takes that a stage proposes; a ladder's own stages say nothing."""
    stages = () if spec.stages == "auto" else spec.stages
    return spec.resources.under(next((found.resources for found in stages if found.name == stage), None))


def resources_of_confirming(spec: SweepSpec) -> Resources:
    """Return what a training with a fresh seed takes, or one that measures the winner."""
    return spec.resources if spec.confirm == "none" else spec.resources.under(spec.confirm.resources)


def resources_of(spec: SweepSpec, trial: Trial) -> Resources:
    """Return what a trial takes, and where."""
    return resources_in(spec, trial.stage) if trial.is_of_search else resources_of_confirming(spec)


def kinds_of(plan: Plan) -> dict[str, Resources]:
    """Return the different kinds of place that a sweep needs, each under what needs it; "" for the sweep as such."""
    spec, found = plan.spec, dict[str, Resources]()
    for stage in plan.stages:
        kind = resources_in(spec, stage.name)
        if kind not in found.values():
            found["" if kind == spec.resources else f"stage {stage.name}"] = kind
    if (spec.confirm != "none" or spec.test is not None) and resources_of_confirming(spec) not in found.values():
        found["confirm"] = resources_of_confirming(spec)
    return found


def places_due(plan: Plan, startable: int, ahead: Iterator[tuple[Resources, int]]) -> PlacesDue:
    """Return what kind of place is due, of `startable` trials that could be started now.

    `ahead` is what they take in their order, each with how many in a row do.
    """
    kinds = list(kinds_of(plan).values())
    if len(kinds) == 1:
        return PlacesDue(kinds[0], startable, startable)
    first, alike = next(ahead)
    for kind, count in ahead:
        if kind != first or alike >= startable:
            break
        alike += count
    return PlacesDue(first, startable, min(startable, alike))
