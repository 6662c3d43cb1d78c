"""The watch of `policies.silence` in a driver: asks silent workers for signs of life, and ends those that are given up.

Whoever is ended is asked first where it stands: by a task on its own node, since it may be deaf itself. What the stacks
say is kept in the sweep's `logs/`, and named in the attempt's error. Then its processes are killed, likewise.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import ray

from orchestrator.errors import StorageError
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.live_attempt import LiveAttempt
from orchestrator.ray.host.loop import SweepRun
from orchestrator.ray.host.on_nodes import answer, run_on_nodes
from orchestrator.ray.worker.ending import end_processes, place_in, take_stacks
from orchestrator.storage.location import Location

LOGS = "logs"
"""Folder of a sweep that takes what its attempts leave to read."""
STACKS_S = 60.0
"""How long the stacks may take to come, the start of a process for them included; then it is ended without."""
KILL_S = 30.0
"""Likewise for its end; then Ray alone is asked for it."""

_log = logging.getLogger("stepladder")


@dataclass(slots=True)
class _Ending:
    """An attempt that is being ended."""

    attempt: LiveAttempt
    until: float
    """When this step is given up."""
    asked: list[Any]
    """What Ray owes of this step."""
    is_killing: bool = False
    """Whether its processes are being killed; before, their stacks are taken."""


@dataclass(slots=True)
class HostWatch:
    """Acts on what the bridge's watch finds."""

    bridge: Bridge
    run: SweepRun
    file: str | None = None
    """The user's own file, in whose frames a person looks first; None where there is none."""
    _signs: dict[str, Any] = field(default_factory=dict)
    _endings: list[_Ending] = field(default_factory=list)

    def look(self, now: float) -> None:
        """Do what is due at `now`, in monotonic seconds; called about once a second."""
        self._hear()
        self._ask()
        for attempt in self.bridge.faulty():
            self._endings.append(_Ending(attempt, now + STACKS_S, run_on_nodes(take_stacks, attempt.processes)))
        self._endings = [ending for ending in self._endings if not self._settle(ending, now)]

    def _ask(self) -> None:
        for attempt in self.bridge.to_ask():
            if attempt.key not in self._signs:  # one question at a time: a worker that is deaf answers none
                worker = self.run.worker_of(attempt)
                if worker is not None:
                    self._signs[attempt.key] = worker.sign_of_life.remote()

    def _hear(self) -> None:
        for key, sign in list(self._signs.items()):
            if key not in self.bridge.live:
                del self._signs[key]
            elif ray.wait([sign], timeout=0)[0]:
                del self._signs[key]
                if answer(sign) is not None:
                    self.bridge.alive(key)

    def _settle(self, ending: _Ending, now: float) -> bool:
        """Go on with an ending where its step is done; True once nothing is left to do."""
        ready, owed = ray.wait(ending.asked, num_returns=len(ending.asked), timeout=0) if ending.asked else ([], [])
        if ending.attempt.key not in self.bridge.live and not ending.is_killing:
            return True  # it ended by itself
        if owed and now < ending.until:
            return False
        if ending.is_killing or not ending.attempt.processes:
            self.run.end(ending.attempt)  # Ray may not have heard yet, or may be the only one who can
            return True
        self._keep(ending.attempt, "\n\n".join(str(said) for said in map(answer, ready) if said))
        ending.asked = run_on_nodes(end_processes, ending.attempt.processes)
        ending.is_killing, ending.until = True, time.monotonic() + KILL_S
        return False

    def _keep(self, attempt: LiveAttempt, stacks: str) -> None:
        """Keep the stacks, and say in the attempt's error where it stood and where they are."""
        assert attempt.fault is not None
        outcome, text = attempt.fault
        place = self.file and place_in(stacks, self.file)
        if place:
            text = f"{text}\nit stood at {place}"
        if stacks:
            name = f"{LOGS}/{attempt.trial}/{attempt.attempt}/stacks.txt"
            kept = _kept(self.bridge.folder, name, stacks)
            text = f"{text}\nits stacks: {name}" if kept else text
        attempt.fault = outcome, text


def _kept(folder: Location, name: str, stacks: str) -> bool:
    try:
        if not folder.is_remote and not folder.is_folder():
            return False  # it was moved, which is noticed elsewhere; it is not made again
        folder.files().replace(name, f"{stacks}\n".encode())
    except StorageError as error:
        _log.warning("the stacks of a hung training could not be kept: %s", error)
        return False
    return True
