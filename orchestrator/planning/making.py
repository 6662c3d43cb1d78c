"""Builds, from a plan, what decides: the ladder with its searcher, and the scheduler."""

from __future__ import annotations

from orchestrator import members
from orchestrator.ladders import Ladder
from orchestrator.planning.compile import PACKAGES
from orchestrator.schedulers import Scheduler
from orchestrator.searchers import make_searcher
from orchestrator.sweep.plan import Plan


def make_ladder(plan: Plan) -> Ladder:
    """Build the plan's ladder and searcher; both are functions of the trials they will be shown."""
    made, options = members.build(PACKAGES["search"], plan.spec.search)
    ladder: Ladder = made(plan, make_searcher(plan.spec.searcher, plan.space, plan.goal), options)
    return ladder


def make_scheduler(plan: Plan) -> Scheduler:
    """Build the plan's scheduler, empty."""
    made, options = members.build(PACKAGES["scheduler"], plan.spec.scheduler)
    scheduler: Scheduler = made(plan.brackets, plan.spec.fidelity, plan.goal, options, plan.spec.seed)
    return scheduler
