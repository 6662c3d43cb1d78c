"""Host one: a sweep on Ray Tune. One Tune run carries the whole sweep; the controller answers, Tune places and runs.

    reason = run_on_ray(controller, TrainableFile(folder, "train.py", "train"), sweep_folder, HostOptions())

The first SIGINT, SIGTERM or SIGHUP ends the loop in order, with the open attempts ended as interrupted; the second does
what it would do without us. One that comes before the loop passes through: as KeyboardInterrupt, (by Ray)
SystemExit(15), or the end of the process. Errors of the controller (StorageError, LeaseLostError) end the loop and are
raised at its end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import ray

from orchestrator.control.controller import Controller
from orchestrator.errors import ClusterError, ClusterLostError
from orchestrator.policies.placing import kinds_of
from orchestrator.ray.host import cluster
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.host.capacity import Capacity, PlaceWatch
from orchestrator.ray.host.cluster import end_own
from orchestrator.ray.host.entry import EntryWatch
from orchestrator.ray.host.loop import SweepRun, make_run
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.host.setups import Setups, setup_of
from orchestrator.ray.host.signals import current_handlers, restore, signals_to
from orchestrator.ray.host.silence import HostWatch
from orchestrator.ray.host.spares import Spares
from orchestrator.ray.host.turns import Turns
from orchestrator.ray.host.vigil import Vigil
from orchestrator.ray.host.watchdog import Watchdog
from orchestrator.ray.worker.assignment import Assignment, Gang
from orchestrator.ray.worker.trainable import Command, Trainable, TrainableFile
from orchestrator.storage.location import Location
from orchestrator.sweep.nesting import outermost
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.resources import Resources

__all__ = ["HostOptions", "end_own", "run_on_ray"]

OVERDUE_S = 1.0
"""How often overdue attempts are looked for, and the watchdog looks."""

_log = logging.getLogger("stepladder")


def run_on_ray(
    controller: Controller,
    trainable: Trainable,
    sweep_folder: Location,
    options: HostOptions,
    on_step: Callable[[], None] = lambda: None,
    leave: Callable[[ClusterLostError], None] = lambda _: None,
    spares: Spares | None = None,
) -> str:
    """Run a sweep until nothing is left to do or it is asked to stop; returns why it ended.

    `on_step` is called at every turn of the loop, several times a second; what it raises ends the sweep. The answer is
    `finished`, the controller's reason, or the name of a signal. Raises ClusterError where the cluster cannot hold a
    trial, ClusterLostError where it is gone, and whatever the controller raised. Where Ray is gone and holds the loop
    in a call that does not return, `leave` is called from another thread, the open attempts ended. `spares` are the
    processes that wait for trials, if there are any.
    """
    bridge = Bridge(controller, sweep_folder.absolute(), time.monotonic)
    handlers = current_handlers()
    try:
        with Vigil(bridge.lose, leave) as vigil, cluster.connected(options, on_deaf=leave):
            spec = controller.state.plan.spec
            resources = spec.resources
            for kind in kinds_of(controller.state.plan).values():
                cluster.refuse_infeasible(kind)
            turns = None if options.address is None else Turns(str(bridge.folder), time.monotonic())
            setups = _setups(bridge, controller.state.plan, trainable)
            failed = lambda: {} if setups is None else setups.failed  # noqa: E731 - one line of a table
            places = Capacity(options.capacity_s, lambda: bridge.avoided(failed()), turns, setups)
            assignment = _assignment(controller, trainable, options)
            if spares is not None:
                spares.is_first_run = lambda: controller.first_run.awaits is not None
            run = make_run(bridge, assignment, spec, _session(controller), places, spares)
            watchdog = Watchdog(options.stall_s, partial(cluster.has_room, resources), _log.warning)
            vigil.begin(cluster.doors())
            with signals_to(bridge.leave):  # after ray.init, which sets its own
                inside = not isinstance(trainable, Command) and assignment.gang is None
                others = lambda: 0 if turns is None else turns.others  # noqa: E731 - one line of a table
                waits = PlaceWatch(lambda: bridge.due().resources, run.tickets, bridge.awaits, others)
                if setups is not None:
                    waits.preparing = lambda: setups.preparing(bridge.due())
                looks = HostWatch(bridge, run, _file(trainable)).look, EntryWatch(bridge, run, inside).look, waits.look
                _drive(bridge, run, watchdog, looks, on_step)
    finally:
        restore(handlers)
    if bridge.failure is not None:
        raise bridge.failure
    return bridge.leaving or bridge.done or "stopped"


def _setups(bridge: Bridge, plan: Plan, trainable: Trainable) -> Setups | None:
    """Return what sets nodes up; None where nothing is to be done on them."""
    if not plan.spec.setup:
        return None
    asked = setup_of(plan.spec.setup, trainable, bridge.folder)
    return Setups(asked, kinds_of(plan).values(), _log.warning, lambda text: bridge.fail(ClusterError(text)))


def _assignment(controller: Controller, trainable: Trainable, options: HostOptions) -> Assignment:
    spec = controller.state.plan.spec
    if isinstance(trainable, TrainableFile | Command):
        trainable = replace(trainable, folder=trainable.folder.absolute())
    gang = None if isinstance(trainable, Command) else _gang(spec.resources)
    return Assignment(
        trainable,
        spec.objective.metric,
        None if spec.fidelity.once else spec.fidelity.metric,
        options.teardown_s,
        gang,
        hyperparameters=tuple(outermost(spec.search_space, is_nested=spec.nested)),
        is_nested=spec.nested,
        seeding=spec.seeding,
        workdir=spec.workdir,
        test=None if spec.test is None else spec.test.metric,
        begun_format=controller.state.begun_format,
    )


def _file(trainable: Trainable) -> str | None:
    """Return the Python file whose frames are the user's own; None where that is not known."""
    if isinstance(trainable, TrainableFile):
        return trainable.file
    named = trainable.files if isinstance(trainable, Command) else ()
    return next((file for file in named if file.endswith(".py")), None)


