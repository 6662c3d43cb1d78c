"""What a training is given and what becomes of its reports, on a real local Ray."""

from __future__ import annotations

import pytest

from orchestrator.ray.worker.trainable import Command

pytestmark = [pytest.mark.ray, pytest.mark.long]


def test_two_reports_of_one_epoch_are_both_kept(host):
    run = host.run(
        """
        from ray import tune
        def train(config):
            best = 0.0
            for epoch in (1, 2, 3):
                tune.report({"epoch": epoch, "score": best, "train_loss": 1 / epoch})
                best = 0.2 * epoch + 0.1 * config["x"]
                tune.report({"epoch": epoch, "score": best, "test_auc": best / 2})
        """,
        budget={"trials": 2},
    )
    expected = [pytest.approx(0.6 + 0.1 * trial.config["x"]) for trial in run.state.trials]
    assert [trial.value for trial in run.state.trials] == expected
    assert all(len(trial.values) == trial.report_count == 3 for trial in run.state.trials)
    assert [trial.state.value for trial in run.state.trials] == ["completed"] * 2


def test_an_epoch_counted_from_0_is_a_result(host):
    run = host.run(
        """
        from ray import tune
        def train(x):
            for epoch in range(1):
                tune.report({"epoch": epoch, "score": x})
        """,
        fidelity={"metric": "epoch", "max": 1},
        budget={"trials": 2},
    )
    assert [trial.values for trial in run.state.trials] == [{0.0: trial.config["x"]} for trial in run.state.trials]
    assert [trial.state.value for trial in run.state.trials] == ["completed"] * 2


def test_a_counter_that_begins_again_fails_the_first_trials_at_their_line(host):
    run = host.run(
        """
        from ray import tune
        def train(config):
            for fold in range(2):
                for epoch in (1, 2):
                    tune.report({"epoch": epoch, "score": 0.5})
        """,
        budget={"trials": 5},
        fidelity={"metric": "epoch", "max": 9},
    )
    assert [trial.state.value for trial in run.state.trials] == ["failed"] * 3 + ["completed"] * 2
    assert "train.py:6: " in run.state.trials[0].attempt.error
    assert "'epoch' begins again: it was 2, then 1, now 2. " in run.state.trials[0].attempt.error


def test_reports_are_counted_over_a_loss_of_the_machine_and_a_result_may_be_returned(host):
    run = host.run(
        """
        import os, signal, tempfile
        from pathlib import Path
        from ray import tune
        def train(config, trial):
            if trial.number == 1: return config["x"]
            done = 0
            if tune.get_checkpoint() is not None:
                with tune.get_checkpoint().as_directory() as folder: done = int(Path(folder, "done").read_text())
            while done < 5:
                done += 1
                if done == 4 and trial.attempt == 0: os.kill(os.getpid(), signal.SIGKILL)
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, "done").write_text(str(done))
                    tune.report({"score": 0.1 * done}, checkpoint=tune.Checkpoint.from_directory(folder))
        """,
        budget={"trials": 2},
        fidelity={"max": 5},
    )
    first, second = run.state.trials
    assert list(first.values) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [attempt.resumed_from for attempt in first.attempts] == [0.0, 3.0]
    assert second.values == {5.0: second.config["x"]}


def test_one_final_score_by_the_last_report_or_what_is_returned(host):
    run = host.run(
        """
        from ray import tune
        def train(config, trial):
            if trial.number == 0: return config["x"]
            if trial.number == 1: return {"score": 2.0, "extra": 1}
            for count in range(3): tune.report({"score": float(count)})
        """,
        budget={"trials": 3},
        fidelity="none",
    )
    assert [trial.state.value for trial in run.state.trials] == ["completed"] * 3
    assert [trial.values for trial in run.state.trials] == [{1.0: 0.5}, {1.0: 2.0}, {1.0: 2.0}]


