"""Builds, from a plan, what decides: the ladder with its searcher, the scheduler."""

from __future__ import annotations

from orchestrator import members
from orchestrator.ladders import Ladder
from orchestrator.schedulers import Scheduler
from orchestrator.searchers import make_searcher
from orchestrator.sweep.plan import Plan


def make_ladder(plan: Plan) -> Ladder:
    """Build the plan's ladder and searcher; both are functions of the trials they will be shown."""
    ladder_class = members.load("orchestrator.ladders", plan.spec.search.name)
    ladder_options = ladder_class.Options.model_validate(dict(plan.spec.search.options))
    ladder: Ladder = ladder_class(plan, make_searcher(plan.spec.searcher, plan.space, plan.goal), ladder_options)
    return ladder


def make_scheduler(plan: Plan) -> Scheduler:
    """Build the plan's scheduler, empty."""
    member = members.load("orchestrator.schedulers", plan.spec.scheduler.name)
    options = member.Options.model_validate(dict(plan.spec.scheduler.options))
    scheduler: Scheduler = member(plan.brackets, plan.spec.fidelity, plan.goal, options, plan.spec.seed)
    return scheduler
