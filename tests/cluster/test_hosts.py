"""The digits sweep on a real Ray of three hosts, two of them with two pretended GPUs; and what goes wrong with hosts.

Each test prints how long it took until the trials that were cut off reported again.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hosts import Host, Network
from ray_hosts import STEPLADDER, RayHosts, wait_for

from orchestrator.demos import write_demo
from orchestrator.planning.fold import SweepState, replay
from orchestrator.runtime.filesystem import LocalFileSystem
from orchestrator.runtime.journal import JournalReader
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(1200)]

TRIALS = 8
PACED = """
import time
import train as digits

def train(config):
    whole = digits.Training.train_epoch

    def train_epoch(training):
        time.sleep(0.8)
        return whole(training)

    digits.Training.train_epoch = train_epoch
    digits.train(config)
    digits.Training.train_epoch = whole
"""
"""The demonstration's training at a pace that leaves time for faults."""
SMALL = (
    f"budget.trials={TRIALS}", "fidelity.min=2", "fidelity.max=8", "resources.gpus=1", "resources.reuse_workers=true",
    "trainable=paced.py:train",
)  # fmt: skip


class Rack:
    """The hosts that the tests share: one cluster at a time, mended where a test broke it."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self.code = write_demo("digits", folder / "code")
        (self.code / "paced.py").write_text(PACED)
        self.storage = folder / "storage"
        self.storage.mkdir()
        self._cluster: RayHosts | None = None
        self._clusters = 0
        self._spares = 2

    def cluster(self, *, alert: bool = False) -> RayHosts:
        """Return a sound cluster of a head and two workers: the one that is there, if it is as asked for."""
        if self._cluster is not None and self._cluster.alert != alert:
            self._cluster.power_off()
            self._cluster = None
        if self._cluster is None:
            self._clusters += 1
            self._cluster = RayHosts(self.network, "abcdef"[self._clusters - 1], alert=alert)
            self._cluster.start(["w1", "w2"], "--no-monitor")
        while len(self._cluster.workers) < 2:
            self._cluster.add(self.spare())
        return self._cluster

    def spare(self) -> str:
        """Return a name for another worker."""
        self._spares += 1
        return f"w{self._spares}"

    def run(self, name: str, cluster: RayHosts, verb: str = "run") -> Sweep:
        """Start a driver of the sweep `name` on the cluster's head."""
        where = (f"name={name}", f"storage={self.storage}", "--address", cluster.gcs)
        driver = cluster.head.start(
            *STEPLADDER, verb, "sweep.yaml", *SMALL, *where, cwd=self.code, env=cluster.env, log=f"{name}.log"
        )
        return Sweep(self.storage / name, driver, cluster.head.folder / f"{name}.log")


class Sweep:
    """A sweep as its storage shows it, and the driver that runs it."""

    def __init__(self, folder: Path, driver: subprocess.Popen[bytes], log: Path) -> None:
        self.folder = folder
        self.driver = driver
        self._log = log

    def events(self) -> list[ev.Event]:
        return JournalReader(LocalFileSystem(self.folder)).read_new() if (self.folder / "journal").is_dir() else []

    def state(self) -> SweepState | None:
        events = self.events()
        return replay(events) if events else None

    def training_on(self, host: Host) -> set[int]:
        """Return the trials that run on a host and have reported from there."""
        state = self.state()
        if state is None:
            return set()
        return {
            trial.number
            for trial in state.open.values()
            if trial.attempt.node == host.name and trial.attempt.fidelity > trial.attempt.resumed_from
        }

    def wait_for(self, condition: Callable[[], object], what: str) -> float:
        def holds() -> bool:
            assert self.driver.poll() is None, f"the driver ended: {self._log.read_text()[-3000:]}"
            return bool(condition())

        return wait_for(holds, what)

    def wait_until_training(self, *hosts: Host) -> None:
        self.wait_for(lambda: all(map(self.training_on, hosts)), "trials training on every host")

    def finish(self) -> SweepState:
        """Wait for the driver to end well, and check what every sweep promises, whatever happened to it."""
        assert self.driver.wait(timeout=600) == 0, self._log.read_text()[-3000:]
        events = self.events()
        state = replay(events)
        check_promises(self.folder, events, state)
        return state


def check_promises(folder: Path, events: list[ev.Event], state: SweepState) -> None:
    assert len(state.trials) == TRIALS
    assert {trial.state for trial in state.trials} <= {TrialState.COMPLETED, TrialState.PRUNED}, "no trial failed"
    keys = Counter((event.trial, event.attempt, event.fidelity) for event in events if isinstance(event, ev.Reported))
    assert set(keys.values()) == {1}
    reports = duckdb.sql(f"select count(*), count(distinct (trial, attempt, fidelity)) from '{folder}/reports/*.parquet'")
    assert reports.fetchall() == [(len(keys), len(keys))]
    trials = duckdb.sql(f"select count(*), count(distinct trial) from '{folder}/trials/*.parquet'")
    assert trials.fetchall() == [(TRIALS, TRIALS)]
    failed = duckdb.sql(f"select count(*) from '{folder}/trials/*.parquet' where state = 'failed' or error is not null")
    assert failed.fetchall() == [(0,)]
    best = json.loads((folder / "best.json").read_text())
    assert best["winner"]["trial"] == state.winner().number


def since(t: float, events: list[ev.Event], cut_off: set[int]) -> str:
    """Say when, in seconds after `t`, the trials that were cut off were known to be, reported again, and all ended."""
    ended = {event.trial: event.t for event in reversed(events) if isinstance(event, ev.AttemptEnded) and event.t > t}
    attempts = {event.trial: event for event in events if isinstance(event, ev.AttemptStarted) and event.t > t}
    again = [
        min(e.t for e in events if isinstance(e, ev.Reported) and (e.trial, e.attempt) == (trial, attempts[trial].attempt))
        for trial in cut_off
    ]
    noticed = min(ended[trial] for trial in cut_off)
    return f"noticed {noticed - t:.1f} s, reported again {min(again) - t:.1f} to {max(again) - t:.1f} s"


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    folder = tmp_path_factory.mktemp("rack")
    with Network(folder / "network") as network:
        yield Rack(network, folder)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)

    return say


def test_a_raylet_is_killed(rack: Rack, say: Callable[[str], None]):
    cluster = rack.cluster()
    sweep = rack.run("raylet", cluster)
    victim = cluster.workers["w1"]
    sweep.wait_until_training(*cluster.workers.values())
    cut_off, t = sweep.training_on(victim), time.time()
    assert victim.kill("raylet/raylet ") == 1
    del cluster.workers["w1"]
    state = sweep.finish()
    check_lost(state, cut_off, victim)
    say(f"raylet killed: {since(t, sweep.events(), cut_off)}, sweep ended {time.time() - t:.0f} s")


def check_lost(state: SweepState, cut_off: set[int], victim: Host) -> None:
    """The trials that ran on a lost host say so, and went on elsewhere from where they were."""
    for number in cut_off:
        attempts = state.trials[number].attempts
        lost = [attempt for attempt in attempts if attempt.node == victim.name]
        assert [attempt.outcome for attempt in lost] == [Outcome.LOST]
        assert attempts[-1].node != victim.name
        assert attempts[-1].resumed_from > 0
