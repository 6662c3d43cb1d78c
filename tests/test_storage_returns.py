"""Real drivers whose storage goes away and comes back: a disk that fills up, an object store that falls silent."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from disks import full, small_disk
from processes import ENVIRONMENT, kill_family, start, stepladder, wait_until
from s3_server import S3Server
from slow_training import write_slow_sweep

from orchestrator.control.session import read_events
from orchestrator.errors import SweepNotFoundError
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def state_of(place: Location) -> SweepState | None:
    try:
        return read_sweep(place)
    except SweepNotFoundError:
        return None


def begun(folder: Path, place: Location, *overrides: str) -> tuple[subprocess.Popen[bytes], Path]:
    write_slow_sweep(folder, epochs=12, epoch_s=0.5, trials=6, checkpoint_bytes=500_000)
    storage = place.text.rpartition("/")[0]
    log = folder / "said.txt"
    process = start("run", "sweep.yaml", f"storage={storage}", *overrides, "--cpus", 2, cwd=folder, log=log)
    wait_until(lambda: (state := state_of(place)) is not None and state.reported >= 2, process, 240)
    assert process.poll() is None, log.read_text()
    return process, log


def check_whole(place: Location, acknowledged: list[ev.Event]) -> SweepState:
    """Every trial ended once and well, and what had been acknowledged stands."""
    events = read_events(place)
    assert events[: len(acknowledged)] == acknowledged
    reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    assert set(reports.values()) == {1}
    state = read_sweep(place)
    assert [trial.state for trial in state.trials] == [TrialState.COMPLETED] * 6
    ends = {attempt.outcome for trial in state.trials for attempt in trial.attempts}
    assert ends <= {Outcome.STOPPED, Outcome.RETURNED, Outcome.INTERRUPTED}
    return state


@pytest.mark.long
def test_a_disk_that_fills_up_and_is_freed_ends_no_sweep(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk:
        place = Location.parse(disk / "slow")
        process, log = begun(tmp_path, place)
        try:
            with full(disk):
                before = read_events(place)
                wait_until(lambda: "storage is away: " in log.read_text(), process, 60)
                shown = stepladder("status", place, cwd=tmp_path)
                assert (shown.returncode, "the sweep is driven by process" in shown.stdout) == (0, True)
                detail = " ".join(shown.stdout.split())
                assert "; its storage is away since " in detail
                assert "the disk is full; free some space; decisions wait (limits.storage)" in detail
                time.sleep(10)
                assert process.poll() is None, log.read_text()
            code = process.wait(timeout=300)
        finally:
            if process.poll() is None:
                kill_family(process)
        said = log.read_text()
        assert code == 0, said
        assert "the disk is full; free some space. Decisions wait and are tried again for 10m 00s (limits.st" in said
        assert "storage is back after " in said
        assert "Traceback" not in said
        state = check_whole(place, before)
        assert len(state.outages) >= 1
        assert "storage     was away" in stepladder("status", place, cwd=tmp_path).stdout


@pytest.mark.nightly
def test_a_disk_that_stays_full_leaves_the_sweep_to_whoever_repeats(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk:
        place = Location.parse(disk / "slow")
        process, log = begun(tmp_path, place, "limits.storage=20s")
        try:
            with full(disk):
                before = read_events(place)
                code = process.wait(timeout=120)
                assert code == 75, log.read_text()
                (line,) = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
                assert line.startswith("error: storage stayed away")
                again = stepladder("resume", "--auto", "sweep.yaml", f"storage={disk}", "--cpus", 2, cwd=tmp_path)
                assert again.returncode == 75, again.stderr
                assert "the disk is full; free some space" in again.stderr
        finally:
            if process.poll() is None:
                kill_family(process)
        overrides = (f"storage={disk}", "limits.storage=20s")
        again = stepladder("resume", "--auto", "sweep.yaml", *overrides, "--cpus", 2, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        check_whole(place, before)


@pytest.mark.nightly
def test_a_folder_whose_calls_never_return_leaves_the_sweep_to_whoever_repeats(tmp_path: Path):
    """As with a network mount whose server is gone: the driver's lease is a pipe, and reading it blocks."""
    place = Location.parse(tmp_path / "runs" / "slow")
    process, log = begun(tmp_path, place, "limits.storage=20s")
    lease = place.path / "journal" / "lease-000001.json"
    kept = lease.with_name("kept")
    try:
        before = read_events(place)
        lease.rename(kept)
        os.mkfifo(lease)
        code = process.wait(timeout=240)
    finally:
        if process.poll() is None:
            kill_family(process)
    said = log.read_text()
    assert (code, "Traceback" in said) == (75, False), said
    assert f"storage does not answer: a call at {place} has not returned for 3" in said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: storage does not answer: a call at {place} has not returned for 1m 0")
    kept.replace(lease)
    again = stepladder("resume", "--auto", "sweep.yaml", f"storage={tmp_path}/runs", "--cpus", 2, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    check_whole(place, before)


@pytest.mark.nightly
def test_a_store_that_is_silent_for_a_minute_ends_no_sweep(
    bucket: Location, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in s3.environment.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    place = bucket / "slow"
    process, log = begun(tmp_path, place)
    try:
        before = read_events(place)
        with s3.silent():
            wait_until(lambda: "storage is away: " in log.read_text(), process, 90)
            time.sleep(60)
            assert process.poll() is None, log.read_text()
        code = process.wait(timeout=300)
    finally:
        if process.poll() is None:
            kill_family(process)
    said = log.read_text()
    assert code == 0, said
    assert "the store cannot be reached at " in said
    assert "Traceback" not in said
    assert len(check_whole(place, before).outages) >= 1
