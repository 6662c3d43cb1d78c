"""One process of a trial that has several: a rank of torch.distributed, as torchrun would have started it.

It sets what torchrun sets and leaves `torch.distributed.init_process_group()` to the user's function, as torchrun does.
Like under torchrun each process sees all the GPUs that the trial holds on its node, its own at position LOCAL_RANK
(times the GPUs of a process). `ray.tune.report` and `ray.tune.get_checkpoint` work in every rank.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.air._internal.util import StartTraceback
from ray.train._internal.session import get_session, init_session
from ray.tune.result import RESULT_DUPLICATE

from orchestrator.ray.worker.assignment import OUTSIDE_KEY, REPORT_KEY, Assignment, Gang
from orchestrator.ray.worker.ending import WorkerProcess, offer_stacks
from orchestrator.ray.worker.function import run_function
from orchestrator.ray.worker.gpu_use import GpuWatch
from orchestrator.ray.worker.last_words import keep_last_words
from orchestrator.ray.worker.patient_storage import PutTime
from orchestrator.ray.worker.prints import captured
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.ray.worker.signs import MARK, Signs
from orchestrator.ray.worker.trainable import TRIAL_KEY

_USERS_CHOICE = ("GLOO_SOCKET_IFNAME",)
"""What the node's environment may say better."""
_SIOCGIFADDR = 0x8915
"""Linux: ask for the address of a network interface."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a rank found itself."""

    node: str
    """Host name."""
    address: str
    """IP address under which Ray knows its node."""
    port: int
    """A port kept free on its node for the ranks' meeting; only rank 0's is used."""
    gpu_ids: tuple[str, ...]
    """GPUs that Ray gave it."""
    interface: str | None
    """Network interface of that address; None where it has none of its own."""
    process: WorkerProcess
    """This very process."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a rank did at last."""

    report: WorkerReport | None = None
    """Its report, where it is one that counts."""
    returned: bool = False
    """Whether the function returned."""
    outside: tuple[tuple[str, str], ...] = ()
    """What it imported from outside the sweep's code, said with its first report: paths with their hashes."""
    unread: tuple[str, ...] | None = None
    """Hyperparameters that one that returned never read; None where that is not known."""


class Rank:
    """The actor of one rank. `turn` waits for the training, so `stop` and `sign_of_life` are let in beside it."""

    def __init__(self, assignment: Assignment, rank: int) -> None:
        self._assignment = assignment
        self._rank = rank
        self._door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._signs: Signs | None = None
        self._unread: tuple[str, ...] | None = None
        self._gpus: GpuWatch | None = None
        self._put_time: PutTime | None = None

    def arrive(self, folder: str) -> Arrival:
        """Say where this rank is, and keep a port; `folder` is the attempt's own on each node.

        The port stays bound, so that nobody else is given it, and not listening, so that torch can listen there.
        """
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind(("", 0))
        address = ray.util.get_node_ip_address()
        gpu_ids = tuple(map(str, ray.get_gpu_ids()))
        Path(folder).mkdir(parents=True, exist_ok=True)
        os.environ[MARK] = folder
        offer_stacks(Path(folder), f"-{self._rank}")
        keep_last_words(Path(folder), f"-{self._rank}")
        self._signs = Signs(Path(folder))
        self._gpus = GpuWatch(gpu_ids if self._rank == 0 else ())
        mine = WorkerProcess.current(folder, f"-{self._rank}")
        return Arrival(platform.node(), address, self._door.getsockname()[1], gpu_ids, _interface(address), mine)

    def sign_of_life(self) -> str | None:
        """Return what was seen of this rank since the last call (see `signs`); None where nothing was."""
        return self._signs.seen() if self._signs is not None else None

    def begin(self, environment: Mapping[str, str], config: dict[str, Any], inherited: Mapping[str, Any]) -> None:
        """Get ready to train; `inherited` are the arguments of Tune's session of the trial."""
        chosen = {name: os.environ[name] for name in _USERS_CHOICE if name in os.environ}
        os.environ.update({**environment, **chosen})
        self._put_time = PutTime(inherited["storage"])
        init_session(
            training_func=lambda: self._train(config),
            synchronous_result_reporting=True,
            world_rank=None,  # what Tune's sessions have; ray.tune.report asks for it
            local_rank=None,
            node_rank=None,
            local_world_size=None,
            world_size=None,
            dataset_shard=None,
            **inherited,
        )

    def _train(self, config: dict[str, Any]) -> None:
        session = get_session()
        with captured(config[TRIAL_KEY], Path(session.storage.trial_working_directory), self._rank):
            run_function(self._assignment, config, session, counts=self._rank == 0, on_read=self._take_unread)

    def _take_unread(self, unread: tuple[str, ...] | None) -> None:
        self._unread = unread

    def turn(self) -> Turn:
        """Let the training go on to its next report or its end. Raises what the training raised (AttemptFailed)."""
        session = get_session()
        if not session.training_started:
            session.start()
        try:
            result = session.get_next()
        except StartTraceback as wrapped:
            raise (wrapped.__cause__ or wrapped) from None
        if result is None or RESULT_DUPLICATE in result.metrics:
            return Turn(returned=True, unread=self._unread)
        report: WorkerReport | None = result.metrics.get(REPORT_KEY)
        if report is not None and result.checkpoint is not None:
            report = replace(report, checkpoint=result.checkpoint.path)
        if report is not None and self._gpus is not None and self._put_time is not None:
            report = replace(report, gpu_use=self._gpus.seen(), checkpoints_s=self._put_time.seen())
        return Turn(report, outside=result.metrics.get(OUTSIDE_KEY, ()))

    def stop(self, patience_s: float) -> tuple[str, ...] | None:
        """Tell the training to stop at its report, and wait until its `finally` has run.

        Returns the hyperparameters that it never read; None where that is not known.
        """
        with contextlib.suppress(Exception):  # the attempt is over: what it raises now changes nothing
            get_session().finish(timeout=patience_s)
        return self._unread


def environment(gang: Gang, rank: int, arrivals: Sequence[Arrival], run_id: str) -> dict[str, str]:
    """Return what torchrun (torch 2.4 and later) sets for a rank, and which GPUs and interface it uses."""
    group, local = divmod(rank, gang.per_node)
    beside = arrivals[group * gang.per_node : (group + 1) * gang.per_node]
    gpus = ",".join(gpu for arrival in beside for gpu in arrival.gpu_ids)
    interface = arrivals[rank].interface
    numbers = {
        "RANK": rank, "LOCAL_RANK": local, "GROUP_RANK": group, "ROLE_RANK": rank,
        "WORLD_SIZE": gang.size, "LOCAL_WORLD_SIZE": gang.per_node, "GROUP_WORLD_SIZE": gang.nodes,
        "ROLE_WORLD_SIZE": gang.size, "TORCHELASTIC_RESTART_COUNT": 0, "TORCHELASTIC_MAX_RESTARTS": 0,
        "MASTER_PORT": arrivals[0].port,
    }  # fmt: skip
    return {
        **{name: str(number) for name, number in numbers.items()},
        "MASTER_ADDR": arrivals[0].address,
        "ROLE_NAME": "default",
        "TORCHELASTIC_RUN_ID": run_id,  # by which Lightning and others see that the ranks are given
        **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {}),
        # gloo asks for the host's own name, which many hosts take for 127.0.1.1: the other nodes would not be found
        **({"GLOO_SOCKET_IFNAME": interface} if interface else {}),
    }


def _interface(address: str) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(asked, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                if socket.inet_ntoa(answer[20:24]) == address:
                    return name
    return None
