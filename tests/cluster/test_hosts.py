"""The digits sweep on a real Ray of three hosts, two of them with two pretended GPUs each; and what happens to hosts.

Every test prints how long the sweep took to recover.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Host, Network
from processes import stepladder
from racks import Rack, Sweep
from ray_hosts import STEPLADDER, wait_for

from orchestrator.planning.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.timeout(1800)]

CABLE_OUT_S = 20.0
Say = Callable[[str], None]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    folder = tmp_path_factory.mktemp("rack")
    with Network(folder / "network") as network:
        yield Rack(network, folder)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)

    return say


def test_a_raylet_is_killed(rack: Rack, say: Say):
    cluster = rack.cluster()
    sweep = rack.drive(cluster, "run", "raylet")
    sweep.wait_until_training(*cluster.workers.values())
    victim = cluster.workers.pop("w1")
    cut_off, t = sweep.training_on(victim), time.time()
    assert victim.kill("/raylet/raylet ") == 1
    check_lost(sweep.finish(), cut_off, victim)
    say(f"raylet killed:       {sweep.times(t, cut_off)}")


def test_a_cable_is_pulled_for_a_while(rack: Rack, say: Say):
    """Ray takes a host for dead after a minute of silence: until then nothing is lost, and nothing begins twice."""
    cluster = rack.cluster()
    sweep = rack.drive(cluster, "run", "cable", "fidelity.max=12", "scheduler=none", trials=4)
    sweep.wait_until_training(*cluster.workers.values())
    victim = next(iter(cluster.workers.values()))
    cut_off, t = sweep.training_on(victim), time.time()
    victim.unplug()
    time.sleep(CABLE_OUT_S)
    victim.plug()
    plugged = time.time()
    state = sweep.finish()
    assert [len(trial.attempts) for trial in state.trials] == [1] * 4
    reports = [e.t for e in sweep.events() if isinstance(e, ev.Reported) and e.trial in cut_off]
    silence = max(b - a for a, b in zip(reports, reports[1:], strict=False))
    assert silence > CABLE_OUT_S / 2, "the cable was not out"
    back = min(at for at in reports if at > plugged)
    say(f"cable out for 20 s:  nothing lost, {len(cut_off)} trials report again {back - plugged:.1f} s after it is back")


def test_the_driver_is_killed(rack: Rack, say: Say):
    cluster = rack.cluster()
    sweep = rack.drive(cluster, "run", "driver")
    sweep.wait_until_training(*cluster.workers.values())
    open_, t = set().union(*map(sweep.training_on, cluster.workers.values())), time.time()
    assert cluster.head.kill("orchestrator.cli", "name=driver") == 1
    resumed = rack.drive(cluster, "resume", "driver")
    state = resumed.finish()
    check_interrupted(state, open_)
    say(f"driver killed:       {resumed.times(t, open_)}")


def test_the_whole_cluster_is_gone(rack: Rack, say: Say):
    """Nothing of Ray is left; a new cluster goes on from the storage alone."""
    cluster = rack.cluster()
    sweep = rack.drive(cluster, "run", "cluster")
    sweep.wait_until_training(*cluster.workers.values())
    open_, t = set().union(*map(sweep.training_on, cluster.workers.values())), time.time()
    rack.power_off()
    cluster = rack.cluster(alert=True)
    up = time.time()
    resumed = rack.drive(cluster, "resume", "cluster")
    state = resumed.finish()
    check_interrupted(state, open_)
    nodes = {attempt.node for number in open_ for attempt in state.trials[number].attempts[1:]}
    assert nodes <= {worker.name for worker in cluster.workers.values()}
    say(f"whole cluster gone:  new one up after {up - t:.1f} s, {resumed.times(t, open_)}")


def test_a_worker_is_powered_off(rack: Rack, say: Say):
    """Nobody is told, as with a pulled plug: Ray has to miss the host, here within seconds."""
    cluster = rack.cluster(alert=True)
    sweep = rack.drive(cluster, "run", "power")
    sweep.wait_until_training(*cluster.workers.values())
    victim = cluster.workers.pop(next(iter(cluster.workers)))
    cut_off, t = sweep.training_on(victim), time.time()
    victim.power_off()
    check_lost(sweep.finish(), cut_off, victim)
    say(f"worker powered off:  {sweep.times(t, cut_off)}")


def check_lost(state: SweepState, cut_off: set[int], victim: Host) -> None:
    """The trials that ran on a lost host say so, and went on elsewhere from their checkpoints."""
    for number in cut_off:
        *lost, last = state.trials[number].attempts
        assert [attempt.outcome for attempt in lost if attempt.node == victim.name] == [Outcome.LOST]
        assert last.node != victim.name
        assert last.resumed_from > 0


def check_interrupted(state: SweepState, cut_off: set[int]) -> None:
    """The trials that ran when the driver died were interrupted, not lost, and went on from their checkpoints."""
    for number in cut_off:
        first, *more = state.trials[number].attempts
        assert first.outcome is Outcome.INTERRUPTED
        assert more[0].resumed_from > 0
