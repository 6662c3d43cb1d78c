"""Hosts with a real Ray on them, a sweep of the digits demonstration there, and what it promises whatever happens."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import duckdb
from hosts import Host, Network
from ray_hosts import STEPLADDER, RayHosts, wait_for

from orchestrator.demos import write_demo
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import TrialState

END_S = 600.0
TRIALS = 6
FAULT_TRIALS = 4
"""Of a sweep that meets a fault: one a GPU."""
HELD = "held"
"""The file in a rack's storage that keeps trainings at their first epoch."""
PACED = """
import time
from pathlib import Path
import train as digits

def train(config, trial):
    whole = digits.Training.train_epoch
    epochs = iter(range(1000))

    def train_epoch(training):
        time.sleep(0.8)
        is_first = next(epochs) == 0
        while not is_first and Path(HELD).exists():
            time.sleep(0.1)
        return whole(training)

    digits.Training.train_epoch = train_epoch
    try:
        digits.train(config, trial)
    finally:
        digits.Training.train_epoch = whole
"""
"""The demonstration's training, at a pace that leaves time for faults. It goes no further than its first epoch while
the file HELD is there: however slow the machine is, trials train on all hosts at once."""


class Rack:
    """The hosts that tests share: one cluster at a time, made sound again where a test broke it."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self.code = write_demo("digits", folder / "code")
        """The sweep file and its training, as all of a cluster sees them; laptops have their own."""
        self.storage = folder / "storage"
        """What all of a cluster sees."""
        self.storage.mkdir()
        (self.code / "paced.py").write_text(f"HELD = {str(self.storage / HELD)!r}\n{PACED}")
        self._laptops = folder / "laptops"
        self._laptops.mkdir()
        self._cluster: RayHosts | None = None
        self._names = iter("abcdefgh")
        self._spares = iter(range(3, 100))

    def cluster(self, *, alert: bool = False) -> RayHosts:
        """Return a sound cluster of a head and two workers: the one there is, if it is as asked for; `hold` ends."""
        (self.storage / HELD).unlink(missing_ok=True)
        if self._cluster is not None and (self._cluster.alert != alert or not self._cluster.is_sound):
            self.power_off()
        if self._cluster is None:
            cluster = RayHosts(self.network, next(self._names), hidden=[self._laptops], alert=alert)
            cluster.start("w1", "w2")
            self._cluster = cluster
        while len(self._cluster.workers) < 2:
            self._cluster.add(self.spare())
        return self._cluster

    def power_off(self) -> None:
        """Pull the plug of the whole cluster."""
        assert self._cluster is not None
        self._cluster.power_off()
        self._cluster = None

    def spare(self) -> str:
        """Return a name for another worker."""
        return f"w{next(self._spares)}"

    def laptop(self, name: str) -> Laptop:
        """Put up a host of nobody's cluster, which sees no storage and has its own copy of the sweep."""
        folder = self._laptops / name
        shutil.copytree(self.code, folder)
        return Laptop(self.network.host(name, hidden=[self.storage, self.code]), folder)

    def hold(self) -> None:
        """Keep trainings at their first epoch from now on, until `Sweep.wait_until_training` has returned."""
        (self.storage / HELD).touch()

    def submit(self, cluster: RayHosts, name: str, *overrides: str, trials: int = FAULT_TRIALS) -> Sweep:
        """Send the sweep `name` to the cluster from a laptop, without a preflight; a test that is repeated, another."""
        name = name if not (self.storage / name).exists() else f"{name}-{next(self._spares)}"
        laptop = self.laptop(f"of-{name}")
        laptop.stepladder(cluster, "submit", *self.sending(cluster, name, *overrides, trials=trials), "--no-check")
        return Sweep(self.storage / name, laptop, cluster)

    def sending(self, cluster: RayHosts, name: str, *overrides: str, trials: int = TRIALS) -> tuple[object, ...]:
        """Return what `submit` is told: the sweep, that cluster, the driver on its head."""
        sweep = ("sweep.yaml", f"name={name}", *self.small(trials), *overrides)
        return (*sweep, "--address", cluster.jobs, "--driver-cpus", 0)

    def small(self, trials: int = TRIALS) -> tuple[str, ...]:
        """Return the overrides of a sweep of seconds, on a GPU a trial."""
        return (
            f"storage={self.storage}", f"budget.trials={trials}", "trainable=paced.py:train",
            "fidelity.min=2", "fidelity.max=8", "resources.gpus=1", "resources.reuse_workers=true",
            "confirm=none",
        )  # fmt: skip


