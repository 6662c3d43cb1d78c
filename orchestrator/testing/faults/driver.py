"""One driver of a pretended sweep, from its first look at the storage to how it leaves, or is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from orchestrator.errors import ClusterLostError, StepladderError
from orchestrator.policies.ending import exit_code_of
from orchestrator.ray.host.bridge import Bridge
from orchestrator.testing.faults.cluster import PretendCluster
from orchestrator.testing.faults.disk import ProcessKilledError

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.testing.faults.clocks import Clocks

KILLED = "killed"
"""How a driver left that was killed."""
GONE = ClusterLostError("Ray is gone: its control store does not answer any more")


@dataclass(slots=True)
class Left:
    """How a driver left."""

    code: int | None
    """Its exit code; None where it was killed."""
    reason: str
    """Why it left in order, `killed`, or the name of the error that ended it."""
    said: str = ""
    """The error's text."""


class PretendDriver:
    """A driver at work; `run` is what `orchestrator.driver.drive` and `orchestrator.ray.host.host` do."""

    def __init__(
        self, session: Session, clocks: Clocks, make_cluster: Callable[[PretendDriver], PretendCluster],
        remove: Callable[[list[str]], None],
    ) -> None:  # fmt: skip
        """Drive an open session; `remove` removes checkpoints that were replaced."""
        self.session, self.clocks = session, clocks
        self.bridge = Bridge(session.controller, session.folder.absolute(), clocks.steady)
        self.cluster = make_cluster(self)
        self.is_dead = False
        """Whether it was killed: nothing of it runs any more."""
        self._remove = remove

    @property
    def is_over(self) -> bool:
        """Say whether its loop has ended."""
        bridge = self.bridge
        return bridge.done is not None or bridge.leaving is not None or bridge.failure is not None

    def turn(self) -> None:
        """Do one turn of the loop. Raises ProcessKilledError where it is killed in it."""
        self.cluster.turn()
        self.bridge.turn(self._step)

    def run(self, between: Callable[[], None]) -> Left:
        """Drive to where it stops; `between` is called between two turns, lets time pass, and may do worse."""
        try:
            while not self.is_over:
                self.turn()
                if not self.is_over:
                    between()
            return self._leave()
        except ProcessKilledError:
            self.is_dead = True
            return Left(None, KILLED)

    def lose_ray(self) -> None:
        """Let Ray be gone."""
        self.bridge.lose(GONE)

    def _step(self) -> None:
        self.session.on_step()
        self._remove(self.session.controller.keeping.take())

    def _leave(self) -> Left:
        self.bridge.interrupt_all()
        failure = self.bridge.failure
        if isinstance(failure, ClusterLostError):
            return self._closed("cluster", failure)
        if failure is None:
            return self._closed(self.bridge.leaving or self.bridge.done or "stopped", None)
        self.session.release()
        return _left_by(failure)

    def _closed(self, reason: str, failure: StepladderError | None) -> Left:
        try:
            self.session.close(reason)
        except StepladderError as error:
            self.session.release()
            return _left_by(error)
        self._remove(self.session.controller.keeping.take())
        return _left_by(failure) if failure else Left(exit_code_of(reason, self.session.state), reason)


def _left_by(error: Exception) -> Left:
    if not isinstance(error, StepladderError):
        raise error
    return Left(error.exit_code, type(error).__name__, str(error))


def seeded(random: Random) -> Random:
    """Return a source of draws of its own, so that one part's draws do not move another's."""
    return Random(random.getrandbits(64))
