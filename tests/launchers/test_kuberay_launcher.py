"""The launcher for KubeRay without a Kubernetes: what it renders, what it asks `kubectl`, how it reads the answers.

`kubectl` is replaced by a script that writes down what it is asked: what a real one would do with it is not tested.
tests/cluster/test_kuberay_definitions.py checks the manifests against KubeRay's schema.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from orchestrator.demos import write_demo
from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers import JobState, Submission
from orchestrator.launchers.kuberay import KubeRay, job_status, resource_name
from orchestrator.sweep.environment import Environment
from orchestrator.sweep.launching import KubernetesSettings
from orchestrator.sweep.resources import Resources

GOLDEN = Path(__file__).parent / "golden"
KUBECTL = """#!/bin/sh
echo "$@" >>{folder}/asked
cat {folder}/answer
cat {folder}/complaint >&2
exit $(cat {folder}/code)
"""


class Kubectl:
    """What stands in for `kubectl`, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "kubectl").write_text(KUBECTL.format(folder=folder))
        (folder / "kubectl").chmod(0o755)
        self.answers("")

    def answers(self, answer: str, complaint: str = "", code: int = 0) -> None:
        for name, text in {"answer": answer, "complaint": complaint, "code": str(code)}.items():
            (self.folder / name).write_text(text)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Kubectl(folder)


@pytest.fixture
def digits(tmp_path: Path) -> Submission:
    overrides = ("budget.trials=20", "optimizer={choices: [sgd, adam]}")
    folder = write_demo("digits", tmp_path / "digits").absolute()
    name = "digits-20261122-0312-5c1e"
    files = {name: (folder / name).stat().st_size for name in ("sweep.yaml", "train.py")}
    return Submission(
        "digits", name, folder, "sweep.yaml", overrides, "s3://bucket/runs", Resources(gpus=1, max_concurrent=8),
        kubernetes=KubernetesSettings(image="host/sweeps:1", ray="2.60.0"), files=files,
    )  # fmt: skip


def test_the_launch_of_the_demonstration_is_golden(digits):
    launch = KubeRay("").render(digits)
    (text,) = launch.files.values()
    code, _, rayjob = text.partition("---\n")
    told = [f"$ {subprocess.list2cmdline(launch.command)}", *(f"# {note}" for note in launch.notes), rayjob]
    assert "\n".join(told) == (GOLDEN / "kuberay-digits.txt").read_text()
    assert yaml.safe_load(code)["data"] == {
        name: (digits.folder / name).read_text() for name in ("sweep.yaml", "train.py")
    }


