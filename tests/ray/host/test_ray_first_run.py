"""The first run on a real Ray: what the baseline's worker says of the import and of the function it has entered."""

from __future__ import annotations

import pytest

from orchestrator.ray.worker.trainable import Command
from orchestrator.sweep.trial import Outcome, TrialState

pytestmark = pytest.mark.ray


def test_an_import_that_fails_costs_one_trial_and_says_where(host):
    run = host.run("import json\nimport not_there_pkg\n\ndef train(config): pass\n", baseline_first=True)
    assert (run.reason, len(run.state.trials)) == ("brake", 1)
    assert run.outcomes(0) == [Outcome.ERROR]
    assert run.state.trials[0].attempt.entered_s is None
    assert run.state.trials[0].attempt.error == (
        "train.py:2 in <module>: import not_there_pkg\nModuleNotFoundError: No module named 'not_there_pkg'"
    )


def test_it_is_known_when_the_function_is_entered_and_the_others_start_at_its_first_report(host):
    run = host.run(
        """
        import time
        from ray import tune

        time.sleep(1)

        def train(config, trial):
            if trial.number == 0:
                time.sleep(5)
            for epoch in range(1, 4):
                tune.report({"score": config["x"], "epoch": epoch})
        """,
        baseline_first=True,
    )
    assert run.reason == "finished"
    baseline, *others = run.state.trials
    assert {trial.state for trial in run.state.trials} == {TrialState.COMPLETED}
    assert baseline.attempt.placed_s + 0.9 < baseline.attempt.entered_s < baseline.attempt.seen_s - 1
    assert all(trial.attempts[0].started_t >= baseline.attempts[0].started_t + 5 for trial in others)


def test_a_program_counts_as_entered_once_it_is_placed(host):
    (host.folder / "program.py").write_text(
        "import os, time\ntime.sleep(2.5)\nwith open(os.environ['STEPLADDER_REPORTS'], 'a') as file:\n"
        '    file.write(\'{"epoch": 3, "score": 1}\\n\')\n'
    )
    program = Command(host.folder, ("python", "program.py"), ("program.py",))
    run = host.run(program, baseline_first=True, budget={"trials": 1})
    assert run.state.trials[0].state is TrialState.COMPLETED
    assert run.state.trials[0].attempt.entered_s is not None
