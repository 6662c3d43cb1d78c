"""ssh.sh on three hosts in namespaces: it puts up a Ray with a token, and ends that one only; `ssh` is replaced."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host, Network

from orchestrator.members import definitions

pytestmark = [pytest.mark.nightly, pytest.mark.ray, pytest.mark.timeout(600)]
PORT = 6390
COUNT = "import ray; ray.init({address!r}); print(sum(node['Alive'] for node in ray.nodes()))"
DECOY = 'exec -a "ray start --head" sleep 600'


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Host]]:
    with Network(tmp_path / "network") as network:
        yield [network.host(name) for name in ("node1", "node2", "node3")]


def ssh_script(machines: list[Host], tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ssh.sh here with an `ssh HOST COMMAND` that goes to the pretended hosts, each with its own home."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    cases = []
    for machine in machines:
        home = tmp_path / "homes" / machine.name
        home.mkdir(parents=True, exist_ok=True)
        inside = shlex.join(machine._inside((f"HOME={home}", "bash", "-c"), home))
        cases.append(f'{machine.name}) exec {inside} "$*" ;;')
    (programs / "ssh").write_text("#!/bin/bash\nhost=$1; shift\ncase $host in\n{}\nesac\n".format("\n".join(cases)))
    (programs / "ssh").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"} | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "PREPARE": f"export PATH={Path(sys.executable).parent}:$PATH RAY_TMPDIR=/tmp/ray",  # these hosts share all else
    }
    return subprocess.run(
        ["bash", definitions("cluster") / "ssh.sh", *arguments], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False, timeout=500, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_three_machines_become_a_cluster_and_only_that_is_ended(machines: list[Host], tmp_path: Path):
    head = machines[0]
    stranger = head.start("bash", "-c", DECOY, cwd=tmp_path, log="stranger.log")
    started = ssh_script(machines, tmp_path, "start")
    assert started.returncode == 0, started.stdout + started.stderr
    for line in ("node1: Ray runs, as process", "node3: Ray runs, as process", "stepladder resume --auto sweep.yaml"):
        assert line in started.stdout
    token = tmp_path / "homes" / "node1" / ".stepladder" / f"ssh-{PORT}" / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text() == (tmp_path / "home" / ".stepladder" / f"ssh-{PORT}.token").read_text()
    assert token.read_text() not in started.stdout + started.stderr

    count = COUNT.format(address=f"{head.address}:{PORT}")
    known = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    told = head.run(sys.executable, "-W", "ignore", "-c", count, cwd=tmp_path, env=known)
    assert told.stdout.strip() == "3", told.stderr
    refused = head.run(sys.executable, "-W", "ignore", "-c", count, cwd=tmp_path, env={"RAY_AUTH_MODE": "disabled"})
    assert refused.returncode != 0

    stopped = ssh_script(machines, tmp_path, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.splitlines() == ["node2: stopped", "node3: stopped", "node1: stopped"]
    assert not any(machine.find("raylet") or machine.find("gcs_server") for machine in machines)
    assert stranger.poll() is None
    assert not token.exists()
    assert ssh_script(machines, tmp_path, "stop").stdout.splitlines() == [
        "node2: nothing to stop", "node3: nothing to stop", "node1: nothing to stop",
    ]  # fmt: skip


def test_without_a_word_it_says_how_to_use_it(tmp_path: Path):
    told = ssh_script([], tmp_path)
    assert told.returncode == 2
    assert "# A Ray cluster on machines that you reach by ssh" in told.stderr
