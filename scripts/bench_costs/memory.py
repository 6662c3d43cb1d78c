"""What a driver holds of a sweep: its memory once the log is read, by the number of trials."""

from __future__ import annotations

import argparse
import gc
import resource
import tempfile
from multiprocessing import get_context
from pathlib import Path

from bench_costs.resume import EPOCHS, write_log
from bench_costs.sweeps import EIGHT, LENGTHS, plan_of
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure the state of sweeps of up to `--scale-trials` trials, ten reports each, in processes of their own.

    What the interpreter and the package take is in it, Ray is not.
    """
    found: dict[str, float] = {}
    for trials in (count for count in LENGTHS if count <= arguments.scale_trials):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
            write_log(Path(place), plan_of(trials + 1_000, EPOCHS, EIGHT), trials)
            with get_context("spawn").Pool(1) as pool:
                found[f"MB of memory of a state, {trials:,} trials"] = pool.apply(_held, (place,))
    return found


def _held(place: str) -> float:
    """Return the memory of this process with the state of a sweep in it, MB."""
    state = read_sweep(Location.parse(place))
    gc.collect()
    assert state.trials
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