def _gang(resources: Resources) -> Gang | None:
    if resources.ranks == 1:
        return None
    cpus, gpus = int(resources.cpus / resources.ranks), int(resources.gpus / resources.ranks)
    return Gang(resources.nodes, resources.ranks // resources.nodes, cpus, gpus)


def _session(controller: Controller) -> str:
    state = controller.state
    return f"{state.plan.spec.name}-{state.sessions[-1].epoch if state.sessions else 0:06d}"


def _drive(
    bridge: Bridge, run: SweepRun, watchdog: Watchdog, looks: Sequence[Callable[[float], None]],
    on_step: Callable[[], None],
) -> None:  # fmt: skip
    look_at = 0.0
    try:
        while not run.is_finished() and bridge.leaving is None and bridge.failure is None:
            run.step()
            run.reconcile()
            bridge.turn(on_step)
            now = time.monotonic()
            if now >= look_at:
                look_at = now + OVERDUE_S
                for attempt in bridge.overdue():
                    run.end(attempt)
                for look in looks:
                    look(now)
                watchdog.look(now, bridge.last_event, bridge.live.values(), run.describe)
    except (ClusterError, ray.exceptions.RayError) as error:
        bridge.interrupt_all()
        if not isinstance(error, ClusterError):
            error = ClusterLostError(f"Ray failed under the sweep: {error}. Nothing acknowledged is lost; resume it")
        bridge.fail(error)
    finally:
        bridge.interrupt_all()  # first what must be durable, then what takes time
        if not isinstance(bridge.failure, ClusterLostError):  # a Ray that is gone would not answer
            run.cleanup()
            bridge.turn(lambda: None)  # what the places were held for until now
            run.places.leave()
