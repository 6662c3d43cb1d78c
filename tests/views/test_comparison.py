"""Sweeps side by side: what each found, what differs, and who is ahead by what evidence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest
from rich.console import Console
from sweeps import make_plan, smooth
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import UsageError
from orchestrator.views.comparison import ComparedSweep, compared, comparison_answer, comparison_document

OLD = Path(__file__).parents[1] / "formats" / "format_1" / "real" / "old"


def luck(config, seed: int, fidelity: float) -> float:
    return 0.01 * Random(f"{seed}/{fidelity}").gauss(0, 1)


def played(measure=smooth, **changes) -> ComparedSweep:
    plan = make_plan(**({"budget": {"trials": 12}, "confirm": "none"} | changes))
    state = simulate_plan(plan, measure, SimulatedCluster(workers=2, noise=luck))[0]
    return compared(state, f"runs/{plan.spec.name}", None, state.last_t)


def shown(*sweeps: ComparedSweep, width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(comparison_answer(sweeps))
    return captured.get()


def rows(text: str) -> dict[str, list[str]]:
    cells = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {line[0]: line[1:] for line in cells}


def test_it_says_who_is_ahead_and_by_what_evidence():
    one, other = played(seed=1), played(seed=2)
    better = max((one, other), key=lambda sweep: sweep.summary.best.value)
    ahead = abs(one.summary.best.value - other.summary.best.value)
    last = shown(one, other).splitlines()[-1]
    assert last == f"{better.summary.sweep_id} is ahead by {ahead:.3g}, by single trainings"
    assert shown(other, one).splitlines()[-1] == last
    confirmed = [played(seed=seed, confirm={"trainings": 12, "top": 2}) for seed in (1, 2)]
    assert all(sweep.summary.confirm.winner is not None for sweep in confirmed)
    assert ", over fresh seeds" in shown(*confirmed) or " are level" in shown(*confirmed)
    assert "confirm both before you believe it" in " ".join(shown(one, confirmed[0]).split())


def test_the_lower_of_two_losses_is_ahead():
    lower, higher = (
        played(lambda config, fidelity, add=add: add + 1 / fidelity, objective={"metric": "loss", "goal": "minimize"})
        for add in (0.0, 5.0)
    )
    assert f"{lower.summary.sweep_id} is ahead by" in shown(higher, lower)


def test_scores_of_two_metrics_are_not_compared():
    one, other = played(), played(objective={"metric": "loss", "goal": "minimize"})
    assert shown(one, other).splitlines()[-1] == "their scores cannot be compared: metric or goal differ"
    same = played()
    assert shown(same, same).splitlines()[-1].endswith(" are level")


def test_what_was_asked_is_shown_where_it_differs():
    one, other = played(), played(searcher="random", fidelity={"metric": "epoch", "min": 1, "max": 81})
    text = shown(one, other)
    assert rows(text)["searcher"] == ["tpe", "random"]
    assert "81 epochs" in text
    assert "scheduler" not in text
    assert all(name in text for name in one.winner)
    assert ("* the winners differ" in text) == (one.winner != other.winner)


@pytest.mark.parametrize("width", [60, 80])
def test_it_fits_the_terminal(width):
    text = shown(played(), played(searcher="random"), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_the_command_answers_in_json_and_refuses_one_sweep():
    run = CliRunner().invoke
    found = json.loads(run(app, ["compare", str(OLD), str(OLD), "--json"], catch_exceptions=False).stdout)
    assert [sweep["summary"]["best"]["trial"] for sweep in found] == [27, 27]
    assert json.loads(json.dumps(comparison_document([played()])))
    with pytest.raises(UsageError, match="alone is compared with nothing; name a second sweep"):
        run(app, ["compare", str(OLD)], catch_exceptions=False)
