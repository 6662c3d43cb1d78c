"""What sinks write, opened by the tools that it is for: each viewer is started and asked what it shows."""

from __future__ import annotations

import urllib.parse
from collections import Counter

import pytest
from viewers import ask, program, viewer

from orchestrator.results.sink_export import fill, sink_at
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import TrialState

pytestmark = pytest.mark.thorough


def filled(sweep, told, tmp_path, form):
    sweep.write(told)
    path = tmp_path / form
    fill(sink_at(form, Location.parse(path), "test"), sweep.location)
    return path


def test_optuna_dashboard_opens_the_journal(sweep, told, tmp_path):
    command = program("optuna-dashboard")
    path = filled(sweep, told, tmp_path, "optuna")
    state = replay(told)
    with viewer(command, str(path), "--port", folder=tmp_path) as address:
        (study,) = ask(f"{address}/api/studies")["study_summaries"]
        assert (study["study_name"], study["directions"]) == (state.plan.sweep_id, ["maximize"])
        shown = ask(f"{address}/api/studies/{study['study_id']}?after=0")
    named = {
        "Complete": {TrialState.COMPLETED}, "Pruned": {TrialState.PRUNED},
        "Fail": {TrialState.DIVERGED, TrialState.FAILED},
    }  # fmt: skip
    wanted = {name: sum(trial.state in states for trial in state.trials) for name, states in named.items()}
    assert Counter(trial["state"] for trial in shown["trials"]) == {
        name: count for name, count in wanted.items() if count
    }
    winner = state.winner()
    best = next(trial for trial in shown["trials"] if trial["number"] == winner.number)
    assert best["values"] == [winner.value]
    assert {param["name"] for param in best["params"]} == winner.config.keys()
    assert {space["name"] for space in shown["union_search_space"]} == state.plan.space.keys()
    assert "beta1" not in {space["name"] for space in shown["intersection_search_space"]}


def test_tensorboard_opens_the_folder(sweep, told, tmp_path):
    command = program("tensorboard")
    path = filled(sweep, told, tmp_path, "tensorboard")
    state = replay(told)
    with viewer(command, "--logdir", str(path), "--port", folder=tmp_path) as address:
        wanted = {f"{trial.stage}/{trial.trial_id}" for trial in state.trials}
        runs = set()
        while not wanted <= runs:  # it reads run after run
            runs = set(ask(f"{address}/data/runs"))
        curve = urllib.parse.urlencode({"run": f"{state.winner().stage}/{state.winner().trial_id}", "tag": "score"})
        points = ask(f"{address}/data/plugin/scalars/scalars?{curve}")
        asked = {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]}
        columns = ask(f"{address}/data/plugin/hparams/experiment", {"experimentName": ""})
        params = {"hparams": [{"hparam": column["name"]} for column in columns["hparamInfos"]]}
        asked |= {"startIndex": 0, "sliceSize": 1000, "colParams": params["hparams"]}
        groups = ask(f"{address}/data/plugin/hparams/session_groups", asked)
    assert [step for _, step, _ in points] == [int(epoch) for epoch in state.winner().values]
    assert points[-1][2] == pytest.approx(state.winner().value)
    assert groups["totalSize"] == len(state.trials) == 40
    names = [column["name"] for column in columns["hparamInfos"]]
    assert names[:5] == sorted(list(state.plan.space)[:5]), "the first tiers are the columns that are shown unasked"
    assert set(names) == {*state.plan.space, "stage (of the ladder)"}
