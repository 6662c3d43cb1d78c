"""A `ray.tune.Trainable` class, driven with a session that keeps what it is told; Ray is imported, not started."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from ray.tune import Checkpoint

from orchestrator.ray.preflight.probes import import_function
from orchestrator.ray.worker import function, tune_class
from orchestrator.ray.worker.assignment import Assignment, Gang
from orchestrator.ray.worker.failure import AttemptFailed
from orchestrator.ray.worker.trainable import TrainableFile

HEAD = """
    import json
    from pathlib import Path
    from ray import tune
    """

WALK = (
    HEAD
    + """
    class Walk(tune.Trainable):
        def setup(self, config):
            self.x = config["x"]

        def step(self):
            self.x += 1
            return {"score": self.x, "done": self.iteration + 1 >= 4}

        def save_checkpoint(self, folder):
            Path(folder, "x.json").write_text(json.dumps(self.x))

        def load_checkpoint(self, folder):
            self.x = json.loads(Path(folder, "x.json").read_text())

        def cleanup(self):
            Path("cleaned").touch()
    """
)


class Session:
    """What Tune's session is to a class: who takes its reports, and who knows the trial's folder and checkpoint."""

    def __init__(self, folder, checkpoint=None, stops_at=None):
        self.trial_info = SimpleNamespace(resources="1 CPU", experiment_name="runs")
        self.storage = SimpleNamespace(trial_working_directory=folder / "attempt")
        self.loaded_checkpoint = checkpoint
        self.stops_at = stops_at
        self.reports, self.kept = [], {}
        self.stop_event = Event()
        self.folder = folder

    def report(self, metrics, checkpoint=None):
        if (report := metrics.get("_report")) is None:
            return
        self.reports.append((report.fidelity, dict(report.metrics), dict(report.texts)))
        if checkpoint is not None:
            kept = checkpoint.to_directory(str(self.folder / f"kept-{len(self.reports)}"))
            self.kept[len(self.reports)] = Checkpoint.from_directory(kept)
        if len(self.reports) == self.stops_at:
            raise SystemExit(0)

    @property
    def scores(self):
        return [(fidelity, metrics["score"]) for fidelity, metrics, _ in self.reports]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Drive a class of a training file through one attempt; returns the session."""
    monkeypatch.setattr(function, "announce", lambda trial: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tune_class, "SAVING_SHARE", 1e9)
    (tmp_path / "attempt").mkdir()

    def run(code, name="Walk", *, checkpoint=None, stops_at=None, since=0, fidelity="training_iteration", **assigned):
        purpose = assigned.pop("purpose", "train")
        (tmp_path / "walk.py").write_text(textwrap.dedent(code))
        trained = TrainableFile(tmp_path, "walk.py", name)
        assignment = Assignment(trained, "score", fidelity, 5.0, hyperparameters=("x",), **assigned)
        trial = {"number": 3, "trial_id": "00003", "seed": 5, "max_fidelity": 9.0, "rungs": [9.0], "purpose": purpose}
        trial |= {"checkpoint": None if checkpoint is None else checkpoint.path, "from_iteration": since}
        session = Session(tmp_path, checkpoint, stops_at)
        config = {"x": 1.0, "model.width": [8, 8], "_trial": trial}
        if stops_at is None:
            function.run_function(assignment, config, session)
        else:
            with pytest.raises(SystemExit):
                function.run_function(assignment, config, session)
        return session

    return run


def test_each_step_is_a_report_until_one_is_done(run):
    session = run(WALK)
    assert session.reports == [
        (step, {"score": 1.0 + step, "training_iteration": step}, {}) for step in (1.0, 2.0, 3.0, 4.0)
    ], "and nothing of what Ray Tune puts into a result is among its metrics"
    assert Path("cleaned").exists()


def test_a_stop_ends_it_and_cleans_up(run):
    assert run(WALK, stops_at=2).scores == [(1.0, 2.0), (2.0, 3.0)]
    assert Path("cleaned").exists()


def test_it_goes_on_from_the_folder_that_it_saved(run):
    before = run(WALK, stops_at=2)
    again = run(WALK, checkpoint=before.kept[2], since=2)
    assert again.scores == [(3.0, 4.0), (4.0, 5.0)], "step 4 is done in both: the count of steps goes on too"


def test_one_that_was_done_makes_no_step_more(run):
    assert run(WALK, checkpoint=run(WALK).kept[4], since=4).scores == []


