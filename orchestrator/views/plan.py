"""`stepladder plan`: what a sweep would do and cost, before anything is paid for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator import wording
from orchestrator.planning.estimate import Estimate, Hours, estimate
from orchestrator.policies.placing import kinds_of
from orchestrator.searchers import make_searcher
from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spec import Budget, SweepSpec
from orchestrator.views.render import listing, pairs
from orchestrator.views.supplied import supplied_answer

MOST_VALUES = 8
"""How many values of a hyperparameter are named of those that a list goes through."""


def plan_answer(plan: Plan, workers: int, seconds: float | None) -> Group:
    """Return a plan for a person to read, estimated for `workers` trials at once.

    `seconds` is what one unit of fidelity takes, None where nobody knows yet.
    """
    found = estimate(plan, workers, seconds)
    told = supplied_answer(plan.spec)
    space = (_space(plan),) if told is None else (_space(plan), told)
    parts = (_facts(plan, found), _stages(found), _rungs(plan, found), *space, _cost(plan, found))
    return Group(Text(plan.sweep_id, style="bold"), *(piece for part in parts for piece in (Text(), part)))


def plan_document(plan: Plan, workers: int, seconds: float | None) -> dict[str, Any]:
    """Return the same as plain data for `--json`; what is unknown is None."""
    found, spec = estimate(plan, workers, seconds), plan.spec
    return {
        "sweep_id": plan.sweep_id,
        "objective": spec.objective.model_dump(mode="json"),
        "fidelity": spec.fidelity.model_dump(mode="json"),
        "trials": spec.budget.trials,
        "seconds_per_fidelity": seconds,
        "baseline": plan.space.baseline,
        "estimate": {**asdict(found), "stages": [asdict(stage) | {"trials": stage.trials} for stage in found.stages]},
        "plan": plan.model_dump(mode="json"),
    }


def _facts(plan: Plan, found: Estimate) -> Group:
    spec = plan.spec
    unit = wording.counted(spec.fidelity.max, spec.fidelity.unit)
    size = found.configurations
    room = "" if size is None else f" (the space holds {wording.counted(size, 'configuration')})"
    length = "one final score each (fidelity: none)" if spec.fidelity.once else f"each up to {unit}"
    stopping = "nobody is stopped early" if spec.fidelity.once else f"early stopping by {spec.scheduler.name}"
    rows = [
        ("objective", f"{spec.objective.goal} {spec.objective.metric} of {spec.program}"),
        ("trials", f"{plan.reserve.trials}{room}, {length}, {found.workers} at once"),
        *([("promote", _promote(plan))] if spec.promote else []),
        ("confirm", _confirm(plan, found)),
        *[("constraint", f"{name} {bound}") for name, bound in spec.constraints.items()],
        *([] if spec.test is None else [("test", "kept in the workers; `stepladder test` measures the winner once")]),
        *_warm(plan),
        ("search", f"{spec.search.name}, proposals by {spec.searcher.name}, {stopping}"),
        *_axes(plan),
        ("a trial takes", _needs(spec)),
        *[("", f"{name}: {wording.machines(kind) or 'any node'}") for name, kind in kinds_of(plan).items() if name],
        *_setup(spec),
    ]
    stops = ", ".join(_caps(spec.budget))
    return pairs([*rows, *([("stops at", stops)] if stops else []), ("seed", str(spec.seed))])


def _setup(spec: SweepSpec) -> list[tuple[str, str]]:
    when = "once on each node, before its first trial"
    return [("setup" if number == 0 else "", f"{line} ({when})") for number, line in enumerate(spec.setup)]


def _axes(plan: Plan) -> list[tuple[str, str]]:
    """Say which values the combinations are made of that a list goes through, and how many there are."""
    if not plan.is_listed or len(plan.stages) > 1:
        return []
    (stage,) = plan.stages
    member = stage.searcher or plan.spec.searcher
    searcher = make_searcher(member, plan.space, plan.goal)
    axes = searcher.axes(stage.tune)
    if not axes:
        return []
    is_taken = {name: plan.space.size((name,)) != len(values) for name, values in axes.items()}
    lines = []
    for name, values in axes.items():
        taken = f" ({wording.counted(len(values), 'value')} of its range)" if is_taken[name] else ""
        lines.append(f"{name}: {wording.first_of([wording.scalar(value) for value in values], MOST_VALUES)}{taken}")
    count = searcher.count(stage.tune)
    if count is not None:
        lines.append(f"{wording.counted(count, 'combination')} in all, the defaults among them")
    if any(is_taken.values()):
        lines.append(f"`searcher: {{name: {member.name}, points: N}}` takes N values of a range, `values` names them")
    return [("combinations" if number == 0 else "", line) for number, line in enumerate(lines)]


def _confirm(plan: Plan, found: Estimate) -> str:
    kept = plan.reserve
    if kept.why_not is not None:
        return f"nothing: {kept.why_not}"
    budget = plan.spec.budget
    trainings = wording.counted(kept.replicates, "full training")
    text = f"up to {trainings} with fresh seeds"
    if kept.share:
        text = f"{kept.share:.0%} of the budget of {budget.trials} trials is kept back: {text}"
    if found.confirm_hours is not None:
        text += f", {_sum(found.confirm_fidelity, found.confirm_hours, plan.spec.fidelity.unit)}"
    ends = _caps(budget, 1 - kept.share) if kept.share else []
    return text + (f"; the search ends at {' or '.join(ends)}" if ends else "")


def _caps(budget: Budget, part: float = 1.0) -> list[str]:
    """Say the budget's caps on hours, or a part of each."""
    caps = {
        "GPU-hours": None if budget.gpu_hours is None else wording.hours(part * budget.gpu_hours),
        "CPU-hours": None if budget.cpu_hours is None else wording.hours(part * budget.cpu_hours),
        "on the clock": None if budget.wall is None else wording.duration(part * budget.wall),
    }
    return [f"{cap} {name}" for name, cap in caps.items() if cap is not None]


