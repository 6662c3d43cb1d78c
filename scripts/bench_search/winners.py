"""Winners of earlier sweeps, kept: with which a sweep on one table begins that knows sweeps on the others.

`winners.json` has one winner for each table and seed: what `auto` found in 100 trials on the denoised table. A sweep on
a table begins with those of the other tables that have its hyperparameters, of the same seed, five at most: leaving one
out. `scripts/bench-search --keep-winners` finds them where the file is
missing.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestrator.benchmarks import Benchmark
from orchestrator.benchmarks.tables import DEVELOP, FCNET, VERIFY
from orchestrator.sweep.domains import Config
from orchestrator.sweep.space import Space
from orchestrator.sweep.warm import EarlierWinner, WarmTrial, warm_trials

FILE = Path(__file__).with_name("winners.json")


@lru_cache
def kept() -> dict[str, list[dict[str, Any]]]:
    """Return the winners by table, in the order of their seeds."""
    found: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def keep(found: dict[str, list[Config]]) -> None:
    """Keep these winners in place of what was kept."""
    rows = ",\n".join(
        f"{json.dumps(table)}: [\n" + ",\n".join(f"  {json.dumps(config)}" for config in configs) + "\n]"
        for table, configs in found.items()
    )
    FILE.write_text(f"{{\n{rows}\n}}\n")
    kept.cache_clear()


def first_trials(table: Benchmark, seed: int) -> tuple[WarmTrial, ...]:
    """Return what a sweep on this table begins with. Raises KeyError where nothing is kept for it."""
    others = [name for name in (*DEVELOP, *VERIFY) if (name in FCNET) == (table.name in FCNET) and name != table.name]
    known = kept()
    winners = [EarlierWinner(name, 0, known[name][seed % len(known[name])]) for name in others]
    return tuple(warm_trials(Space(table.space()), winners)[0])
