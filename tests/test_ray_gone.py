"""Real drivers under which Ray dies: told within seconds, tables up to date, exit code 75, and the next one goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from processes import family, kill_family, start, stepladder, wait_until
from slow_training import write_slow_sweep

from orchestrator.control.session import read_events
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


class Driver:
    """`stepladder run` at work, on a Ray of its own."""

    def __init__(self, folder: Path) -> None:
        write_slow_sweep(folder, epochs=45, epoch_s=0.2, trials=6)
        self.folder, self.log = folder, folder / "said.txt"
        self.sweep = Location.parse(folder / "runs" / "slow")
        self.process = start("run", "sweep.yaml", "--cpus", 2, cwd=folder, log=self.log)
        wait_until(lambda: sweep_exists(self.sweep) and read_sweep(self.sweep).reported >= 2, self.process, 240)
        assert self.process.poll() is None, self.log.read_text()

    def of_ray(self, program: str) -> int:
        """The process id of a part of its Ray."""
        for pid in family(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0])).name == program:
                    return pid
        raise AssertionError(f"no {program} below the driver")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    made = Driver(tmp_path)
    known = family(made.process.pid)
    yield made
    if made.process.poll() is None:
        kill_family(made.process, known)


@pytest.mark.parametrize(
    ("program", "behind", "sent"),
    [
        pytest.param("gcs_server", "control store (GCS)", signal.SIGKILL, marks=pytest.mark.long),
        pytest.param("gcs_server", "control store (GCS)", signal.SIGSTOP, marks=pytest.mark.nightly),
        pytest.param("raylet", "raylet", signal.SIGKILL, marks=pytest.mark.nightly),
        pytest.param("raylet", "raylet", signal.SIGSTOP, marks=pytest.mark.nightly),
    ],
)
def test_a_part_of_ray_that_is_killed_or_hangs_ends_the_driver_in_seconds(
    program: str, behind: str, sent: signal.Signals, driver: Driver
):
    known = family(driver.process.pid)
    os.kill(driver.of_ray(program), sent)
    begun = time.monotonic()
    wait_until(lambda: f"Ray is gone: its {behind} at " in driver.log.read_text(), driver.process, 60)
    told_s = time.monotonic() - begun
    code = driver.process.wait(timeout=240)
    said = driver.log.read_text()
    assert (code, told_s < 15, "Traceback" in said) == (75, True, False), said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: Ray is gone: its {behind} at ")
    assert line.endswith(
        ". Nothing acknowledged is lost: resume it, on a cluster that was joined once that is there again"
    )
    events, state = read_events(driver.sweep), read_sweep(driver.sweep)
    assert isinstance(events[-1], ev.DriverStopped)
    assert (events[-1].reason, state.open) == ("cluster", {})
    ended = [attempt for trial in state.trials for attempt in trial.attempts if attempt.outcome is Outcome.INTERRUPTED]
    assert {attempt.cause for attempt in ended} <= {"cluster", None}
    reports = duckdb.sql(f"select count(*) from read_parquet('{driver.sweep}/reports/*.parquet')").fetchall()
    assert reports == [(sum(trial.report_count for trial in state.trials),)], "the tables are up to date"
    assert "left because Ray was gone; it can go on" in stepladder("status", driver.sweep, cwd=driver.folder).stdout
    wait_until_gone(known)
    again = stepladder("resume", "--auto", "sweep.yaml", "--cpus", 2, cwd=driver.folder)
    assert again.returncode == 0, again.stderr
    after = read_sweep(driver.sweep)
    assert [trial.state for trial in after.trials] == [TrialState.COMPLETED] * 6
    assert read_events(driver.sweep)[: len(events)] == events


@pytest.mark.nightly
def test_nothing_of_ray_outlives_a_driver_that_is_killed_not_even_what_hangs(driver: Driver):
    known = family(driver.process.pid)
    agents = [pid for pid in known if "agent" in (said := command_line(pid)) and "raylet/raylet" not in said]
    assert agents, [command_line(pid) for pid in known]
    for pid in agents:
        os.kill(pid, signal.SIGSTOP)  # by themselves they would end within a minute
    driver.process.kill()
    driver.process.wait(timeout=240)
    wait_until_gone(known)


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 240
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, [command_line(pid) for pid in alive]
        time.sleep(0.5)


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
    return ""


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
