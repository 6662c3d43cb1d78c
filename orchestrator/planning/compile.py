"""Compile a specification into a plan: stages with their shares, brackets of rungs, an id by content.

The same content gives the same plan whatever the order of the file's keys: hyperparameters are put in the order of
their tiers, then of their names, before anything is drawn from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from orchestrator import members
from orchestrator.errors import SpecError
from orchestrator.planning.survival import trained
from orchestrator.sweep.domains import Choice, Constant, Hyperparameter
from orchestrator.sweep.growth import GROWING, has_grown
from orchestrator.sweep.plan import Plan, Provenance, StagePlan
from orchestrator.sweep.spec import Member, Stage, SweepSpec

IDENTIFYING = (
    "trainable", "command", "args", "metrics", "objective", "constraints", "fidelity", "search_space", "nested",
    "stages", "couple", "search", "searcher", "scheduler", "seed",
)  # fmt: skip
"""What makes a sweep the search that it is; a resume refuses to change it."""
ADJUSTABLE = (
    "budget", "promote", "confirm", "warm_start", "try", "seeds", "resources", "slurm", "kubernetes", "retry", "limits",
    "brake", "baseline_first", "seeding", "workdir", "keep_checkpoints", "page", "sinks", "notify", "code",
    "environment", "setup", "storage",
)  # fmt: skip
"""What may differ from one driver of a sweep to the next."""

PACKAGES = {
    "search": "orchestrator.ladders",
    "searcher": "orchestrator.searchers",
    "scheduler": "orchestrator.schedulers",
}
"""Which open set each of these keys of the sweep file names a member of."""

SINKS = "orchestrator.results.sinks"
"""The open set whose members the key `sinks` lists."""

_PROSE = {"unit", "source", "advised", "cautions", "supplied"}


def compile_plan(spec: SweepSpec, provenance: Provenance) -> Plan:
    """Compile a checked specification; raises SpecError for an unknown member, ValueError for what a check refuses."""
    spec = spec.in_order()
    scheduler, options = members.build(PACKAGES["scheduler"], spec.scheduler)
    brackets, survival = scheduler.plan(spec.fidelity, options), scheduler.survival(spec.fidelity)
    parts = [(bracket.share, trained(bracket, spec.fidelity.max, survival)) for bracket in brackets]
    expected = sum(share * (spec.fidelity.max if part is None else part) for share, part in parts)
    return Plan(
        sweep_id=sweep_id(spec),
        spec=spec,
        stages=stage_plans(spec),
        brackets=brackets,
        provenance=provenance,
        trial_part=expected / spec.fidelity.max,
        is_listed=members.load(PACKAGES["searcher"], spec.searcher.name).enumerates,
    )


def sweep_id(spec: SweepSpec) -> str:
    """Name a sweep by its content: `digits-3fa2b1c09d7e`; budget, resources and storage are no part of it."""
    content = _content(spec)
    text = json.dumps(
        {key: content[key] for key in IDENTIFYING if key in content}, sort_keys=True, separators=(",", ":")
    )
    return f"{spec.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def stage_plans(spec: SweepSpec) -> tuple[StagePlan, ...]:
    """Return the stages with the ladder's own; raises SpecError where the ladder cannot take the user's."""
    ladder, options = members.build(PACKAGES["search"], spec.search)
    stages: tuple[StagePlan, ...] = ladder.stages(_blocks(spec), options)
    return stages


def differences(old: SweepSpec, new: SweepSpec) -> tuple[list[str], list[str]]:
    """Compare two specifications: the changes a resume may make, and those it must refuse.

    Each is a line such as `search_space.learning_rate.scale: "log" -> "linear"`. Texts for people (units, sources,
    cautions) are no change, nor is an option that is written out with its default. A hyperparameter may grow
    (`orchestrator.sweep.growth`).
    """
    before, after = _flat(_content(old, is_past=True)), _flat(_content(new))
    growing = tuple(f"search_space.{name}." for name in _grown(old, new))
    allowed: list[str] = []
    refused: list[str] = []
    for path in dict.fromkeys([*before, *after]):
        if before.get(path) != after.get(path) or (path in before) != (path in after):
            is_allowed = path.partition(".")[0].partition("[")[0] in ADJUSTABLE or _grows(path, growing)
            side = allowed if is_allowed else refused
            side.append(f"{path}: {_text(before, path)} -> {_text(after, path)}")
    return allowed, refused


def _grown(old: SweepSpec, new: SweepSpec) -> list[str]:
    pairs = {name: (domain, new.search_space.get(name)) for name, domain in old.search_space.items()}
    return [name for name, (was, now) in pairs.items() if now is not None and has_grown(was, now)]


def _grows(path: str, growing: tuple[str, ...]) -> bool:
    """Say whether a path leads to a key that may change of a hyperparameter that has grown."""
    keys = (path.removeprefix(prefix) for prefix in growing if path.startswith(prefix))
    return any(key.partition("[")[0] in GROWING for key in keys)


def _blocks(spec: SweepSpec) -> list[StagePlan]:
    stages = _auto(spec) if spec.stages == "auto" else spec.stages
    given = [stage.share for stage in stages if stage.share is not None]
    total, open_stages = sum(given), len(stages) - len(given)
    rest = (1 - total) / open_stages if open_stages else 0.0
    scale = 1.0 if open_stages or not stages else 1 / total
    return [
        StagePlan(
            name=stage.name,
            tune=stage.tune,
            share=rest if stage.share is None else stage.share * scale,
            searcher=stage.searcher,
        )
        for stage in stages
    ]


def _auto(spec: SweepSpec) -> tuple[Stage, ...]:
    tiers: dict[int, list[str]] = {}
    for name, domain in spec.in_order().search_space.items():
        if not isinstance(domain, Constant):
            tiers.setdefault(domain.tier, []).append(name)
    return tuple(Stage(name=f"tier-{tier}", tune=tuple(names), share=None) for tier, names in tiers.items())


def _content(spec: SweepSpec, *, is_past: bool = False) -> dict[str, Any]:
    """Return everything a specification means as plain data: options with their defaults, without texts for people.

    That of an earlier driver (`is_past`) may name members that are there no more: their options are as they were given.
    """
    content = spec.model_dump(mode="json")
    for key, package in PACKAGES.items():
        content[key] = _member_content(package, getattr(spec, key), is_past=is_past)
    for stage, fields in zip(() if spec.stages == "auto" else spec.stages, content["stages"], strict=False):
        del fields["searcher"]  # absent where there is none, so that ids from before it existed stay what they were
        if stage.searcher is not None:
            fields["searcher"] = _member_content(PACKAGES["searcher"], stage.searcher, is_past=is_past)
        if (machines := fields.pop("resources")) is not None:
            content["resources"][f"of stage {stage.name}"] = machines  # where a trial lies is no part of the search
    for key in ("trainable", "command", "args", "metrics"):
        if content[key] is None:
            del content[key]  # as above
    for key in ("couple", "constraints"):
        if not content[key]:
            del content[key]  # as above
    content["environment"] = {key: content["environment"][key] for key in spec.environment.given}
    if not spec.fidelity.once:
        del content["fidelity"]["once"]  # as above
    if spec.seeds is None:
        del content["seeds"]
    if not spec.nested or not any("." in name for name in spec.search_space):
        del content["nested"]  # as above: flat, or nothing to nest
    del content["ignore"], content["rules"]
    for name, fields in content["search_space"].items():
        for key in _PROSE:
            del fields[key]
        _strip_choice(spec.search_space[name], fields)
        if not fields.get("also"):
            fields.pop("also", None)  # as above
        if fields.get("mean") is None:
            for key in ("mean", "sd"):
                fields.pop(key, None)  # as above
        if fields.get("step") is None or fields.get("grid") == "decimal":
            fields.pop("grid", None)  # as above
    return content


def _strip_choice(domain: Hyperparameter, fields: dict[str, Any]) -> None:
    """Leave out of a choice what it does not differ by from one of before there were orders and weights."""
    if isinstance(domain, Choice):
        fields.pop("ordered")
        if domain.is_ordered:
            fields["ordered"] = True
        if domain.weights is None:
            del fields["weights"]


def _member_content(package: str, member: Member, *, is_past: bool) -> dict[str, Any]:
    try:
        options = members.build(package, member).options.model_dump(mode="json")
    except (SpecError, ValidationError):
        if not is_past:
            raise
        options = dict(member.options)  # a class of the user's own that is gone, or takes other options now
    return {"name": member.name, "options": options}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        items = [(f"{path}.{key}" if path else str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        items = [(f"{path}[{position}]", inner) for position, inner in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for inner_path, inner in items for key, leaf in _flat(inner, inner_path).items()}


def _text(flat: Mapping[str, Any], path: str) -> str:
    return json.dumps(flat[path]) if path in flat else "(nothing)"
