"""A space that grows on resume, and a sweep that is extended: what is taken, what is refused, and what follows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from sweeps import SPACE, make_plan, smooth

from orchestrator.control.session import read_events, reopen
from orchestrator.control.simulator import SimulatedCluster, resume_simulation, simulate_plan
from orchestrator.errors import SpecChangedError
from orchestrator.results.columns import TrialColumns
from orchestrator.results.tables import Tables
from orchestrator.state.fold import replay
from orchestrator.state.reading import read_sweep
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.growth import has_grown, misfit
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.standing import numbers_of, stage_of

CHANGED = {
    "learning_rate": {"low": 1e-5, "high": 2.0},
    "batch_size": {"low": 8, "high": 512},
    "optimizer": {"choices": ["lion", "adam", "sgd"]},
}


def grown(**changes: Any) -> Plan:
    space = {name: SPACE[name] | changes.get(name, {}) for name in SPACE}
    return make_plan(search_space=space, budget={"trials": 40})


def amended(events: list[ev.Event], plan: Plan) -> list[ev.Event]:
    t = events[-1].t
    started = ev.DriverStarted(t, 2, "h:1", "c0de", {}, [], {}, format=ev.FORMAT)
    return [*events, started, ev.SpecAmended(t, plan.spec.model_dump(mode="json"), [])]


@pytest.fixture
def folder(tmp_path: Path) -> Location:
    """A sweep of 20 trials on disk, its driver gone."""
    folder = Location.parse(str(tmp_path / "sweep"))
    _, played = simulate_plan(make_plan(budget={"trials": 20}), smooth, SimulatedCluster(workers=4))
    journal = JournalWriter(folder.files(), 1)
    first, *rest = played.events
    for event in (first, ev.DriverStarted(first.t, 1, "h:1", "c0de", {}, [], {}, format=ev.FORMAT), *rest):
        journal.append(event)
    journal.commit()
    return folder


def test_a_space_may_grow_and_the_log_says_how(folder: Location):
    session, told = reopen(folder, grown(**CHANGED))
    session.close("finished")
    changes = [line for line in told if line.startswith("search_space")]
    assert sorted(changes) == [
        "search_space.batch_size.high: 256 -> 512",
        "search_space.batch_size.low: 16 -> 8",
        "search_space.learning_rate.high: 1.0 -> 2.0",
        "search_space.learning_rate.low: 0.0001 -> 1e-05",
        'search_space.optimizer.choices: ["sgd", "adam"] -> ["lion", "adam", "sgd"]',
    ]
    amendments = [event for event in read_events(folder) if isinstance(event, ev.SpecAmended)]
    assert sorted(line for line in amendments[-1].changes if "search_space" in line) == sorted(changes)
    state = read_sweep(folder)
    assert state.plan.space["learning_rate"].high == 2.0
    assert all(not state.plan.space.problems(trial.config) for trial in state.trials)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learning_rate": {"high": 0.5}}, "search_space.learning_rate.high: 1.0 -> 0.5"),
        ({"learning_rate": {"scale": "linear"}}, 'search_space.learning_rate.scale: "log" -> "linear"'),
        ({"learning_rate": {"high": 2.0, "default": 0.02}}, "search_space.learning_rate.default: 0.01 -> 0.02"),
        ({"optimizer": {"choices": ["sgd", "lion"]}}, 'choices: ["sgd", "adam"] -> ["sgd", "lion"]'),
        ({"batch_size": {"low": 8, "step": 8, "high": 264}}, "search_space.batch_size.step: 1 -> 8"),
    ],
)
def test_what_is_no_growth_is_refused(folder: Location, changes: dict[str, Any], said: str):
    with pytest.raises(SpecChangedError) as caught:
        reopen(folder, grown(**changes))
    assert said in str(caught.value)
    assert "Undo the change, or give the sweep another name" in str(caught.value)


def test_growth_that_leaves_a_trial_out_is_refused():
    stepped = {"x": {"type": "int", "low": 10, "high": 30, "step": 10, "default": 10}}
    shifted = {"x": {"type": "int", "low": 5, "high": 35, "step": 10, "default": 15}}
    old, new = make_plan(search_space=stepped), make_plan(search_space=shifted)
    state, _ = simulate_plan(old, lambda config, _: config["x"], SimulatedCluster(workers=1))
    assert misfit(state.trials, old.space) is None
    assert misfit(state.trials, new.space) == "trial 0 does not fit any more: 'x' cannot be 10"
    assert not has_grown(old.space["x"], new.space["x"])  # the default moved too


@pytest.mark.parametrize("searcher", ["tpe", "gp", "random"])
def test_a_grown_sweep_goes_on_in_the_grown_space(searcher: str):
    wider = {name: fields | CHANGED.get(name, {}) for name, fields in SPACE.items()}
    before = make_plan(budget={"trials": 20}, searcher=searcher)
    after = make_plan(budget={"trials": 60}, searcher=searcher, search_space=wider)

    def objective(config, fidelity):
        return smooth(config, fidelity) + (config["optimizer"] == "lion")

    _, journal = simulate_plan(before, objective, SimulatedCluster(workers=4))
    state, again = resume_simulation(amended(journal.events, after), objective, SimulatedCluster(workers=4))
    assert len(state.trials) == 60
    assert all(not after.space.problems(trial.config) for trial in state.trials)
    assert any(trial.config["optimizer"] == "lion" for trial in state.trials[20:])
    assert replay(again.events).plan.space["optimizer"].choices == ("lion", "adam", "sgd")


@pytest.mark.parametrize("per_part", [2_000, 1])
def test_tables_take_the_types_of_the_grown_space(tmp_path: Path, per_part: int):
    """And DuckDB, pandas and PyArrow read them after each file of the change."""
    pq, pd, duckdb = (pytest.importorskip(name) for name in ("pyarrow.parquet", "pandas", "duckdb"))
    numbers = {"size": {"type": "choice", "choices": [16, 32], "default": 16}}
    mixed = {"size": {"type": "choice", "choices": [32, 16, None, "auto"], "default": 16}}
    before, after = (make_plan(search_space=space, budget={"trials": 2}) for space in (numbers, mixed))
    _, journal = simulate_plan(before, lambda config, _: 1.0, SimulatedCluster(workers=1))
    events = amended(journal.events, after)
    place = Location.parse(str(tmp_path))
    written = []

    class Looking:
        """The sweep's file system; all of the trials are read after each of their files."""

        def __getattr__(self, name):
            return getattr(files, name)

        def replace(self, name, data):
            files.replace(name, data)
            if name.startswith("trials/"):
                written.append(name)
                found = duckdb.sql(
                    f"select trial, size::varchar from '{tmp_path}/trials/*.parquet' order by 1"
                ).fetchall()
                assert [trial for trial, _ in found] == pd.read_parquet(tmp_path / "trials").trial.tolist()
                assert {size for _, size in found} <= {"16", "32"}

    files = place.files()
    tables, state = Tables(Looking(), place, trials_per_part=per_part), replay(events[:1])
    for event in events:
        if event is not events[0]:
            state.apply(event)
        tables.take(event, state)
        tables.flush()
    assert TrialColumns(after).schema.field("size").type == "string"
    assert sorted(pq.read_table(tmp_path / "trials")["size"].to_pylist()) == ["16", "32"]
    assert len(set(written)) == (1 if per_part > 1 else 2)


