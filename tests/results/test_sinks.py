"""What sinks write: everything once, whatever was there before; fates as they are; any name and value; no test set."""

from __future__ import annotations

import csv
import struct
from collections import Counter

import msgspec
import pytest
from sweeps import SPACE, make_plan

from orchestrator import members
from orchestrator.errors import StorageError, UsageError
from orchestrator.planning.compile import SINKS
from orchestrator.results.follower import Follower
from orchestrator.results.sink_export import fill, sink_at, sink_formats
from orchestrator.results.sinks import Sink
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_TEST, Outcome

FILES = ["tensorboard", "optuna", "csv"]


def place(tmp_path, form="out"):
    return Location.parse(tmp_path / form)


def filled(sweep, tmp_path, form):
    sink = sink_at(form, place(tmp_path, form), "test")
    fill(sink, sweep.location)
    return tmp_path / form


def content(path):
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def study_in(path):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(path)))
    (name,) = [study.study_name for study in optuna.get_all_study_summaries(storage)]
    return optuna.load_study(study_name=name, storage=storage)


def events_in(file):
    from tensorboardX.proto.event_pb2 import Event

    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    return found


def runs_in(path):
    """Run to its events."""
    return {str(file.parent.relative_to(path)): events_in(file) for file in sorted(path.rglob("events.*"))}


def scalars_of(events, tag):
    return [(event.step, value.simple_value) for event in events for value in event.summary.value if value.tag == tag]


def sessions_of(events):
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    found = {}
    for event in events:
        for value in event.summary.value:
            if value.tag.startswith("_hparams_/"):
                data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                found[value.tag.removeprefix("_hparams_/")] = data
    return found


def replanned(story, **changes):
    plan = make_plan(budget={"trials": 6}, searcher={"name": "random"}, **changes).model_dump(mode="json")
    return [msgspec.structs.replace(story[0], plan=plan), *story[1:]]


def test_the_shipped_ones_are_found_by_their_files():
    assert sink_formats() == ["csv", "mlflow", "optuna", "tensorboard"]
    assert all(issubclass(members.load(SINKS, name), Sink) for name in sink_formats())


@pytest.mark.parametrize("form", FILES)
def test_what_was_written_is_not_written_again(sweep, told, tmp_path, form):
    sweep.write(told)
    before = content(filled(sweep, tmp_path, form))
    assert content(filled(sweep, tmp_path, form)) == before


@pytest.mark.thorough
@pytest.mark.parametrize("form", FILES)
def test_a_sweep_that_is_followed_ends_as_one_that_is_exported(make_sweep, told, tmp_path, form):
    """By several drivers, each of which begins its sinks anew; the last export finds nothing to add."""
    sweep = make_sweep(tmp_path / "live")
    for begin in range(0, len(told), 150):
        follower = Follower(sweep.files, [sink_at(form, place(tmp_path, "live." + form), "test")])
        for at in range(begin, min(begin + 150, len(told)), 30):
            sweep.write(told[at : min(at + 30, begin + 150)])
            follower.advance()
        follower.close()
        assert follower.problems == {}
    live = tmp_path / f"live.{form}"
    kept = content(live)
    fill(sink_at(form, place(tmp_path, "live." + form), "test"), sweep.location)
    assert content(live) == kept
    once = filled(sweep, tmp_path, form)
    if form == "optuna":
        found, wanted = study_in(live).trials, study_in(once).trials
        assert [trial.__dict__ for trial in found] == [trial.__dict__ for trial in wanted]
    else:
        assert list(content(live).values()) == list(content(once).values())


@pytest.mark.parametrize("form", ["tensorboard", "optuna"])
@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_file_that_was_torn_is_put_right(sweep, story, tmp_path, form, cut):
    sweep.write(story)
    path = filled(sweep, tmp_path, form)
    whole = content(path)
    torn = path if path.is_file() else sorted(path.rglob("events.*"))[1]
    torn.write_bytes(torn.read_bytes()[:-cut])
    filled(sweep, tmp_path, form)
    if form == "tensorboard":
        assert content(path) == whole
    else:
        assert [trial.state.name for trial in study_in(path).trials] == OPTUNA_STATES


OPTUNA_STATES = ["COMPLETE", "PRUNED", "COMPLETE", "FAIL", "FAIL", "RUNNING"]


def test_optuna_has_every_fate_with_what_else_is_known(sweep, story, tmp_path):
    sweep.write(story)
    study = study_in(filled(sweep, tmp_path, "optuna"))
    trials = study.trials
    assert [trial.state.name for trial in trials] == OPTUNA_STATES
    assert [trial.user_attrs["state"] for trial in trials[3:]] == ["diverged", "failed", "running"]
    assert (study.best_trial.number, study.best_value, study.metric_names) == (2, 0.9, ["score"])
    assert trials[2].intermediate_values == {3: 0.6, 9: 0.95, 27: 0.9}
    assert trials[1].user_attrs["stage"] == "rate"
    assert trials[4].user_attrs["error"].endswith("ValueError: bad [bold]size[/bold]")
    assert trials[1].datetime_start.timestamp() == story[0].t + 3000
    assert "beta1" not in trials[0].params, "its condition does not hold"
    assert trials[0].params == {"learning_rate": 0.01, "momentum": 0.9, "batch_size": 32, "optimizer": "sgd"}


