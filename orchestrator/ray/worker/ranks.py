"""A trial of several processes, seen from the actor that Tune placed for it: they start, keep pace and end together.

Rank 0's reports count. The k-th report of another rank returns when rank 0's k-th was answered, so a STOP raises at the
same report in all of them; a function that reports in rank 0 alone is fine too. The first rank that fails ends the
attempt, and with the attempt every rank ends: stopped ones have time for their `finally`, all are killed at last. They
are actors owned by this one, so they do not outlive it either.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.tune.result import RESULT_DUPLICATE
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from orchestrator.ray.worker.assignment import OUTSIDE_KEY, REPORT_KEY, Assignment, Gang
from orchestrator.ray.worker.failure import ERROR, LOST, OUT_OF_MEMORY, AttemptFailed
from orchestrator.ray.worker.outcomes import classify
from orchestrator.ray.worker.rank import Arrival, Rank, Turn, environment

POLL_S = 0.2
"""How often the ranks are looked at although none of them moves."""
SETTLE_S = 15.0
"""How long a broken connection is asked about: the rank at its other end may be found dead, and is the cause."""
PATIENCE_S = 1800.0
"""How long a rank waits at a report for rank 0: as long as torch.distributed itself waits by default (gloo)."""
SIGNS_S = 5.0
"""How long the ranks are waited for when they are asked for signs of life."""
GRACE_S = 5.0
"""What the other ranks get to end once rank 0 has."""

_BROKEN = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
"""What gloo and NCCL say when the rank at the other end is gone."""


class RankBarrier:
    """Says which ranks may go on past their reports."""

    def __init__(self, size: int) -> None:
        self._made = [0] * size
        self._waiting: dict[int, float] = {}
        self._is_free = False

    def report(self, rank: int, now: float) -> bool:
        """Take a report of a rank other than 0; True where it need not wait."""
        self._made[rank] += 1
        if self._is_free or self._made[rank] <= self._made[0]:
            return True
        self._waiting[rank] = now
        return False

    def answered(self) -> list[int]:
        """Take that rank 0's next report was answered; returns the others that go on with it."""
        self._made[0] += 1
        return self._let_go(rank for rank in self._waiting if self._made[rank] <= self._made[0])

    def free(self) -> list[int]:
        """Take that rank 0 returned: nobody waits any more."""
        self._is_free = True
        return self._let_go(self._waiting)

    def stuck(self, now: float) -> str | None:
        """Say so where a rank waits for longer than PATIENCE_S."""
        for rank, since in self._waiting.items():
            if now - since > PATIENCE_S:
                made = self._made
                return (
                    f"rank {rank} has waited {PATIENCE_S:g} s at its report number {made[rank]} for rank 0, which made "
                    f"{made[0]}; call ray.tune.report equally often in all ranks, or in rank 0 alone"
                )
        return None

    def _let_go(self, ranks: Any) -> list[int]:
        gone = list(ranks)
        for rank in gone:
            del self._waiting[rank]
        return gone


