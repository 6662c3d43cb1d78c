"""The driver: runs a sweep from this process, on the Ray it starts here or on a cluster it joins.

Everything a driver needs comes together here: the session (lease, journal, controller), Ray Tune as the host, and
beside them the threads that follow the log (today's one observer is the tables) and remove old checkpoints, and the
progress that a person watches. The command line and the notebook both run a sweep by `run_session`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import exitcodes
from orchestrator.control.caps import is_used_up
from orchestrator.control.fold import SweepState
from orchestrator.control.session import Session
from orchestrator.results.background import BackgroundFollower
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.storage.location import Location
from orchestrator.storage.retention import Retention
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import TrialState
from orchestrator.views.progress import Progress
from orchestrator.views.render import make_console

if TYPE_CHECKING:
    from orchestrator.ray.host.options import HostOptions
    from orchestrator.ray.worker.trainable import Trainable


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    reason: str
    """finished, exhausted, gpu_hours, cpu_hours, wall, SIGINT, SIGTERM, stop, cancel or brake."""
    state: SweepState
    """What is known about the sweep."""
    problems: list[str] = field(default_factory=list)
    """What went wrong beside the sweep (Parquet not written, say)."""

    @property
    def exit_code(self) -> int:
        """See `orchestrator.exitcodes`; FAILED where every trial failed."""
        ended = exitcodes.FAILED if self.state.all_failed else exitcodes.DONE
        return exitcodes.OF_LEAVING[self.reason] if self.is_resumable else ended

    @property
    def is_resumable(self) -> bool:
        """Say whether the driver left with work to do: not where a cap that all drivers share is used up."""
        return self.reason in exitcodes.OF_LEAVING and not is_used_up(self.state, self.reason)


def run_session(session: Session, code: Path | Callable[[Config], object], options: HostOptions) -> Ending:
    """Run a sweep with its progress on stderr: what `stepladder run` and `Sweep.run` do once the session is open.

    `code` is the folder that the plan's training function or command lies in, or the function itself. Raises as
    `drive` does.
    """
    from orchestrator.ray.worker.trainable import named_in  # importing ray takes seconds

    trainable = named_in(session.state.plan.spec, code) if isinstance(code, Path) else code
    with Progress(session.state.plan, make_console(sys.stderr)) as progress:
        return drive(session, trainable, options, progress.on_step)


def drive(
    session: Session, trainable: Trainable, options: HostOptions, on_step: Callable[[SweepState, float], None]
) -> Ending:
    """Run the session's sweep until nothing is left to do or something stops it; the session is closed afterwards.

    `on_step(state, now)` is called several times a second, `now` by the monotonic clock. Raises what the host raises
    (ClusterError, StorageError, LeaseLostError, a bug of ours); the lease is then released and the sweep can go on.
    """
    from orchestrator.ray.host.host import run_on_ray  # importing ray takes seconds

    following, retention = BackgroundFollower(_follower(session.folder)), Retention(session.folder)

    session.outages.while_away = lambda: on_step(session.state, time.monotonic())

    def step() -> None:
        session.on_step()
        retention.remove(session.controller.take_removable())
        on_step(session.state, time.monotonic())

    try:
        with _leaving_in_order() as left:
            left.append(run_on_ray(session.controller, trainable, session.folder, options, step))
        reason = left[-1]
        session.close(reason)
    except BaseException:
        session.release()
        raise
    finally:
        retention.stop()
        problems = following.stop()
    return Ending(reason, session.state, [*problems, *missed_rungs(session.state)])


def _follower(folder: Location) -> Follower:
    """Return what follows the sweep's log while it runs; whatever else is to be made from the log joins here."""
    files = folder.files()
    return Follower(files, [Tables(files, folder)])


@contextlib.contextmanager
def _leaving_in_order() -> Iterator[list[str]]:
    """Turn a signal that comes before or after the host listens for signals into a reason to leave."""
    reasons: list[str] = []
    try:
        yield reasons
    except KeyboardInterrupt:
        reasons.append("SIGINT")
    except SystemExit as leaving:  # what ray.init, and the command line, make of a SIGTERM
        if leaving.code != signal.SIGTERM:
            raise
        reasons.append("SIGTERM")


def missed_rungs(state: SweepState) -> list[str]:
    """Say so where completed trials reported beside every rung: nothing could be stopped early."""
    for trial in state.trials:
        rungs = state.plan.brackets[trial.bracket].rungs if state.plan.brackets else ()
        if trial.state is TrialState.COMPLETED and rungs and trial.values and not set(rungs) & set(trial.values):
            said = ", ".join(f"{fidelity:g}" for fidelity in list(trial.values)[:3])
            return [
                f"trial {trial.number} reported at {said}, ... but the rungs lie at "
                f"{', '.join(f'{rung:g}' for rung in rungs)}, so nothing can be stopped early; "
                f"set fidelity.every to the distance between two reports in the next sweep"
            ]
    return []
