"""The plan as a person reads it, and as data."""

from __future__ import annotations

import io
import json

from sweeps import SPACE, make_plan

from orchestrator.views.plan import plan_answer, plan_document
from orchestrator.views.render import make_console, show


def printed(plan, workers=8, seconds=None):
    stream = io.StringIO()
    show(make_console(stream), plan_answer(plan, workers, seconds))
    return stream.getvalue()


def a_plan(**changes):
    return make_plan(
        **{"searcher": {"name": "random"}, "budget": {"trials": 60, "gpu_hours": 40, "wall": "8h"}} | changes
    )


def test_it_says_what_is_tried_and_when_it_stops():
    text = printed(a_plan(resources={"cpus": 2, "gpus": 0.25}))
    assert "objective      maximize score of train.py:train\n" in text
    assert "trials         60, each up to 27 epochs, 8 at once\n" in text
    assert "a trial takes  2 CPUs and 0.25 GPUs\n" in text
    assert "stops at       40 GPU-hours, 8h 00m on the clock\n" in text
    assert "seed           7\n" in text


def test_it_says_in_hours_where_the_search_ends_and_what_is_kept_back_begins():
    text = " ".join(printed(a_plan(budget={"trials": 200, "gpu_hours": 40, "wall": "8h"}, confirm={})).split())
    assert "confirm 25% of the budget of 200 trials is kept back: up to " in text
    assert "; the search ends at 30 GPU-hours or 6h 00m on the clock search " in text
    assert "search ends" not in printed(a_plan(budget={"trials": 200}, confirm={}))


def test_it_says_where_a_trial_of_several_gpus_lies():
    text = printed(a_plan(resources={"cpus": 16, "gpus": 8, "nodes": 2}))
    assert "a trial takes  16 CPUs and 8 GPUs on up to 2 nodes, for 8 processes under torch.distributed\n" in text
    program = {"trainable": None, "command": ["torchrun", "train.py", "--lr", "{learning_rate}"]}
    text = printed(a_plan(resources={"gpus": 2}, **program))
    assert "objective      maximize score of torchrun train.py --lr '{learning_rate}'\n" in text
    assert "a trial takes  1 CPU and 2 GPUs\n" in text


def test_it_says_what_runs_on_a_node_before_its_first_trial():
    text = printed(a_plan(setup=["./stage.sh /local", "true"]))
    assert "setup          ./stage.sh /local (once on each node, before its first trial)\n" in text
    assert "               true (once on each node, before its first trial)\n" in text
    assert "setup " not in printed(a_plan())


def test_choices_that_are_not_alike_do_not_look_alike():
    choices = [1, "1", None, "null", True, "true", "wide"]
    kind = {"type": "choice", "choices": choices, "default": "wide", "tier": 1}
    text = printed(a_plan(search_space=SPACE | {"kind": kind}))
    assert '1, "1", null, "null", true, "true", wide' in text


def test_it_lists_stages_rungs_and_the_space():
    lines = [line.split() for line in printed(a_plan()).splitlines()]
    plan = a_plan()
    for stage in plan.stages:
        assert any(
            line[:2] == [stage.name, stage.tune[0].rstrip(",") + ("," if len(stage.tune) > 1 else "")] for line in lines
        )
    assert ["0", "3,", "9,", "then", "27", "100%", "7", "epochs"] in lines
    assert ["learning_rate", "0.0001", "to", "1,", "log", "0.01", "1"] in lines
    assert ["beta1", "0.8", "to", "0.99,", "linear", "0.9", "3", "optimizer", "adam"] in lines


def test_short_trainings_are_shown_where_a_searcher_asks_for_them():
    assert "short" not in printed(a_plan())
    first = {"name": "rate", "tune": ["learning_rate"], "searcher": "coarse-to-fine"}
    rest = {"name": "rest", "tune": ["momentum"], "share": 0.5}
    text = printed(a_plan(stages=[first, rest], search="hard-stages"))
    lines = [line.split() for line in text.splitlines()]
    assert ["stage", "opens", "trials", "numbered", "model-based", "short"] in lines
    assert ["rate", "learning_rate", "30", "0", "to", "29", "2", "27"] in lines
    assert ["rest", "momentum", "30", "30", "to", "59", "0", "0"] in lines


def test_hours_are_unknown_until_an_epoch_was_timed():
    unknown = printed(a_plan())
    assert "at most   1,620 epochs\n" in unknown
    assert "hours     unknown until one epoch was timed: run it once, or give --epoch-seconds\n" in unknown
    known = printed(a_plan(resources={"cpus": 2, "gpus": 0.25}), seconds=12.0)
    assert "at most   1,620 epochs, 1.35 GPU-hours, 10.8 CPU-hours, 40m 30s on the clock\n" in known
    assert "unknown" not in known


