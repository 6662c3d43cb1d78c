"""best.json says who won, against what, and how to get it again."""

from __future__ import annotations

import json
import shlex

import pytest

from orchestrator.results.best import best_document, best_text, write_best
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import training_seed

FOLDER = Location.parse("/data/runs/test")


def test_the_winner_is_the_best_complete_trial(story):
    found = best_document(replay(story), FOLDER)
    winner = found["winner"]
    assert (winner["trial"], winner["value"], winner["best_value"], winner["fidelity"]) == (2, 0.9, 0.95, 27.0)
    assert winner["config"] == {"learning_rate": 0.05, "batch_size": 32, "momentum": 0.9, "optimizer": "sgd"}
    assert winner["seed"] == training_seed(7, 2)
    assert winner["rungs"] == found["baseline"]["rungs"] == [3.0, 9.0, 27.0]
    assert winner["checkpoint"] == {
        "path": "checkpoints/2/27.0",
        "absolute": "/data/runs/test/checkpoints/2/27.0",
        "fidelity": 27.0,
    }
    assert (found["baseline"]["trial"], found["baseline"]["value"]) == (0, 0.8)
    assert found["improvement"] == pytest.approx(0.1)
    assert found["note"] == "the sweep has unfinished trials: a better one may still come"


def test_the_stage_trail_spend_and_counts(story):
    found = best_document(replay(story), FOLDER)
    rate, shape = found["stages"]
    assert (rate["block"], rate["planned"], rate["proposed"], rate["before"]) == (["learning_rate"], 3, 3, None)
    assert rate["after"] == shape["before"] == {"trial": 2, "value": 0.9}
    assert found["trials"] == {
        "planned": 6,
        "running": 1,
        "interrupted": 0,
        "completed": 2,
        "pruned": 1,
        "diverged": 1,
        "failed": 1,
    }
    assert found["spend"]["fidelity"] == 27 + 3 + 27 + 3 + 9
    assert found["spend"]["worker_s"] == pytest.approx(2700 + 300 + 2700 + 300 + 100 + 900)
    assert found["spend"]["gpu_hours"] == pytest.approx(found["spend"]["worker_s"] / 7200)


def test_it_says_how_to_get_it_again(story):
    found = best_document(replay(story), Location.parse("/data/my runs"))
    assert found["rerun"]["trainable"] == "train.py:train"
    assert shlex.split(found["rerun"]["command"]) == ["stepladder", "export", "/data/my runs", "--format", "args"]
    assert "--learning_rate=0.05" in shlex.split(found["rerun"]["arguments"])
    assert found["provenance"]["versions"] == {"python": "3.11", "ray": "2.60.0"}
    assert found["provenance"]["code_hashes"] == ["c0de"]


def test_changed_code_is_said(story):
    state = replay([*story, ev.DriverStarted(2e9, 2, "host:18", "beef", {"ray": "2.61.0"})])
    provenance = best_document(state, FOLDER)["provenance"]
    assert (provenance["code_hashes"], provenance["code_changed"]) == (["c0de", "beef"], True)
    assert (provenance["versions"], provenance["drivers"]) == ({"ray": "2.61.0"}, 2)


def test_while_no_trial_is_complete_the_leader_stands_in(story):
    until = next(i for i, event in enumerate(story) if isinstance(event, ev.Reported))
    found = best_document(replay(story[: until + 1]), FOLDER)
    assert found["note"] == "no trial has completed yet: trial 0 leads at epoch 3 of 27"
    assert (found["winner"]["trial"], found["winner"]["value"]) == (0, 0.5)
    nothing = best_document(replay(story[:until]), FOLDER)
    assert nothing["note"] == "no trial has reported a finite value yet"
    assert (nothing["winner"], nothing["improvement"], nothing["rerun"]["arguments"]) == (None, None, None)
    assert nothing["baseline"]["value"] is None


def test_minimized_objectives_improve_downwards(story):
    first = ev.SweepPlanned(story[0].t, ev.FORMAT, json.loads(json.dumps(story[0].plan)))
    first.plan["spec"]["objective"]["goal"] = "minimize"
    found = best_document(replay([first, *story[1:]]), FOLDER)
    assert (found["winner"]["trial"], found["winner"]["best_value"]) == (0, 0.5)
    assert found["improvement"] == 0


def test_a_checkpoint_elsewhere_keeps_its_path(story):
    events = [
        ev.Reported(e.t, e.trial, e.attempt, e.fidelity, e.metrics, f"/elsewhere/{e.trial}", e.stop)
        if isinstance(e, ev.Reported)
        else e
        for e in story
    ]
    checkpoint = best_document(replay(events), FOLDER)["winner"]["checkpoint"]
    assert checkpoint == {"path": "/elsewhere/2", "absolute": "/elsewhere/2", "fidelity": 27.0}


def test_the_file_is_stable_finite_json(sweep, told):
    state = replay(told)
    write_best(sweep.files, state, sweep.location)
    text = (sweep.folder / "best.json").read_text()
    assert text == best_text(replay(told), sweep.location)
    assert text.endswith("}\n")

    def refused(constant):
        raise AssertionError(constant)

    document = json.loads(text, parse_constant=refused)
    assert list(document) == [
        "sweep",
        "objective",
        "note",
        "winner",
        "baseline",
        "improvement",
        "verdict",
        "confirm",
        "constraints",
        "test",
        "stages",
        "trials",
        "spend",
        "provenance",
        "rerun",
    ]
    best = max(t.value for t in state.trials if t.state == "completed")
    assert document["winner"]["value"] == best
