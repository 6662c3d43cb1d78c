"""The first thing a person runs: it ends with a winner that is better than the baseline, and can be run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.demos import write_demo

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.long,
    pytest.mark.ray,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        Path(sys.prefix) != ROOT / ".venv", reason="runs in the .venv that scripts/test makes, else it would make one"
    ),
]


def quickstart(*arguments: object) -> str:
    done = subprocess.run(
        [ROOT / "scripts" / "quickstart", *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quickstart")


@pytest.fixture(scope="module")
def first(folder: Path) -> str:
    return quickstart(folder)


def test_it_shows_the_plan_the_winner_and_where_things_lie(first: str, folder: Path):
    shown_there = ["== stepladder plan", "tier-3", "winner ", "baseline ", "confirmed ", "verdict ", "best.json"]
    for shown in [*shown_there, "trials/*.parquet"]:
        assert shown in first
    page = folder / "runs" / "digits" / "report.html"
    assert first.endswith(f"{page}\n")
    assert "all trials of the budget are done" in page.read_text()
    best = json.loads((folder / "runs" / "digits" / "best.json").read_text())
    assert best["winner"]["value"] > best["baseline"]["value"]


def test_trials_were_stopped_early_and_every_stage_moved_its_block(first: str, folder: Path):
    trials = pd.read_parquet(folder / "runs" / "digits" / "trials")
    trials = trials[trials["replicates"].isna()]
    assert len(trials) == 48
    assert (trials["state"] == "pruned").sum() >= 10
    moved = trials[trials["move"].str.startswith("block")]
    assert {"tier-1", "tier-2", "tier-3"} <= set(moved["stage"])


def test_the_winner_is_real(first: str, folder: Path):
    best = json.loads((folder / "runs" / "digits" / "best.json").read_text())
    assert best["verdict"] == "better than the baseline"
    assert (best["winner"]["confirmed"]["n"], best["baseline"]["confirmed"]["n"]) == (
        4,
        3,
    )  # of the baseline its own training too
    assert best["confirm"]["difference"]["low"] > 0
    tables = pd.read_parquet(folder / "runs" / "digits" / "trials")
    repeated = tables[tables["replicates"].notna()]
    assert best["confirm"]["replicates"] == len(repeated) <= 12
    assert set(repeated["move"]) == {"race", "confirm"}


def test_again_it_shows_what_is_there(first: str, folder: Path):
    journal = folder / "runs" / "digits" / "journal"
    before = {path.name: path.read_bytes() for path in journal.iterdir() if path.is_file()}
    shown = quickstart(folder)
    assert "the sweep is finished" in shown
    assert "winner " in shown
    assert {path.name: path.read_bytes() for path in journal.iterdir() if path.is_file()} == before


def test_interrupted_it_goes_on(tmp_path: Path):
    folder = write_demo("digits", tmp_path / "quickstart")
    sweep = folder / "sweep.yaml"
    text = sweep.read_text().replace("budget: { trials: 48 }", "budget: { trials: 8 }")
    sweep.write_text(text.replace("confirm: { trainings: 12 }", "confirm: none"))
    interrupted = subprocess.Popen(
        [ROOT / "scripts" / "quickstart", folder],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    said = ""
    for line in interrupted.stderr:
        said += line
        if "trial 2 started" in line:
            os.killpg(interrupted.pid, signal.SIGINT)  # what Ctrl-C does
            break
    said += interrupted.stderr.read()
    assert interrupted.wait() == 130, said
    assert "go on with: stepladder resume" in said
    assert "the sweep was interrupted and goes on where it was" in quickstart(folder)
    assert len(pd.read_parquet(folder / "runs" / "digits" / "trials")) == 8
