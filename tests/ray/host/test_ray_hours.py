"""What a sweep is charged is what Ray's own state says was reserved: starts, failures, retries, gangs and a stop."""

from __future__ import annotations

import json
import threading
import time

import pytest
import ray

from orchestrator.control.answers import HeldPlace
from orchestrator.ray.host.holders import Holders
from orchestrator.ray.host.live_attempt import LiveAttempt

LOOK_S = 0.02
FATES = """
    import os
    import time
    from ray import tune

    def train(config):
        time.sleep({seconds})
        if config["x"] < 0.3 and tune.get_context().get_trial_id().endswith(".0"):
            os.kill(os.getpid(), 9) if config["x"] < 0.15 else 1 / 0
        tune.report({{"score": config["x"], "epoch": 3}})
"""


class Reserved(threading.Thread):
    """Adds up what of a resource is taken in the whole cluster, by Ray's own word, until `stop`."""

    def __init__(self, kind):
        super().__init__(daemon=True)
        self.kind, self.taken_s, self.ending = kind, 0.0, threading.Event()

    def run(self):
        whole, before, taken = ray.cluster_resources()[self.kind], time.monotonic(), 0.0
        while not self.ending.wait(LOOK_S):
            now = time.monotonic()
            self.taken_s += (now - before) * taken
            before, taken = now, whole - ray.available_resources().get(self.kind, 0.0)

    def stop(self):
        deadline = time.monotonic() + 240
        while ray.available_resources().get(self.kind, 0.0) < ray.cluster_resources()[self.kind]:
            assert time.monotonic() < deadline, "something holds what the sweep held"
            time.sleep(LOOK_S)
        time.sleep(5 * LOOK_S)
        self.ending.set()
        self.join()
        return self.taken_s


CASES = {
    "each attempt its own process": ({"gpus": 0.5}, None),
    "processes used again": ({"gpus": 0.5, "reuse_workers": True}, None),
    "gangs": ({"cpus": 2, "processes": 2}, None),
    "stopped while workers start": ({"gpus": 0.5}, 1),
}


def attempt(**known):
    return LiveAttempt("0.0", 0, 0, {}, 0.0, **known)


def test_what_a_place_is_held_for_beside_its_attempt():
    after = attempt(reserved_at=1.0, is_placed=True)
    assert after.end(5.0) == []
    assert after.free(5.5) == [HeldPlace(0.5, 0, 0)]
    died = attempt(reserved_at=1.0, is_placed=True)  # its place is free before it is known what it died of
    assert died.free(4.0) == []
    assert died.end(6.0) == [HeldPlace(-2.0, 0, 0)]
    untaken = attempt(reserved_at=1.0)  # which is charged nothing
    assert untaken.free(4.0) == []
    assert untaken.end(9.0) == [HeldPlace(3.0)]
    unknown = attempt(is_placed=True)
    assert unknown.end(5.0) == unknown.free(6.0) == []


def test_a_worker_without_a_trial_is_paid_for_since_it_has_its_place_or_was_left():
    told = []
    holders, worker = Holders(told.extend), object()
    holders.free(worker, since=time.monotonic() - 3)
    holders.take(worker, attempt(reserved_at=0.0, is_placed=True))
    holders.leave(worker, time.monotonic() - 2)
    holders.free(worker, since=time.monotonic() - 9)
    holders.unused(1.0)
    assert told == [HeldPlace(pytest.approx(seconds, abs=0.5)) for seconds in (3, 2, 1)]
    used = attempt(reserved_at=0.0, is_placed=True)
    holders.take(worker, used)
    used.end(time.monotonic())
    holders.free(worker, since=0.0)
    assert told[3:] == [HeldPlace(pytest.approx(0.0, abs=0.5), 0, 0)]


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_hours_are_what_ray_says_was_reserved(host, case):
    resources, stops_after = CASES[case]
    kind = "GPU" if "gpus" in resources else "CPU"
    amount = resources[f"{kind.lower()}s"]
    watch = Reserved(kind)
    watch.start()
    left = []

    def step(session):
        if stops_after is not None and len(session.state.trials) > stops_after and not left:
            left.append(session.controller.request_stop("stop"))

    run = host.run(
        FATES.format(seconds=2.0), on_step=step, resources=resources, budget={"trials": 8}, seed=4,
        retry={"error": 1, "lost": 2}, brake=False,
    )  # fmt: skip
    assert run.error is None, run.error
    taken_s = watch.stop()
    spend = run.state.spend
    charged_s = (spend.cpu_hours if kind == "CPU" else spend.gpu_hours) * 3600
    attempts = [attempt for trial in run.state.trials for attempt in trial.attempts]
    told = {
        "case": case, "reserved_s": round(taken_s, 2), "charged_s": round(charged_s, 2),
        "of_attempts_s": round(sum(a.charged_s for a in attempts) * amount, 2),
        "ratio": round(charged_s / taken_s, 4), "outcomes": sorted(str(a.outcome) for a in attempts),
    }  # fmt: skip
    print(json.dumps(told))
    assert charged_s == pytest.approx(taken_s, rel=0.1, abs=2.0)
