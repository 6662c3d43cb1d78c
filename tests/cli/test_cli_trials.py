"""`stepladder trials` and `show`: the list filtered and sorted, and one trial, of a sweep of an older format."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest
from processes import stepladder
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import UsageError
from orchestrator.results.trial_rows import Selection, columns_named, selected
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.views.trials import trials_answer

OLD = Path(__file__).parents[1] / "formats" / "format_1" / "real" / "old"


def asked(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["trials", str(OLD), *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows_of(*arguments: object) -> list[dict]:
    return json.loads(asked("--json", *arguments))


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return rows_of()


def test_it_lists_every_trial_the_best_first(rows):
    state = read_sweep(Location.parse(str(OLD)))
    assert [row["trial"] for row in rows[: len(state.ranked())]] == [trial.number for trial in state.ranked()]
    assert sorted(row["trial"] for row in rows) == [trial.number for trial in state.trials]
    assert rows[0]["trial"] == state.winner().number
    assert all(state.trials[row["trial"]].config.get("learning_rate") == row["learning_rate"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (["--state", "stopped"], lambda row: row["state"] == "pruned"),
        (["--state", "diverged", "--state", "done"], lambda row: row["state"] in {"diverged", "completed"}),
        (["--state", "failed"], lambda row: row["state"] in {"failed", "diverged"}),
        (["--stage", "tier-2"], lambda row: row["stage"] == "tier-2"),
        (["--where", "learning_rate>=0.05"], lambda row: row["learning_rate"] >= 0.05),
        (["--where", "optimizer = adam"], lambda row: row["optimizer"] == "adam"),
        (["--where", "optimizer!=adam", "--where", "batch_size<64"],
         lambda row: row["optimizer"] != "adam" and row["batch_size"] < 64),
        (["--where", "beta1=null"], lambda row: row["beta1"] is None),
        (["--where", "beta1>0.9"], lambda row: row["beta1"] is not None and row["beta1"] > 0.9),
        (["--where", "error!=null"], lambda row: row["error"] is not None),
        (["--where", "optimizer>3"], lambda row: False),
        (["--where", "node=node1", "--state", "failed"],
         lambda row: row["node"] == "node1" and row["state"] in {"failed", "diverged"}),
    ],
)  # fmt: skip
def test_a_filter_keeps_what_it_says(rows, arguments, holds):
    assert rows_of(*arguments) == [row for row in rows if holds(row)]


def test_a_column_sorts_up_and_down_and_what_has_no_value_comes_last(rows):
    up, down = ([row["beta1"] for row in rows_of("--sort", sort)] for sort in ("beta1", "-beta1"))
    known = sorted(row["beta1"] for row in rows if row["beta1"] is not None)
    assert up == known + [None] * (len(rows) - len(known))
    assert down == known[::-1] + [None] * (len(rows) - len(known))


def test_csv_and_json_hold_the_same_and_only_the_columns_that_were_named(rows):
    found = list(csv.DictReader(io.StringIO(asked("--csv"))))
    assert list(found[0]) == list(rows[0])
    for one, other in zip(found, rows, strict=True):
        assert int(one["trial"]) == other["trial"]
        assert one["learning_rate"] == "" or math.isclose(float(one["learning_rate"]), other["learning_rate"])
    assert asked("--csv", "--columns", "trial,optimizer", "--top", 1) == '"trial","optimizer"\n27,"sgd"\n'
    assert rows_of("--columns", "trial, optimizer", "--top", 1) == [{"trial": 27, "optimizer": "sgd"}]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_table_is_as_wide_as_the_terminal_and_cuts_no_name(rows, width):
    from rich.console import Console

    columns = ["trial", "state", "score", "fidelity", "worker_s", "learning_rate", "batch_size", "optimizer", "error"]
    console = Console(width=width)
    with console.capture() as captured:
        console.print(trials_answer(rows, columns, width, fits=True, left_out=0))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= width
    names = [{"worker_s": "took"}.get(name, name) for name in columns]
    head = text.splitlines()[0].split()
    assert head == [name for name in names if name in head]
    assert head[:3] == names[:3]
    told = " ".join(text.split()).rpartition("no room for ")[2]
    assert all(name in told for name in names if name not in head)


def test_a_person_is_shown_twenty_and_told_of_the_rest(rows):
    text = asked()
    assert sum(line.lstrip()[:1].isdigit() and "more" not in line for line in text.splitlines()) == 20
    assert f"{len(rows) - 20} more: --top 0 shows all" in text
    assert "more: --top" not in asked("--top", 0)


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(states=("finished",)), r"^finished: there is no such state; there are: done, stopped, failed, "),
        (Selection(stages=("tier2",)), r"^tier2: there is no such stage, did you mean tier-2; there are: .*tier-1"),
        (Selection(conditions=("learnin_rate>1",)), r"^learnin_rate: there is no such column, did you mean learning_r"),
        (Selection(conditions=("fast",)), r"^--where 'fast': write a column, a relation \(<=, >=, !=, <, >, =\) and"),
        (Selection(sort="-lr"), r"^lr: there is no such column"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(rows, selection, said):
    with pytest.raises(UsageError, match=said):
        selected(rows, selection, [])
    with pytest.raises(UsageError, match="there is no such column"):
        columns_named("trial,wrong", list(rows[0]))


def test_one_trial_is_found_by_number_and_the_winner_by_name():
    run = CliRunner().invoke
    winner = run(app, ["show", str(OLD), "winner"], catch_exceptions=False).stdout
    assert winner == run(app, ["show", str(OLD), "27"], catch_exceptions=False).stdout
    assert winner.startswith("trial 27: completed")
    flat = " ".join(winner.split())
    assert "changed against trial 12: learning_rate 0.08932 to 0.1113" in flat
    assert "curve ▁▃▅▆▇▇███ from 0.2829 at epoch 1 to 0.9482" in flat
    for wrong, said in (("best", "name a trial by its number"), ("99", "the sweep has no such trial")):
        with pytest.raises(UsageError, match=said):
            run(app, ["show", str(OLD), wrong], catch_exceptions=False)


@pytest.mark.thorough
def test_its_process_ends_in_order():
    """Threads of pyarrow aborted every third as it ended: its answer was there, its exit code was not."""
    for _ in range(8):
        assert stepladder("trials", OLD, "--top", 3, cwd=OLD).returncode == 0
