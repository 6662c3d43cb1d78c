"""scripts/bench-rungs: what it counts, on curves made here, and that it runs from the command line to the table."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rungs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from bench_search import curves, rungs

    return curves, rungs


def made(curves, count: int, *, crossing: bool):
    """Make straight lines to the end, the best the steepest; crossing, the best are the worst until the last report."""
    ends = np.arange(count, dtype=float)
    lines = np.outer(-ends if crossing else ends, np.ones(20))
    lines[:, -1] = ends
    return curves.CurvePool("made", lines[:, None, :], 100 * (count - 1 - ends) / count)


def test_the_best_is_found_where_ranks_hold_and_stopped_where_they_turn_around(rungs):
    curves, rungs_ = rungs
    found = rungs_.stopped_search(made(curves, 60, crossing=False), rungs_.RULES[rungs_.DEFAULT], 40, seed=1)
    assert (found.regret, found.killed, found.lost) == (0, False, 0)
    assert 0.5 < found.saved < 0.9
    assert found.trials == 60
    turned = rungs_.stopped_search(made(curves, 60, crossing=True), rungs_.RULES["stock"], 15, seed=1)
    assert turned.killed
    assert turned.lost > 0


def test_who_stops_nobody_saves_nothing(rungs):
    curves, rungs_ = rungs
    found = rungs_.stopped_search(made(curves, 60, crossing=True), rungs_.RULES["none"], 15, seed=2)
    assert (found.killed, found.lost, found.saved) == (False, pytest.approx(found.lost), 0)
    assert 15 <= found.trials <= 15 + 8


def test_every_rule_comes_to_its_end(rungs):
    curves, rungs_ = rungs
    for name, rule in rungs_.RULES.items():
        for seed in range(5):
            found = rungs_.stopped_search(made(curves, 60, crossing=False), rule, 10, seed)
            assert found.trials >= 8, name
            assert 0 <= found.saved < 1, name


@pytest.mark.thorough
def test_the_table_has_every_rule():
    run = [
        sys.executable,
        ROOT / "scripts" / "bench-rungs",
        "--seeds",
        "1",
        "--budget",
        "10",
        "--rules",
        "none",
        "stock",
    ]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    rows = [line.split("│")[1].strip() for line in found.stdout.splitlines() if line.startswith("│")]
    assert rows == ["a tenth (the default)", "none", "stock"]
