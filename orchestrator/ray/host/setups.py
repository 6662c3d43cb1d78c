"""The sweep file's `setup` on the nodes of a cluster: once on each that could hold a trial, before one lies there.

    running -> done       trials may lie there
            -> failed     none does, for as long as this driver lives

A node is known by Ray's id of it: a machine that was started again is another one, and is set up anew. So does every
driver, since a disk may have been wiped between two: lines are to be quick where their work is done already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator import wording
from orchestrator.policies.placing import PlacesDue
from orchestrator.ray.host import cluster
from orchestrator.ray.host.machines import Nodes, places, qualify
from orchestrator.ray.worker import ahead
from orchestrator.ray.worker.setting_up import NodeSetup, SetupEnd, set_up
from orchestrator.ray.worker.trainable import Command, Trainable, TrainableFile
from orchestrator.storage.location import Location
from orchestrator.sweep.resources import Resources

LOOK_S = 1.0
"""How often new nodes, and answers, are looked for."""
TRIES = 2
"""How often the lines are begun on a node whose process there dies under them."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class _Running:
    node: Nodes
    task: Any
    tries: int = 1


class Setups:
    """Sets nodes up, and says which may take trials."""

    def __init__(
        self, asked: NodeSetup, kinds: Collection[Resources], say: Callable[[str], None], give_up: Callable[[str], None]
    ) -> None:
        """`kinds` are what trials take; `say` is told how it went on a node, `give_up` that it failed on all."""
        self.asked = asked
        """What is run; its `node` is left to each."""
        self.failed: dict[str, str] = {}
        """Names of the nodes on which it failed, by Ray's ids."""
        self._kinds = kinds
        self._say = say
        self._give_up = give_up
        self._running: dict[str, _Running] = {}
        self._done: set[str] = set()
        self._last = ""
        self._look_at = float("-inf")

    @property
    def is_at_work(self) -> bool:
        """Whether it runs on any node."""
        return bool(self._running)

    def barred(self, now: float) -> frozenset[str]:
        """Return Ray's ids of the nodes that may take no trial yet, or ever, after a look that is due at `now`."""
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._look()
        return frozenset(self._running.keys() | self.failed.keys())

    def may_lie(self, node_ids: Collection[str]) -> bool:
        """Say whether a trial may lie on these nodes. One that joined since the last look may not."""
        return self._done.issuperset(node_ids)

    def preparing(self, due: PlacesDue) -> tuple[int, str]:
        """Return how many places that are due wait for it, and in words why; 0 where nothing does."""
        nodes = [running.node for running in self._running.values()]
        waiting = min(due.alike, max(1, places(nodes, due.resources))) if nodes else 0
        where = wording.first_of([node.names[0] for node in nodes])
        return waiting, f"setup runs on {wording.counted(len(nodes), 'node')} before the first trial there: {where}"

    def end(self) -> None:
        """End what runs, with all that it started: this driver leaves."""
        for running in self._running.values():
            ray.cancel(running.task, force=True)
        self._running.clear()

    def _look(self) -> None:
        alive = {node.node_id: node for node in cluster.alive_nodes()}
        for node_id in [node_id for node_id in self._running if node_id not in alive]:
            del self._running[node_id]
        self._hear()
        for node_id, node in alive.items():
            is_known = node_id in self._done or node_id in self.failed or node_id in self._running
            if not is_known and any(qualify(node, kind) for kind in self._kinds):
                self._running[node_id] = _Running(node, task_on(node, self.asked))
        if not self._running and self.failed and not self._done:
            every = "it failed on every node that could hold a trial" if len(self.failed) > 1 else "no other node"
            self._give_up(f"{self._last} ({every}). Mend `setup`, or the nodes; nothing acknowledged is lost")

    def _hear(self) -> None:
        """Take the answers that are there."""
        tasks = [running.task for running in self._running.values()]
        done = set(ray.wait(tasks, num_returns=len(tasks), timeout=0)[0]) if tasks else set()
        for node_id, running in [item for item in self._running.items() if item[1].task in done]:
            del self._running[node_id]
            try:
                self._take(running.node, ray.get(running.task))
            except ray.exceptions.RayError as error:
                if running.tries < TRIES:  # the memory killer, or a raylet that is about to be missed
                    again = task_on(running.node, self.asked)
                    self._running[node_id] = _Running(running.node, again, running.tries + 1)
                else:
                    lines = str(error).strip().splitlines() or [type(error).__name__]
                    self._take(running.node, SetupEnd(0.0, "the node's own Ray logs", f"its process died: {lines[-1]}"))

    def _take(self, node: Nodes, end: SetupEnd) -> None:
        if end.failed is None:
            self._done.add(node.node_id)
            return
        self.failed[node.node_id] = node.names[0]
        self._last = f"setup failed on node {node.names[0]}: {end.failed}; its log: {end.log}"
        self._say(f"{self._last}. No trial is placed there")


def task_on(node: Nodes, asked: NodeSetup) -> Any:
    """Begin on one node; returns what Ray will answer with."""
    task = ray.remote(num_cpus=0, max_retries=0, max_calls=1, **ahead.apart())(set_up)
    where = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    return task.options(scheduling_strategy=where, name="stepladder-setup").remote(replace(asked, node=file_name(node)))


def file_name(node: Nodes) -> str:
    """Return what the prints of a node are called by."""
    return f"{_NOT_IN_A_NAME.sub('-', node.names[0].partition(' ')[0])}-{node.node_id[:6]}"


def setup_of(lines: Sequence[str], trained: Trainable, sweep: Location) -> NodeSetup:
    """Return what `setup` asks for on every node, of a sweep that lies in `sweep`."""
    known = trained if isinstance(trained, TrainableFile | Command) else None
    return NodeSetup(tuple(lines), known, str(Path.cwd()), str(sweep.absolute()), "")