class Laptop:
    """A host of nobody's cluster."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        """Its copy of the sweep file and the training."""

    def stepladder(self, cluster: RayHosts, verb: str, *arguments: object) -> str:
        """Run a command beside its sweep file, with the cluster's token; returns what it answered."""
        done = self.attempt(cluster, verb, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def attempt(self, cluster: RayHosts, verb: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return self.host.run(*STEPLADDER, verb, *arguments, cwd=self.folder, env=cluster.env, timeout_s=END_S)


class Sweep:
    """A sweep that was sent to a cluster, as its storage shows it to anybody."""

    def __init__(self, folder: Path, laptop: Laptop, cluster: RayHosts) -> None:
        self.folder = folder
        self.laptop = laptop
        self.cluster = cluster
        """The cluster that its driver runs on."""

    def resume(self, cluster: RayHosts) -> None:
        """Send it again from its laptop, with nothing said but its name and, if it is another, the cluster."""
        address = () if cluster is self.cluster else ("--address", cluster.jobs)
        self.cluster = cluster
        again = ("sweep.yaml", f"name={self.folder.name}", *address, "--no-check")
        self.laptop.stepladder(cluster, "resume", *again)

    def kill_driver(self) -> None:
        """Kill -9 its driver."""
        assert self.cluster.head.kill("orchestrator.cli.app", f"name={self.folder.name}") == 1

    def events(self) -> list[ev.Event]:
        """Read the journal."""
        return JournalReader(LocalFileSystem(self.folder)).read_new() if (self.folder / "journal").is_dir() else []

    def training_on(self, host: Host) -> set[int]:
        """Return the trials that run on a host and reported from there."""
        events = self.events()
        return {
            trial.number
            for trial in (replay(events).open.values() if events else ())
            if trial.attempt.node == host.name and trial.attempt.fidelity > trial.attempt.resumed_from
        }

    def wait_until_training(self, *hosts: Host) -> None:
        """Wait until trials train on each of the hosts at once; then `Rack.hold` ends."""
        try:
            wait_for(lambda: all(map(self.training_on, hosts)), "trials training on every host")
        except AssertionError:
            print(self.laptop.stepladder(self.cluster, "logs", "sweep.yaml"))
            raise
        finally:
            (self.folder.parent / HELD).unlink(missing_ok=True)

    def finish(self) -> SweepState:
        """Wait until its job has ended well, and check what every sweep promises, whatever happened to it."""
        said = self.laptop.stepladder(self.cluster, "logs", "sweep.yaml", "-f", "--address", self.cluster.jobs)
        assert self.job() == "succeeded", said[-3000:]
        return self.check()

    def job(self) -> str:
        """Return the state of its newest job."""
        jobs = json.loads(self.laptop.stepladder(self.cluster, "ls", "--address", self.cluster.jobs, "--json"))
        return next(str(job["state"]) for job in jobs if Path(job["folder"]).name == self.folder.name)

    def check(self) -> SweepState:
        """Check what a finished sweep promises: each planned trial once, none failed, no row twice, a winner."""
        events = self.events()
        state = replay(events)
        assert len(state.trials) == state.plan.spec.budget.trials
        assert {trial.state for trial in state.trials} <= {TrialState.COMPLETED, TrialState.PRUNED}
        keys = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
        assert set(keys.values()) == {1}
        rows = self.ask("select count(*), count(distinct (trial, attempt, fidelity)) from {reports}")
        assert rows == [(len(keys), len(keys))]
        assert self.ask("select count(*), count(distinct trial) from {trials}") == [(len(state.trials),) * 2]
        assert self.ask("select trial, state, error from {trials} where state = 'failed' or error is not null") == []
        best = json.loads((self.folder / "best.json").read_text())
        assert best["winner"]["trial"] == state.winner().number
        return state

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Ask the Parquet tables, `{trials}` and `{reports}`."""
        tables = {name: f"'{self.folder}/{name}/*.parquet'" for name in ("trials", "reports")}
        return duckdb.sql(query.format(**tables)).fetchall()

    def times(self, t: float, cut_off: set[int]) -> str:
        """Say when, in seconds after `t`, trials that were cut off then were known to be, and reported again.

        The attempt that begins first need not be the one that reports: a cluster that has not missed a machine yet may
        place it there once more, and lose it before any worker took it.
        """
        events = [event for event in self.events() if event.t > t]
        ended = [e.t - t for e in events if isinstance(e, ev.AttemptEnded) and e.trial in cut_off]
        begun = {(e.trial, e.attempt) for e in events if isinstance(e, ev.AttemptStarted)}
        reports = [e for e in events if isinstance(e, ev.Reported) and (e.trial, e.attempt) in begun]
        back = [min(e.t - t for e in reports if e.trial == trial) for trial in cut_off]
        again = f"{len(back)} trials report again after {min(back):.1f} to {max(back):.1f} s"
        return f"noticed after {min(ended):.1f} s, {again}"