def test_an_optuna_trial_that_ends_while_it_is_followed_ended_when_the_log_says(sweep, story, tmp_path):
    follower = Follower(sweep.files, [sink_at("optuna", place(tmp_path, "optuna"), "test")])
    for event in story:
        sweep.write([event])
        follower.advance()
    follower.close()
    trials = study_in(tmp_path / "optuna").trials
    assert [trial.state.name for trial in trials] == OPTUNA_STATES
    assert trials[1].datetime_complete.timestamp() == story[0].t + 3300
    assert trials[1].datetime_start.timestamp() == story[0].t + 3000
    assert trials[4].user_attrs["outcome"] == "error"


def test_values_beside_a_range_lie_in_optunas_distribution(sweep, story, tmp_path):
    beside = {"type": "float", "low": 1e-6, "high": 1e-2, "scale": "log", "also": [0.0], "default": 0.0, "tier": 2}
    odd = {"type": "choice", "choices": [None, [1, 2], "null", 1, True], "default": None, "tier": 3}
    story = replanned(story, search_space=SPACE | {"decay": beside, "odd": odd})
    story = [
        msgspec.structs.replace(event, config=event.config | {"decay": 0.0, "odd": [*odd["choices"], 1][event.trial]})
        if isinstance(event, ev.TrialProposed) else event
        for event in story
    ]  # fmt: skip
    sweep.write(story)
    trials = study_in(filled(sweep, tmp_path, "optuna")).trials
    assert {trial.params["decay"] for trial in trials} == {0.0}
    decay = trials[0].distributions["decay"]
    assert (decay.low, decay.high, decay.log) == (0.0, 0.01, False)
    assert [trial.params["odd"] for trial in trials] == ["null", "[1, 2]", '"null"', "1", "true", "1"]
    runs = runs_in(filled(sweep, tmp_path, "tensorboard"))
    (baseline,) = [events for run, events in runs.items() if "/0000-" in run]
    values = sessions_of(baseline)["session_start_info"].session_start_info.hparams
    assert (values["decay"].number_value, values["odd"].string_value) == (0.0, "null")


def test_a_trial_that_runs_again_is_one_trial_in_optuna(sweep, story, tmp_path):
    sweep.write(story)
    filled(sweep, tmp_path, "optuna")
    sweep.write([ev.TrialReopened(story[-1].t, 4)])
    trials = study_in(filled(sweep, tmp_path, "optuna")).trials
    assert [trial.state.name for trial in trials] == [*OPTUNA_STATES[:4], "WAITING", "RUNNING"]


def test_two_sweeps_share_an_optuna_file(make_sweep, story, tmp_path):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    for number, events in enumerate([story, replanned(story)]):
        sweep = make_sweep(tmp_path / str(number))
        sweep.write(events)
        fill(sink_at("optuna", place(tmp_path, "both"), "test"), sweep.location)
    found = optuna.get_all_study_summaries(JournalStorage(JournalFileBackend(str(tmp_path / "both"))))
    assert [study.n_trials for study in found] == [6, 6]


def test_what_is_no_journal_of_optunas_is_left_alone(sweep, story, tmp_path):
    sweep.write(story)
    (tmp_path / "optuna").write_text("my notes\n")
    with pytest.raises(UsageError, match=r"what lies there is no journal of Optuna's; name another file \(line 1\)"):
        filled(sweep, tmp_path, "optuna")
    assert (tmp_path / "optuna").read_text() == "my notes\n"


def test_tensorboard_has_a_run_for_each_trial_in_its_stage(sweep, story, tmp_path):
    sweep.write(story)
    runs = runs_in(filled(sweep, tmp_path, "tensorboard"))
    assert Counter(run.partition("/")[0] for run in runs) == {".": 1, "rate": 3, "shape": 3}
    assert next(event.file_version for event in runs["."]) == "brain.Event:2"
    columns = sessions_of(runs["."])["experiment"].experiment
    assert [column.name for column in columns.hparam_infos][:2] == ["learning_rate", "batch_size"]
    assert [metric.name.tag for metric in columns.metric_infos] == ["score"]
    third = next(events for run, events in runs.items() if run.startswith("rate/0002"))
    assert scalars_of(third, "score") == [(3, pytest.approx(0.6)), (9, pytest.approx(0.95)), (27, pytest.approx(0.9))]
    ends = {run: sessions_of(events).get("session_end_info") for run, events in runs.items() if run != "."}
    assert [end and end.session_end_info.status for end in ends.values()] == [1, 1, 1, 2, 2, None]


