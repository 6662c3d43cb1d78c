"""A sweep's runs at MLflow, by its own client: a parent, a child for each trial, nothing twice."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pytest
from sweeps import make_spec

from orchestrator.errors import StorageError, UsageError
from orchestrator.results.follower import Follower
from orchestrator.results.sink_export import fill, sink_at
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_TEST, Outcome

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed here: pip install '.[mlflow]'")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's own, and its database's
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with MLflow's tables: they take seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file.read_bytes()


@pytest.fixture(autouse=True)
def database(tmp_path, empty, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty)
    return tmp_path / "mlflow.db"


def filled(sweep, database):
    fill(sink_at("mlflow", Location.parse(database), "test"), sweep.location)


def runs_in(database):
    """The parent, and the children by the numbers of their trials."""
    client = mlflow.MlflowClient(f"sqlite:///{database}")
    (experiment,) = [found for found in client.search_experiments() if found.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    children = {int(run.data.tags["stepladder.trial"]): run for run in runs if "stepladder.trial" in run.data.tags}
    (parent,) = [run for run in runs if "stepladder.trial" not in run.data.tags]
    assert len(runs) == len(children) + 1
    return client, parent, children


def test_a_parent_and_a_child_for_each_trial(sweep, story, database):
    sweep.write(story)
    for _ in range(2):
        filled(sweep, database)
    client, parent, children = runs_in(database)
    assert [children[number].info.status for number in range(6)] == [
        "FINISHED", "KILLED", "FINISHED", "FAILED", "FAILED", "RUNNING",
    ]  # fmt: skip
    states = [children[number].data.tags["stepladder.state"] for number in range(6)]
    assert states == ["completed", "pruned", "completed", "diverged", "failed", "running"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert (parent.info.status, parent.data.tags["stepladder.winner"]) == ("RUNNING", "2")
    history = client.get_metric_history(children[2].info.run_id, "score")
    assert [(point.step, point.value) for point in history] == [(3, 0.6), (9, 0.95), (27, 0.9)]
    assert children[2].data.params == {
        "learning_rate": "0.05", "momentum": "0.9", "batch_size": "32", "optimizer": "sgd",
    }  # fmt: skip
    assert math.isnan(client.get_metric_history(children[3].info.run_id, "score")[0].value)
    assert children[4].data.tags["stepladder.error"].endswith("ValueError: bad [bold]size[/bold]")
    assert children[0].info.start_time == round(story[0].t * 1000)


def test_a_sweep_that_is_followed_and_resumed_has_everything_once(sweep, story, database):
    for begin, end in [(0, 12), (12, 25), (25, len(story))]:
        follower = Follower(sweep.files, [sink_at("mlflow", Location.parse(database), "test")])
        for event in story[begin:end]:
            sweep.write([event])
            follower.advance()
        assert follower.problems == {}
        follower.close()
    sweep.write([ev.AttemptEnded(story[-1].t, 5, 0, Outcome.RETURNED), ev.DriverStopped(story[-1].t, "finished")])
    filled(sweep, database)
    client, parent, children = runs_in(database)
    assert parent.info.status == "FINISHED"
    assert children[5].info.status == "FINISHED"
    counts = [len(client.get_metric_history(children[number].info.run_id, "score")) for number in range(6)]
    assert counts == [2, 1, 3, 1, 0, 2]


def test_the_test_set_is_in_no_run(sweep, story, database):
    t = story[-1].t
    looked = [
        ev.AttemptEnded(t, 5, 0, Outcome.LOST),
        ev.WinnerTestBegun(t, FIRST_TEST, 2),
        ev.AttemptStarted(t, FIRST_TEST, 0),
        ev.WinnerTestMeasured(t, FIRST_TEST, 0, 0.654321),
        ev.AttemptEnded(t, FIRST_TEST, 0, Outcome.RETURNED),
    ]
    sweep.write([*story, *looked])
    filled(sweep, database)
    assert FIRST_TEST not in runs_in(database)[2]
    assert b"0.654321" not in database.read_bytes()


@pytest.mark.parametrize(
    ("name", "shown"), [("a b/c:d", "a b/c:d"), ("<x>", "_x_"), ("é☃", "__"), ("../../x", "_/_/x")]
)
def test_any_name_of_a_metric_is_held(sweep, story, database, name, shown):
    story = [
        msgspec.structs.replace(event, metrics=event.metrics | {name: 1.5}) if isinstance(event, ev.Reported) else event
        for event in story
    ]
    sweep.write(story)
    filled(sweep, database)
    assert runs_in(database)[2][2].data.metrics == {"score": 0.9, shown: 1.5}


def test_a_server_that_is_away_is_told(sweep, story, database, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    sweep.write(story)
    sink = sink_at("mlflow", None, "test")
    assert sink.told_place == "http://127.0.0.1:9"
    with pytest.raises(StorageError, match=r"MLflow at http://127\.0\.0\.1:9: "):
        fill(sink, sweep.location)


def test_where_runs_go():
    with pytest.raises(ValueError, match="uri holds credentials; set MLFLOW_TRACKING_USERNAME"):
        sink_at("mlflow", None, "test", {"uri": "http://ada:geheim@host:5000"})
    with pytest.raises(UsageError, match="MLflow keeps no runs on s3://b/x; name a server"):
        sink_at("mlflow", Location.parse("s3://b/x"), "test")
    assert (
        make_spec(sinks=[{"name": "mlflow", "uri": "http://host:5000"}]).sinks[0].options["uri"] == "http://host:5000"
    )
    assert sink_at("mlflow", None, "digits").opened_by.startswith("mlflow ui --backend-store-uri sqlite:////")


def test_every_fate_of_forty_trials(sweep, told, database):
    from orchestrator.state.fold import replay

    sweep.write(told)
    filled(sweep, database)
    state = replay(told)
    _, parent, children = runs_in(database)
    found = Counter(run.data.tags["stepladder.state"] for run in children.values())
    assert found == Counter(trial.state.value for trial in state.trials)
    assert parent.data.metrics["score"] == pytest.approx(state.winner().value)