@pytest.mark.parametrize("returned", ["{'x': self.x, 'net': Net(self.x)}", "{}"])
def test_it_goes_on_from_the_dict_that_it_returned(run, returned):
    code = (
        HEAD
        + f"""
    class Net:
        def __init__(self, x): self.x = x

    class Walk(tune.Trainable):
        x = 0
        def step(self):
            self.x += 1
            return {{"score": self.x, "done": self.iteration == 2}}
        def save_checkpoint(self, folder):
            return {returned}
        def load_checkpoint(self, saved):
            assert isinstance(saved, dict)
            self.x = saved["net"].x if saved else 7
    """
    )
    before = run(code, stops_at=2)
    assert run(code, checkpoint=before.kept[2], since=2).scores == [(3.0, 3.0 if "net" in returned else 8.0)]


def test_what_a_class_knows_of_itself(run):
    session = run(
        HEAD
        + """
    class Walk(tune.Trainable):
        def setup(self, config):
            Path("setup.json").write_text(json.dumps([
                config, config["model.width"], self.config["model"]["width"], self.trial_id, self.trial_name,
                self.trial_resources, self.iteration, self.logdir, len(config), len(self.config)]))
            config["model"]["width"].append(1)
        def log_result(self, result):
            self.logged = result["training_iteration"], result["time_total_s"] > 0, result["config"] == self.config
        def step(self):
            name = "".join(map(str, getattr(self, "logged", ("none",))))
            return {"score": self.training_iteration, "logged": name, "width": len(self.config["model.width"]),
                    "done": self.iteration == 1}
    """,
        workdir="attempt",
    )
    logdir = str(session.folder)
    config = {"x": 1.0, "model": {"width": [8, 8]}}
    told = [config, [8, 8], [8, 8], "00003", "00003", "1 CPU", 0, logdir, 2, 2]
    assert json.loads(Path("setup.json").read_text()) == told
    assert [texts["logged"] for _, _, texts in session.reports] == ["none", "1TrueTrue"]
    assert session.reports[0][1]["width"] == 2, "what setup does to its configuration is its own"


def test_its_folder_is_its_own_where_it_works_in_the_project(run):
    code = HEAD + (
        "class Walk(tune.Trainable):\n        def step(self):\n"
        "            return {'score': 1, 'where': self.logdir, 'here': str(Path.cwd()), 'done': True}\n"
    )
    session = run(code.replace("    class", "\n    class", 1), workdir="project")
    ((_, _, texts),) = session.reports
    assert texts == {"where": str(session.folder / "attempt"), "here": str(session.folder)}


def test_what_tune_counts_may_be_asked_for(run):
    code = WALK.replace('{"score"', '{"timesteps_this_iter": 10, "score"')
    session = run(code, fidelity="timesteps_total")
    assert [fidelity for fidelity, _, _ in session.reports] == [10.0, 20.0, 30.0, 40.0]
    again = run(code, fidelity="timesteps_total", checkpoint=session.kept[1], since=1)
    assert [fidelity for fidelity, _, _ in again.reports] == [20.0, 30.0, 40.0]