def _promote(plan: Plan) -> str:
    first = min((rung for bracket in plan.brackets for rung in bracket.rungs), default=None)
    if first is None:
        return "nobody: nothing is stopped early here"
    most = wording.counted(plan.spec.fidelity.max - first, plan.spec.fidelity.unit)
    who = "the best that was" if plan.spec.promote == 1 else f"the best {plan.spec.promote} that were"
    return f"{who} stopped, from their checkpoints, after the last trial: up to {most} each, beyond the trials"


def _warm(plan: Plan) -> list[tuple[str, str]]:
    asked = [f"trial {number}: {wording.configuration(values)}" for number, values in enumerate(plan.spec.try_, 1)]
    won = [f"trial {number} {warm.notes[0]}" for number, warm in enumerate(plan.warm, len(asked) + 1)]
    rows = [("first trials", text) for text in (*asked, *won)]
    return rows + [("", note) for warm in plan.warm for note in warm.notes[1:]]


def _needs(spec: SweepSpec) -> str:
    resources = spec.resources
    kinds = {"CPU": resources.cpus, "GPU": resources.gpus}
    text = " and ".join(wording.counted(amount, kind) for kind, amount in kinds.items() if amount)
    if asked := wording.machines(resources):
        text += f" ({asked})"
    if resources.nodes > 1:
        text += f" on {resources.nodes} nodes" if resources.spread else f" on up to {resources.nodes} nodes"
    return (
        text
        if resources.ranks == 1 or spec.command
        else f"{text}, for {resources.ranks} processes under torch.distributed"
    )


def _stages(found: Estimate) -> Table:
    counts = ["model-based", *(["short"] if any(stage.short for stage in found.stages) else [])]
    table = listing("stage", "opens", "trials", "numbered", *counts, numeric=frozenset({"trials", *counts}))
    for stage in found.stages:
        numbers = f"{stage.first} to {stage.last}" if stage.trials > 0 else "none"
        row = (Text(stage.name), Text(", ".join(stage.tune)), str(stage.trials), numbers)
        table.add_row(*row, *(f"{number:.0f}" for number in (stage.model_based, stage.short)[: len(counts)]))
    return table


def _rungs(plan: Plan, found: Estimate) -> Table:
    fidelity = plan.spec.fidelity
    table = listing("bracket", f"rungs ({fidelity.unit})", "share", "expected of a trial", numeric=frozenset({"share"}))
    for number, bracket in enumerate(found.brackets):
        rungs = ", ".join(wording.number(rung) for rung in bracket.rungs) or "none"
        expected = "known afterwards" if bracket.expected is None else _trained(bracket.expected, fidelity.unit)
        row = (str(number), f"{rungs}, then {wording.number(fidelity.max)}", f"{bracket.share:.0%}", expected)
        table.add_row(*(Text(cell) for cell in row))
    return table


def _space(plan: Plan) -> Table:
    table = listing("hyperparameter", "values", "default", "tier", "only with", numeric=frozenset({"tier"}))
    for name, domain in plan.space.items():
        conditions = (
            f"{parent} {' or '.join(wording.scalar(value) for value in wanted)}"
            for parent, wanted in domain.when.items()
        )
        row = (name, _values(domain), wording.scalar(domain.default), str(domain.tier), ", ".join(conditions))
        table.add_row(*(Text(cell) for cell in row))
    return table


def _values(domain: Hyperparameter) -> str:
    if isinstance(domain, Constant):
        return "constant"
    if isinstance(domain, Choice):
        return ", ".join(wording.scalar(choice) for choice in domain.choices)
    step = "" if domain.step in (None, 1) else f" in steps of {wording.scalar(domain.step or 1)}"
    unit = f" {domain.unit}" if domain.unit else ""
    if isinstance(domain, Float) and domain.mean is not None:
        step += f", normal around {wording.scalar(domain.mean)}, sd {wording.scalar(domain.sd)}"
    return f"{wording.scalar(domain.low)} to {wording.scalar(domain.high)}{unit}, {domain.scale}{step}"


def _cost(plan: Plan, found: Estimate) -> Group:
    metric = plan.spec.fidelity.unit
    rows = [("at most", _sum(found.most_fidelity, found.most_hours, metric))]
    if found.expected_fidelity is not None:
        rows.append(("expected", _sum(found.expected_fidelity, found.expected_hours, metric)))
    if found.most_hours is None:
        rows.append(("hours", f"unknown until one {metric} was timed: run it once, or give --epoch-seconds"))
    return pairs(rows)


def _sum(fidelity: float, hours: Hours | None, metric: str) -> str:
    if hours is None:
        return _trained(fidelity, metric)
    gpu = f"{wording.hours(hours.gpu)} GPU-hours, " if hours.gpu else ""
    cpu = f"{wording.hours(hours.cpu)} CPU-hours, " if hours.cpu else ""
    return f"{_trained(fidelity, metric)}, {gpu}{cpu}{wording.duration(hours.wall * 3600)} on the clock"


def _trained(fidelity: float, metric: str) -> str:
    return wording.counted(round(fidelity, 1 if fidelity < 100 else None), metric)