def test_an_extended_sweep_goes_on_in_its_last_stage():
    plan = make_plan(budget={"trials": 40})

    def score(config, fidelity):
        return -abs(math.log10(config["learning_rate"]) + 2) - 1 / fidelity

    _, journal = simulate_plan(plan, score, SimulatedCluster(workers=4))
    longer = make_plan(budget={"trials": 60})
    state, _ = resume_simulation(amended(journal.events, longer), score, SimulatedCluster(workers=4))
    order = [stage.name for stage in state.plan.stages]
    ranks = [order.index(trial.stage) for trial in state.trials]
    assert ranks == sorted(ranks)
    assert {trial.stage for trial in state.trials[40:]} == {"refinement"}
    counted = {stage.name: len(numbers_of(state.plan, stage)) for stage in state.plan.stages}
    assert counted == {name: sum(trial.stage == name for trial in state.trials) for name in order}


@pytest.mark.parametrize("begun", [1, 2])
@pytest.mark.parametrize(
    ("there", "totals"), [((20,), (40, 60)), ((20, 50), (40, 60, 200)), ((0,), (40, 80)), ((39,), (40, 30))]
)
def test_no_trial_goes_back_behind_the_stage_that_was_reached(begun: int, there: tuple, totals: tuple):
    plan = make_plan(budget={"trials": totals[0]})
    kept: list[str] = []
    for until, total in zip(there, totals[1:], strict=True):
        kept = [stage_of(plan, number).name for number in range(until)]
        plan = plan.amended(make_plan(budget={"trials": total}).spec, (), until if begun > 1 else 0)
    order = [stage.name for stage in plan.stages]
    ranks = [order.index(stage_of(plan, number).name) for number in range(max(totals))]
    assert ranks == sorted(ranks)
    assert sum(len(numbers_of(plan, stage)) for stage in plan.stages) == totals[-1]
    if begun > 1:
        assert [stage_of(plan, number).name for number in range(len(kept))] == kept
    else:
        assert plan.dealings == ()
