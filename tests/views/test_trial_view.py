from __future__ import annotations

import json
import shlex
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sweeps import cliff, make_plan
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import UsageError
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import TrialState
from orchestrator.views.render import show
from orchestrator.views.trial import changed, sparkline, trial_answer, trial_document

NOWHERE = Location.parse("/nowhere")
"""Where nothing was printed."""
KEPT = Path(__file__).parents[1] / "formats" / "format_1" / "real"


@pytest.fixture(scope="module")
def state() -> SweepState:
    plan = make_plan(budget={"trials": 24}, fidelity={"metric": "epoch", "min": 1, "max": 9})
    return simulate_plan(plan, cliff, SimulatedCluster(workers=4))[0]


def shown(state: SweepState, number: int, width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(trial_answer(state, number, NOWHERE))
    return captured.get()


def test_a_trial_that_was_stopped_says_by_what_evidence(state: SweepState):
    stopped = [trial for trial in state.trials if trial.stopped_by is not None]
    assert stopped
    for trial in stopped:
        judged = trial.stopped_by
        text = " ".join(shown(state, trial.number).split())
        assert f"stopped at epoch {judged.rung:g}: worse than" in text
        assert f"made from {judged.among} value" in text
    others = [trial for trial in state.trials if trial.stopped_by is None]
    assert not any("worse than" in shown(state, trial.number) for trial in others)


def test_it_says_where_a_proposal_came_from_and_how_attempts_ended(state: SweepState):
    modelled = next(trial for trial in state.trials if trial.learned_from is not None and trial.nearest is not None)
    text = " ".join(shown(state, modelled.number).split())
    assert f"learned from {modelled.learned_from} trial" in text
    assert f"nearest to trial {modelled.nearest}" in text
    diverged = next(trial for trial in state.trials if trial.state is TrialState.DIVERGED)
    assert "attempt 0" in shown(state, diverged.number)


@pytest.mark.parametrize("width", [80, 100])
def test_nothing_is_wider_than_the_terminal(state: SweepState, width: int):
    for trial in state.trials:
        assert max(map(len, shown(state, trial.number, width).splitlines())) <= width


def test_the_document_is_json_and_a_number_that_is_not_there_is_refused(state: SweepState):
    document = json.loads(json.dumps(trial_document(state, 3, NOWHERE)))
    assert document["config"] == state.trials[3].config
    with pytest.raises(UsageError, match=r"^trial 24: the sweep has no such trial; it has trials 0 to 23"):
        trial_answer(state, 24, NOWHERE)


def test_the_command_shows_a_trial_of_an_older_sweep():
    result = CliRunner().invoke(app, ["show", str(KEPT / "old"), "5"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("trial 5: diverged, stage tier-1")
    document = json.loads(CliRunner().invoke(app, ["show", str(KEPT / "old"), "5", "--json"]).stdout)
    assert document["state"] == "diverged"


def test_a_repeat_says_what_it_repeats():
    constants = {"lr": {"type": "constant", "value": 0.1}, "widths": {"type": "constant", "value": [64, None]}}
    plan = make_plan(search_space=constants, search="joint", scheduler="none", seeds=3, budget={"trials": 3})
    played = simulate_plan(plan, lambda config, fidelity: fidelity, SimulatedCluster(workers=1))[0]
    text = " ".join(shown(played, 2).split())
    assert "values lr 0.1, widths [64, null]" in text
    assert "came from repeat; repeats trial 0 with another seed" in text


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([0.0, 1.0], "▁█"),
        ([3.0], "▄"),
        ([5.0, 5.0, 5.0], "▄▄▄"),
        ([7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0], "█▇▆▅▄▃▂▁"),
    ],
)
def test_a_curve_is_drawn_from_its_lowest_to_its_highest(values: list[float], drawn: str):
    assert sparkline(values) == drawn


@pytest.mark.parametrize("count", [47, 48, 49, 1000, 12345])
def test_a_long_curve_keeps_its_ends_and_its_width(count: int):
    drawn = sparkline([float(index) for index in range(count)])
    assert len(drawn) == min(count, 48)
    assert (drawn[0], drawn[-1]) == ("▁", "█")


def test_what_changed_is_against_the_trial_that_the_rest_came_from(state: SweepState):
    for trial in state.trials:
        found = changed(state, trial)
        before = state.trials[trial.parent or 0].config
        assert found == {
            name: (before.get(name), trial.config.get(name))
            for name in state.plan.space
            if before.get(name) != trial.config.get(name)
        }
    assert any(changed(state, trial) for trial in state.trials)


def test_what_it_printed_last_is_shown(state: SweepState, tmp_path: Path):
    for attempt, text in enumerate(("early\n", "".join(f"line {index}\n" for index in range(30)))):
        folder = tmp_path / "logs" / "3" / str(attempt)
        folder.mkdir(parents=True)
        (folder / "stdout.txt").write_text(text)
    document = trial_document(state, 3, Location.parse(str(tmp_path)))
    assert document["printed"] == [f"line {index}" for index in range(20, 30)]


def test_what_ray_says_of_checkpoints_does_not_push_out_what_the_training_says(state: SweepState, tmp_path: Path):
    (tmp_path / "logs/3/0").mkdir(parents=True)
    of_ray = "Checkpoint successfully created at: Checkpoint(filesystem=local, path=/x)\n"
    (tmp_path / "logs/3/0/stdout.txt").write_text("".join(f"epoch {number}\n{of_ray}" for number in range(30)))
    printed = trial_document(state, 3, Location.parse(tmp_path))["printed"]
    assert printed == [f"epoch {number}" for number in range(20, 30)]


def test_the_winner_says_what_it_changed_against_the_baseline_too(state: SweepState):
    child = next(t for t in state.trials if t.parent and state.trials[t.parent].parent is None and t.parent > 0)
    text = " ".join(shown(state, child.number).split())
    assert f"changed against trial {child.parent}: " in text
    assert "against the baseline: " in text


def test_arguments_are_copied_whole_from_a_narrow_terminal(state: SweepState):
    whole = shlex.join(trial_document(state, 5, NOWHERE)["arguments"])
    assert len(whole) > 60
    console = Console(width=60, file=StringIO())
    show(console, trial_answer(state, 5, NOWHERE))
    assert f"arguments   {whole}\n" in console.file.getvalue()
