"""A trial stopped, a configuration tried and a failed trial run again, by wishes in the storage of a sweep on Ray."""

from __future__ import annotations

import time

import pytest

from orchestrator.policies.asking import wish_to_try
from orchestrator.storage.wishes import Wish, put_wish
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = pytest.mark.ray

TRAIN = """
    import time
    from pathlib import Path
    from ray import tune

    def train(config, trial):
        gate = Path("{gate}")
        try:
            for epoch in range(1, 4):
                if trial.number == 1 and trial.attempt == 0:
                    raise ValueError("once")
                while epoch == 2 and trial.number != 1 and not gate.exists():
                    time.sleep(0.05)
                tune.report({{"score": config["x"], "epoch": epoch}})
        finally:
            Path(f"{gate}-{{trial.number}}").touch()
"""


def test_a_living_driver_obeys_what_is_asked_about_single_trials(host):
    gate = host.folder / "gate"
    asked: list[str] = []

    def on_step(session) -> None:
        trials = session.state.trials
        if not asked and len(trials) > 1 and trials[0].values and trials[1].state is TrialState.FAILED:
            files = session.folder.files()
            asked.append(put_wish(files, Wish("stop", 0), time.time()))
            asked.append(put_wish(files, Wish("retry", 1), time.time()))
            asked.append(put_wish(files, wish_to_try(session.state, {"x": 0.125}), time.time()))
        if asked and asked[-1] in session.state.wished.known:
            gate.touch()

    run = host.run(TRAIN.format(gate=gate), on_step=on_step, budget={"trials": 8}, brake=False)
    assert run.reason == "finished"
    stopped, again = run.state.trials[:2]
    assert (stopped.state, stopped.attempt.outcome, stopped.attempt.cause) == (
        TrialState.PRUNED, Outcome.STOPPED, "stop_trial"
    )  # fmt: skip
    assert (host.folder / "gate-0").exists(), "its `finally` ran"
    assert run.outcomes(1) == [Outcome.ERROR, Outcome.STOPPED]
    assert again.state is TrialState.COMPLETED
    (own,) = [trial for trial in run.state.trials if trial.move == "asked"]
    assert own.config == {"x": 0.125}
    assert own.state is TrialState.COMPLETED