def test_a_finite_space_says_its_size():
    space = {"width": {"type": "int", "low": 1, "high": 4, "default": 2, "unit": "layers"}, "depth": SPACE["optimizer"]}
    text = printed(a_plan(search_space=space))
    assert "60 (the space holds 8 configurations), each up to" in text
    assert "1 to 4 layers, linear" in text


def test_the_document_is_json_and_complete():
    plan = a_plan()
    found = json.loads(json.dumps(plan_document(plan, 4, 12.0), allow_nan=False))
    assert (found["sweep_id"], found["trials"], found["seconds_per_fidelity"]) == (plan.sweep_id, 60, 12.0)
    assert found["baseline"] == plan.space.baseline
    assert sum(stage["trials"] for stage in found["estimate"]["stages"]) == 60
    assert found["estimate"]["most_fidelity"] == 60 * 27
    assert found["estimate"]["most_hours"]["cpu"] == 60 * 27 * 12 / 3600
    assert found["plan"] == plan.model_dump(mode="json")
    assert plan_document(plan, 4, None)["estimate"]["most_hours"] is None


def test_nothing_is_wider_than_100_columns():
    long = "h" * 64
    choices = ["$(rm -rf ~)", "line\nbreak", "[red]x[/red]", "w" * 200]
    space = {
        long: SPACE["learning_rate"],
        "text": {"type": "choice", "choices": choices, "default": choices[3]},
        "fixed": {"type": "constant", "value": "c" * 150},
        "stepped": {
            "type": "float",
            "low": 0.0,
            "high": 1.0,
            "step": 0.25,
            "default": 0.5,
            "when": {"text": choices[:3]},
        },
    }
    text = printed(a_plan(name="n" * 64, search_space=space))
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "[red]x[/red]" in text.replace("\n", "")
    assert "\x1b" not in text


def test_steps_and_conditions_are_shown():
    space = SPACE | {
        "decay": {
            "type": "float",
            "low": 0.0,
            "high": 1.0,
            "step": 0.25,
            "default": 0.5,
            "when": {"optimizer": ["sgd"]},
        }
    }
    (line,) = (line for line in printed(a_plan(search_space=space)).splitlines() if line.startswith("decay"))
    assert line.split("  ")[-1].strip() == "optimizer sgd"
    assert "0 to 1, linear in steps of 0.25" in line


def test_it_says_what_the_file_does_not_write_and_what_stands_for_it():
    told = {"tier": "the catalogue's learning_rate, search space sgd", "default": "the middle value of the range"}
    space = SPACE | {"learning_rate": SPACE["learning_rate"] | {"supplied": told}}
    text = printed(a_plan(search_space=space))
    assert "not written in the file, and so (write the key to have it otherwise)\n" in text
    assert "  learning_rate: tier 1 (the catalogue's learning_rate, search space sgd)\n" in text
    assert "  learning_rate: default 0.01 (the middle value of the range)\n" in text
    assert "not written in the file" not in printed(a_plan())


def test_values_that_are_no_plain_ones_are_written_as_json():
    net = {"type": "choice", "choices": [None, [64, 64], {"a": 1}], "default": None}
    text = printed(a_plan(search_space=SPACE | {"net": net}))
    assert 'null, [64, 64], {"a": 1}' in text


def test_it_says_which_combinations_a_grid_is_made_of():
    space = {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.05},
        "layers": {"type": "int", "low": 1, "high": 3, "default": 1},
        "optimizer": {"type": "choice", "choices": ["sgd", "adam"], "default": "sgd"},
    }
    grid = {"searcher": "grid", "search": "joint", "search_space": space, "budget": {"trials": 31}}
    lines = [line.strip() for line in printed(make_plan(**grid)).splitlines()]
    start = lines.index("combinations   layers: 1, 2, 3")
    assert lines[start + 1 : start + 5] == [
        "lr: 0.0001, 0.001, 0.01, 0.1, 1 (5 values of its range)",
        "optimizer: sgd, adam",
        "31 combinations in all, the defaults among them",
        "`searcher: {name: grid, points: N}` takes N values of a range, `values` names them",
    ]
    assert "combinations" not in printed(a_plan())


def test_it_says_who_goes_on_although_it_was_stopped():
    assert "promote" not in printed(a_plan())
    text = printed(a_plan(promote=3))
    assert "promote        the best 3 that were stopped, from their checkpoints, after the last trial: up to" in text
    assert "24 epochs each, beyond the trials" in " ".join(text.split())
    assert "the best that was stopped" in printed(a_plan(promote=1))
    assert "promote        nobody: nothing is stopped early here" in printed(a_plan(promote=2, scheduler="none"))
