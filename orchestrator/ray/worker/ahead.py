"""What a worker process does before it has a trial: it imports what the sweep said (see `warming`).

What is imported so must not have looked for a GPU: the process has none yet, and sees another once its trial's are set.
Whatever did look holds one of NVIDIA's devices open. Such a process is of no use to a trial with GPUs; the processes
that start after it import only what came before the module that did it. Ray gives them its key-value store to agree in.

On a Ray of our own each worker process does that, as it imports `preloaded`. On a cluster that is joined, `HOOK` does,
which Ray calls in each process of the driver's job.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_list, _internal_kv_put

DEVICES = "/dev/nvidia"
"""What the paths of devices that a process with CUDA holds open begin with."""
OPEN = Path("/proc/self/fd")
"""Where Linux lists what a process holds open."""
NAMESPACE = "stepladder"
DRIVER = "STEPLADDER_DRIVER"
"""Variable of the processes of a joined cluster that do this: it keeps what drivers there say to theirs apart."""
HOOK = f"{__name__}.prepare"
"""What Ray calls in each process of a job on a cluster that is joined (`worker_process_setup_hook`)."""
KEY = "imported_ahead"
READY = "ready/"
"""What keys begin with that say of a process that it has imported what it was to."""
LEAST_FREE_BYTES = 4 * 2**30
"""With less memory than this left on a machine nothing waits there, or imports before it has a trial."""
UNUSABLE = "a module that was imported ahead had looked for a GPU in this process"
"""Why a process takes no trial."""

has_looked = False
"""Whether something that was imported ahead, for trials with GPUs, looked for one."""


def tell(modules: Sequence[str], *, with_gpus: bool) -> None:
    """Say what the processes that start from now on import, and whether for trials with GPUs; called in the driver."""
    _internal_kv_put(KEY, json.dumps({"modules": list(modules), "with_gpus": with_gpus}), namespace=_namespace())


def prepare() -> None:
    """Import in a process of a cluster that is joined, as far as it has memory left."""
    if os.environ.get(DRIVER):
        if has_memory():
            import_ahead()
        tell_ready()


def apart() -> dict[str, Any]:
    """Return what tasks and actors of ours that are no trials are given: no process that waits for one is taken."""
    return {"runtime_env": {"env_vars": {DRIVER: ""}}} if DRIVER in os.environ else {}


def forget() -> None:
    """Remove what this driver and its processes said on a cluster that is joined."""
    for begin in (KEY, READY) if DRIVER in os.environ else ():
        _internal_kv_del(begin, del_by_prefix=True, namespace=_namespace())


def has_memory() -> bool:
    """Say whether enough memory is left on this machine for a process to wait in."""
    return bool(get_system_memory() - get_used_memory() >= LEAST_FREE_BYTES)


def import_ahead() -> None:
    """Import what was said. What fails fails again with the trial, at the file's own line, where it is told."""
    global has_looked
    told = json.loads(_internal_kv_get(KEY, namespace=_namespace()) or '{"modules": [], "with_gpus": false}')
    for number, name in enumerate(told["modules"]):
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)
        if told["with_gpus"] and holds_device():
            has_looked = True
            tell(told["modules"][:number], with_gpus=True)
            return


def tell_ready() -> None:
    """Say that this process has imported what it was to."""
    _internal_kv_put(f"{READY}{ray.get_runtime_context().get_worker_id()}", b"", namespace=_namespace())


def ready() -> int:
    """Count the processes that have been ready so far, whatever they do now."""
    return len(_internal_kv_list(READY, namespace=_namespace()))


def _namespace() -> str:
    return f"{NAMESPACE}{os.environ.get(DRIVER, '')}"


def holds_device() -> bool:
    """Say whether this process holds a GPU's device open; False where the system does not tell."""
    for descriptor in OPEN.iterdir() if OPEN.is_dir() else ():
        with contextlib.suppress(OSError):  # the one that the folder was read through
            if str(descriptor.readlink()).startswith(DEVICES):
                return True
    return False
