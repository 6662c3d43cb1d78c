"""The digits sweep with its storage on a real S3 server: killed -9, resumed, refused to a second driver, and no key
found anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from processes import ENVIRONMENT, family, kill_family, start, stepladder, wait_until
from pyarrow.fs import FileSelector
from s3_server import SECRET_KEY

from orchestrator.demos import write_demo
from orchestrator.errors import SweepNotFoundError
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev

TRIALS = 10


@pytest.fixture
def ray_folder(bucket: Location, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the drivers' Ray keeps its sessions; they see the server by their environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.setitem(ENVIRONMENT, name, os.environ[name])
    # Short, since Ray's sockets lie in it; what a killed Ray leaves may still be written to.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setitem(ENVIRONMENT, "RAY_TMPDIR", folder)
        yield Path(folder)


def state_of(place: Location) -> SweepState | None:
    try:
        return read_sweep(place)
    except SweepNotFoundError:
        return None


def is_midway(place: Location) -> bool:
    """Say whether reports have come and a trial that runs has a checkpoint."""
    state = state_of(place)
    return state is not None and state.reported >= 8 and any(trial.checkpoint for trial in state.open.values())


@pytest.mark.nightly
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_the_digits_sweep_lives_on_the_store(
    bucket: Location, ray_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_demo("digits", tmp_path / "digits")
    place, log = bucket / "digits", tmp_path / "stderr.txt"
    overrides = (f"budget.trials={TRIALS}", f"storage={bucket}", "fidelity.max=9")
    driver = start("run", "sweep.yaml", *overrides, "--cpus", 2, cwd=tmp_path / "digits", log=log)
    wait_until(lambda: state_of(place) is not None, driver, 240)
    second = stepladder("resume", "sweep.yaml", *overrides, "--cpus", 1, cwd=tmp_path / "digits")
    assert second.returncode == 1, second.stderr
    assert f"error: the sweep is driven by process {driver.pid} on " in second.stderr
    wait_until(lambda: is_midway(place), driver, 240)
    assert driver.poll() is None, log.read_text()
    known = family(driver.pid)
    before = JournalReader(place.files()).read_new()
    kill_family(driver, known)
    ended = stepladder("resume", place, "--cpus", 2, "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    check_end(place, before, json.loads(ended.stdout))
    shown = stepladder("status", place, cwd=tmp_path)
    assert "all trials of the budget are done" in shown.stdout, shown.stderr
    (tmp_path / "ended.txt").write_text(ended.stderr + ended.stdout + second.stderr + shown.stdout)
    searched = check_secrets(place, [tmp_path, ray_folder])
    with capsys.disabled():
        print(f"\nno key in {searched} objects and files")


PROGRAM = r"""
name: shell
command: [sh, -c, 'echo "lr {lr}"; echo "{{\"epoch\": 1, \"score\": {lr}}}" >> $STEPLADDER_REPORTS']
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, min: 1, max: 1}
search_space: {lr: {type: float, low: 0.25, high: 0.75, default: 0.5}}
search: random
searcher: random
scheduler: none
budget: {trials: 2}
"""


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_preflight_leaves_nothing_and_a_program_its_output(bucket: Location, ray_folder: Path, tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(PROGRAM)
    store, path = bucket.store()
    checked = stepladder("check", "sweep.yaml", f"storage={bucket}", "--smoke", "--json", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert {check["ok"] for check in json.loads(checked.stdout)["preflight"]} == {True}, checked.stdout
    found = store.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    assert [info.path for info in found if info.is_file] == []

    ran = stepladder("run", "sweep.yaml", f"storage={bucket}", "--cpus", 2, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = store.get_file_info(FileSelector(f"{path}/shell/logs", recursive=True))
    said = [store.open_input_stream(info.path).read() for info in found if info.base_name == "stdout.txt"]
    assert b"lr 0.5\n" in said
    assert len(said) == 2


def check_end(place: Location, before: list[ev.Event], best: dict) -> None:
    events = JournalReader(place.files()).read_new()
    state = read_sweep(place)
    seen = len(before)
    assert events[:seen] == before, "a record that was there has changed"
    assert len(state.trials) == TRIALS
    assert all(trial.state.is_final for trial in state.trials)
    keys = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(keys.values()) == {1}
    resumed = [event for event in events[seen:] if isinstance(event, ev.AttemptStarted) and event.fidelity > 0]
    assert resumed, "no trial was continued from a checkpoint"
    assert all(event.checkpoint.startswith(f"{place}/checkpoints/") for event in resumed)
    first = {(e.trial, e.attempt): e.fidelity for e in reversed(events) if isinstance(e, ev.Reported)}
    assert all(first[event.trial, event.attempt] == event.fidelity + 1 for event in resumed)
    store, path = place.store()
    rows = pq.read_table(f"{path}/reports", filesystem=store)
    assert {(row["trial"], row["attempt"], row["fidelity"]) for row in rows.to_pylist()} == set(keys)
    assert rows.num_rows == len(keys)
    everyone = list(state.everyone())  # with the fresh seeds of the best
    assert pq.read_table(f"{path}/trials", filesystem=store).num_rows == len(everyone)
    attempts = pq.read_table(f"{path}/attempts", filesystem=store).to_pylist()
    assert len(attempts) == sum(len(trial.attempts) for trial in everyone)
    assert {(row["trial"], row["attempt"], row["to_fidelity"]) for row in attempts if row["to_fidelity"]} == {
        (trial.number, attempt.number, attempt.fidelity)
        for trial in everyone
        for attempt in trial.attempts
        if attempt.fidelity
    }
    assert best == json.loads(place.files().read("best.json"))
    assert Location.parse(best["winner"]["checkpoint"]["absolute"]).is_folder()


def check_secrets(place: Location, folders: list[Path]) -> int:
    """No object of the sweep, no log of the drivers and no file of Ray's sessions holds the secret."""
    store, path = place.store()
    found = store.get_file_info(FileSelector(path, recursive=True))
    contents = [(info.path, store.open_input_stream(info.path).read()) for info in found if info.is_file]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any("session_" in str(file) and file.name == "raylet.out" for file in files), "Ray's logs are elsewhere"
    contents += [(str(file), file.read_bytes()) for file in files]
    for name, content in contents:
        assert SECRET_KEY.encode() not in content, name
    return len(contents)
