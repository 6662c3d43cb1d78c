"""The linter: every rule of `orchestrator.rules` asked about a checked sweep; what `ignore` names is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator import members
from orchestrator.errors import SpecError
from orchestrator.members.outside import told
from orchestrator.planning.compile import stage_plans
from orchestrator.rules import ModelFacts, Rule, Subject
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import Message, Problems

RULES = "orchestrator.rules"


@dataclass(frozen=True, slots=True)
class Remark:
    """A rule that applies."""

    rule: Rule
    """Why it is a mistake, who says so, and what to do."""
    message: Message
    """Where, and what was seen there."""


@cache
def rules() -> Mapping[str, Rule]:
    """Return every shipped rule by its id."""
    return {rule.id: rule for theme in members.names(RULES) for rule in members.load(RULES, theme)}


def own_rules(spec: SweepSpec) -> Iterator[tuple[int, Rule]]:
    """Yield the rules that the sweep file brings of its own, with their position in it; raises SpecError."""
    for position, name in enumerate(spec.rules):
        for rule in members.load(RULES, name):
            yield position, rule


def lint(
    spec: SweepSpec,
    problems: Problems,
    shipped: Mapping[str, tuple[Mapping[str, Any], ...]],
    model: ModelFacts | None = None,
) -> list[Remark]:
    """Return what applies to `spec`, in the order of the file's lines, warnings before the rest.

    `problems` knows where each key was written; `shipped` holds the definitions that shipped spaces supplied.
    """
    subject = Subject(spec, _stages(spec), shipped, model)
    remarks = [
        Remark(rule, problems.message(where, seen))
        for rule in rules().values()
        if rule.id not in spec.ignore
        for where, seen in rule.check(subject)
    ]
    for position, rule in own_rules(spec):
        if rule.id not in spec.ignore:
            remarks += _own_remarks(position, rule, subject, problems)
    return sorted(remarks, key=lambda remark: (remark.rule.severity != "warning", remark.message, remark.rule.id))


def _own_remarks(position: int, rule: Rule, subject: Subject, problems: Problems) -> list[Remark]:
    """Ask a rule of the user's own. Raises SpecError, placed, where its code fails or it names no key of the file."""
    name = subject.spec.rules[position]
    try:
        with told(name):
            return [Remark(rule, problems.message(where, seen)) for where, seen in rule.check(subject)]
    except SpecError as error:
        problems.add(("rules", position), str(error))
        problems.raise_any()
        raise


def _stages(spec: SweepSpec) -> tuple[StagePlan, ...]:
    """Return the stages that the file asks for, without what the ladder adds; the ladder's where it takes none."""
    plans = stage_plans(spec)
    if spec.stages == "auto":
        named = {f"tier-{domain.tier}" for domain in spec.search_space.values()}
    else:
        named = {stage.name for stage in spec.stages}
    return tuple(plan for plan in plans if plan.name in named) or plans
