"""A head from each definition's own commands, in an environment with nothing but `pip install 'stepladder[cluster]'`.

The commands run on hosts of their own (namespaces), the two for Slurm on a real one; needs root. Whatever a definition
needs that such an environment lacks is found here, and not by a user.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import textwrap
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hosts import Host, Network
from processes import ROOT
from slurm import Slurm

from orchestrator.launchers import Submission
from orchestrator.launchers.slurm import Slurm as SlurmLauncher
from orchestrator.members import definitions
from orchestrator.sweep.launching import SlurmSettings
from orchestrator.sweep.resources import Resources

pytestmark = [pytest.mark.nightly, pytest.mark.ray, pytest.mark.timeout(1200)]
CLUSTER = definitions("cluster")
TRAIN = """
    from ray import tune

    def train(config):
        for epoch in (1, 2):
            tune.report({"score": config["x"], "epoch": epoch})
"""
SWEEP = """
    name: plain
    trainable: train.py:train
    objective: {metric: score, goal: maximize}
    fidelity: {metric: epoch, max: 2}
    search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
    budget: {trials: 2}
    confirm: none
"""
KUBERAY = (
    "ray start --head --block --dashboard-agent-listen-port=52365 --dashboard-host=0.0.0.0 --metrics-export-port=8080"
)
"""What KubeRay 1.7 starts in a head pod, beside the definition's own rayStartParams."""


PATIENT = ("RAY_raylet_start_wait_time_s=120",)
"""Ray gives a node 30 s to come up, which a busy machine may miss."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, its extra `cluster`, and nothing else."""
    folder = tmp_path_factory.mktemp("plain")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder / "wheel"]
    check(build, cwd=ROOT)
    (wheel,) = (folder / "wheel").iterdir()
    venv.create(folder / "environment", with_pip=True, symlinks=True)
    programs = folder / "environment" / "bin"
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--no-compile"]
    check([*pip, "--constraint", ROOT / "constraints.txt", f"{wheel}[cluster]"], cwd=folder)
    return programs


def check(command: list[object], cwd: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with Network(tmp_path / "network") as network:
        yield network.host("head")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "train.py").write_text(textwrap.dedent(TRAIN))
    (folder / "sweep.yaml").write_text(textwrap.dedent(SWEEP))
    return folder


def environment(plain: Path, home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    known = {"PATH": f"{plain}:/usr/sbin:/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": "", "RAY_TMPDIR": "/tmp/ray"}
    return known | dict(entry.split("=") for entry in PATIENT)


def wait_for_jobs_api(host: Host, plain: Path, home: Path, token: Path, port: int) -> None:
    """Wait until a sweep could be sent there: the Jobs API answers to the token."""
    ask = (
        "import sys, urllib.request as r; q = r.Request(f'http://127.0.0.1:{sys.argv[1]}/api/version', headers="
        "{'Authorization': 'Bearer ' + open(sys.argv[2]).read()}); print(r.urlopen(q, timeout=60).read())"
    )
    deadline = time.monotonic() + 180
    while True:
        told = host.run(plain / "python", "-c", ask, port, token, cwd=home, env=environment(plain, home))
        if told.returncode == 0:
            assert "ray_version" in told.stdout
            return
        assert time.monotonic() < deadline, told.stderr
        time.sleep(1)


@pytest.mark.parametrize("name", ["onprem.yaml", "aws.yaml", "gcp.yaml"])
def test_what_ray_up_starts(name: str, host: Host, plain: Path, tmp_path: Path):
    home, definition = tmp_path / "home", yaml.safe_load((CLUSTER / name).read_text())
    known = environment(plain, home)
    token = home / "ray_token"
    token.touch(mode=0o600)
    token.write_text("0" * 64)
    start = next(line for line in definition["head_start_ray_commands"] if "ray start" in line)
    start = start.replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "--block")  # no cloud here to scale
    host.start("bash", "-c", start, cwd=home, log="head.log", env=known)
    wait_for_jobs_api(host, plain, home, token, 8265)


def test_what_kuberay_starts(host: Host, plain: Path, tmp_path: Path):
    home = tmp_path / "home"
    known = environment(plain, home) | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(home / "token")}
    (home / "token").touch(mode=0o600)
    (home / "token").write_text("0" * 64)
    text = (CLUSTER / "kuberay.yaml").read_text()
    assert 'headGroupSpec:\n      rayStartParams: { num-cpus: "0" }' in text
    host.start("bash", "-c", f"{KUBERAY} --num-cpus=0", cwd=home, log="head.log", env=known)
    wait_for_jobs_api(host, plain, home, home / "token", 8265)


def test_what_ssh_starts(host: Host, plain: Path, tmp_path: Path):
    home, programs = tmp_path / "home", tmp_path / "bin"
    programs.mkdir()
    known = environment(plain, home)
    inside = shlex.join(host._inside((f"HOME={home}", "PYTHONPATH=", *PATIENT, "bash", "-c"), home))
    (programs / "ssh").write_text(f'#!/bin/bash\nshift\nexec {inside} "$*"\n')
    (programs / "ssh").chmod(0o755)
    known |= {
        "PATH": f"{programs}:/usr/bin:/bin", "HEAD": "head", "WORKERS": "",
        "PREPARE": f"export PATH={plain}:$PATH RAY_TMPDIR=/tmp/ray",
    }  # fmt: skip
    script = ["bash", CLUSTER / "ssh.sh"]
    begun = subprocess.run([*script, "start"], env=known, capture_output=True, text=True, check=False, timeout=300)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    wait_for_jobs_api(host, plain, home, home / ".stepladder" / "ssh-6390" / "token", 6395)
    ended = subprocess.run([*script, "stop"], env=known, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr


def test_what_skypilot_runs(host: Host, plain: Path, sweep: Path, tmp_path: Path):
    home, task = tmp_path / "home", yaml.safe_load((CLUSTER / "skypilot.yaml").read_text())
    known = environment(plain, home) | {
        "RAY_AUTH_TOKEN": "0" * 64, "SKYPILOT_NODE_IPS": host.address, "SKYPILOT_NODE_RANK": "0",
        "SKYPILOT_NUM_GPUS_PER_NODE": "0", "STORAGE": str(tmp_path / "runs"),
    }  # fmt: skip
    done = host.run("bash", "-c", task["run"].replace("/tmp/sweep", "/tmp/ray"), cwd=sweep, env=known, timeout_s=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "runs" / "plain" / "best.json").is_file()


@pytest.mark.parametrize("mode", ["one", "elastic"])
def test_what_slurm_runs(mode: str, plain: Path, sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    storage = str(tmp_path / "runs")
    settings = SlurmSettings.model_validate({"mode": mode, "time": "1h", "cpus_per_node": 2})
    sent = Submission(
        "plain", f"plain-{mode}", sweep, "sweep.yaml", ("resources.max_concurrent=2", f"storage={storage}"), storage,
        Resources(max_concurrent=2), slurm=settings,
    )  # fmt: skip
    with Slurm(tmp_path / "slurm") as slurm:
        for name, value in environment(plain, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PATH", f"{slurm.clients}:{os.environ['PATH']}")
        monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
        launcher = SlurmLauncher("")
        job = launcher.submit(sent, launcher.render(sent), tmp_path / "place")
        slurm.wait_until(lambda: not launcher.status(job).state.is_live, "the end of the sweep", 300)
        told = "".join(launcher.logs(job, follow=False))
    assert (tmp_path / "runs" / "plain" / "best.json").is_file(), told
