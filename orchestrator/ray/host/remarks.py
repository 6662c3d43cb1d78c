"""What Ray tells a driver of its own processes, as far as a person can use it.

Where one of them dies, Ray prints the last lines of that process's log, most of them a dump of its state. The sentence
before them stays; what follows from the death, this driver says itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from ray._private import worker as ray_worker

LAST_LINES = " Last 20 lines of the Raylet logs:"
"""What the dead process's log begins after, in Ray's words."""


@contextlib.contextmanager
def without_dumps() -> Iterator[None]:
    """Have Ray print what it hears without logs of its processes, inside the block."""
    whole = ray_worker.print_to_stdstream

    def print_shortened(data: Mapping[str, Any], *given: Any, **options: Any) -> None:
        lines = [line.partition(LAST_LINES)[0] for line in data["lines"]]
        whole({**data, "lines": lines}, *given, **options)

    ray_worker.print_to_stdstream = print_shortened
    try:
        yield
    finally:
        ray_worker.print_to_stdstream = whole
