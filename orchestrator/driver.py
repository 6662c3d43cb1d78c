"""The driver: runs a sweep from this process, on the Ray it starts here or on a cluster it joins.

Everything a driver needs comes together here: the session (lease, journal, controller), Ray Tune as the host, and
beside them the threads that follow the log (for the tables and the report page) and remove old checkpoints, and the
progress that a person watches. The command line and the notebook both run a sweep by `run_session`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.control.blocked_storage import BlockedStorage
from orchestrator.control.drivers import pinned_by_last
from orchestrator.control.session import Session
from orchestrator.errors import ClusterLostError, LeaseLostError, StepladderError, StorageError
from orchestrator.policies.ending import exit_code_of, leaves_work
from orchestrator.policies.keeping import named
from orchestrator.project.environment import said_here, whole
from orchestrator.project.throwing_away import gone_if_refused, leave_nothing
from orchestrator.results.follower import Observer
from orchestrator.results.notifier import Notifier
from orchestrator.results.sink_keeping import sink_keepers
from orchestrator.state.fold import SweepState
from orchestrator.storage.retention import Retention
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import TrialState
from orchestrator.views.beside.keeping import KeptBeside
from orchestrator.views.notebook_sweep import ending_html
from orchestrator.views.progress import PROGRESS, Progress
from orchestrator.views.render import make_console
from orchestrator.views.resting_status import told_of
from orchestrator.wording import first_of

if TYPE_CHECKING:
    from orchestrator.ray.host.forking import Forks
    from orchestrator.ray.host.options import HostOptions
    from orchestrator.ray.worker.trainable import Command, Trainable, TrainableFile

_log = logging.getLogger("stepladder")

LOST = "cluster"
"""The reason of a driver whose Ray was gone."""


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    reason: str
    """finished, exhausted, gpu_hours, cpu_hours, wall, SIGINT, SIGTERM, SIGHUP, stop, cancel, cluster or brake."""
    state: SweepState
    """What is known about the sweep."""
    problems: list[str] = field(default_factory=list)
    """What went wrong beside the sweep (Parquet not written, say)."""
    is_removed: bool = False
    """Whether its first run failed, and nothing of the sweep is left behind."""

    @property
    def exit_code(self) -> int:
        """See `orchestrator.exitcodes`; FAILED where nothing came of it: no trial leads."""
        return exit_code_of(self.reason, self.state)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: why it ended, and how the sweep stands."""
        return ending_html(self.reason, self.problems, self.state)

    @property
    def is_resumable(self) -> bool:
        """Say whether the driver left with work to do: not where a cap that all drivers share is used up."""
        return leaves_work(self.reason, self.state)


def run_session(
    session: Session,
    code: Path | Callable[[Config], object],
    options: HostOptions,
    on_stuck: Callable[[StepladderError], None] = lambda _: None,
) -> Ending:
    """Run a sweep with its progress on stderr: what `stepladder run` and `Sweep.run` do once the session is open.

    `code` is the folder that the plan's training function or command lies in, or the function itself. For `on_stuck`,
    and for what is raised, see `drive`.
    """
    from orchestrator.ray.worker.trainable import named_in  # importing ray takes seconds

    spec = session.state.plan.spec
    trainable = _pinned(session, named_in(spec, code)) if isinstance(code, Path) else code
    options = replace(options, environment=whole(spec.environment, code if isinstance(code, Path) else Path()))
    for line in said_here(spec.environment, is_joined=options.address is not None, environ=os.environ):
        _log.warning(line)
    with Progress(session.state.plan, make_console(sys.stderr), is_quiet=_is_quiet()) as progress:

        def stuck(error: StepladderError) -> None:
            progress.__exit__(None, None, None)  # a terminal gets its cursor back
            on_stuck(error)

        with gone_if_refused(session):
            return _removed_if_failed(session, drive(session, trainable, options, progress.on_step, stuck))


def _is_quiet() -> bool:
    """Say whether somebody wants no progress: by default a logger has no level of its own."""
    return logging.getLogger(PROGRESS).level >= logging.WARNING


def _removed_if_failed(session: Session, ending: Ending) -> Ending:
    """Leave nothing behind of a sweep whose first run failed, so that the mended file runs under the same name."""
    try:
        return replace(ending, is_removed=leave_nothing(session))
    except (StorageError, OSError) as error:
        return replace(ending, problems=[*ending.problems, f"{session.folder} could not be removed: {error}"])


def _pinned(session: Session, named: TrainableFile | Command) -> TrainableFile | Command:
    """Return what is trained, taken from the sweep's pinned code where it has some: the working copy is made ready.

    Raises StorageError where a part of the pinned code is missing.
    """
    from orchestrator.ray.worker.trainable import Command, PinnedPlace
    from orchestrator.storage.code_copy import missing_beside, working_copy
    from orchestrator.storage.pinned_code import read_code

    key = pinned_by_last(session.state)
    if key is None or isinstance(named, Command):
        return named
    code, sweep = read_code(session.files, key), session.folder.absolute()
    place = PinnedPlace(str(sweep), key, code.inside, code.root, None)
    root = place.root_of(named.folder)
    if not sweep.is_remote:
        with contextlib.suppress(OSError):  # a storage without links: each node makes a copy of its own
            place = replace(place, copy=str(working_copy(sweep, key, root, is_shared=True)))
    if missing := missing_beside(root, code):
        _log.warning("not pinned, missing: %s", first_of(missing))
    return replace(named, pinned=place)


