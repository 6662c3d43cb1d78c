"""How much of its GPUs an attempt uses, sampled beside it by NVML, the library of NVIDIA's driver, where there is one.

What NVML says is of a whole device: where several trials share a GPU, what the others use is in it. Where the library,
a device or an answer is missing, nothing is said, and nobody is told: a training runs as well without.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FIRST_S, MOST_S = 0.5, 5.0
"""Seconds to the first sample, and between two once the intervals, which double, are that long."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """What was seen since an attempt began."""

    memory_bytes: int
    """The most memory that was in use on one of its GPUs."""
    busy_percent: float | None
    """Mean part of the time in which a kernel ran, over its GPUs and all samples; None where the device does not say,
    as a part of a GPU (MIG)."""


class GpuWatch:
    """Samples from a thread of its own until it is closed."""

    def __init__(self, gpu_ids: Sequence[object]) -> None:
        """Watch these GPUs, by number or UUID as in CUDA_VISIBLE_DEVICES; without any nothing is loaded."""
        self._memory_bytes: int | None = None
        self._busy_percent = 0.0
        self._busy_count = 0
        self._closed = threading.Event()
        if gpu_ids:
            names = [str(gpu_id) for gpu_id in gpu_ids]
            threading.Thread(target=self._watch, args=(names,), name="stepladder-gpu-use", daemon=True).start()

    def seen(self) -> GpuUse | None:
        """Return what was seen so far; None before the first sample, and where there is none to be had."""
        if self._memory_bytes is None:
            return None
        busy = self._busy_percent / self._busy_count if self._busy_count else None
        return GpuUse(self._memory_bytes, busy)

    def close(self) -> None:
        """Sample no more."""
        self._closed.set()

    def _watch(self, names: Sequence[str]) -> None:
        from ray._private.thirdparty import pynvml  # Ray's own copy; a machine without GPUs need not load it

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:  # no driver of NVIDIA's here
            return
        try:
            devices = [_device(pynvml, name) for name in names]
            wait_s = FIRST_S
            while not self._closed.wait(wait_s):
                wait_s = min(2 * wait_s, MOST_S)
                for device in devices:
                    self._sample(pynvml, device)
        except pynvml.NVMLError:  # it fell off the bus, or is not ours to look at
            return
        finally:
            pynvml.nvmlShutdown()

    def _sample(self, nvml: Any, device: Any) -> None:
        used = int(nvml.nvmlDeviceGetMemoryInfo(device).used)
        self._memory_bytes = max(used, self._memory_bytes or 0)
        try:
            self._busy_percent += nvml.nvmlDeviceGetUtilizationRates(device).gpu
            self._busy_count += 1
        except nvml.NVMLError_NotSupported:
            return


def _device(nvml: Any, name: str) -> Any:
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else nvml.nvmlDeviceGetHandleByUUID(name)
