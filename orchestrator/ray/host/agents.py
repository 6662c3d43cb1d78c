"""Stands before the two agents that a raylet starts and waits for. Run as a script, in an agent's place.

    python agents.py unused NAME[,NAME...] AGENT'S COMMAND...
    python agents.py later NAME AGENT'S COMMAND...

A raylet does not answer before its agents have written the ports that they serve into files NAME_NODE of its session's
folder. That takes each a second of imports, and `ray.init` waits for it. The agent of the dashboard has nobody to talk
to without a dashboard: `unused` writes what Ray writes for a service that is not there, and lives, in its place, as
long as the raylet. The agent of runtime environments is asked only where an actor wants one of its own: `later` sets a
port aside, writes its number, and becomes that agent, which starts beside the sweep.

Needs the standard library alone, and little of it: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Sequence

NOT_SERVED = -1
"""The port of a service that is not there, as Ray has it."""
LOOK_S = 1.0
"""How often the raylet is looked for."""
PORT_OPTION = "--runtime-env-agent-port"
"""The agent's option with its port, 0 by itself."""
LESS = 5
"""How much less of a busy machine the agent gets that starts beside a sweep, in steps of `nice`."""


def value_of(option: str, command: Sequence[str]) -> str:
    """Return what a command line gives for an option. Raises StopIteration where it gives nothing."""
    return next(said.partition("=")[2] for said in command if said.startswith(f"{option}="))


def write_port(name: str, port: int, command: Sequence[str]) -> None:
    """Write a port where the raylet that started the command looks for it, whole or not at all."""
    path = f"{value_of('--session-dir', command)}/{name}_{value_of('--node-id', command)}"
    with open(f"{path}.new", "w") as file:  # noqa: PTH123 - pathlib takes longer to import than this program to start
        file.write(str(port))
    os.replace(f"{path}.new", path)  # noqa: PTH105 - as above


def stand_in(names: Sequence[str], command: Sequence[str]) -> None:
    """Say that nothing is served, and live as long as the raylet, which ends itself when an agent ends."""
    raylet = os.getppid()
    for name in names:
        write_port(name, NOT_SERVED, command)
    while os.getppid() == raylet:
        time.sleep(LOOK_S)


def become(name: str, command: Sequence[str]) -> None:
    """Say which port is served, and become the agent that will serve it. Does not return."""
    kept = socket.socket(socket.AF_INET6 if ":" in value_of("--node-ip-address", command) else socket.AF_INET)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the agent binds to the same port beside it
    kept.bind((value_of("--node-ip-address", command), 0))
    kept.set_inheritable(True)
    port = kept.getsockname()[1]
    write_port(name, port, command)
    os.nice(LESS)
    os.execv(  # noqa: S606 - no shell is the point
        command[0], [f"{PORT_OPTION}={port}" if said.startswith(f"{PORT_OPTION}=") else said for said in command]
    )


def main(how: str, names: str, command: Sequence[str]) -> None:
    """Do what is asked for an agent."""
    if how == "unused":
        stand_in(names.split(","), command)
    else:
        become(names, command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