def test_parameters_and_resources_may_be_bound_to_it(run, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    code = WALK.replace("config):", "config, far=0):").replace('config["x"]', 'config["x"] + far')
    bound = code + "\n    Bound = tune.with_resources(tune.with_parameters(Walk, far=100), {'cpu': 3})\n"
    monkeypatch.setattr("ray.get", lambda value: value)
    assert run(bound, "Bound", stops_at=1).scores == [(1.0, 102.0)]


class TestSaving:
    """When a checkpoint is made."""

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("", [1, 2, 3, 4]),
            ('"should_checkpoint": self.iteration == 1,', [2]),
            ('"should_checkpoint": False,', []),
            ('"should_checkpoint": None,', [1, 2, 3, 4]),
        ],
    )
    def test_a_step_that_says_so_has_its_way(self, run, said, expected):
        session = run(WALK.replace('return {"score"', f'return {{{said} "score"'))
        assert sorted(session.kept) == expected
        assert all("should_checkpoint" not in metrics for _, metrics, _ in session.reports)

    def test_a_class_that_saves_nothing_is_asked_for_nothing(self, run):
        code = WALK.replace("def save_checkpoint", "def another")
        assert (run(code).kept, len(run(code).reports)) == ({}, 4)

    @pytest.mark.parametrize(
        ("save_s", "step_s", "expected"),
        [(1.0, 10.0, [1, 2, 3]), (1.0, 5.0, [1, 3]), (30.0, 1.0, [1]), (900.0, 600.0, [1, 2, 3])],
    )
    def test_it_costs_a_tenth_of_the_training_at_most(self, save_s, step_s, expected, monkeypatch):
        monkeypatch.setattr(tune_class, "SAVING_SHARE", 0.1)
        clock = [0.0]
        saving = tune_class._Saving(tune_class.TuneClass, lambda: clock[0])
        saving._can_save = True
        made = []
        for step in (1, 2, 3):
            clock[0] += step_s
            if saving.is_due({}, is_last=False):
                made.append(step)
                before = clock[0]
                clock[0] += save_s
                saving.took(before)
        assert made == expected

    @pytest.mark.parametrize("last", ['"done": self.iteration >= 1', '"training_iteration": 8 + self.iteration'])
    def test_a_whole_training_is_kept(self, run, monkeypatch, last):
        monkeypatch.setattr(tune_class, "SAVING_SHARE", -1.0)

        code = WALK.replace('"done": self.iteration + 1 >= 4', last)
        assert sorted(run(code, stops_at=2).kept) == [2]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("class Walk: ...",
         "Walk is a class, and no ray.tune.Trainable; derive it from that, or write an ordinary function of one "
         "argument, the configuration"),
        ("class Walk(tune.Trainable): ...",
         "Walk has no method step(self); write one that trains on and returns a dict of metrics"),
        ("class Walk(tune.Trainable):\n        def step(self): return 0.5",
         "step() of Walk returned a float; return a dict of metrics"),
        ("class Walk(tune.Trainable):\n        def step(self): return {'loss': 0.5}",
         "what step() of Walk returned: a report without 'score': it held loss, training_iteration. The sweep file "
         "says `objective.metric: score`; report that key with every step(), or name another one there"),
        ("class Walk(tune.Trainable):\n        def setup(self, config):\n            self.x = config['y']",
         "walk.py:8 in setup: self.x = config['y']\nKeyError: 'y'"),
        ("class Walk(tune.Trainable):\n        def step(self):\n            return 1 / 0",
         "walk.py:8 in step: return 1 / 0\nZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said(run, code, text):
    if "setup" in code:
        code += "\n        def step(self): return {'score': 1}"
    with pytest.raises(AttemptFailed) as caught:
        run(f"{HEAD}\n    {code}")
    assert caught.value.text == text


def test_a_check_of_the_cluster_finds_a_class_that_is_none(tmp_path):
    (tmp_path / "walk_none.py").write_text("class Walk: ...")
    found = import_function(TrainableFile(tmp_path, "walk_none.py", "Walk"), sees_gpus=False)
    assert found.startswith("Walk is a class, and no ray.tune.Trainable; ")
    (tmp_path / "walk_good.py").write_text(textwrap.dedent(WALK))
    assert import_function(TrainableFile(tmp_path, "walk_good.py", "Walk"), sees_gpus=False) is None


def test_it_trains_in_one_process(run):
    with pytest.raises(AttemptFailed) as caught:
        run(WALK, gang=Gang(1, 2, 1, 0))
    assert caught.value.text == (
        "Walk is a ray.tune.Trainable, which trains in one process; set `resources.processes: 1`, or write a training "
        "function, which each of the 2 processes calls"
    )


def test_a_cleanup_that_fails_changes_nothing_and_is_told(run, caplog):
    session = run(WALK.replace('Path("cleaned").touch()', "raise OSError('no room')"))
    assert len(session.reports) == 4
    assert "cleanup() of Walk failed" in caplog.text
    assert "no room" in caplog.text


ENDLESS = WALK.replace('"done": self.iteration + 1 >= 4', '"test": {"score": -self.x}')


def test_what_it_says_of_the_test_set_is_kept_from_its_reports(run):
    session = run(ENDLESS, stops_at=2, test="test/score")
    assert [set(metrics) for _, metrics, _ in session.reports] == [{"score", "training_iteration"}] * 2


@pytest.mark.parametrize("fidelity", ["training_iteration", None])
def test_in_a_test_it_is_stepped_once_from_its_checkpoint(run, fidelity):
    before = run(ENDLESS, stops_at=2)
    again = run(ENDLESS, checkpoint=before.kept[2], since=2, purpose="test", test="test/score", fidelity=fidelity)
    assert again.reports == [(1.0, {"test/score": -4.0}, {})]


def test_in_a_test_without_a_checkpoint_it_is_trained_to_its_end(run):
    assert run(ENDLESS, purpose="test", test="test/score").reports == [(1.0, {"test/score": -10.0}, {})]
