"""`try`, `stop --trial` and `retry` from any terminal: what is asked, who takes it, and what is refused at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from processes import stepladder
from sweeps import make_plan

from orchestrator.control.session import create, reopen
from orchestrator.errors import ClusterError, UsageError
from orchestrator.members import outside
from orchestrator.project.finding import find
from orchestrator.project.handle import SweepLog
from orchestrator.project.handle_sent import SweepSent
from orchestrator.project.records import SubmissionRecord
from orchestrator.project.wishing import to_retry, to_stop, to_try
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.storage.wishes import new_wishes
from orchestrator.sweep.trial import Outcome


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    """A dead sweep of three trials: the last failed, the others are under way."""
    place = Location.parse(tmp_path / "runs" / "test")
    session = create(place, make_plan(budget={"trials": 4}, retry={"error": 0}), b"")
    for _ in range(3):
        session.controller.next_step()
    session.controller.on_attempt_end(2, 0, Outcome.ERROR, "ValueError: x")
    session.close("stop")
    return place


def asked(folder: Location, question) -> str:
    return find(str(folder), None, (), lambda _: None).wish(question, 100.0)


def test_a_dead_sweep_keeps_the_wish_for_its_next_resume(folder: Location):
    said = asked(folder, to_try(["momentum=0.7", "optimizer=adam"]))
    assert said == (
        "asked for: momentum 0.7, optimizer adam; the rest as in the baseline\n"
        f"nobody drives the sweep now, so it is kept: stepladder resume {folder}"
    )
    assert asked(folder, to_stop(1)).startswith("asked for the end of trial 1\n")
    assert asked(folder, to_retry(2)).startswith("asked for another run of trial 2\n")
    assert len(list(new_wishes(folder.files(), ()))) == 3
    again, _ = reopen(folder, make_plan(budget={"trials": 4}))
    steps = [again.controller.next_step() for _ in range(3)]
    assert [(step.trial, step.attempt) for step in steps] == [(0, 1), (2, 1), (3, 0)]
    assert (again.state.trials[3].config["momentum"], again.state.trials[3].move) == (0.7, "asked")
    again.release()


def test_a_living_driver_is_named(folder: Location):
    driver, _ = reopen(folder, make_plan(budget={"trials": 4}))
    assert asked(folder, to_stop(1)).endswith("the sweep's driver takes it within 2 s, and says so")
    driver.release()


def test_a_budget_that_is_used_up_is_said(folder: Location):
    driver, _ = reopen(folder, make_plan(budget={"trials": 4}))
    for _ in range(3):
        driver.controller.next_step()
    driver.close("stop")
    said = asked(folder, to_try(["momentum=0.7"]))
    assert said.endswith(
        f"all 4 trials of the budget have begun, so it is kept: stepladder resume {folder} --trials +1 tries it"
    )
    more, _ = reopen(folder, make_plan(budget={"trials": 5}))
    while (step := more.controller.next_step()).trial != 4:
        pass
    assert step.config["momentum"] == 0.7
    more.release()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda: to_try(["momentum=2"]), "{folder}: 'momentum' cannot be 2; choose a number from 0.5 to 0.99"),
        (lambda: to_try(["learning_rate=0.01"]), "{folder}: this is the baseline, which is tried first in any case"),
        (lambda: to_try(["momentum"]), "'momentum' is not name=value; write it as in lr=3e-4"),
        (lambda: to_try(["momentum=[1,"]), "override momentum=[1,: not valid YAML"),
        (lambda: to_try([]), "say what to try, name=value, as in: stepladder try RUN lr=3e-4 momentum=0.9"),
        (lambda: to_stop(7), "{folder}: there is no trial 7; the last is 2"),
        (lambda: to_stop(2), "{folder}: trial 2 has ended (failed), so there is nothing to stop"),
        (lambda: to_retry(0), "{folder}: trial 0 has not ended (interrupted), so there is nothing to run again"),
        (
            lambda: to_retry(None),
            "say which trial: --trial 7; all that failed: stepladder resume RUN --retry-failed",
        ),
    ],
)
def test_what_can_never_be_is_refused_at_once_and_leaves_no_wish(folder: Location, question, said: str):
    with pytest.raises(UsageError) as refused:
        asked(folder, question())
    assert str(refused.value).startswith(said.format(folder=folder))
    assert list(new_wishes(folder.files(), ())) == []


@pytest.mark.thorough
def test_status_shows_what_waits(folder: Location, tmp_path: Path):
    for at, question in enumerate((to_try(["momentum=0.7"]), to_stop(1), to_retry(2), to_try(["momentum=0.6"]))):
        find(str(folder), None, (), lambda _: None).wish(question, float(at))
    log = SweepLog.read(folder)
    first = "asked for: momentum 0.7; the rest as in the baseline"
    assert log.waiting == (
        f"{first}: it waits for the next driver",
        "asked for the end of trial 1: it waits for the next driver",
        "asked for another run of trial 2: it waits for the next driver",
        "asked for: momentum 0.6; the rest as in the baseline: it waits for the next driver",
    )
    told = " ".join(stepladder("status", "runs/test", cwd=tmp_path).stdout.split())
    assert f"asked {first}: it waits for the next driver" in told
    assert " and 1 more " in told
    document = json.loads(stepladder("status", "runs/test", "--json", cwd=tmp_path).stdout)
    assert document["waiting"] == list(log.waiting)
    driver, _ = reopen(folder, make_plan(budget={"trials": 4}))
    assert SweepLog.read(folder).waiting == (
        f"{first}: tried next",
        "asked for: momentum 0.6; the rest as in the baseline: tried next",
    ), "the driver has taken them"
    asked(folder, to_try(["momentum=0.55"]))
    assert SweepLog.read(folder).waiting[-1].endswith(": its driver has not taken it yet")
    for _ in range(3):
        driver.controller.next_step()
    assert (
        SweepLog.read(folder)
        .waiting[0]
        .endswith("momentum 0.6; the rest as in the baseline: no trial of the budget is left for it")
    )
    driver.release()


LAUNCHER = """
import subprocess, sys
from orchestrator import Job, JobState, JobStatus, Launch, Launcher
from orchestrator.errors import ClusterError

