"""What a worker process of a Ray of our own does before it has a trial: it imports what the sweep said (see `warming`).

What is imported so must not have looked for a GPU: the process has none yet, and sees another once its trial's are set.
Whatever did look holds one of NVIDIA's devices open. Such a process is of no use to a trial with GPUs; the processes
that start after it import only what came before the module that did it. Ray gives them its key-value store to agree in.
"""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import Sequence
from pathlib import Path

import ray
from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list, _internal_kv_put

DEVICES = "/dev/nvidia"
"""What the paths of devices that a process with CUDA holds open begin with."""
OPEN = Path("/proc/self/fd")
"""Where Linux lists what a process holds open."""
NAMESPACE = "stepladder"
KEY = "imported_ahead"
READY = "ready/"
"""What keys begin with that say of a process that it has imported what it was to."""
UNUSABLE = "a module that was imported ahead had looked for a GPU in this process"
"""Why a process takes no trial."""

has_looked = False
"""Whether something that was imported ahead, for trials with GPUs, looked for one."""


def tell(modules: Sequence[str], *, with_gpus: bool) -> None:
    """Say what the processes that start from now on import, and whether for trials with GPUs; called in the driver."""
    _internal_kv_put(KEY, json.dumps({"modules": list(modules), "with_gpus": with_gpus}), namespace=NAMESPACE)


def import_ahead() -> None:
    """Import what was said. What fails fails again with the trial, at the file's own line, where it is told."""
    global has_looked
    told = json.loads(_internal_kv_get(KEY, namespace=NAMESPACE) or '{"modules": [], "with_gpus": false}')
    for number, name in enumerate(told["modules"]):
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
        if told["with_gpus"] and holds_device():
            has_looked = True
            tell(told["modules"][:number], with_gpus=True)
            return


def tell_ready() -> None:
    """Say that this process has imported what it was to."""
    _internal_kv_put(f"{READY}{ray.get_runtime_context().get_worker_id()}", b"", namespace=NAMESPACE)


def ready() -> int:
    """Count the processes that have been ready so far, whatever they do now."""
    return len(_internal_kv_list(READY, namespace=NAMESPACE))


def holds_device() -> bool:
    """Say whether this process holds a GPU's device open; False where the system does not tell."""
    for descriptor in OPEN.iterdir() if OPEN.is_dir() else ():
        with contextlib.suppress(OSError):  # the one that the folder was read through
            if str(descriptor.readlink()).startswith(DEVICES):
                return True
    return False
