"""The winner's curve as a person meets it: in status, beside an export, in best.json; what it proposes works."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
from pathlib import Path

import pytest
from curves import STORED, points, reports
from processes import stepladder
from sweeps import make_plan, smooth

from orchestrator.control.session import read_log
from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.curves.diagnosis import CurvePoint, CurveVerdict, Diagnosis, diagnose
from orchestrator.curves.reading import curve_reading, seen
from orchestrator.demos import write_demo
from orchestrator.project.workspace import linted_plan
from orchestrator.results.best import best_document
from orchestrator.results.diagnoses import winner_diagnosis
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import TrialState
from orchestrator.views.diagnosis import reading_lines, wrapped
from orchestrator.views.render import Typed, make_console, pairs, show

CHOSEN = {
    verdict: next(s for s in STORED if diagnose(points(s)).verdict == verdict and len(s["val_loss"]) == s["epochs"])
    for verdict in CurveVerdict
    if verdict is not CurveVerdict.TOO_SHORT
}


def of(plan, stored):
    """A finished sweep of four trials that all had this curve; a higher learning rate was a little better."""
    said = reports(stored)

    def measured(config, fidelity):
        extra = 1e-3 * config["learning_rate"]
        now = said[int(fidelity) - 1]
        return now | {"val_accuracy": now["val_accuracy"] + extra}

    return simulate_plan(plan, measured, SimulatedCluster(workers=2))[1].events


def plan_of(file, stored, *overrides):
    epochs = stored["epochs"]
    return linted_plan(
        file, [f"fidelity={{max: {epochs}, min: {epochs}}}", "budget.trials=4", "searcher=random", *overrides]
    )[0]


def arguments(command):
    """What a shell makes of a command that a person pastes."""
    script = "stepladder() { for part; do printf '%s\\0' \"$part\"; done; }\n" + command
    told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return told.stdout.split("\0")[:-1]


@pytest.mark.parametrize("verdict", CHOSEN)
def test_the_command_starts_the_changed_sweep(tmp_path: Path, verdict):
    file = write_demo("digits", tmp_path / "it's here") / "sweep.yaml"
    plan = plan_of(file, CHOSEN[verdict], "name=tried")
    events = of(plan, CHOSEN[verdict])
    state = replay(events)
    reading = curve_reading(state.plan, state.winner(), winner_diagnosis(state, events), state.trials)
    assert reading.verdict == verdict
    if verdict is CurveVerdict.HEALTHY:
        assert (reading.change, reading.command) == (None, None)
        return
    for command in (reading.command, wrapped(reading.command, 60), wrapped(reading.command)):
        run, path, *overrides = arguments(command)
        assert (run, path) == ("run", str(file))
        changed = linted_plan(Path(path), overrides)[0]
        assert changed.spec.name == "tried-2"
        assert changed.spec.budget.trials == 4, "overrides in force go along"
        assert changed.sweep_id.partition("-")[2] != plan.sweep_id.partition("-")[2], "nothing was changed"
    whole = [line for line in wrapped(reading.command).splitlines() if len(shlex.split(line.rstrip("\\"))) > 1]
    assert all(len(line) <= 68 for line in whole if "sweep.yaml" not in line), "what stands alone is as long as it is"


def test_what_each_verdict_saw_is_said():
    told = {verdict: seen(diagnose(points(stored))) for verdict, stored in CHOSEN.items()}
    assert all(text.startswith(f"{CHOSEN[verdict]['epochs']} reports: ") for verdict, text in told.items())
    assert len({text.partition(": ")[2] for text in told.values()}) == len(told)
    rising = diagnose([CurvePoint(at, loss) for at, loss in enumerate([1.0, 1.5, 1.2, 2.6, 2.0, 3.5])])
    assert seen(rising) == (
        "6 reports: the loss ended at 350% of its first, it rose in 60% of the steps, its highest was 1 times its end"
    )
    metric = [0.1, 0.6, 0.8, 0.85, 0.8, 0.75, 0.7, 0.7]
    assert seen(diagnose([CurvePoint(at, val_metric=value) for at, value in enumerate(metric)])) == (
        "8 reports: the metric was best after 50% of the training, since its best it lost 20% of its whole range"
    )
    flat = diagnose([CurvePoint(at, val_metric=0.1) for at in range(4)])
    assert seen(flat) == "4 reports: the metric moved by 0 in all"
    assert seen(diagnose([CurvePoint(1, 2.0), CurvePoint(2, float("nan"))])) == "2 reports, not all of them finite"
    assert seen(diagnose([CurvePoint(1, 2.0)])) == "1 report"


@pytest.fixture
def overfitted(tmp_path, make_sweep):
    """The folder of a finished sweep of the demonstration, and its records."""
    file = write_demo("digits", tmp_path) / "sweep.yaml"
    stored = CHOSEN[CurveVerdict.OVERFITTING]
    plan = plan_of(file, stored)
    sweep = make_sweep(tmp_path)
    sweep.write(of(plan, stored))
    sweep.tables().advance()
    return sweep.folder


@pytest.mark.thorough
def test_status_and_export_show_it_and_export_stays_pure(overfitted):
    status = stepladder("status", overfitted, cwd=overfitted)
    assert status.returncode == 0, status.stderr
    assert max(map(len, status.stdout.partition("\nnext")[0].splitlines())) <= 100
    assert "\ncurve       overfitting; it learns its examples by heart: more weight decay" in status.stdout
    assert " reports: the validation loss ended at " in status.stdout
    assert "\ntry         stepladder run " in status.stdout
    told = json.loads(stepladder("status", overfitted, "--json", cwd=overfitted).stdout)["winner_diagnosis"]
    best = json.loads((overfitted / "best.json").read_text())["winner"]["diagnosis"]
    assert told == best
    assert list(best) == ["verdict", "advice", "seen", "saw", "change", "new", "command"]
    assert best["change"].startswith("search_space.weight_decay={low: ")
    assert best["seen"].startswith(f"{best['saw']['reports']:g} reports: the validation loss ended at ")

    exported = stepladder("export", overfitted, "--format", "json", cwd=overfitted)
    assert json.loads(exported.stdout)["learning_rate"] > 0
    first, numbers, *command = exported.stderr.splitlines()
    winner = read_log(Location.parse(overfitted))[0].winner().number
    assert first.startswith(f"trial {winner}: overfitting; it learns its examples by heart")
    assert numbers == best["seen"]
    assert arguments("\n".join(command)) == arguments(best["command"])


def test_a_sweep_without_a_file_gets_the_change_alone(learned_in_python):
    state, diagnosis = learned_in_python
    reading = curve_reading(state.plan, state.winner(), diagnosis, state.trials)
    assert (reading.change, reading.command) == ("search_space.learning_rate.high=0.2", None)
    assert reading_lines(reading) == [
        ("curve", "oscillating; try a third"),
        ("curve", "9 reports: the loss ended at 25% of its first, it rose in 50% of the steps"),
        ("try", "search_space.learning_rate.high=0.2"),
    ]


@pytest.fixture
def learned_in_python():
    plan = make_plan(searcher={"name": "random"}, budget={"trials": 3})
    state = simulate_plan(plan, smooth, SimulatedCluster())[0]
    numbers = {"reports": 9.0, "left": 0.25, "rises": 0.5, "spike": float("inf")}
    change = "search_space.learning_rate.high=0.2"
    return state, Diagnosis(CurveVerdict.OSCILLATING, "try a third", change, numbers)


def test_best_json_stays_finite(learned_in_python):
    state, diagnosis = learned_in_python
    found = best_document(state, Location.parse("/data/runs/test"), diagnosis)["winner"]["diagnosis"]
    assert found["saw"] == {"reports": 9.0, "left": 0.25, "rises": 0.5, "spike": None}
    json.dumps(found, allow_nan=False)


def test_the_winners_notes_are_in_best_json_and_status(make_sweep, tmp_path):
    for seed in range(20):
        plan = make_plan(
            couple={"learning_rate": {"with": "batch_size"}},
            seed=seed,
            scheduler={"name": "none"},
            searcher={"name": "random"},
        )
        state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=1))
        if state.winner().notes:
            break
    winner = state.winner()
    assert winner.state is TrialState.COMPLETED
    assert "as batch_size" in winner.notes[0]
    sweep = make_sweep(tmp_path)
    sweep.write(journal.events)
    sweep.tables().advance()
    best = json.loads((sweep.folder / "best.json").read_text())
    assert best["winner"]["notes"] == list(winner.notes)
    shown = stepladder("status", sweep.folder, cwd=tmp_path).stdout
    assert f"\n            {winner.notes[0]}\n" in shown


def test_a_command_to_try_is_not_broken_by_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch):
    command = "stepladder run " + "/a/long/way/to/" * 6 + "sweep.yaml 'confirm={trainings: 8, top: 4}' name=ex-2"
    rows = [("curve", "falls slowly; train longer, " * 4), ("try", Typed(wrapped(command))), ("try", "(and more)")]
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    show(make_console(out), pairs([*rows, ("improved", "last by trial 3")]))
    shown = out.getvalue()
    typed = shown[shown.index("stepladder") : shown.index("(and more)")]
    assert shlex.split(typed.replace("\\\n", " ")) == shlex.split(command)
    assert [line[:10].strip() for line in shown.splitlines() if line[:10].strip()] == ["curve", "try", "improved"]
    assert all(len(line) <= 80 for line in shown.splitlines() if "/a/long" not in line)
