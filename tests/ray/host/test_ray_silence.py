"""Trainings that hang, are stopped by a signal, take too long or never begin, on a real local Ray."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from orchestrator.ray.worker.trainable import Command
from orchestrator.storage.requests import DriverRequest, put_request
from orchestrator.sweep.trial import TrialState

pytestmark = pytest.mark.ray

HANGS = """
    import os, signal, subprocess, sys, tempfile, time
    from pathlib import Path
    from ray import tune

    def hang():
        time.sleep(1000)

    def train(config):
        trial, checkpoint, start = config["_trial"], tune.get_checkpoint(), 0
        number, attempt, here = trial["number"], trial["attempt"], Path(__file__).parent
        if checkpoint:
            with checkpoint.as_directory() as folder: start = int(Path(folder, "epoch").read_text())
        for epoch in range(start + 1, 6):
            if epoch == 3 and number == 1 and attempt == 0:
                child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
                (here / "child").write_text(str(child.pid))
                hang()
            if epoch == 3 and number == 2 and attempt == 0: os.kill(os.getpid(), signal.SIGSTOP)
            if epoch == 2 + attempt and number == 3: hang()
            if epoch == 4 and number == 4:
                for line in range(16):
                    print("still here", flush=True)
                    time.sleep(0.5)
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "epoch").write_text(str(epoch))
                tune.report({"score": epoch, "epoch": epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
"""


def test_what_hangs_is_ended_with_its_children_and_goes_on_from_its_checkpoint_once(host, caplog):
    run = host.run(
        HANGS, budget={"trials": 5}, fidelity={"metric": "epoch", "max": 5}, limits={"silence": "5s"},
        resources={"cpus": 0.8},
    )  # fmt: skip
    assert run.reason == "finished", run.error
    outcomes = [run.outcomes(number) for number in range(5)]
    assert outcomes == [["stopped"], ["hung", "stopped"], ["hung", "stopped"], ["hung", "hung"], ["stopped"]]
    trials = run.state.trials
    assert [trial.state for trial in trials] == [*[TrialState.COMPLETED] * 3, TrialState.FAILED, TrialState.COMPLETED]
    assert [trials[number].attempts[1].resumed_from for number in (1, 2, 3)] == [2.0, 2.0, 1.0]
    silence, *more = trials[1].attempts[0].error.splitlines()
    assert silence.startswith("it gave no sign of life for ")
    assert silence.endswith("(limits.silence): no report, no print, no checkpoint, and no process of it at work")
    stacks = "logs/1/0/stacks.txt"
    assert more == ["it stood at train.py:7 in hang", f"its stacks: {stacks}"]
    assert "hang" in (run.folder / "runs/test" / stacks).read_text()
    assert trials[3].attempt.error.splitlines()[-1] == "it hung in 2 attempts"
    assert not _is_alive(int((host.folder / "child").read_text())), "what it started is ended with it"
    said = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("trial 1 on ") and ": silent for " in line for line in said)
    assert not any(line.startswith("trial 4 on ") and " is ended" in line for line in said), "it printed"


def test_a_program_that_hangs_and_ignores_sigterm_is_ended_with_all_it_started(host):
    (host.folder / "train.py").write_text(
        """
import json, os, signal, subprocess, sys, time
from pathlib import Path

signal.signal(signal.SIGTERM, signal.SIG_IGN)
def report(epoch):
    with open(os.environ["STEPLADDER_REPORTS"], "a") as file:
        file.write(json.dumps({"score": epoch, "epoch": epoch}) + "\\n")
trial = json.loads(os.environ["STEPLADDER_CONFIG"]).get("_trial") or {"attempt": int(os.environ["STEPLADDER_ATTEMPT"])}
report(1)
report(2)
if trial["attempt"] == 0:
    assert os.environ["PYTHONUNBUFFERED"] == "1"
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    Path(__file__).with_name("pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(1000)
report(3)
"""
    )
    command = Command(host.folder, (sys.executable, "train.py"), ("train.py",))
    run = host.run(command, budget={"trials": 1}, limits={"silence": 4})
    assert run.reason == "finished", run.error
    assert run.outcomes(0) == ["hung", "stopped"]
    assert not any(_is_alive(int(pid)) for pid in (host.folder / "pids").read_text().split())
    assert "it stood at train.py:16 in <module>" in run.state.trials[0].attempts[0].error
    kept = (run.folder / "runs/test/logs/0/0/stacks.txt").read_text()
    assert "(train.py:16)" in kept, "the program's own stack"


def test_a_trial_that_takes_longer_than_allowed_is_stopped_at_a_report_or_ended(host):
    run = host.run(
        """
        import time
        from ray import tune

        def train(config):
            number = config["_trial"]["number"]
            if number == 2: time.sleep(1000)
            for epoch in range(1, 1000):
                tune.report({"score": epoch, "epoch": epoch if number else 999})
                time.sleep(0.2)
                if number == 3: time.sleep(1000)
        """,
        budget={"trials": 4},
        fidelity={"metric": "epoch", "max": 999},
        limits={"trial": "30s"},  # counted from the reservation: processes start in it
    )
    assert run.reason == "finished", run.error
    assert [run.outcomes(number) for number in range(4)] == [["stopped"], ["stopped"], ["overtime"], ["overtime"]]
    states = [trial.state.value for trial in run.state.trials]
    assert states == ["completed", "pruned", "failed", "pruned"]
    assert [trial.attempt.cause for trial in run.state.trials] == [None, *["limits.trial"] * 3]
    assert run.state.trials[1].fidelity > 2
    assert (
        "longer than limits.trial (30s), and made no report at which it could end" in run.state.trials[2].attempt.error
    )


@pytest.mark.long
def test_a_worker_that_never_gets_ready_costs_no_trial_and_another_is_asked_for(host, caplog):
    run = host.run(
        _Slow(str(host.folder / "tried"), os.getpid()),
        budget={"trials": 1},
        limits={"start": 20},
        resources={"reuse_workers": False},
    )
    assert run.reason == "finished", run.error
    assert run.outcomes(0) == ["stopped"]
    said = [record.getMessage() for record in caplog.records]
    assert "a worker was not ready 20s after its place was (limits.start)" in said


class _Slow:
    """A training function that takes for ever to arrive in a worker, the first time."""

    def __init__(self, mark, driver):
        self.mark, self.driver = mark, driver

    def __call__(self, config):
        from ray import tune

        for epoch in range(1, 4):
            tune.report({"score": 1.0, "epoch": epoch})

    def __reduce__(self):
        return _arrive, (self.mark, self.driver)


def _arrive(mark, driver):
    path = Path(mark)
    if os.getpid() != driver and not path.exists():
        path.touch()
        time.sleep(1000)
    return _Slow(mark, driver)


def test_a_stop_waits_as_long_as_limits_say(host, caplog):
    def stop(session):
        if session.state.trials and session.state.trials[0].report_count and not asked:
            asked.append(time.monotonic())
            put_request(session.files, DriverRequest.STOP, time.time())

    asked: list[float] = []
    run = host.run(
        """
        import time
        from ray import tune

        def train(config):
            for epoch in range(1, 1000):
                tune.report({"score": epoch, "epoch": epoch})
                time.sleep(0.3)
        """,
        on_step=stop,
        budget={"trials": 9},
        fidelity={"metric": "epoch", "max": 999},
        limits={"stop": "3s"},
    )
    assert run.reason == "stop", run.error
    assert time.monotonic() - asked[0] < 240
    assert {trial.state for trial in run.state.trials} == {TrialState.INTERRUPTED}
    said = [record.getMessage() for record in caplog.records]
    assert any(line.endswith("finish, within 3s (limits.stop)") for line in said), said
    assert "limits.stop is over: leaving now; what runs goes on from its checkpoint with `resume`" in said


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class _Broken:
    """A training function that arrives in no worker."""

    def __init__(self, driver):
        self.driver = driver

    def __call__(self, config):
        raise AssertionError("it never arrives")

    def __reduce__(self):
        return _refuse, (self.driver,)


def _refuse(driver):
    if os.getpid() != driver:
        raise OSError("no such module here")
    return _Broken(driver)


@pytest.mark.nightly
def test_workers_that_end_at_once_end_the_sweep_with_a_sentence(host):
    run = host.run(_Broken(os.getpid()), budget={"trials": 2}, resources={"reuse_workers": False})
    assert "no worker can be started: 5 in a row never got ready" in str(run.error)
    assert "no such module here" in str(run.error)
