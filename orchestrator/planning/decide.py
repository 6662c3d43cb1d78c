"""Builds, from a plan, what decides: the ladder with its searcher."""

from __future__ import annotations

from orchestrator import members
from orchestrator.ladders import Ladder
from orchestrator.sweep.plan import Plan


def make_ladder(plan: Plan) -> Ladder:
    """Build the plan's ladder and searcher; both are functions of the trials they will be shown."""
    searcher_class = members.load("orchestrator.searchers", plan.spec.searcher.name)
    searcher_options = searcher_class.Options.model_validate(dict(plan.spec.searcher.options))
    ladder_class = members.load("orchestrator.ladders", plan.spec.search.name)
    ladder_options = ladder_class.Options.model_validate(dict(plan.spec.search.options))
    ladder: Ladder = ladder_class(plan, searcher_class(plan.space, plan.goal, searcher_options), ladder_options)
    return ladder
