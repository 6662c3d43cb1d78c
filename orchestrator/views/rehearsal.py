"""`stepladder simulate`: what a sweep file finds on a benchmark, beside a random search and the default."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.text import Text

from orchestrator.benchmarks.playing import PlayedSweep
from orchestrator.views.render import listing


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One benchmark."""

    benchmark: str
    """Its name."""
    workers: int
    """Trials at once."""
    asked: Sequence[PlayedSweep]
    """The file's sweep, one for each seed."""
    random: Sequence[PlayedSweep]
    """Random searches without early stopping that trained as much."""


def rehearsal_document(found: Sequence[Rehearsal]) -> list[dict[str, Any]]:
    """Return it as plain data for `--json`."""
    return [
        {
            "benchmark": each.benchmark, "workers": each.workers, "default_regret": each.asked[0].of_default,
            "sweeps": [asdict(played) for played in each.asked],
            "random": [asdict(played) for played in each.random],
        }
        for each in found
    ]  # fmt: skip


def rehearsal_answer(found: Sequence[Rehearsal]) -> Group:
    """Return it for a person: means over seeds with their standard errors."""
    heads = ("regret", "tried", "stopped", "trained", "lasted")
    table = listing("benchmark", "search", *heads, numeric=frozenset(heads))
    for each in found:
        table.add_row(each.benchmark, "this file", *_cells(each.asked))
        table.add_row("", "random", *_cells(each.random))
        table.add_row("", "the default", f"{each.asked[0].of_default:.1f}", "1", "", "1.0", "1.0")
    return Group(table, Text(), *(Text(line) for line in _WORDS))


_WORDS = (
    "regret: of the winner; 0 is the best configuration there is, 100 the median. Mean ± standard error over seeds.",
    "trained, lasted: in full trainings. random: nothing is stopped early, and it trains as much as this file does.",
)


def _cells(played: Sequence[PlayedSweep]) -> list[str]:
    regrets = [each.regret for each in played]
    error = f" ± {statistics.stdev(regrets) / len(regrets) ** 0.5:.1f}" if len(regrets) > 1 else ""
    means = (statistics.fmean(getattr(each, key) for each in played) for key in ("trials", "stopped"))
    times = (statistics.fmean(getattr(each, key) for each in played) for key in ("trained", "lasted"))
    return [f"{statistics.fmean(regrets):.1f}{error}", *(f"{x:.0f}" for x in means), *(f"{x:.1f}" for x in times)]
