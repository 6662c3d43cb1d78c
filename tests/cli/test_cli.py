"""The command as a user meets it: real sweeps on a real Ray, exit codes, answers on stdout, the rest on stderr."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import duckdb
import pytest
from processes import start, stepladder, wait_until

from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location

pytestmark = pytest.mark.ray

TRAIN = """
import time
from ray import tune

def train(config):
    for epoch in range(1, 10):
        time.sleep({pause})
        tune.report({{"score": config["a"] * (1 - config["b"]) - 1 / epoch, "epoch": epoch}})
"""
SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {min: 3, max: 9}
search_space:
  a: {low: 0.0, high: 1.0, default: 0.5}
  b: {low: 0.0, high: 1.0, default: 0.5, tier: 2}
budget: {trials: 6}
"""


def write(folder: Path, pause: float = 0.0, sweep: str = SWEEP, train: str = TRAIN) -> None:
    (folder / "train.py").write_text(train.format(pause=pause))
    (folder / "sweep.yaml").write_text(sweep)


def test_a_sweep_from_run_to_extension(tmp_path: Path):
    write(tmp_path)
    ran = stepladder("run", "sweep.yaml", "--cpus", 2, "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    best = json.loads(ran.stdout)
    folder = tmp_path / "runs" / "small"
    assert best == json.loads((folder / "best.json").read_text())
    assert best["winner"]["value"] >= best["baseline"]["value"]

    again = stepladder("run", "sweep.yaml", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "this sweep exists; go on with `stepladder resume" in again.stderr

    finished = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert finished.returncode == 0
    assert "all trials of the budget are done" in finished.stdout

    (tmp_path / "train.py").write_text(TRAIN.format(pause=0.001))
    extended = stepladder("resume", folder, "--trials", "+3", "--cpus", 2, "--code", "here", cwd=tmp_path)
    assert extended.returncode == 0, extended.stderr
    assert "changed since the last driver: budget.trials: 6 -> 9" in extended.stderr
    assert "changed since the last driver: code: " in extended.stderr
    hashes = duckdb.sql(
        f"select trial < 6 as early, count(distinct code_hash) as n, count(*) as rows from '{folder}/trials/*.parquet' "
        "group by 1 order by 1"
    ).fetchall()
    assert hashes == [(False, 1, 3), (True, 1, 6)]
    both = duckdb.sql(f"select count(distinct code_hash) from '{folder}/trials/*.parquet'").fetchall()
    assert both == [(2,)]

    later = stepladder("resume", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert later.returncode == 0
    assert len(read_sweep(Location.parse(folder)).trials) == 9, "the extension is forgotten"

    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("a: {low: 0.0, high: 1.0", "a: {low: 0.0, high: 0.9"))
    changed = stepladder("resume", "sweep.yaml", cwd=tmp_path)
    assert changed.returncode == 2
    assert "search_space.a.high: 1.0 -> 0.9" in changed.stderr
    check_reading(tmp_path)


def check_reading(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(SWEEP)
    status = json.loads(stepladder("status", "sweep.yaml", "--json", cwd=folder).stdout)
    assert status["condition"] == "finished"
    shown = stepladder("status", "runs/small", cwd=folder)
    assert max(map(len, shown.stdout.partition("\nnext")[0].splitlines())) <= 100
    exported = stepladder("export", "sweep.yaml", "--format", "json", "--top", 2, cwd=folder)
    assert len(json.loads(exported.stdout)) == 2
    stepladder("export", "runs/small", "--format", "args", "-o", "args.txt", cwd=folder)
    assert (folder / "args.txt").read_text().startswith("--")
    measured = stepladder("plan", "sweep.yaml", cwd=folder)
    assert "on the clock" in measured.stdout, "the plan does not know what an epoch took"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_the_sweep_and_resume_ends_it(tmp_path: Path, sent: signal.Signals, code: int):
    write(tmp_path, pause=0.2)
    log = tmp_path / "stderr.txt"
    driver = start("run", "sweep.yaml", "--cpus", 2, cwd=tmp_path, log=log)
    folder = tmp_path / "runs" / "small"
    wait_until(
        lambda: any(folder.glob("trials/*.parquet")) and read_sweep(Location.parse(folder)).reported > 0,
        driver,
    )
    driver.send_signal(sent)
    assert driver.wait(240) == code, log.read_text()
    assert f"go on with: stepladder resume {folder}" in log.read_text()
    stopped = read_sweep(Location.parse(folder))
    assert stopped.stopped == sent.name
    assert stopped.open == {}
    assert "Traceback" not in log.read_text()
    if sent is signal.SIGINT:
        return  # from here on both are the same
    resumed = stepladder("resume", "--auto", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert len(read_sweep(Location.parse(folder)).trials) == 6


def test_a_cap_on_wall_time_ends_the_sweep_and_auto_starts(tmp_path: Path):
    write(tmp_path, pause=0.3, sweep=SWEEP.replace("{trials: 6}", "{trials: 2}"))
    first = stepladder("resume", "--auto", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "runs" / "small"
    # A cap below what the first driver took, whatever that was on this machine: the second has nothing left.
    capped = ("resume", folder, "budget.trials=400", "budget.wall=1s", "--cpus", 2)
    stopped = stepladder(*capped, cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert "go on with" not in stopped.stderr, "the cap is that of all drivers together"
    assert f"stepladder resume {folder} budget.wall=2s" in stopped.stdout
    state = read_sweep(Location.parse(folder))
    assert state.stopped == "wall"
    assert len(state.trials) < 400


def test_a_first_run_that_fails_leaves_nothing_and_a_sweep_is_thrown_away_where_that_is_agreed(tmp_path: Path):
    write(tmp_path, sweep=SWEEP.replace("trials: 6", "trials: 2"))
    ran = stepladder("run", "sweep.yaml", "--cpus", 2, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "the baseline runs first, by itself" in ran.stderr
    folder = tmp_path / "runs" / "small"
    refused = stepladder("run", "--fresh", cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert refused.returncode == 2
    said = f"error: --fresh throws away {folder} with its 2 trials, "
    assert said in refused.stderr
    assert "CPU-hours; where nobody can be asked, say --yes as well" in refused.stderr
    assert len(read_sweep(Location.parse(folder)).trials) == 2

    write(tmp_path, train="import json\nraise ValueError('no data here')\n\ndef train(config):\n    pass\n")
    failed = stepladder("run", "--fresh", "--yes", "--cpus", 2, cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert f"thrown away: {folder} with its 2 trials" in failed.stderr
    assert (
        "trial 0 (the baseline) failed:\n  train.py:2 in <module>: raise ValueError('no data here')\n"
        "  ValueError: no data here\n"
    ) in failed.stderr
    assert failed.stderr.endswith(
        "error: the baseline failed before anything was reported: ValueError: no data here (train.py:2 in <module>)\n"
        "nothing is left behind: mend that, and run the same file again\n"
    )
    assert "Traceback" not in failed.stderr
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_second_driver_is_told_who_holds_the_sweep(tmp_path: Path):
    write(tmp_path, pause=0.3)
    driver = start("run", "sweep.yaml", "--cpus", 2, cwd=tmp_path, log=tmp_path / "stderr.txt")
    folder = tmp_path / "runs" / "small"
    wait_until(lambda: (folder / "plan.json").exists(), driver)
    second = stepladder("resume", "sweep.yaml", cwd=tmp_path)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(240) == 75, (tmp_path / "stderr.txt").read_text()
    assert second.returncode == 1
    assert f"the sweep is driven by process {driver.pid} on" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "missing.yaml"], "missing.yaml"),
        (["status", "."], "there is no sweep in this folder; give a sweep file, or runs/<name>"),
        (["status", "sweep.yaml"], "there is no sweep; start one with `stepladder run SWEEP_FILE`"),
        (["resume", "sweep.yaml"], "there is no sweep; start one with `stepladder run SWEEP_FILE`"),
        (["check", "sweep.yaml", "budget.trials=0"], "budget.trials"),
        (["init", "digitz", "--to", "x"], "'digitz' is not a demonstration; choose one of digits"),
        (["fly"], "No such command 'fly'"),
        (["compare"], "Missing argument"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence_and_exit_code_2(tmp_path: Path, arguments: list[str], message: str):
    write(tmp_path)
    answered = stepladder(*arguments, cwd=tmp_path)
    assert answered.returncode == 2
    assert message in answered.stderr
    assert answered.stdout == ""
    assert "Traceback" not in answered.stderr


def test_the_schema_and_the_demonstration_go_together(tmp_path: Path):
    made = stepladder("init", "digits", cwd=tmp_path)
    assert made.returncode == 0
    assert "next: stepladder plan digits/sweep.yaml" in made.stderr
    assert stepladder("check", "digits/sweep.yaml", cwd=tmp_path).returncode == 0
    assert json.loads(stepladder("schema", cwd=tmp_path).stdout)["type"] == "object"
