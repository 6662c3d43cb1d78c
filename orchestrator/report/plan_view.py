"""`stepladder plan`: what a sweep would do and cost, before anything is paid for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.planning.estimate import Estimate, Hours, estimate
from orchestrator.report import wording
from orchestrator.report.render import listing, pairs
from orchestrator.sweep.plan import Plan


def plan_document(plan: Plan, workers: int, seconds_per_fidelity: float | None) -> dict[str, Any]:
    """Return a plan and its estimate as plain data for `--json`; what is not known is None."""
    return {"plan": plan.model_dump(mode="json"), "estimate": asdict(estimate(plan, workers, seconds_per_fidelity))}


def plan_answer(plan: Plan, workers: int, seconds_per_fidelity: float | None) -> Group:
    """Return a plan for a person, with `workers` trials at once and one unit of fidelity taking so many seconds."""
    found = estimate(plan, workers, seconds_per_fidelity)
    objective, members = plan.spec.objective, (plan.spec.search, plan.spec.searcher, plan.spec.scheduler)
    return Group(
        Text(f"{plan.sweep_id}: {objective.goal} {objective.metric}", style="bold"),
        Text(", ".join(member.name for member in members) + f", seed {plan.spec.seed}"),
        Text(),
        _stages(found),
        Text(),
        pairs([*_judging(plan, found), *_cost(plan, found, seconds_per_fidelity), *_warnings(plan, found)]),
    )


def _stages(found: Estimate) -> Table:
    table = listing("stage", "tunes", "trials", "numbers", "by model", numeric=frozenset({"trials", "by model"}))
    for stage in found.stages:
        numbers = f"{stage.first} to {stage.last}" if stage.trials else "none"
        table.add_row(stage.name, ", ".join(stage.tune), str(stage.trials), numbers, f"{stage.model_based:.1f}")
    total = sum(stage.trials for stage in found.stages)
    model_based = sum(stage.model_based for stage in found.stages)
    table.add_row("all", f"with {found.workers} trials at once", str(total), "", f"{model_based:.1f}", style="bold")
    return table


def _judging(plan: Plan, found: Estimate) -> list[tuple[str, str]]:
    metric = plan.spec.fidelity.metric
    rows = []
    for index, bracket in enumerate(found.brackets):
        share = "" if len(found.brackets) == 1 else f" ({bracket.share:.0%} of the trials)"
        rungs = ", ".join(wording.number(rung) for rung in bracket.rungs)
        judged = f"judged at {metric} {rungs}" if rungs else "never stopped early"
        label = "rungs" if len(found.brackets) == 1 else f"bracket {index}"
        rows.append((label, f"{judged}; a full training is {wording.number(plan.spec.fidelity.max)}{share}"))
    return rows


def _cost(plan: Plan, found: Estimate, seconds_per_fidelity: float | None) -> list[tuple[str, str]]:
    metric, resources = plan.spec.fidelity.metric, plan.spec.resources
    most = f"at most {wording.counted(found.most_fidelity, metric)}"
    expected = found.expected_fidelity
    about = f", about {wording.counted(round(expected), metric)} with early stopping" if expected is not None else ""
    rows = [
        ("trial", f"{wording.number(resources.cpus)} CPU, {wording.number(resources.gpus)} GPU"),
        ("training", most + about),
    ]
    if seconds_per_fidelity is None:
        return [*rows, ("hours", f"unknown until the time of one {metric} is: --epoch-seconds S, or a first run")]
    rows.append(("measured", f"{wording.number(seconds_per_fidelity, 3)} s for one {metric}"))
    for label, hours in (("at most", found.most_hours), ("expected", found.expected_hours)):
        if hours is not None:
            rows.append((label, _hours(hours)))
    return rows


def _hours(hours: Hours) -> str:
    kinds = [("GPU", hours.gpu), ("CPU", hours.cpu)]
    paid = ", ".join(f"{wording.hours(amount)} {kind}-hours" for kind, amount in kinds if amount)
    return f"{paid}, {wording.duration(hours.wall * 3600)} on the clock"


def _warnings(plan: Plan, found: Estimate) -> list[tuple[str, str]]:
    budget, rows = plan.spec.budget, []
    if found.configurations is not None and found.configurations < budget.trials:
        rows.append(
            ("note", f"there are only {found.configurations} configurations; the sweep ends when all are tried")
        )
    if found.most_hours is not None:
        caps = [
            ("gpu_hours", found.most_hours.gpu, budget.gpu_hours),
            ("cpu_hours", found.most_hours.cpu, budget.cpu_hours),
        ]
        for name, hours, cap in caps:
            if cap is not None and hours > cap:
                rows.append(("note", f"the cap {name}: {wording.number(cap)} may end the sweep before all trials ran"))
        if budget.wall is not None and found.most_hours.wall * 3600 > budget.wall:
            rows.append(("note", "the cap on wall time may stop it with work left; `stepladder resume` goes on"))
    return rows
