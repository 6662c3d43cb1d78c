"""Hosts on one machine: each has its own network, mounts, processes and name, as machines in a rack have.

    with Network(tmp_path / "network") as network:
        head, worker = network.host("head"), network.host("worker")
        worker.run("ping", "-c1", head.address)
        worker.unplug()

A host is a set of namespaces (network, mount, uts, ipc, pid) under one process. It sees this machine's files, but for
what is its own (/dev/shm, /tmp/ray) and what is hidden from it, and no network but the cable to the others: no route
leads out, and nothing is added to this machine's own network. All of it ends with that process, and that one ends with
the test's own, however it ends. Nothing has a name that another run could take.

Needs root on Linux, with `ip`, `nsenter`, `setpriv` and `unshare`; fails with a sentence where it cannot have them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from processes import family

SUBNET = "198.18.7"
"""Of the range for benchmarks (RFC 2544): never a real host's."""
PROGRAMS = {"ip": "iproute2", "nsenter": "util-linux", "setpriv": "util-linux", "unshare": "util-linux"}
"""What is needed, and the Debian package that has it."""
_SWITCH = "ip link add switch type bridge; ip link set switch up; echo ready; exec sleep infinity"
_HOST = """
hostname "$1"; ip link set lo up
mount -t tmpfs tmpfs /dev/shm
mkdir -p /tmp/ray; mount --bind "$2/ray" /tmp/ray
mount --bind "$3" /etc/hosts
shift 3
for hidden; do mount -t tmpfs tmpfs "$hidden"; done
echo ready
while :; do sleep 1000 & wait; done  # takes in the orphans, as an init does
"""


class Host:
    """A pretended machine; made by `Network.host`."""

    def __init__(self, network: Network, name: str, number: int, folder: Path) -> None:
        self.name = name
        """Host name."""
        self.address = f"{SUBNET}.{number}"
        """IP address."""
        self.folder = folder
        """Folder of this machine for what the host prints; its /tmp/ray is `ray` in it."""
        self._network = network
        self._cable = f"cable{number}"
        self._process: subprocess.Popen[str] | None = None
        self._init = 0
        self._started: list[subprocess.Popen[bytes]] = []

    def power_on(self, names: Path, hidden: Sequence[Path]) -> None:
        """Start it, with `names` as its /etc/hosts; it finds empty folders at `hidden`."""
        (self.folder / "ray").mkdir(parents=True, exist_ok=True)
        options = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._process = _unshared(self.folder / "boot.log", _HOST, options, self.name, self.folder, names, *hidden)
        self._init = family(self._process.pid)[1]
        self._network.ip("link", "add", self._cable, "type", "veth", "peer", "eth0", "netns", self._init)
        self._network.ip("link", "set", self._cable, "master", "switch", "up")
        _checked("nsenter", "--target", self._init, "--net", "ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        _checked("nsenter", "--target", self._init, "--net", "ip", "link", "set", "eth0", "up")

    def power_off(self) -> None:
        """Pull the plug: everything on it is gone, and nobody is told, as an ending process would tell."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self.unplug()
            self._process.kill()
        for process in [self._process, *self._started]:
            process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def unplug(self) -> None:
        """Pull the network cable: what the host sends and is sent is lost without a word."""
        self._network.ip("link", "set", self._cable, "down")

    def plug(self) -> None:
        """Put the cable back."""
        self._network.ip("link", "set", self._cable, "up")

    def run(
        self, *command: object, cwd: Path, env: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host to its end."""
        return subprocess.run(
            self._inside(command, cwd), env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip

    def start(
        self, *command: object, cwd: Path, log: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command on the host; what it prints goes to the file `log` in the host's folder."""
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                self._inside(command, cwd), env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._started.append(process)
        return process

    def find(self, *words: str) -> list[int]:
        """List the host's processes whose command line has all of `words`, by their ids on this machine."""
        if self._process is None:
            return []
        found, mine = [], Path(f"/proc/{self._init}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (process / "cmdline").read_text().replace("\0", " ")
                if (process / "ns/pid").readlink() == mine and all(word in line for word in words):
                    found.append(int(process.name))
        return found

    def kill(self, *words: str) -> int:
        """Kill -9 the host's processes whose command line has all of `words`; returns how many."""
        found = self.find(*words)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def _inside(self, command: Sequence[object], cwd: Path) -> list[str]:
        assert self._process is not None, f"{self.name} has no power"
        namespaces = ("--net", "--mount", "--uts", "--ipc", "--pid")
        return ["nsenter", "--target", str(self._init), *namespaces, "env", f"--chdir={cwd}", *map(str, command)]


class Network:
    """A switch, and the hosts on it. A context manager: at its end all of it is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Folder of this machine, made anew, for what the hosts print."""
        self._hosts: list[Host] = []
        self._names = folder / "hosts"
        self._switch: subprocess.Popen[str] | None = None

    def __enter__(self) -> Network:
        refuse_unable()
        self.folder.mkdir(parents=True)
        self._names.write_text("127.0.0.1 localhost\n")
        self._switch = _unshared(self.folder / "switch.log", _SWITCH, ("--net",))
        return self

    def __exit__(self, *_: object) -> None:
        for host in self._hosts:
            host.power_off()
        if self._switch is not None:
            self._switch.kill()
            self._switch.wait()
            assert self._switch.stdout is not None
            self._switch.stdout.close()

    def host(self, name: str, *, hidden: Sequence[Path] = ()) -> Host:
        """Put up a host; it finds empty folders at `hidden`."""
        number = len(self._hosts) + 1
        host = Host(self, name, number, self.folder / f"{number}-{name}")
        self._hosts.append(host)
        with self._names.open("a") as names:
            names.write(f"{host.address} {name}\n")
        host.power_on(self._names, hidden)
        return host

    def ip(self, *arguments: object) -> None:
        """Run `ip` at the switch."""
        assert self._switch is not None
        _checked("nsenter", "--target", self._switch.pid, "--net", "ip", *arguments)


def refuse_unable() -> None:
    """Fail the test, saying what to do, where this machine cannot make hosts."""
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        pytest.fail(f"hosts in namespaces need {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        pytest.fail("hosts in namespaces need root: run this test as root, or leave it out with -m 'not nightly'")


def _unshared(log: Path, script: str, options: Sequence[str], *arguments: object) -> subprocess.Popen[str]:
    """Start a shell script in namespaces of its own, to end with this process; returns once it prints `ready`."""
    shell = ("bash", "-ec", script, "bash", *map(str, arguments))
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *options, "--", *shell],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        process.kill()
        process.wait()
        process.stdout.close()
        pytest.fail(f"this machine makes no namespaces, so hosts cannot be tested on it: {log.read_text().strip()}")
    return process


def _checked(*command: object) -> None:
    subprocess.run([*map(str, command)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
