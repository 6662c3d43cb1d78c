"""kill -9 of a real driver and its Ray, ten times, in every stage and inside an append: nothing is lost or doubled."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from signal import SIGKILL

import duckdb
import pytest
from processes import ROOT, family, kill_family, start, stepladder, wait_until

from orchestrator.state.fold import replay
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader
from orchestrator.sweep import event as ev

TRIALS = 40
TRAIN = """
import json, os, tempfile, time
from ray import tune

def train(config):
    begun = 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            with open(os.path.join(folder, "state.json")) as file:
                begun = json.load(file)["epoch"]
    for epoch in range(begun + 1, 10):
        time.sleep(0.15)
        score = -(config["learning_rate"] - 0.03) ** 2 - 1 / epoch - config["momentum"] - config["dropout"]
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "state.json"), "w") as file:
                json.dump({"epoch": epoch}, file)
            metrics = {"score": score, "epoch": epoch, "begun": begun}
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
"""
SWEEP = f"""
name: killed
trainable: train.py:train
objective: {{metric: score, goal: maximize}}
fidelity: {{metric: epoch, min: 3, max: 9}}
search_space:
  learning_rate: {{low: 1.0e-4, high: 1.0, scale: log, default: 0.01, tier: 1}}
  momentum: {{low: 0.0, high: 0.99, default: 0.5, tier: 2}}
  dropout: {{low: 0.0, high: 0.5, default: 0.2, tier: 3}}
budget: {{trials: {TRIALS}}}
seed: 3
"""


def events_in(folder: Path) -> list[ev.Event]:
    return JournalReader(LocalFileSystem(folder)).read_new()


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_ten_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    folder, log = tmp_path / "runs" / "killed", tmp_path / "stderr.txt"
    random, stages, restarts = Random(11), Counter(), []
    for kill in range(10):
        before = events_in(folder) if kill else []
        command = ("run", "sweep.yaml", "--cpus", 2) if kill == 0 else ("resume", "sweep.yaml", "--cpus", 2)
        inside = kill in {3, 7}
        program = (str(ROOT / "tests/support/killed_in_append.py"), str(random.randint(12, 30))) if inside else None
        driver = start(*command, cwd=tmp_path, log=log, program=program)
        known: list[int] = []
        proposed = (kill + 1) * TRIALS // 11

        def reached(proposed: int = proposed, inside: bool = inside, driver=driver, known: list[int] = known) -> bool:
            known[:] = family(driver.pid)
            trials = sum(isinstance(event, ev.TrialProposed) for event in events_in(folder)) if folder.exists() else 0
            return trials >= proposed and not inside

        wait_until(reached, driver)
        if inside:
            assert driver.wait() == -SIGKILL, "the driver was not killed inside an append"
        kill_family(driver, known)
        after = events_in(folder)
        assert after[: len(before)] == before, "a record that was there has changed"
        restarts += check_restarts(before, after[len(before) :])
        stages[replay(after).trials[-1].stage] += 1
    rungs = replay(events_in(folder)).scheduler.snapshot()
    ended = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    final = events_in(folder)
    check_end(folder, final)
    snapshot = replay(final).scheduler.snapshot()
    for bracket, found in rungs.items():
        for rung, entries in found.items():
            assert entries.items() <= snapshot[bracket][rung].items()
    assert set(stages) == {"tier-1", "tier-2", "tier-3", "refinement"}, stages
    assert any(begun > 0 for _, begun in restarts), "no trial was continued from a checkpoint"
    with capsys.disabled():
        epochs = [int(epoch) for _, epoch in restarts]
        print(f"\n10 kills, in {dict(stages)}; trials restarted at epochs {epochs}")


def check_restarts(before: list[ev.Event], added: list[ev.Event]) -> list[tuple[int, float]]:
    """Every unfinished trial starts at its newest acknowledged checkpoint, and its training says so itself."""
    known = replay(before).open if before else {}
    restarts = []
    for event in added:
        if isinstance(event, ev.AttemptStarted) and event.attempt and event.trial in known:
            trial = known[event.trial]
            if event.attempt == len(trial.attempts):
                assert event.fidelity == trial.checkpoint_fidelity
                restarts.append((event.trial, event.fidelity))
    first: dict[tuple[int, int], ev.Reported] = {}
    for event in added:
        if isinstance(event, ev.Reported):
            first.setdefault((event.trial, event.attempt), event)
    begun = {(e.trial, e.attempt): e.fidelity for e in added if isinstance(e, ev.AttemptStarted)}
    for key, report in first.items():
        assert report.metrics["begun"] == begun[key]
        assert report.fidelity == begun[key] + 1
    return restarts


def check_end(folder: Path, events: list[ev.Event]) -> None:
    state = replay(events)
    assert len(state.trials) == TRIALS
    assert all(trial.state.is_final for trial in state.trials)
    keys = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(keys.values()) == {1}
    rows = duckdb.sql(f"select count(*), count(distinct (trial, attempt, fidelity)) from '{folder}/reports/*.parquet'")
    assert rows.fetchall() == [(len(keys), len(keys))]
    trials = duckdb.sql(f"select count(*), count(distinct trial) from '{folder}/trials/*.parquet'")
    assert trials.fetchall() == [(TRIALS, TRIALS)]
    attempts = duckdb.sql(f"select trial, attempt, outcome, spent_s from '{folder}/attempts/*.parquet'").fetchall()
    expected = [(t.number, a.number, a.outcome.value, a.charged_s) for t in state.trials for a in t.attempts]
    assert sorted(attempts) == sorted(expected)
    best = json.loads((folder / "best.json").read_text())
    assert best["winner"]["trial"] == state.winner().number