class Elsewhere(Launcher):
    def render(self, submission):
        return Launch(submission.job_id, ())

    def submit(self, submission, launch, place):
        return launch.job_id

    def status(self, job):
        return JobStatus(JobState.RUNNING)

    def logs(self, job, *, follow):
        return iter(())

    def stop(self, job):
        pass

    def jobs(self):
        return []

    def run(self, *arguments):
        typed = [word.replace("/on/the/cluster", self.target) for word in arguments]
        code = "from orchestrator.cli.app import main; main()"
        done = subprocess.run([sys.executable, "-c", code, *typed], capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(done.stderr.splitlines()[-1].removeprefix("error: "))
        return done.stderr + done.stdout
"""


@pytest.mark.thorough
def test_of_a_sweep_whose_storage_is_not_seen_from_here_the_cluster_is_asked(folder: Location, tmp_path: Path):
    """The cluster is a launcher of one's own, under whose path alone the sweep is there."""
    (tmp_path / "elsewhere_launcher.py").write_text(LAUNCHER)
    outside.look_beside(tmp_path)
    record = SubmissionRecord(
        "test", "sweep.yaml", "elsewhere_launcher:Elsewhere", str(tmp_path / "runs"), "job-1", "/on/the/cluster/test",
        sweep_id=read_sweep(folder).plan.sweep_id,
    )  # fmt: skip
    said: list[str] = []
    handle = SweepSent("sweep.yaml", record, tmp_path / "sweep.yaml", said.append)
    handle.refuse_other("try", None)
    assert handle.wish(to_try(["momentum=0.7"]), 0.0) == (
        "asked for: momentum 0.7; the rest as in the baseline\n"
        f"nobody drives the sweep now, so it is kept: stepladder resume {folder}"
    )
    assert handle.wish(to_stop(1), 0.0).startswith("asked for the end of trial 1\n")
    assert handle.wish(to_retry(2), 0.0).startswith("asked for another run of trial 2\n")
    assert [wish.kind for _, wish in new_wishes(folder.files(), ())] == ["try", "stop", "retry"]
    with pytest.raises(ClusterError, match="momentum"):
        handle.wish(to_try(["momentum=7"]), 0.0)
    told = json.loads(handle.status(as_json=True).told)
    assert [line.partition(":")[0] for line in told["waiting"]] == [
        "asked for", "asked for the end of trial 1", "asked for another run of trial 2",
    ]  # fmt: skip
    outside.forget()


def test_the_commands_say_what_comes_next(folder: Location, tmp_path: Path):
    tried = stepladder("try", "runs/test", "momentum=0.7", cwd=tmp_path)
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.startswith("asked for: momentum 0.7; the rest as in the baseline\n")
    assert tried.stderr == f"next: stepladder trials {folder}\n"
    stopped = stepladder("stop", "runs/test", "--trial", 1, cwd=tmp_path)
    assert (stopped.returncode, stopped.stderr) == (0, f"next: stepladder show {folder} 1\n")
    refused = stepladder("retry", "runs/test", "--trial", 0, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"error: {folder}: trial 0 has not ended" in refused.stderr
    assert read_sweep(folder).trials[1].withdrawn_s is None, "nobody drives it yet"
