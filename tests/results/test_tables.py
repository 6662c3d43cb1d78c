"""The tables say what the journal says, in types that every reader knows."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from sweeps import make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, StopReason, TrialState

GOLDEN = Path(__file__).parent / "golden"


def reports_of(events):
    return [event for event in events if isinstance(event, ev.Reported)]


def test_trials_hold_what_the_state_holds(sweep, told):
    sweep.write(told)
    assert sweep.tables().advance() is True
    state = replay(told)
    rows = {row["trial"]: row for row in pq.read_table(sweep.folder / "trials").to_pylist()}
    assert sorted(rows) == list(range(40))
    for trial in state.trials:
        row = rows[trial.number]
        assert (row["trial_id"], row["state"], row["stage"]) == (trial.trial_id, trial.state.value, trial.stage)
        assert (row["score"], row["fidelity"], row["reports"]) == (trial.value, trial.fidelity, trial.report_count)
        assert row["best_score"] == (max(trial.values.values()) if trial.values else None)
        assert {name: row[name] for name in state.plan.space if row[name] is not None} == trial.config
        assert row["attempt"] == len(trial.attempts) - 1
        assert row["worker_s"] == pytest.approx(sum(attempt.charged_s for attempt in trial.attempts))
        assert row["gpu_s"] == pytest.approx(row["worker_s"] / 2)
        assert row["started"].timestamp() == pytest.approx(trial.attempts[0].started_t, abs=1e-5)
        assert row["ended"].timestamp() == pytest.approx(trial.attempts[-1].ended_t, abs=1e-5)
        assert (row["session"], row["code_hash"], row["code_changed"]) == (1, "c0de", False)
    assert {row["state"] for row in rows.values()} == {"completed", "pruned", "diverged"}
    assert max(row["attempt"] for row in rows.values()) == 1


def test_reports_hold_every_report_once(sweep, told):
    sweep.write(told)
    sweep.tables().advance()
    rows = pq.read_table(sweep.folder / "reports" / "part-00000.parquet").to_pylist()
    reports = reports_of(told)
    assert [(r["trial"], r["attempt"], r["fidelity"]) for r in rows] == [
        (e.trial, e.attempt, e.fidelity) for e in reports
    ]
    assert [row["verdict"] for row in rows] == [event.stop.value if event.stop else "continue" for event in reports]
    assert {"weak", "not_finite", "full_fidelity", "continue"} == {row["verdict"] for row in rows}
    for row, event in zip(rows, reports, strict=True):
        assert row["epoch"] == event.fidelity
        assert row["late"] == (2.0 if event.fidelity >= 5 else None)
        assert math.isnan(row["score"]) == (event.stop is StopReason.NOT_FINITE)
        assert row["checkpoint"] == event.checkpoint


def test_the_table_says_what_a_stop_and_a_proposal_rest_on(sweep):
    plan = make_plan(resources={"cpus": 1}, budget={"trials": 60, "cpu_hours": 0.3})
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(workers=4, seconds=lambda _: 3.0))
    sweep.write(journal.events)
    sweep.tables().advance()
    said = "stopped_at_rung, stopped_threshold, stopped_among, learned_from, nearest, cause"
    rows = {trial: rest for trial, *rest in sweep.query(f"select trial, {said} from {{trials}}")}
    weak = [trial for trial in state.trials if trial.stopped_by is not None]
    assert weak
    for trial in state.trials:
        judged = trial.stopped_by
        stop = [None] * 3 if judged is None else [judged.rung, judged.threshold, judged.among]
        assert rows[trial.number] == [*stop, trial.learned_from, trial.nearest, trial.attempt.cause]
    assert {cause for *_, cause in rows.values()} == {None, "cpu_hours"}
    assert any(learned for *_, learned, _, _ in rows.values())
    bad = "select count(*) from {trials} where stopped_at_rung is not null and score >= stopped_threshold"
    assert sweep.query(bad) == [(0,)]


def test_nothing_new_writes_nothing(sweep, told):
    tables = sweep.tables()
    assert tables.advance() is False
    sweep.write(told[:50])
    assert tables.advance() is True
    before = {file: file.stat().st_mtime_ns for file in sweep.folder.rglob("*.parquet")}
    assert tables.advance() is False
    assert {file: file.stat().st_mtime_ns for file in sweep.folder.rglob("*.parquet")} == before


def test_schemas_are_golden(sweep, told):
    sweep.write(told)
    sweep.tables().advance()
    for table in ("trials/part-00000", "reports/part-00000", "attempts/part-00000"):
        schema = pq.read_schema(sweep.folder / f"{table}.parquet")
        text = "".join(f"{field.name}: {field.type}\n" for field in schema)
        assert text == (GOLDEN / f"{table.partition('/')[0]}_schema.txt").read_text()


def test_column_types_follow_the_domains_and_taken_names_get_a_prefix(sweep):
    space = {
        "stage": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5},
        "Score": {"type": "int", "low": 1, "high": 9, "default": 3},
        "huge": {"type": "int", "low": 0, "high": 10**30, "default": 10**29},
        "flag": {"type": "choice", "choices": [True, False], "default": True},
        "width": {"type": "choice", "choices": [64, 128], "default": 64},
        "rate": {"type": "choice", "choices": [0.5, 1], "default": 1},
        "mixed": {"type": "choice", "choices": [1, True, "no"], "default": True},
        "fixed": {"type": "constant", "value": "x"},
    }
    plan = make_plan(search_space=space)
    events = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.TrialProposed(1.0, 0, plan.space.baseline, "tier-1", "baseline", [], None, 0),
        ev.AttemptStarted(1.0, 0, 0),
        ev.Reported(2.0, 0, 0, 1.0, {"score": 1.0, "stage": 4.0}),
    ]
    sweep.write(events)
    sweep.tables().advance()
    table = pq.read_table(sweep.folder / "trials")
    found = {name: (str(table.schema.field(name).type), table.column(name)[0].as_py()) for name in table.column_names}
    assert found["stage"] == ("string", "tier-1")
    assert found["config.stage"] == ("double", 0.5)
    assert found["score"] == ("double", 1.0)
    assert found["config.Score"] == ("int64", 3)
    assert found["huge"] == ("string", str(10**29))
    assert found["flag"] == ("bool", True)
    assert found["width"] == ("int64", 64)
    assert found["rate"] == ("double", 1.0)
    assert found["mixed"] == ("string", "true")
    assert found["fixed"] == ("string", "x")
    assert sweep.query('select "config.stage", "metric.stage" from {trials} join {reports} using (trial)')[0] == (
        0.5,
        4.0,
    )


def test_pandas_polars_and_duckdb_agree(sweep, told):
    sweep.write(told)
    sweep.tables(rows_per_part=50, attempts_per_part=11, trials_per_part=7).advance()
    unique = {"trials": ["trial"], "reports": ["trial", "attempt", "fidelity"], "attempts": ["trial", "attempt"]}
    for name, keys in unique.items():
        in_pandas = pd.read_parquet(sweep.folder / name)
        in_polars = pl.read_parquet(sweep.folder / name / "*.parquet")
        in_duckdb = pl.DataFrame(sweep.query(f"select * from {{{name}}}"), in_polars.schema, orient="row")
        assert len(in_pandas) == len(in_polars) == len(in_duckdb)
        assert in_polars.sort(keys).equals(in_duckdb.sort(keys))
        number = "spent_s" if name == "attempts" else "score"
        assert in_pandas.sort_values(keys)[number].tolist() == pytest.approx(
            in_polars.sort(keys)[number].fill_null(math.nan).to_list(), nan_ok=True
        )
    stages = sweep.query("select stage, count(*), max(score) from {trials} group by 1 order by 1")
    assert [stage for stage, _, _ in stages] == ["refinement", "tier-1", "tier-2", "tier-3"]
    assert sum(count for _, count, _ in stages) == 40


def test_changed_code_is_tagged_on_every_later_row(sweep, told):
    crash = next(i for i, event in enumerate(told) if isinstance(event, ev.AttemptEnded) and i > 150)
    sweep.write(told[:crash])
    open_trials = [trial for trial in replay(told[:crash]).trials if trial.is_open]
    ends = [ev.AttemptEnded(5e4, t.number, t.attempt.number, Outcome.INTERRUPTED) for t in open_trials]
    sealed = {"000001.jsonl": (sweep.folder / "journal/000001.jsonl").stat().st_size}
    sweep.take_over()
    sweep.write([ev.DriverStarted(5e4, 2, "host:18", "beef", {}, ["code: c0de -> beef"], sealed)])
    sweep.write(ends)
    resumed = open_trials[0]
    sweep.write(
        [ev.AttemptStarted(5e4, resumed.number, len(resumed.attempts)), ev.AttemptPlaced(5e4, resumed.number, 1)]
    )
    sweep.write([ev.Reported(5e4 + 1, resumed.number, len(resumed.attempts), 8.5, {"score": 0.5})])
    sweep.tables().advance()
    tagged = sweep.query("select distinct session, code_hash, code_changed from {reports} order by 1")
    assert tagged == [(1, "c0de", False), (2, "beef", True)]
    late = sweep.query("select trial from {trials} where code_changed order by 1")
    assert [number for (number,) in late] == sorted(trial.number for trial in open_trials)


def test_an_open_attempt_costs_up_to_its_last_sign_of_life(sweep, told):
    plan = told[0].plan
    sweep.write(
        [
            ev.SweepPlanned(0.0, ev.FORMAT, plan),
            ev.TrialProposed(1.0, 0, {"learning_rate": 0.1}, "tier-1", "baseline", [], None, 0),
            ev.AttemptStarted(1.0, 0, 0),
            ev.AttemptPlaced(10.0, 0, 0, "node-1", "0,1"),
            ev.Heartbeat(40.0, [(0, 0)]),
        ]
    )
    tables = sweep.tables()
    tables.advance()
    asked = "select worker_s, gpu_s, node, gpu_ids, state, ended, outcome from {trials}"
    assert sweep.query(asked)[0] == (30.0, 15.0, "node-1", "0,1", "running", None, None)
    sweep.write([ev.Heartbeat(70.0, [(0, 0)])])
    tables.advance()
    assert sweep.query("select worker_s from {trials}")[0] == (60.0,)
    sweep.write([ev.AttemptEnded(75.0, 0, 0, Outcome.ERROR, "ValueError: no")])
    tables.advance()
    assert sweep.query("select worker_s, gpu_s, state, outcome, error from {trials}")[0] == (
        65.0,
        32.5,
        TrialState.FAILED.value,
        "error",
        "ValueError: no",
    )


def test_a_sweep_that_was_only_planned_has_empty_tables(sweep, told):
    sweep.write(told[:1])
    sweep.tables().advance()
    assert sweep.query("select count(*) from {trials}")[0] == (0,)
    assert sweep.query("select count(*) from {reports}")[0] == (0,)
    assert sweep.query("select count(*) from {attempts}")[0] == (0,)


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (ev.TrialWithdrawn(30.0, 0, "wish"), ("pruned", "c/1")),
        (ev.CheckpointRemoved(30.0, 0, "c/1"), ("interrupted", None)),
    ],
)
def test_what_changes_a_trial_that_is_not_at_work_changes_its_row(sweep, told, record, row):
    sweep.write(
        [
            ev.SweepPlanned(0.0, ev.FORMAT, told[0].plan),
            ev.TrialProposed(1.0, 0, {"learning_rate": 0.1}, "tier-1", "baseline", [], None, 0),
            ev.AttemptStarted(1.0, 0, 0),
            ev.Reported(2.0, 0, 0, 1.0, {"score": 0.5}, checkpoint="c/1"),
            ev.AttemptEnded(3.0, 0, 0, Outcome.LOST, "node died"),
        ]
    )
    tables = sweep.tables()
    tables.advance()
    asked = "select state, checkpoint from {trials}"
    assert sweep.query(asked) == [("interrupted", "c/1")]
    sweep.write([record])
    tables.advance()
    assert sweep.query(asked) == [row]