def test_a_function_reads_from_the_project_and_writes_into_its_trials_folder(host):
    (host.folder / "data").mkdir()
    (host.folder / "data" / "rows.csv").write_text("3")
    run = host.run(
        """
        import os, random, signal
        from pathlib import Path
        def train(config, trial):
            drawn = Path("drawn.txt")
            if trial.number == 1 and trial.attempt == 0:
                drawn.write_text(str(random.random()))
                os.kill(os.getpid(), signal.SIGKILL)
            elif trial.number == 1:
                assert drawn.read_text() == str(random.random())
            else:
                assert not drawn.exists()
            return float(Path("data/rows.csv").read_text())
        """,
        budget={"trials": 3},
        fidelity="none",
    )
    assert [(trial.state.value, trial.value) for trial in run.state.trials] == [("completed", 3.0)] * 3
    assert {path.name for path in host.folder.iterdir()} - {"__pycache__"} == {"data", "runs", "train.py"}
    (kept,) = host.folder.glob("runs/test/work/*/drawn.txt")
    assert kept.parent.name == run.state.trials[1].trial_id


def test_a_programs_counter_is_followed_likewise(host):
    (host.folder / "train.py").write_text(
        "import json, os\n"
        "assert '_trial' not in json.loads(os.environ['STEPLADDER_CONFIG'])\n"
        "assert os.environ['STEPLADDER_ATTEMPT'] == '0'\n"
        "with open(os.environ['STEPLADDER_REPORTS'], 'a') as file:\n"
        "    for epoch in (1, 2, 1, 2): file.write(json.dumps({'epoch': epoch, 'score': 0.5}) + '\\n')\n"
    )
    run = host.run(
        Command(host.folder, ("python", "train.py")),
        budget={"trials": 1},
        fidelity={"metric": "epoch", "max": 9},
    )
    assert run.state.trials[0].attempt.error.startswith(
        "line 4 of STEPLADDER_REPORTS: 'epoch' begins again: it was 2, "
    )


CLASS = """
    import os, signal
    from pathlib import Path
    from ray import tune
    class Walk(tune.Trainable):
        def setup(self, config, far=0):
            self.x, self.steps, self.number = config["x"] + far, 0, int(os.environ["STEPLADDER_NUMBER"])
            print("made", self.trial_id)
        def step(self):
            self.steps += 1
            if self.steps == 4 and self.number == 1 and os.environ["STEPLADDER_ATTEMPT"] == "0":
                os.kill(os.getpid(), signal.SIGKILL)
            return {"score": 0.1 * self.steps + self.x, "done": self.number == 2 and self.iteration == 1,
                    "made_by": type(self).__name__}
        def save_checkpoint(self, folder):
            return {"steps": self.steps}
        def load_checkpoint(self, saved):
            assert self.iteration == saved["steps"]
            self.steps = saved["steps"]
        def cleanup(self):
            Path("steps.txt").write_text(str(self.steps))
    train = tune.with_parameters(Walk, far=10)
    """


def test_a_class_is_stepped_to_the_end_over_a_loss_of_the_machine(host, monkeypatch):
    run = host.run(CLASS, budget={"trials": 4}, fidelity={"max": 5})
    trials = run.state.trials
    assert [trial.state.value for trial in trials] == ["completed"] * 4
    assert [list(trial.values) for trial in trials] == [[1.0, 2.0, 3.0, 4.0, 5.0]] * 2 + [
        [1.0, 2.0],
        [1.0, 2.0, 3.0, 4.0, 5.0],
    ]
    assert trials[1].value == pytest.approx(0.5 + trials[1].config["x"] + 10)
    assert [attempt.resumed_from > 0 for attempt in trials[1].attempts] == [False, True]
    works = {path.parent.name: path.read_text() for path in host.folder.glob("runs/test/work/*/steps.txt")}
    assert works == {trial.trial_id: "2" if trial.number == 2 else "5" for trial in trials}, "each was cleaned up"
    assert trials[0].checkpoint is not None
    printed = (host.folder / "runs/test/logs/0/0/stdout.txt").read_text()
    assert printed == f"made {trials[0].trial_id}\n"