def test_what_an_attempt_reports_again_takes_the_place_of_what_was(sweep, story, tmp_path):
    end, t = ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST), story[-1].t
    again = [ev.AttemptStarted(t, 5, 1, None, 3.0), ev.Reported(t + 9, 5, 1, 9.0, {"score": 0.86})]
    sweep.write([*story, end, *again])
    events = runs_in(filled(sweep, tmp_path, "tensorboard"))
    sixth = next(events for run, events in events.items() if "/0005-" in run)
    assert [(event.step, event.session_log.status) for event in sixth if event.HasField("session_log")] == [(4, 1)]
    assert [step for step, _ in scalars_of(sixth, "score")] == [3, 9, 9]


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("name", ["a/b c", "<script>alert(1)</script>", "é☃", "../../x", '"', "%s{}"])
def test_any_name_of_a_metric_is_held(sweep, story, tmp_path, form, name):
    story = replanned(story, objective={"metric": name, "goal": "maximize"})
    story = [
        msgspec.structs.replace(event, metrics={name: event.metrics["score"], "other": "-inf"})
        if isinstance(event, ev.Reported) else event
        for event in story
    ]  # fmt: skip
    sweep.write(story)
    path = filled(sweep, tmp_path, form)
    if form == "optuna":
        assert study_in(path).metric_names == [name]
    elif form == "tensorboard":
        runs = runs_in(path)
        assert sum(len(scalars_of(events, name)) for events in runs.values()) == 9
        assert len(runs) == 7
    else:
        assert len(list(csv.DictReader(path.read_text().splitlines()))) >= 6
    assert {file.name for file in tmp_path.iterdir()} <= {"runs", form}


@pytest.mark.parametrize("form", FILES)
def test_the_test_set_is_in_none(sweep, story, tmp_path, form):
    story = replanned(story, test={"metric": "held_out"})
    t = story[-1].t
    planted = [
        msgspec.structs.replace(event, metrics=event.metrics | {"held_out": 0.123456})
        if isinstance(event, ev.Reported) and form != "csv" else event
        for event in story
    ]  # fmt: skip
    looked = [
        ev.AttemptEnded(t, 5, 0, Outcome.LOST),
        ev.WinnerTestBegun(t, FIRST_TEST, 2),
        ev.AttemptStarted(t, FIRST_TEST, 0),
        ev.AttemptPlaced(t, FIRST_TEST, 0, "node-9"),
        ev.WinnerTestMeasured(t, FIRST_TEST, 0, 0.654321),
        ev.AttemptEnded(t, FIRST_TEST, 0, Outcome.RETURNED),
    ]
    sweep.write([*planted, *looked])
    written = b"".join(content(filled(sweep, tmp_path, form)).values())
    assert written
    for secret in (b"held_out", b"0.123456", b"0.654321", b"node-9", str(FIRST_TEST).encode()):
        assert secret not in written


def test_a_full_disk_is_told_and_what_is_missing_comes_later(sweep, story, tmp_path):
    follower = Follower(sweep.files, [sink_at("tensorboard", place(tmp_path, "tensorboard"), "test")])
    (tmp_path / "tensorboard").write_text("")
    sweep.write(story)
    follower.advance()
    (problem,) = follower.problems.values()
    assert problem.startswith("the sink tensorboard fell behind the journal: ")
    (tmp_path / "tensorboard").unlink()
    sweep.write([ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST)])
    follower.advance()
    assert follower.problems == {}
    kept = content(tmp_path / "tensorboard")
    assert content(filled(sweep, tmp_path, "tensorboard")) == kept


def test_where_nothing_can_be_written_that_is_said(sweep, story, tmp_path):
    sweep.write(story)
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(StorageError, match="tensorboard"):
        filled(sweep, tmp_path, "tensorboard")


@pytest.mark.parametrize("form", FILES)
def test_a_sweep_on_a_store_is_followed_there(bucket, story, tmp_path, form):
    from orchestrator.storage.journal import JournalWriter

    files = bucket.files()
    journal = JournalWriter(files, 1)
    there = bucket / "sinks" / form
    follower = Follower(files, [sink_at(form, there, "test")])
    for event in story:
        journal.append(event)
        if isinstance(event, ev.AttemptEnded):
            journal.commit()
            follower.advance()
    journal.commit()
    follower.advance()
    assert follower.problems == {}
    fill(sink_at(form, place(tmp_path, form), "test"), bucket)
    if form == "csv":
        assert (bucket / "sinks").files().read("csv") == (tmp_path / "csv").read_bytes()
    elif form == "optuna":
        (tmp_path / "there").write_bytes((bucket / "sinks").files().read("optuna"))
        assert [trial.state.name for trial in study_in(tmp_path / "there").trials] == OPTUNA_STATES
    else:
        for name, data in content(tmp_path / form).items():
            folder, _, file = name.removeprefix("tensorboard/").rpartition("/")
            place_there = there / folder if folder else there
            assert place_there.files().read(file) == data