class Ranks:
    """The ranks of one attempt."""

    def __init__(self, assignment: Assignment, gang: Gang) -> None:
        """Start them in the placement group that this actor is in, those of a node in its bundle."""
        group = ray.util.get_current_placement_group()
        self._teardown_s = assignment.teardown_s
        self._turns: dict[Any, int] = {}
        self._gang = gang
        self._outside: dict[str, str] = {}
        self._has_outside_to_tell = False
        self.unread: tuple[str, ...] | None = None
        """Hyperparameters that no rank read, once the training is over; None where that is not known."""
        self._actors = [
            ray.remote(Rank)
            .options(
                num_cpus=gang.cpus,
                num_gpus=gang.gpus,
                max_concurrency=3,
                scheduling_strategy=PlacementGroupSchedulingStrategy(group, rank // gang.per_node),
            )
            .remote(assignment, rank)
            for rank in range(gang.size)
        ]

    def gather(self, config: dict[str, Any], session: Any, run_id: str) -> list[Arrival]:
        """Wait until all are there, tell them of each other, and return where they are."""
        folder = session.storage.trial_working_directory
        arrivals: list[Arrival] = ray.get([actor.arrive.remote(folder) for actor in self._actors])
        inherited = {
            "trial_info": session.trial_info,
            "storage": session.storage,
            "checkpoint": session.loaded_checkpoint,
        }
        begun = [
            actor.begin.remote(environment(self._gang, rank, arrivals, run_id), config, inherited)
            for rank, actor in enumerate(self._actors)
        ]
        ray.get(begun)
        return arrivals

    def signs(self) -> list[str | None]:
        """Return what was seen of each rank since the last call (see `signs`); who does not answer says nothing."""
        asked = [actor.sign_of_life.remote() for actor in self._actors]
        ready, _ = ray.wait(asked, num_returns=len(asked), timeout=SIGNS_S)
        with contextlib.suppress(ray.exceptions.RayError):  # one that died is noticed elsewhere
            found: list[str | None] = ray.get(ready)
            return found
        return []

    def run(self, session: Any) -> None:
        """Train to the end, in the training thread of `session`; raises AttemptFailed, and SystemExit after a STOP."""
        try:
            self._train(session)
            session.report({RESULT_DUPLICATE: True})
        except SystemExit:
            self.unread = self._stop()
            raise
        finally:
            self.kill()

    def kill(self) -> None:
        """End every rank's process."""
        for actor in self._actors:
            ray.kill(actor)

    def _train(self, session: Any) -> None:
        pace, running, leave_at = RankBarrier(self._gang.size), set(range(self._gang.size)), float("inf")
        unread: list[tuple[str, ...] | None] = []
        self._turns = {actor.turn.remote(): rank for rank, actor in enumerate(self._actors)}
        while running and time.monotonic() < leave_at:
            if session.stop_event.is_set():
                raise SystemExit(0)
            for rank, turn in self._moved():
                self._take_outside(turn)
                if turn.returned:
                    running.discard(rank)
                    unread.append(turn.unread)
                    if rank == 0:  # its reports are all there are; the others may end what they are at
                        leave_at = time.monotonic() + self._teardown_s
                        self._go_on(pace.free())
                elif rank == 0:
                    session.report(self._told(turn))  # waits for the verdict; SystemExit if that is STOP
                    self._go_on([0, *pace.answered()])
                elif pace.report(rank, time.monotonic()):
                    self._go_on([rank])
            if (problem := pace.stuck(time.monotonic())) is not None:
                raise AttemptFailed(ERROR, problem)
        self.unread = None if running else unread_by_all(unread)

    def _take_outside(self, turn: Turn) -> None:
        if turn.outside:
            self._outside |= dict(turn.outside)
            self._has_outside_to_tell = True

    def _told(self, turn: Turn) -> dict[str, Any]:
        """Return a report of rank 0 as it is sent, with what the ranks imported from elsewhere where that is new."""
        outside = {OUTSIDE_KEY: tuple(self._outside.items())} if self._has_outside_to_tell else {}
        self._has_outside_to_tell = False
        return {REPORT_KEY: turn.report, **outside}

    def _go_on(self, ranks: Sequence[int]) -> None:
        for rank in ranks:
            self._turns[self._actors[rank].turn.remote()] = rank

    def _moved(self) -> list[tuple[int, Turn]]:
        """Return what the ranks did that moved within POLL_S; raises AttemptFailed where one failed."""
        ready, _ = ray.wait(list(self._turns), num_returns=len(self._turns), timeout=POLL_S)
        moved, failed = [], []
        for reference in ready:
            rank = self._turns.pop(reference)
            try:
                moved.append((rank, ray.get(reference)))
            except Exception as error:  # noqa: BLE001 - Ray's kinds of errors, and what a rank raised
                failed.append(self._failure(rank, error))
        if failed:
            raise self._cause(failed)
        return moved

    def _failure(self, rank: int, error: Exception) -> AttemptFailed:
        outcome, text = classify(error)
        return AttemptFailed(outcome.value, f"rank {rank} of {self._gang.size}: {text}")

    def _cause(self, failed: list[AttemptFailed]) -> AttemptFailed:
        """Return the failure that the others follow from. A broken connection is nobody's own: its cause may follow."""
        until = time.monotonic() + SETTLE_S
        while self._turns and all(map(_is_consequence, failed)) and time.monotonic() < until:
            for reference in ray.wait(list(self._turns), timeout=POLL_S)[0]:
                rank = self._turns.pop(reference)
                try:
                    ray.get(reference)
                except Exception as error:  # noqa: BLE001 - as above
                    failed.append(self._failure(rank, error))
        cause = min(failed, key=_weight)
        if _is_consequence(cause):
            return AttemptFailed(LOST, f"the ranks lost each other: {cause.text}")
        return cause

    def _stop(self) -> tuple[str, ...] | None:
        """Let the trainings end in order: rank 0 in the time that a stopped training has, the others soon after it.

        Returns the hyperparameters that none of them read; None where that is not known.
        """
        ending = [actor.stop.remote(self._teardown_s) for actor in self._actors]
        ray.wait(ending[:1], timeout=max(self._teardown_s - 2 * GRACE_S, 1.0))
        ready, others = ray.wait(ending, num_returns=len(ending), timeout=GRACE_S)
        with contextlib.suppress(ray.exceptions.RayError):  # one that died has nothing more to say
            return None if others else unread_by_all(ray.get(ready))
        return None


def unread_by_all(said: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """Return what none of the ranks read; None where one of them does not say."""
    known = [names for names in said if names is not None]
    if not known or len(known) < len(said):
        return None
    return tuple(name for name in known[0] if all(name in names for names in known))


def _is_consequence(failure: AttemptFailed) -> bool:
    return failure.outcome == ERROR and any(words in failure.text for words in _BROKEN)


def _weight(failure: AttemptFailed) -> int:
    return 3 if _is_consequence(failure) else {LOST: 0, OUT_OF_MEMORY: 1}.get(failure.outcome, 2)


def describe_places(gang: Gang, arrivals: Sequence[Arrival]) -> tuple[str, str | None]:
    """Return the nodes and the GPUs of all ranks, as a `Placement` has them."""
    groups = [arrivals[start : start + gang.per_node] for start in range(0, gang.size, gang.per_node)]
    gpus = ";".join(",".join(gpu for arrival in group for gpu in arrival.gpu_ids) for group in groups)
    return ",".join(group[0].node for group in groups), gpus if gang.gpus else None
