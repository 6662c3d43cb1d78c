"""How often the kernel has ended processes of this machine, or this container, because memory ran out."""

from __future__ import annotations

from pathlib import Path

COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""Where it counts: for this container (cgroup v2), and for the whole machine."""


def kernel_kills(counters: tuple[Path, ...] = COUNTERS) -> int:
    """Return how many processes the memory killer ended so far, by all counters together; 0 where nothing tells.

    Only a difference means something: between two moments it is above 0 where the killer was at work.
    """
    return sum(map(_count, counters))


def _count(counter: Path) -> int:
    try:
        lines = counter.read_text().splitlines()
    except OSError:  # no Linux, or no such cgroup
        return 0
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else 0
