"""Preflight: what would go wrong with a sweep on a cluster, found within a minute and before anything is paid for.

    preflight(plan, trainable, sweep_folder, HostOptions("auto"))

Versions, resources, storage and the training function are looked at on every node at once; then the baseline is
trained for two reports. A probe folder, `.preflight/`, lies in the sweep's folder meanwhile and is removed afterwards.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from orchestrator import wording
from orchestrator.errors import ClusterError, StorageError
from orchestrator.policies.placing import kinds_of, resources_in
from orchestrator.project.environment import said_here
from orchestrator.ray.host import cluster
from orchestrator.ray.host.machines import has_conditions, places, qualifying
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.host.setups import setup_of
from orchestrator.ray.preflight.findings import Finding
from orchestrator.ray.preflight.probes import (
    DRIVER_FILE,
    Node,
    NodeLook,
    NodeTasks,
    Replies,
    alive_nodes,
    import_function,
    left_as_found,
    look,
    name_cause,
    node_versions,
)
from orchestrator.ray.preflight.setup import CHECK as SETUP
from orchestrator.ray.preflight.setup import tried_setup
from orchestrator.ray.preflight.smoke import CHECK as SMOKE
from orchestrator.ray.preflight.smoke import one_line, smoke_trial
from orchestrator.ray.worker.trainable import Trainable, name_of
from orchestrator.storage.location import Location
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.resources import Resources

FOLDER = ".preflight"
BUSY = "a busy node is no broken one: start all the same, or ask again later, or with --patience SECONDS"
"""What to do about a node that did not answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a preflight waits."""

    nodes_s: float
    """Seconds for the answers of the nodes, which are asked at once."""
    smoke_s: float
    """Seconds for the smoke trial, from being asked for to its second report."""

    @classmethod
    def of(cls, total_s: float) -> Patience:
        """Share `total_s` out: each of the two may have to import the training first."""
        return cls(total_s / 2, total_s / 2)


def preflight(
    plan: Plan, trainable: Trainable, sweep_folder: Location, options: HostOptions, patience: Patience
) -> list[Finding]:
    """Look at everything a sweep needs, on every node; nothing of it is left behind.

    Raises KeyboardInterrupt where a signal ended it, and nothing for what is wrong: that is a finding.
    """
    try:
        with cluster.connected(options), _probe_folder(sweep_folder) as folder:
            return _findings(plan, trainable, sweep_folder, folder, options, patience)
    except ClusterError as error:
        return [Finding.fails("ray", str(error), "start Ray there, or correct --address")]


def _findings(
    plan: Plan, trainable: Trainable, sweep_folder: Location, folder: Location, options: HostOptions, patience: Patience
) -> list[Finding]:
    resources, nodes, taken = plan.spec.resources, alive_nodes(), cluster.taken_on_nodes()
    token = secrets.token_bytes(16)
    problem = _write(folder, token)
    looking = NodeTasks(nodes, look, folder)
    workers = [node for node in nodes if node.runs_trials]
    importing = NodeTasks(workers, import_function, trainable, sees_gpus=resources.gpus > 0)
    looks, imports = looking.collect(patience.nodes_s), importing.collect(patience.nodes_s)
    busy = _busy(workers, looks, taken)
    findings = [
        _versions(looks),
        *(_resources(kind, name) for name, kind in kinds_of(plan).items()),
        _storage(sweep_folder, token, problem, looks, taken),
        _imports(trainable, imports, busy),
    ]
    if plan.spec.setup:
        findings.append(_setup(plan, trainable, folder, patience, _failing(findings)))
        plan = plan.model_copy(update={"spec": plan.spec.model_copy(update={"setup": ()})})  # it is done by now
    if plan.spec.environment.given:
        findings.insert(1, _environment(plan.spec.environment, options, looks))
    return [*findings, _smoke(plan, trainable, folder, options, patience, findings, is_busy=bool(busy))]


def _busy(workers: Sequence[Node], looks: Replies[NodeLook], taken: Mapping[str, str]) -> set[Node]:
    """Name the nodes of which slowness says nothing: trials of somebody run there, or more processes than CPUs."""
    loaded = {node for node, found in looks.answers.items() if found.load > 1}
    return {node for node in workers if node.node_id in taken or node in looks.silent or node in loaded}


def _versions(looks: Replies[NodeLook]) -> Finding:
    mine = node_versions()
    others = defaultdict(list)
    for node, found in looks.answers.items():
        for name, version in found.versions.items():
            if version != mine[name]:
                others[f"{name} {version}"].append(node)
    if not others and not looks.answers and not looks.failures:
        return Finding.cannot_tell("versions", f"{_no_answer(looks)}; here are {_listed(mine)}", BUSY, "no answer")
    if others or not looks.answers:
        there = [f"{_named(nodes)} has {version}" for version, nodes in others.items()]
        text = f"{'; '.join([*there, *_failed(looks.failures)])}; here are {_listed(mine)}"
        return Finding.fails("versions", text, "install the same on every node")
    return Finding.holds("versions", f"{_listed(mine)}: here and on {_counted(len(looks.answers))}")


def _environment(environment: Environment, options: HostOptions, looks: Replies[NodeLook]) -> Finding:
    """Judge what the sweep file asks for beside the code: whoever answered runs in it."""
    what = " and ".join(environment.given)
    if not looks.answers:
        return Finding.cannot_tell("environment", f"{what}: no node answered", why="no answer")
    if options.address is None:
        lacking = said_here(environment, is_joined=False, environ=os.environ)
        return Finding.holds("environment", "; ".join([f"{what}: as far as it applies here", *lacking]))
    return Finding.holds("environment", f"{what}: set up here and on {_counted(len(looks.answers))}")


def _resources(resources: Resources, needed_by: str) -> Finding:
    who = f"{needed_by}: a trial" if needed_by else "a trial"
    asks = f"{who} takes {resources.cpus:g} CPUs and {resources.gpus:g} GPUs"
    nodes = cluster.present_nodes()
    if has_conditions(resources):
        asks = f"{asks}, {wording.machines(resources)} ({qualifying(nodes, resources)})"
    present = places(nodes, resources)
    if present:
        free = min(present, places(cluster.free_nodes(), resources))
        taken = "" if free == present else f"; {free} of these places free at the moment, for the others it waits"
        unknown = [name for name in resources.avoid or () if not any(name in node.names for node in nodes)]
        gone = f"; of resources.avoid, there is no {', '.join(unknown)}" if unknown else ""
        return Finding.holds("resources", f"{asks}: {present} at once, as the cluster is now{taken}{gone}")
    try:
        cluster.refuse_infeasible(resources)
    except ClusterError as error:
        text, _, remedy = str(error).rpartition(". ")
        return Finding.fails("resources", f"{needed_by}: {text}" if needed_by else text, remedy)
    return Finding.holds("resources", f"{asks}: no node holds one now; it waits for the autoscaler")


def _storage(
    folder: Location, token: bytes, problem: str | None, looks: Replies[NodeLook], taken: Mapping[str, str]
) -> Finding:
    if problem is not None:
        return Finding.fails("storage", f"it cannot be written here: {problem}", "set storage to a folder that can be")
    problems = [f"{node.name}: {found.problem}" for node, found in looks.answers.items() if found.problem]
    if problems:
        remedy = "make it writable on every node, or set storage to what is"
        return Finding.fails("storage", "; ".join(problems), remedy)
    blind = [node for node, found in looks.answers.items() if found.seen != token]
    if blind:
        text = f"{folder} is not shared: {_named(blind)} does not see there what is written here"
        return Finding.fails("storage", text, "set storage to a folder that every node shares, or to s3://bucket/runs")
    if looks.failures and not looks.answers:
        return Finding.fails("storage", "; ".join(_failed(looks.failures)), "look at that node, or take it away")
    text = f"{folder}: written and read here" + (f" and on {_counted(len(looks.answers))}" if looks.answers else "")
    if looks.failures:
        return Finding.fails("storage", "; ".join([text, *_failed(looks.failures)]), "look at that node")
    if looks.silent:
        return Finding.cannot_tell("storage", f"{text}; {_no_answer(looks, taken)}", BUSY, "no answer")
    return Finding.holds("storage", text)


def _imports(trainable: Trainable, imports: Replies[str | None], busy: Collection[Node] = ()) -> Finding:
    """Judge the imports. A node that is not `busy`, and looked at its storage in time, hangs in the import itself."""
    reasons = defaultdict(list)
    for node, text in imports.answers.items():
        if text is not None:
            reasons[one_line(text)].append(node)
    if reasons:
        text = "; ".join(f"on {_named(nodes)}: {reason}" for reason, nodes in reasons.items())
        remedy = "every node needs the file and all that it imports: share or send the folder, install what lacks"
        return Finding.fails("import", text, remedy)
    if imports.failures:
        return Finding.fails("import", "; ".join(_failed(imports.failures)), "install what lacks there")
    if hanging := {node: why for node, why in imports.silent.items() if node not in busy}:
        remedy = "let the import wait for nothing, or look at that node; where it takes longer, give --patience SECONDS"
        return Finding.fails("import", "; ".join(_failed(hanging)), remedy)
    if imports.silent:
        there = f"on {_counted(len(imports.answers))}; " if imports.answers else ""
        text = f"{name_of(trainable)}: {there}{_no_answer(imports)}"
        return Finding.cannot_tell("import", text, BUSY, "no answer")
    return Finding.holds("import", f"{name_of(trainable)}: on {_counted(len(imports.answers))}")


def _setup(plan: Plan, trainable: Trainable, folder: Location, patience: Patience, failed: Sequence[str]) -> Finding:
    if failed:
        return Finding.cannot_tell(SETUP, f"not run: {', '.join(failed)} failed")
    return tried_setup(setup_of(plan.spec.setup, trainable, folder), kinds_of(plan).values(), patience.nodes_s)


def _failing(findings: Sequence[Finding]) -> list[str]:
    return [finding.check for finding in findings if finding.ok is False]


def _smoke(
    plan: Plan,
    trainable: Trainable,
    folder: Location,
    options: HostOptions,
    patience: Patience,
    before: Sequence[Finding],
    *,
    is_busy: bool,
) -> Finding:
    if failed := _failing(before):
        return Finding.cannot_tell(SMOKE, f"not run: {', '.join(failed)} failed")
    if any(finding.check == SETUP and finding.ok is None for finding in before):
        return Finding.cannot_tell(SMOKE, "not run: setup has not ended on every node", why="no answer")
    if not places(cluster.present_nodes(), resources_in(plan.spec, plan.stages[0].name)):
        return Finding.cannot_tell(SMOKE, "not run: no node that could hold it is up")
    return smoke_trial(plan, trainable, folder, options, patience.smoke_s, is_busy=is_busy)


@contextlib.contextmanager
def _probe_folder(sweep_folder: Location) -> Iterator[Location]:
    """Name a folder for the files of this preflight; whatever lies there afterwards is removed, with what it made."""
    folder = sweep_folder.absolute() / FOLDER / secrets.token_hex(4)
    try:
        with left_as_found(folder):
            yield folder
    finally:
        if folder.is_remote:
            with contextlib.suppress(StorageError):  # it was a finding already
                folder.delete()


def _write(folder: Location, token: bytes) -> str | None:
    try:
        folder.files().replace(DRIVER_FILE, token)
    except StorageError as error:
        return name_cause(error)
    return None


def _failed(failures: Mapping[Node, str]) -> list[str]:
    return [f"{node.name}: {why}" for node, why in failures.items()]


def _no_answer(replies: Replies[Any], taken: Mapping[str, str] = MappingProxyType({})) -> str:
    """Say who did not answer in time and, by Ray's id of the node, what is taken there."""
    said = {node: f" ({taken[node.node_id]})" if node.node_id in taken else "" for node in replies.silent}
    return "; ".join(f"{node.name}: {replies.silent[node]}{held}" for node, held in said.items())


def _named(nodes: Sequence[Node]) -> str:
    return ", ".join(node.name for node in nodes)


def _listed(versions_: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions_.items())


def _counted(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"