def test_a_definition_without_the_files_has_them_in_its_image(digits, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("kind: RayJob\nentrypoint: ${STEPLADDER_COMMAND}\n")
    launch = KubeRay(str(mine)).render(digits)
    (text,) = launch.files.values()
    assert list(yaml.safe_load(text)) == ["kind", "entrypoint"]
    assert launch.notes[0] == "the image has /sweep"


def test_the_environment_is_one_for_the_job_and_its_image_that_of_the_pods(digits):
    asked = Environment(uv=("einops==0.8",), env={"OMP_NUM_THREADS": "4"})
    (text,) = KubeRay("").render(dataclasses.replace(digits, environment=asked)).files.values()
    spec = yaml.safe_load(text.partition("---\n")[2])["spec"]
    assert yaml.safe_load(spec["runtimeEnvYAML"]) == {
        "env_vars": {"OMP_NUM_THREADS": "4", "RAY_JOB_STOP_WAIT_TIME_S": "60"}, "uv": {"packages": ["einops==0.8"]},
    }  # fmt: skip
    unnamed = dataclasses.replace(digits, environment=Environment(image="lab/t:3"), kubernetes=KubernetesSettings())
    (text,) = KubeRay("").render(unnamed).files.values()
    images = [line.strip() for line in text.splitlines() if line.strip().startswith("image:")]
    assert images == ['image: "lab/t:3"'] * 3


def test_a_copy_without_a_place_for_what_is_asked_for_is_refused(digits, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("kind: RayJob\nentrypoint: ${STEPLADDER_COMMAND}\n")
    asked = dataclasses.replace(digits, environment=Environment(pip=("einops",)))
    with pytest.raises(UsageError) as refused:
        KubeRay(str(mine)).render(asked)
    assert str(refused.value) == (
        f"environment.pip: {mine} has no place for it; put ${{STEPLADDER_RUNTIME_ENV}} where the definition in "
        "cluster/ has it, or write that into the file and leave it out here"
    )


def test_a_relative_storage_is_refused(tmp_path):
    relative = Submission("digits", "digits-1", tmp_path, "sweep.yaml", (), "runs", Resources())
    with pytest.raises(UsageError, match="storage runs: it is relative to the sweep file"):
        KubeRay("").render(relative)


@pytest.mark.parametrize(
    ("job_id", "name"),
    [
        ("digits-20261122-0312-5c1e", "digits-20261122-0312-5c1e"),
        ("My_Digits-1", "my-digits-1"),
        ("9-lives", "s-9-lives"),
        (f"{'long-' * 20}20261122-0312-5c1e", "long-long-long-long-long-long-20261122-0312-5c1e"[-47:]),
    ],
)
def test_names_are_what_kubernetes_takes(job_id, name):
    assert resource_name(job_id) == name
    assert len(name) <= 47


def test_submitting_is_the_launch_carried_out(digits, kubectl, tmp_path):
    launcher = KubeRay("")
    launch = launcher.render(digits)
    assert launcher.submit(digits, launch, tmp_path / "place") == "digits-20261122-0312-5c1e"
    assert kubectl.asked == ["apply --server-side --filename=digits-20261122-0312-5c1e.yaml"]
    written = {path.name: path.read_text() for path in (tmp_path / "place").iterdir()}
    assert written == launch.files
    kubectl.answers("", "Warning: this\nerror: the server doesn't have a resource type\n", 1)
    with pytest.raises(ClusterError, match="Kubernetes refuses the sweep: error: the server doesn't have a resource"):
        launcher.submit(digits, launch, tmp_path / "place")


def test_status_asks_and_reads(kubectl):
    kubectl.answers(json.dumps({"status": {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}}))
    assert KubeRay("").status("digits-1").state is JobState.RUNNING
    assert kubectl.asked == ["get rayjob digits-1 --ignore-not-found --output=json"]
    kubectl.answers("")
    gone = KubeRay("").status("digits-1")
    assert (gone.state, gone.text) == (JobState.GONE, "there is no RayJob digits-1 in this namespace")
    kubectl.answers("", "Unable to connect to the server\n", 1)
    silent = KubeRay("").status("digits-1")
    assert (silent.state, silent.text) == (
        JobState.UNKNOWN, "Kubernetes does not answer: Unable to connect to the server",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "ended", "message", "state", "text"),
    [
        (None, None, None, JobState.PENDING, "RayJob j: new"),
        ("Initializing", "", "", JobState.PENDING, "RayJob j: Initializing"),
        ("Suspended", "", "", JobState.PENDING, "RayJob j: Suspended"),
        ("Retrying", "FAILED", "", JobState.PENDING, "RayJob j: Retrying, FAILED"),
        ("Running", "PENDING", "no node yet", JobState.PENDING, "RayJob j: Running, PENDING: no node yet"),
        ("Running", "RUNNING", "", JobState.RUNNING, "RayJob j: Running, RUNNING"),
        ("Complete", "SUCCEEDED", "", JobState.SUCCEEDED, "RayJob j: Complete, SUCCEEDED"),
        ("Complete", "STOPPED", "", JobState.STOPPED, "RayJob j: Complete, STOPPED"),
        ("Failed", "FAILED", "Job entrypoint command failed with exit code 75, last lines:\nx", JobState.STOPPED,
         "RayJob j: Failed, FAILED: Job entrypoint command failed with exit code 75, last lines:"),
        ("Failed", "FAILED", "exit code 1", JobState.FAILED, "RayJob j: Failed, FAILED: exit code 1"),
        ("Failed", "", "DeadlineExceeded", JobState.FAILED, "RayJob j: Failed: DeadlineExceeded"),
    ],
)  # fmt: skip
def test_what_kuberay_says_is_read(phase, ended, message, state, text):
    told = job_status("j", {"status": {"jobDeploymentStatus": phase, "jobStatus": ended, "message": message}})
    assert (told.state, told.text) == (state, text)


def test_logs_are_the_submitters_pod(kubectl):
    kubectl.answers("one\ntwo\n")
    assert "".join(KubeRay("").logs("digits-1", follow=True)) == "one\ntwo\n"
    assert kubectl.asked == ["logs job/digits-1 --follow"]
    kubectl.answers("", "error: jobs.batch not found\n", 1)
    with pytest.raises(ClusterError, match=r"no log of digits-1: error: jobs\.batch not found"):
        list(KubeRay("").logs("digits-1", follow=False))


def test_stop_deletes_the_job_and_its_code(kubectl):
    KubeRay("").stop("digits-1")
    assert kubectl.asked == ["delete rayjob/digits-1 configmap/digits-1 --ignore-not-found --wait=false"]
    kubectl.answers("", "Error from server (Forbidden)\n", 1)
    with pytest.raises(ClusterError, match=r"digits-1 cannot be ended: Error from server \(Forbidden\)"):
        KubeRay("").stop("digits-1")


def test_a_machine_without_kubectl_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    remedy = r"`kubectl` is not on this machine's PATH: install it and let it reach the cluster"
    with pytest.raises(ClusterError, match=remedy):
        KubeRay("").status("digits-1")
    with pytest.raises(ClusterError, match=remedy):
        list(KubeRay("").logs("digits-1", follow=True))