def drive(
    session: Session, trainable: Trainable, options: HostOptions, on_step: Callable[[SweepState, float], None],
    on_stuck: Callable[[StepladderError], None] = lambda _: None,
) -> Ending:  # fmt: skip
    """Run the session's sweep until nothing is left to do or something stops it; the session is closed afterwards.

    `on_step(state, now)` is called several times a second, `now` by the monotonic clock. Raises what the host raises
    (ClusterError, StorageError, LeaseLostError, a bug of ours); the lease is then released and the sweep can go on.
    Where Ray is gone and this thread is stuck in it, `on_stuck` is called from another one, with everything closed and
    the tables refreshed: whoever owns the process ends it, or Ray's library does within the minute. Where storage does
    not answer at all it is called with a StorageAwayError, and nothing closed.
    """
    from orchestrator.ray.host.forking import forked_workers

    with contextlib.ExitStack() as beginning:
        forks = beginning.enter_context(forked_workers(trainable, session.state.plan.spec.resources, options))
        closing = _closing(session, trainable, options)  # while what forks them imports
        begun = beginning.pop_all()
    session.outages.while_away = lambda: on_step(session.state, time.monotonic())
    abandon = partial(_abandon, on_stuck)

    def step() -> None:
        session.on_step()
        closing.kept.look(session.snapshots.records)
        closing.retention.remove(session.controller.keeping.take())
        on_step(session.state, time.monotonic())

    def leave(error: ClusterLostError) -> None:
        closing.close(LOST)
        abandon(error)

    with BlockedStorage(str(session.folder), session.outages, _log.warning, abandon):
        try:
            reason = _hosted(session, trainable, options, step, leave, begun, forks)
        except BaseException as error:
            closing.close(LOST if isinstance(error, ClusterLostError) else error)
            raise
        problems = closing.close(reason)
    return Ending(reason, session.state, [*problems, *missed_rungs(session.state)])


def _hosted(
    session: Session, trainable: Trainable, options: HostOptions, step: Callable[[], None],
    leave: Callable[[ClusterLostError], None], begun: contextlib.ExitStack, forks: Forks | None,
) -> str:  # fmt: skip
    """Run the sweep on Ray; returns why it ended. Ray, then Ray Tune are imported beside what has `begun`."""
    with session.kept(), _leaving_in_order() as left, begun:
        from orchestrator.ray.host.early import begun_early  # seconds

        with begun_early(trainable, session.state.plan.spec.resources, options, leave, forks) as spares:
            from orchestrator.ray.host.host import run_on_ray  # seconds again

            left.append(run_on_ray(session.controller, trainable, session.folder, options, step, leave, spares))
    return left[-1]


class _Closing:
    """Closes a run once, whoever comes first: the run itself, or the vigil over Ray where the run is stuck in it."""

    def __init__(self, session: Session, retention: Retention, kept: KeptBeside) -> None:
        self.retention = retention
        self.kept = kept
        self._session = session
        self._problems: list[str] | None = None
        self._alone = threading.Lock()

    def close(self, reason: str | BaseException) -> list[str]:
        """Close the session, with why the driver leaves or the error that ends it; returns what else went wrong.

        Raises what closing raises (StorageError); all is ended then, too.
        """
        with self._alone:
            if self._problems is None:
                self._problems = []
                try:
                    self._end_session(reason)
                finally:
                    self.retention.remove(self._session.controller.keeping.take())
                    self.retention.stop()
                    self._problems = self.kept.stop(is_ours=not isinstance(reason, LeaseLostError))
            return self._problems

    def _end_session(self, reason: str | BaseException) -> None:
        if isinstance(reason, BaseException):
            self._session.fail(reason)
            return
        try:
            self._session.close(reason)
        except BaseException as error:
            self._session.fail(error)
            raise


def _closing(session: Session, trainable: Trainable, options: HostOptions) -> _Closing:
    """Begin what follows the log and removes checkpoints beside a run, and return what closes it all."""
    others = list(_observers(session, trainable, is_joined=options.address is not None))
    kept = KeptBeside(session.folder, session.snapshots.records, others)
    session.snapshots.tell_resting = partial(told_of, session.folder)
    closing = _Closing(session, Retention(session.folder), kept)
    if session.state.plan.spec.keep_checkpoints != "all":
        closing.retention.clear(named(session.state), session.lease.epoch)
    return closing


def _abandon(on_stuck: Callable[[StepladderError], None], error: StepladderError) -> None:
    """Leave a run whose own thread is stuck: end the Ray that was started for it, and hand over to `on_stuck`."""
    from orchestrator.ray.host.cluster import end_own

    end_own()
    on_stuck(error)


def _observers(session: Session, trainable: Trainable, *, is_joined: bool) -> Iterator[Observer]:
    """Yield what else follows the sweep's log while it runs."""
    folder, spec = session.folder, session.state.plan.spec
    yield from sink_keepers(folder, spec.sinks)
    if spec.notify is not None:
        yield Notifier(spec.notify, folder, getattr(trainable, "folder", Path.cwd()), session.lease.epoch)
    if is_joined:
        from orchestrator.ray.host.gauges import SweepGauges  # Ray, which is imported by now

        yield SweepGauges()


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
