"""What stands before a raylet's agents: the raylet finds their ports at once, where Ray's own would write them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray

from orchestrator.ray.host import agents, own_ray

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a process becomes another program")

SCRIPT = [sys.executable, "-I", "-S", agents.__file__]
AGENT = """
import socket, sys
port = int(next(said.partition("=")[2] for said in sys.argv if said.startswith("--runtime-env-agent-port=")))
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", port))
listening.listen()
print(port, *sys.argv[1:])
"""


def command_of(folder: Path) -> list[str]:
    """Write a program that binds as Ray's agent does; return its command line."""
    (folder / "agent.py").write_text(AGENT)
    options = [f"--session-dir={folder}", "--node-id=a1", "--node-ip-address=127.0.0.1", "--runtime-env-agent-port=0"]
    return [sys.executable, str(folder / "agent.py"), *options]


def test_an_agent_that_starts_later_serves_the_port_that_was_told(tmp_path):
    ran = subprocess.run(
        [*SCRIPT, "later", "runtime_env_agent_port", *command_of(tmp_path)], capture_output=True, text=True, check=False
    )
    port, *options = ran.stdout.split()
    assert ran.returncode == 0, ran.stderr
    assert int(port) > 0
    assert (tmp_path / "runtime_env_agent_port_a1").read_text() == port
    assert options[0] == f"--session-dir={tmp_path}"
    assert options[-1] == f"--runtime-env-agent-port={port}"


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
sys.stdin.read()
"""


def test_an_agent_that_nobody_asks_says_so_and_lives_as_long_as_its_raylet(tmp_path):
    names = ["metrics_agent_port", "dashboard_agent_listen_port"]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *SCRIPT, "unused", ",".join(names), *command_of(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not all((tmp_path / f"{name}_a1").exists() for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [(tmp_path / f"{name}_a1").read_text() for name in names] == ["-1", "-1"]
    _, rest = parent.communicate(timeout=240)  # which ends once nobody holds its output: not the agent either
    assert rest is None


def test_only_the_commands_of_agents_are_changed():
    told = own_ray.with_agents_apart("--dashboard_agent_command=python agent.py --node-id=1")
    assert told.endswith(
        " unused metrics_agent_port,metrics_export_port,dashboard_agent_listen_port python agent.py --node-id=1"
    )
    for untouched in ("--node_id=1", "--dashboard_agent_command=", "/bin/raylet"):
        assert own_ray.with_agents_apart(untouched) == untouched


def test_the_names_are_rays_own():
    known = {value for name, value in vars(ray._raylet).items() if name.endswith("_PORT_NAME")}
    assert {name for _, names in own_ray.AGENTS.values() for name in names.split(",")} <= known
