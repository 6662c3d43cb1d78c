"""The launcher for Slurm where there is no Slurm: what it renders, what it refuses, how it reads Slurm's answers.

tests/cluster/test_slurm_sweep.py runs it on a real one.
"""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers import JobState, Submission
from orchestrator.launchers.slurm import Slurm, read_record, state_of
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.launching import SlurmSettings
from orchestrator.sweep.resources import Resources

GOLDEN = Path(__file__).parent / "golden"
DIGITS = Submission(
    "digits", "digits-20261122-0312-5c1e", Path("/shared/my sweeps/digits"), "sweep.yaml",
    ("budget.trials=20", "optimizer={choices: [sgd, adam]}"), "/shared/runs", Resources(gpus=1, max_concurrent=2),
)  # fmt: skip


def test_the_launch_of_the_demonstration_is_golden():
    launch = Slurm("").render(DIGITS)
    (script,) = launch.files.values()
    told = [f"$ {subprocess.list2cmdline(launch.command)}", *(f"# {note}" for note in launch.notes), script]
    assert "\n".join(told) == (GOLDEN / "slurm-digits.txt").read_text()


def test_what_a_person_named_is_words_for_the_shell_and_nothing_else():
    evil = Submission(
        "digits",
        "digits-1",
        Path("/shared/$(touch x)/it's"),
        "sweep.yaml",
        ("a=`id`;$HOME",),
        "/runs",
        Resources(max_concurrent=1),
    )
    (script,) = Slurm("").render(evil).files.values()
    assigned = "\n".join(line for line in script.splitlines() if line.startswith(("FOLDER=", "COMMAND=")))
    told = subprocess.run(
        ["bash", "-c", f'{assigned}\nprintf "%s\\n" "$FOLDER" "${{COMMAND[@]}}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines() == [
        "/shared/$(touch x)/it's", "stepladder", "resume", "--auto", "sweep.yaml", "a=`id`;$HOME",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["one", "elastic"])
def test_its_modules_are_loaded_and_its_variables_set_before_ray_starts(mode, tmp_path):
    """Those lines of the script, with a `module` that knows two modules, as sites have one."""
    asked = Environment(modules=("cuda/12.4", "gcc"), env={"LEVEL": "3; touch x", "A_B": "it's"})
    sent = dataclasses.replace(DIGITS, environment=asked, slurm=SlurmSettings.model_validate({"mode": mode}))
    (script,) = Slurm("").render(sent).files.values()
    said = "\n".join(line for line in script.splitlines() if line.startswith(("MODULES=", "VARIABLES=", "say() ")))
    lines = script[script.index("set +u") : script.index("RESTARTS=")]
    assert script.index("set +u") < script.index("ray start")
    known = 'module() { echo "$*"; [[ $2 == cuda/12.4 || $2 == "$KNOWN" ]]; }; SLURM_JOB_ID=7\n'

    def run(has: str) -> subprocess.CompletedProcess[str]:
        code = f"set -uo pipefail\nKNOWN={has}\n{known}{said}\n{lines}\nprintenv LEVEL A_B\n"
        return subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("gcc").stdout.splitlines() == ["load cuda/12.4", "load gcc", "3; touch x", "it's"]
    refused = run("icc")
    assert refused.returncode == 1
    assert refused.stdout.splitlines()[-1].endswith("job 7: module gcc cannot be loaded here (environment.modules)")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_storage_is_refused():
    relative = Submission("digits", "digits-1", Path("/shared"), "sweep.yaml", (), "runs", Resources())
    with pytest.raises(UsageError, match="storage runs: it is relative to the sweep file"):
        Slurm("").render(relative)


def test_a_machine_without_slurm_is_told_where_to_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    launcher = Slurm("")
    remedy = "is not on this machine's PATH: run this on a login node of the Slurm cluster"
    for asked in (
        lambda: launcher.submit(DIGITS, launcher.render(DIGITS), tmp_path / "place"),
        lambda: launcher.status("1"),
        lambda: launcher.stop("1"),
        lambda: next(launcher.logs("1", follow=False)),
    ):
        with pytest.raises(ClusterError, match=remedy):
            asked()


# As Slurm 22.05 answers `scontrol --oneliner show job`, shortened.
ANSWER = (
    "JobId=7 JobName=digits-1 UserId=root(0) GroupId=root(0) Priority=429 JobState={state} Reason={reason} "
    "Dependency=(null) Requeue=1 Restarts={restarts} BatchFlag=1 Reboot=0 ExitCode={code}:0 RunTime=00:12:00 "
    "TimeLimit=08:00:00 NodeList=n[1-2] Command=(null) WorkDir=/shared/my sweeps StdErr=/shared/my sweeps/slurm-7.out "
    "StdIn=/dev/null StdOut=/shared/my sweeps/slurm-7.out Power= TresPerNode=gres:gpu:1 "
)


@pytest.mark.parametrize(
    ("state", "reason", "restarts", "code", "expected", "text"),
    [
        ("PENDING", "Resources", 0, 0, JobState.PENDING, "job 7: pending (Resources)"),
        ("PENDING", "BeginTime", 2, 0, JobState.PENDING,
         "job 7: pending (BeginTime), queued again 2 times; it need not wait: scontrol update JobId=7 StartTime=now"),
        ("RUNNING", "None", 0, 0, JobState.RUNNING, "job 7: running on n[1-2] for 00:12:00 of 08:00:00"),
        ("COMPLETING", "None", 1, 0, JobState.RUNNING,
         "job 7: completing on n[1-2] for 00:12:00 of 08:00:00, queued again 1 time"),
        ("COMPLETED", "None", 0, 0, JobState.SUCCEEDED, "job 7: completed, exit code 0"),
        ("FAILED", "NonZeroExitCode", 0, 75, JobState.STOPPED, "job 7: failed, exit code 75"),
        ("FAILED", "NonZeroExitCode", 0, 1, JobState.FAILED, "job 7: failed, exit code 1"),
        ("OUT_OF_MEMORY", "OutOfMemory", 0, 0, JobState.FAILED, "job 7: out_of_memory, exit code 0"),
        ("CANCELLED", "None", 0, 0, JobState.STOPPED, "job 7: cancelled, exit code 0"),
    ],
)  # fmt: skip
def test_what_slurm_says_is_read(state, reason, restarts, code, expected, text):
    record = read_record("7", ANSWER.format(state=state, reason=reason, restarts=restarts, code=code))
    assert (state_of(record), record.told) == (expected, text)
    assert record.output == Path("/shared/my sweeps/slurm-7.out")
