"""Whether the members that a sweep file names are there, take their options, and fit each other and the search space.

A member of the user's own (`module:Class`) is imported here, and its code is asked: what that raises is told as
anything else that is wrong with the file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from orchestrator import members
from orchestrator.errors import SpecError
from orchestrator.members.outside import is_outside, told
from orchestrator.planning.compile import PACKAGES, SINKS, stage_plans
from orchestrator.sweep.plan import Bracket, StagePlan
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Member, Stage, SweepSpec
from orchestrator.sweepfile.lint import RULES, own_rules, rules
from orchestrator.sweepfile.messages import Complaints, KeyPath, Problems, phrase_choices, quote
from orchestrator.sweepfile.typed import typed


def check_members(spec: SweepSpec, problems: Problems, broken: Collection[str | int]) -> None:
    """Note every member that is not there or refuses its options; keys named in `broken` stay unjudged."""
    for key in PACKAGES:
        if key not in broken:
            _check_member((key,), PACKAGES[key], getattr(spec, key), problems)
    if "sinks" not in broken:
        for number, sink in enumerate(spec.sinks):
            _check_member(("sinks", number), SINKS, sink, problems)
            if sink.name in [other.name for other in spec.sinks[:number]]:
                problems.add(("sinks", number), f"{sink.name} is named twice; name each sink once")
    if "stages" not in broken:
        for path, member in _stage_searchers(spec):
            _check_member(path, PACKAGES["searcher"], member, problems)


def rule_problems(spec: SweepSpec) -> Complaints:
    """Yield rules of the sweep's own that are none, or have the id of another."""
    seen = dict.fromkeys(rules(), "a shipped rule")
    for position, name in enumerate(spec.rules):
        if not is_outside(name):
            yield ("rules", position), f"{quote(name)} names no rule; write module:name, e.g. my_lab.rules:no_big_batch"
            continue
        try:
            for rule in members.load(RULES, name):
                if rule.id in seen:
                    yield ("rules", position), f"{name}: {seen[rule.id]} has the id {rule.id!r} already; choose another"
                seen[rule.id] = name
        except SpecError as error:
            yield ("rules", position), str(error)


def own_rule_ids(spec: SweepSpec) -> list[str]:
    """Return the ids of the sweep's own rules, as far as they can be imported; `rule_problems` tells of the others."""
    found: list[str] = []
    with contextlib.suppress(SpecError):
        found.extend(rule.id for _, rule in own_rules(spec))
    return found


def misfits(spec: SweepSpec) -> Complaints:
    """Yield what does not fit together, of members that are all there."""
    ladder, searcher = (members.load(PACKAGES[key], getattr(spec, key).name) for key in ("search", "searcher"))
    if searcher.enumerates and not ladder.enumerable:
        able = [name for name in members.names(PACKAGES["search"]) if members.load(PACKAGES["search"], name).enumerable]
        cannot = f"{spec.searcher.name} goes through a list, which {spec.search.name} cannot use"
        yield ("searcher",), f"{cannot}; set the key `search`: {phrase_choices(None, able)}"
        return
    try:
        with told(spec.search.name):
            plans = stage_plans(spec)
            blocks = ladder.searcher_blocks([plan for plan in plans if plan.searcher is None])
    except SpecError as error:
        yield ("search" if is_outside(spec.search.name) else "stages",), str(error).removeprefix("stages: ")
        return
    yield from _scheduler_problems(spec.scheduler, spec)
    yield from _searcher_problems(("searcher",), spec.searcher, spec, blocks)
    yield from _stage_misfits(spec, plans)


def _stage_misfits(spec: SweepSpec, plans: tuple[StagePlan, ...]) -> Complaints:
    by_stage = {plan.name for plan in plans if plan.searcher is not None}
    for path, member in _stage_searchers(spec):
        stage = spec.stages[int(path[1])]
        assert isinstance(stage, Stage)
        if stage.name not in by_stage:
            yield path, f"{spec.search.name} searches all stages as one; drop it here, or choose another `search`"
        else:
            yield from _searcher_problems(path, member, spec, [stage.tune])


def _searcher_problems(path: KeyPath, member: Member, spec: SweepSpec, blocks: list[tuple[str, ...]]) -> Complaints:
    searcher, options = members.build(PACKAGES["searcher"], member)
    try:
        with told(member.name):
            found = [str(text) for text in searcher.problems(Space(spec.search_space), blocks, options) or ()]
    except SpecError as error:
        found = [str(error)]
    for text in found:
        yield path, text


def _scheduler_problems(member: Member, spec: SweepSpec) -> Complaints:
    """Yield why a scheduler of the user's own plans no brackets; the shipped ones always do."""
    if not is_outside(member.name):
        return
    scheduler, options = members.build(PACKAGES["scheduler"], member)
    try:
        with told(member.name):
            brackets: Any = scheduler.plan(spec.fidelity, options)
    except SpecError as error:
        yield ("scheduler",), str(error)
        return
    if not isinstance(brackets, tuple) or not all(isinstance(bracket, Bracket) for bracket in brackets):
        wrong = f"{member.name}: its plan() returns {quote(brackets)}"
        yield ("scheduler",), f"{wrong}; return a tuple of orchestrator.Bracket"


def _stage_searchers(spec: SweepSpec) -> Iterator[tuple[KeyPath, Member]]:
    """Yield the searchers that stages name, and where."""
    for number, stage in enumerate(() if spec.stages == "auto" else spec.stages):
        if stage.searcher is not None:
            yield ("stages", number, "searcher"), stage.searcher


def _check_member(path: KeyPath, package: str, member: Member, problems: Problems) -> None:
    name_at: KeyPath = (*path, "name") if (*path, "name") in problems.places else path
    options_at: KeyPath = (*path, "options") if (*path, "options") in problems.places else path
    try:
        found = members.load(package, member.name)
        with told(member.name):
            typed(found.Options, member.options, problems, options_at)
    except SpecError as error:
        problems.add(name_at, str(error))
