"""The digits sweep on a real Ray of three hosts, two of them with two pretended GPUs each; and what happens to hosts.

Every test prints how long the sweep took to recover.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hosts import Host, Network
from racks import FAULT_TRIALS, TRIALS, Rack, Sweep
from ray_hosts import STEPLADDER, wait_for

from orchestrator.state.fold import SweepState, replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Attempt, Outcome

pytestmark = [pytest.mark.nightly, pytest.mark.ray, pytest.mark.timeout(1800)]

CABLE_OUT_S = 12.0
"""Ray ends a connection on which a ping was not answered for 20 s: what a worker answers by then counts as lost."""
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


def test_a_laptop_submits_and_leaves(rack: Rack, say: Say):
    cluster, laptop, other = rack.cluster(), rack.laptop("laptop"), rack.laptop("other")
    begun = time.monotonic()
    rack.hold()
    laptop.stepladder(cluster, "submit", *rack.sending(cluster, "digits"), "--patience", 180)
    sent_s = time.monotonic() - begun
    sweep = Sweep(rack.storage / "digits", other, cluster)
    sweep.wait_until_training(*cluster.workers.values())
    laptop.host.power_off()

    address = ("--address", cluster.jobs)
    told = other.stepladder(cluster, "status", "sweep.yaml", *address)
    assert "tier-1" in told
    assert "running" in told
    assert "trial 0 (the baseline) started" in other.stepladder(cluster, "logs", "sweep.yaml", *address)
    state = sweep.finish()
    assert [len(trial.attempts) for trial in state.trials] == [1] * TRIALS
    places = {(worker.name, gpu) for worker in cluster.workers.values() for gpu in "01"}
    assert set(sweep.ask("select distinct node, gpu_ids from {trials}")) == places
    exported = cluster.head.run(*STEPLADDER, "export", sweep.folder, cwd=rack.storage, env=cluster.env)
    best = json.loads((sweep.folder / "best.json").read_text())
    assert json.loads(exported.stdout) == best["winner"]["config"], exported
    say(f"submitted:          checked and sent in {sent_s:.1f} s; {TRIALS} trials on {len(places)} GPUs, no laptop")


def test_a_raylet_is_killed(rack: Rack, say: Say):
    cluster = rack.cluster()
    rack.hold()
    sweep = rack.submit(cluster, "raylet")
    sweep.wait_until_training(*cluster.workers.values())
    victim, t = cluster.workers.pop(next(iter(cluster.workers))), time.time()
    assert victim.kill("/raylet/raylet ") == 1
    lost = lost_on(victim, sweep.finish())
    say(f"raylet killed:      {sweep.times(t, lost)}")


def test_a_cable_is_pulled_for_a_while(rack: Rack, say: Say):
    """Ray ends connections after 20 s of silence, hosts after a minute: until then nothing is lost or begun twice."""
    cluster = rack.cluster()
    rack.hold()
    sweep = rack.submit(cluster, "cable", "fidelity.max=12", "scheduler=none")
    sweep.wait_until_training(*cluster.workers.values())
    victim = next(iter(cluster.workers.values()))
    cut_off = sweep.training_on(victim)
    victim.unplug()
    time.sleep(CABLE_OUT_S)
    victim.plug()
    t = time.time()
    state = sweep.finish()
    assert [len(trial.attempts) for trial in state.trials] == [1] * FAULT_TRIALS
    reports = [e.t for e in sweep.events() if isinstance(e, ev.Reported) and e.trial in cut_off]
    assert max(later - earlier for earlier, later in pairwise(reports)) > CABLE_OUT_S / 2, "the cable was not out"
    back_s = min(at for at in reports if at > t) - t
    say(f"cable out for {CABLE_OUT_S:.0f} s: nothing lost, {len(cut_off)} trials report {back_s:.1f} s after")


def test_the_driver_is_killed(rack: Rack, say: Say):
    cluster = rack.cluster()
    rack.hold()
    sweep = rack.submit(cluster, "driver")
    sweep.wait_until_training(*cluster.workers.values())
    t = time.time()
    sweep.kill_driver()
    wait_for(lambda: sweep.job() == "failed", "word of the driver's end")
    sweep.resume(cluster)
    interrupted = interrupted_in(sweep.finish())
    say(f"driver killed:      {sweep.times(t, interrupted)}")


def test_the_whole_cluster_is_gone(rack: Rack, say: Say):
    """Nothing of Ray is left; a new cluster goes on from the storage alone."""
    cluster = rack.cluster()
    rack.hold()
    sweep = rack.submit(cluster, "cluster")
    sweep.wait_until_training(*cluster.workers.values())
    t = time.time()
    rack.power_off()
    cluster = rack.cluster(alert=True)
    up_s = time.time() - t
    sweep.resume(cluster)
    state = sweep.finish()
    interrupted = interrupted_in(state)
    nodes = {attempt.node for number in interrupted for attempt in state.trials[number].attempts[1:]}
    assert nodes <= {worker.name for worker in cluster.workers.values()}
    say(f"whole cluster gone: a new one is up after {up_s:.1f} s, {sweep.times(t, interrupted)}")


def test_the_head_of_a_cluster_that_was_joined_is_powered_off(rack: Rack, say: Say):
    """Its driver sits on a worker, and nobody answers any more, not even with a refusal."""
    cluster = rack.cluster()
    place, (first, *_) = rack.storage / "headless", cluster.workers.values()
    arguments = ("name=headless", *rack.small(), "--address", cluster.gcs)
    driver = first.start(*STEPLADDER, "run", "sweep.yaml", *arguments, cwd=rack.code, env=cluster.env, log="said.txt")
    sweep, log = Sweep(place, rack.laptop("of-headless"), cluster), first.folder / "said.txt"
    workers = list(cluster.workers.values())
    wait_for(lambda: any(map(sweep.training_on, workers)), "a trial that trains")
    acknowledged, begun = sweep.events(), time.monotonic()
    cluster.head.power_off()
    wait_for(lambda: "Ray is gone" in log.read_text(), "word of the head's end")
    told_s = time.monotonic() - begun
    code = driver.wait(timeout=240)
    left_s, said = time.monotonic() - begun, log.read_text()
    assert (code, "Traceback" in said) == (75, False), said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert line == (
        f"error: Ray is gone: its control store (GCS) at {cluster.gcs} does not answer any more. Nothing acknowledged "
        "is lost: resume it, on a cluster that was joined once that is there again"
    )
    events = sweep.events()
    assert events[: len(acknowledged)] == acknowledged
    assert (type(events[-1]), replay(events).open) == (ev.DriverStopped, {})
    reports = sum(isinstance(event, ev.Reported) for event in events)
    assert sweep.ask("select count(*) from {reports}") == [(reports,)], "the tables are up to date"
    rack.power_off()
    cluster = rack.cluster()
    again = cluster.workers["w1"].run(
        *STEPLADDER, "resume", "--auto", "sweep.yaml", *arguments[:-1], cluster.gcs, cwd=rack.code, env=cluster.env,
        timeout_s=600,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    sweep.check()
    say(f"head powered off:   told after {told_s:.1f} s, left (75) after {left_s:.1f} s, on another cluster: 0")


def test_a_worker_is_powered_off(rack: Rack, say: Say):
    """Nobody is told, as with a pulled plug: Ray has to miss the host, here within seconds."""
    cluster = rack.cluster(alert=True)
    rack.hold()
    sweep = rack.submit(cluster, "power")
    sweep.wait_until_training(*cluster.workers.values())
    victim, t = cluster.workers.pop(next(iter(cluster.workers))), time.time()
    victim.power_off()
    lost = lost_on(victim, sweep.finish())
    say(f"worker powered off: {sweep.times(t, lost)}")


def test_a_preflight_names_the_host_that_does_not_share_the_storage(rack: Rack):
    cluster = rack.cluster(alert=True)
    blind = cluster.add(rack.spare(), hidden=[rack.storage])
    told = ("--address", cluster.gcs, "--patience", 120)
    check = (*STEPLADDER, "check", "sweep.yaml", "name=unshared", *rack.small(), *told)
    found = cluster.head.run(*check, "--json", cwd=rack.code, env=cluster.env)
    assert found.returncode == 1, found.stderr
    (storage,) = [finding for finding in json.loads(found.stdout)["preflight"] if finding["check"] == "storage"]
    expected = f"{rack.storage}/unshared is not shared: {blind.name} does not see there what is written here"
    assert expected in storage["text"]


def lost_on(victim: Host, state: SweepState) -> set[int]:
    """Return the trials that were lost: only on `victim`, and they went on elsewhere from where they were."""
    for trial in state.trials:
        lost = [attempt for attempt in trial.attempts if attempt.outcome is Outcome.LOST]
        assert {attempt.node for attempt in lost} <= {victim.name, None}
        check_continued(state, trial.number, lost)
    numbers = having(state, Outcome.LOST)
    assert numbers
    assert victim.name not in {state.trials[number].attempts[-1].node for number in numbers}
    return numbers


def interrupted_in(state: SweepState) -> set[int]:
    """Return the trials that ran when the driver died: interrupted, none lost, and gone on from where they were."""
    assert not having(state, Outcome.LOST)
    for trial in state.trials:
        check_continued(state, trial.number, [a for a in trial.attempts if a.outcome is Outcome.INTERRUPTED])
    numbers = having(state, Outcome.INTERRUPTED)
    assert numbers
    return numbers


def having(state: SweepState, outcome: Outcome) -> set[int]:
    return {trial.number for trial in state.trials if outcome in {attempt.outcome for attempt in trial.attempts}}


def check_continued(state: SweepState, number: int, ended: list[Attempt]) -> None:
    attempts = state.trials[number].attempts
    for attempt in ended:
        reached = max(attempt.fidelity, attempt.resumed_from)
        assert attempts[attempt.number + 1].resumed_from == reached
