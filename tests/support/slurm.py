"""A real Slurm on pretended hosts: a controller and compute nodes with false GPUs, for as long as a test takes.

    with Slurm(tmp_path, compute_nodes=2) as slurm:
        job = slurm.run("sbatch", "--parsable", "job.sbatch", cwd=folder).stdout.strip()

Everything Slurm writes lies in the test's folder, Munge's key and socket among it; nothing that this machine may have
of its own is touched. Needs root, as hosts do, and the programs of Slurm, which it installs on Debian.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hosts import Host, Network

CLIENTS = ("sbatch", "squeue", "scontrol", "scancel", "sacct")
PROGRAMS = ("munged", "sbatch", "slurmctld", "slurmd")
PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd", "environment-modules")
MODULES = Path("/etc/profile.d/modules.sh")
"""What defines `module` where Debian's package is."""
_CONFIGURATION = """
ClusterName=test
SlurmctldHost=control({control})
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=5
GresTypes=gpu
"""
# slurmd wants a cgroup hierarchy of its own, named, whatever this machine has.
_SLURMD = (
    "mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir -p /sys/fs/cgroup/systemd; "
    "mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd; exec slurmd -D -N "
)


class Slurm:
    """A cluster with a partition `low` that everybody uses, and `high`, whose jobs preempt those of `low`."""

    def __init__(self, folder: Path, compute_nodes: int = 2, gpus: int = 2) -> None:
        self.folder = folder
        """Of what Slurm writes; made anew."""
        self.nodes: list[Host] = []
        """The compute nodes, n1 first."""
        self.clients = folder / "clients"
        """Folder of `sbatch` and its like for a PATH."""
        self._count, self._gpus = compute_nodes, gpus
        self._network = Network(folder / "network")
        self._control: Host | None = None
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Slurm:
        install()
        for name in ("munge", "state", "spool", "gpus", "clients"):
            (self.folder / name).mkdir(parents=True)
        self._network.__enter__()
        try:
            self._control = self._network.host("control")
            self.nodes = [self._network.host(f"n{number}") for number in range(1, self._count + 1)]
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._network.__exit__()
        for daemon in self._daemons:
            daemon.wait()

    def run(self, *command: object, cwd: Path, env: Mapping[str, str] | None = None) -> str:
        """Run a command on the controller's host, as on a login node; returns what it prints. It must succeed."""
        assert self._control is not None
        done = self._control.run(*command, cwd=cwd, env={**self._environment, **(env or {})})
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def show(self, job: str) -> dict[str, str]:
        """Return what Slurm says of a job."""
        words = self.run("scontrol", "--oneliner", "show", "job", job, cwd=self.folder).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = 90) -> None:
        """Wait until `condition` holds; fails with `what` did not happen."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s:g} s; Slurm's logs: {self.folder}"
            time.sleep(0.5)

    def _configure(self) -> None:
        assert self._control is not None
        lines = [_CONFIGURATION.format(control=self._control.address, folder=self.folder)]
        for node in self.nodes:
            held = f"CPUs=2 RealMemory=4000 Gres=gpu:{self._gpus} State=UNKNOWN"
            lines.append(f"NodeName={node.name} NodeAddr={node.address} NodeHostname={node.name} {held}")
        names = ",".join(node.name for node in self.nodes)
        lines.append(f"PartitionName=low Nodes={names} Default=YES MaxTime=INFINITE State=UP PriorityTier=1")
        lines.append(f"PartitionName=high Nodes={names} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF\n")
        (self.folder / "slurm.conf").write_text("\n".join(lines))
        for number in range(self._gpus):  # slurmd believes in a GPU where there is a device
            os.mknod(self.folder / "gpus" / f"gpu{number}", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        (self.folder / "gres.conf").write_text(
            f"AutoDetect=off\nName=gpu File={self.folder}/gpus/gpu[0-{self._gpus - 1}]\n"
        )

    def _start(self) -> None:
        assert self._control is not None
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o600)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        self._daemon(self._control, "munged", "--foreground", "--force", *options)
        self.wait_until((munge / "socket").exists, "munged")
        self._daemon(self._control, "slurmctld", "-D", "-c", "-i")
        for node in self.nodes:
            self._daemon(node, "bash", "-ec", _SLURMD + node.name)
        self._write_shims()
        idle = " ".join(["idle"] * len(self.nodes))
        self.wait_until(lambda: self._states() == idle, f"{len(self.nodes)} idle nodes", 60)

    def _write_shims(self) -> None:
        """Let this process's own PATH find the clients, as on a login node: they run on the controller's host."""
        assert self._control is not None
        inside = shlex.join(self._control._inside((), Path("/"))[:-1])
        for client in CLIENTS:
            program = shutil.which(client)
            outside = f'exec {inside} --chdir="$PWD" SLURM_CONF={self.folder}/slurm.conf {program} "$@"'
            shim = self.clients / client  # also on the PATH of jobs, which inherit it
            shim.write_text(f'#!/bin/sh\n[ -z "$SLURM_CONF" ] || exec {program} "$@"\n{outside}\n')
            shim.chmod(0o755)

    def _states(self) -> str:
        assert self._control is not None
        told = self._control.run("sinfo", "-h", "-N", "-p", "low", "-o", "%T", cwd=self.folder, env=self._environment)
        return " ".join(told.stdout.split())

    def _daemon(self, host: Host, *command: str) -> None:
        log = f"{command[0]}.log"
        self._daemons.append(host.start(*command, cwd=self.folder, log=log, env=self._environment))


def install() -> None:
    """Have Slurm's programs, from Debian where they are missing; fails the test, saying what to do, where it cannot."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin" if "/usr/sbin" not in os.environ["PATH"].split(os.pathsep) else ""
    if _is_installed():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.fail(f"Slurm is needed, and this test installs it as root on Debian only: install {' '.join(PACKAGES)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    told = []
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=240
        )
        told.append(done.stderr.strip())
    if not _is_installed():
        pytest.fail(f"Slurm could not be installed: {' '.join(told)[-500:]}")


def _is_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS) and MODULES.is_file()
