"""A sweep on a real Slurm: two compute nodes with two false GPUs each, the shipped definition as it is.

Needs root; installs Slurm on Debian.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ROOT
from slurm import Slurm

from orchestrator.demos import write_demo
from orchestrator.errors import ClusterError
from orchestrator.launchers import JobState, Submission
from orchestrator.launchers.slurm import Slurm as SlurmLauncher
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.launching import SlurmSettings
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.trial import Outcome, Trial

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(2400)]
TRIALS = 8
STEPLADDER = f"#!{sys.executable}\nfrom orchestrator.cli.app import main\nmain()\n"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    place = tmp_path_factory.mktemp("slurm")
    programs = place / "bin"
    programs.mkdir()
    (place / "modulefiles" / "lab").mkdir(parents=True)
    (place / "modulefiles" / "lab" / "1").write_text("#%Module\nsetenv LAB_MODULE loaded\n")
    (programs / "stepladder").write_text(STEPLADDER)
    (programs / "stepladder").chmod(0o755)
    with Slurm(place / "slurm") as started, pytest.MonkeyPatch.context() as patch:
        path = [started.clients, programs, Path(sys.executable).parent, os.environ["PATH"]]
        patch.setenv("PATH", os.pathsep.join(map(str, path)))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("MODULEPATH", str(place / "modulefiles"))
        patch.setenv("RAY_TMPDIR", "/tmp/ray")  # these hosts share all else of /tmp
        patch.delenv("RAY_AUTH_MODE", raising=False)  # the definition sets it
        yield started


@pytest.fixture
def digits(tmp_path: Path) -> Submission:
    code, storage = write_demo("digits", tmp_path / "my digits").absolute(), str(tmp_path / "runs")
    overrides = (
        f"budget.trials={TRIALS}",
        "confirm=none",
        "resources.gpus=1",
        "resources.max_concurrent=4",
        f"storage={storage}",
    )
    resources, asked = Resources(gpus=1, max_concurrent=4), SlurmSettings(gpus_per_node=2, time=3600.0)
    sent = "digits", "digits-20261122-0312-5c1e", code, "sweep.yaml", overrides, storage, resources
    return Submission(*sent, slurm=asked)


def test_slurm_takes_the_definition_and_would_place_it(slurm: Slurm, digits: Submission, tmp_path: Path):
    launch = SlurmLauncher("").render(digits)
    (name,) = launch.files
    (tmp_path / name).write_text(launch.files[name])
    told = subprocess.run(
        ["sbatch", "--test-only", *launch.command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "on nodes n[1-2]" in told.stderr


def test_slurm_refuses_what_it_has_not(slurm: Slurm, digits: Submission, tmp_path: Path):
    launcher, asked = SlurmLauncher(""), Resources(gpus=9, max_concurrent=1)
    digits = dataclasses.replace(digits, resources=asked, slurm=SlurmSettings())
    with pytest.raises(ClusterError) as caught:
        launcher.submit(digits, launcher.render(digits), tmp_path)
    assert str(caught.value) == (
        "Slurm refuses the job: sbatch: error: Batch job submission failed: Requested node configuration is not "
        "available. It was asked for --nodes=1 --cpus-per-task=1 --gpus-per-node=9 --time=480: that follows from "
        "`resources`, and from the key `slurm` of the sweep file"
    )
    assert launcher.status("99").state is JobState.GONE


def trials(digits: Submission) -> list[Trial]:
    sweep = Location.parse(digits.storage) / digits.name
    return list(read_sweep(sweep).trials) if sweep_exists(sweep) else []


def reports(digits: Submission) -> int:
    return sum(len(trial.values) for trial in trials(digits))


def nodes(digits: Submission) -> set[str | None]:
    return {attempt.node for trial in trials(digits) for attempt in trial.attempts}


@pytest.mark.ray
def test_a_sweep_goes_on_after_the_time_limit(slurm: Slurm, digits: Submission, tmp_path: Path):
    launcher = SlurmLauncher("")
    launch = launcher.render(digits)
    job = launcher.submit(digits, launch, tmp_path / "place")
    assert launcher.submit(digits, launch, tmp_path / "place") == job  # nothing starts twice
    both = {host.name for host in slurm.nodes}
    slurm.wait_until(lambda: reports(digits) > 3 and nodes(digits) >= both, "reports from both nodes", 240)
    token = digits.folder / ".stepladder" / f"slurm-{job}" / "ray_token"
    assert token.stat().st_mode & 0o777 == 0o600
    secret, before = token.read_text(), reports(digits)

    slurm.run("scancel", "--batch", "--signal=USR1", job, cwd=tmp_path)  # as Slurm does before the time limit
    slurm.wait_until(lambda: "BeginTime" in launcher.status(job).text, "being queued again", 120)
    assert launcher.status(job).state is JobState.PENDING
    assert not token.exists()
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now", cwd=tmp_path)
    slurm.wait_until(lambda: not launcher.status(job).state.is_live, "the end of the sweep", 900)

    told = "".join(launcher.logs(job, follow=True))
    assert launcher.status(job).state is JobState.SUCCEEDED, told
    assert "time limit: the driver is told to save and leave" in told
    assert "the driver left with exit code 75 (time limit)" in told
    assert "queued again" in told
    logs = [path.read_text() for path in token.parent.glob("*.log")]
    assert len(logs) == 4  # two nodes, twice
    assert len(secret) == 64
    assert not any(secret in text for text in (told, *logs))
    assert len(trials(digits)) == TRIALS
    assert all(trial.state.is_final for trial in trials(digits))
    assert reports(digits) > before
    assert json.loads((Path(digits.storage) / digits.name / "best.json").read_text())["sweep"]


@pytest.mark.ray
def test_workers_join_and_leave_and_the_sweep_goes_on_after_the_time_limit(
    slurm: Slurm, digits: Submission, tmp_path: Path
):
    """An elastic sweep: from no worker to two, through a time limit, to none. The driver's job fills the first node.

    Workers stay idle for less than a Ray takes to join on a busy machine: joining is no idling.
    """
    asked = SlurmSettings(mode="elastic", workers="0..2", time=3600.0, idle=20.0)
    needed = Environment(modules=("lab",), env={"LAB_LEVEL": "3; 4"})
    digits = dataclasses.replace(digits, job_id="digits-20261122-0312-e1a5", slurm=asked, environment=needed)
    seen = "dict(sorted(item for item in os.environ.items() if item[0].startswith('LAB_')))"
    with (digits.folder / "train.py").open("a") as train:
        train.write(f"\nimport os\nPath({str(tmp_path / 'seen')!r}).write_text(str({seen}))\n")
    launcher = SlurmLauncher("")
    launch = launcher.render(digits)
    assert launch.notes[0] == "0 to 2 workers come and go, with 1 CPU and 1 GPU each"
    job = launcher.submit(digits, launch, tmp_path / "place")
    state = digits.folder / ".stepladder" / f"slurm-{job}"

    def workers() -> int:
        named = f"--name={digits.job_id}-worker"
        return len(slurm.run("squeue", "--noheader", "--array", named, "--format=%i", cwd=tmp_path).split())

    slurm.wait_until(lambda: reports(digits) > 3 and workers() == 2, "two workers and reports", 480)
    slurm.run("scancel", "--batch", "--signal=USR1", job, cwd=tmp_path)
    slurm.wait_until(lambda: "BeginTime" in launcher.status(job).text, "being queued again", 120)
    slurm.wait_until(lambda: workers() == 0, "the workers' leaving", 60)
    assert not (state / "ray_token").exists()
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now", cwd=tmp_path)
    slurm.wait_until(lambda: not launcher.status(job).state.is_live, "the end of the sweep", 900)
    told = "".join(launcher.logs(job, follow=True))
    assert launcher.status(job).state is JobState.SUCCEEDED, told
    assert "workers asked for, as job " in told
    assert (tmp_path / "seen").read_text() == "{'LAB_LEVEL': '3; 4', 'LAB_MODULE': 'loaded'}", "in a trial"
    lost = [attempt for trial in trials(digits) for attempt in trial.attempts if attempt.outcome is Outcome.LOST]
    assert lost == [], "no worker left under a trial"
    assert "the driver left with exit code 75 (time limit)" in told
    assert "queued again" in told
    assert all(trial.state.is_final for trial in trials(digits))
    slurm.wait_until(lambda: workers() == 0, "the workers' end", 60)
