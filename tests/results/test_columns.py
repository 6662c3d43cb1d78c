"""Names and values that Python keeps apart stay apart in the tables."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.columns import Cells, DriverPeriod, FreeNames, Paid, TrialColumns
from orchestrator.results.report_parts import ReportParts
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.sweep import event as ev
from orchestrator.sweep.domains import Choice


@pytest.mark.parametrize(
    ("choices", "cells"),
    [
        ([1, "1", True, "true"], ["1", '"1"', "true", '"true"']),
        (["a", 1, 2.5], ['"a"', "1", "2.5"]),
        ([None, [64, 64], {"a": 1}, "null"], ["null", "[64, 64]", '{"a": 1}', '"null"']),
        ([1, 2.5], [1.0, 2.5]),
        ([2**53, 2**53 + 1, 0.5], [str(2**53), str(2**53 + 1), "0.5"]),
        ([10**400, 0.5], [str(10**400), "0.5"]),
        ([2**63, 1], [str(2**63), "1"]),
        ([True, False], [True, False]),
        (["1", "2"], ["1", "2"]),
        (["é", "é\n", 'a"b', 1, "1"], ['"é"', '"é\\n"', '"a\\"b"', "1", '"1"']),
    ],
)
def test_each_choice_has_a_cell_of_its_own(choices, cells):
    made = Cells.of(Choice(type="choice", choices=choices, default=choices[0]))
    assert [made.of_trial("width", {"width": value}) for value in choices] == cells
    assert made.of_trial("width", {}) is None


def test_choices_that_read_alike_are_told_apart_in_the_table_of_a_sweep():
    width = {"type": "choice", "choices": [1, "1", True, "true"], "default": 1, "tier": 1}
    plan = make_plan(search_space={"width": width}, searcher="random", budget={"trials": 4}, scheduler="none")
    state, _ = simulate_plan(
        plan, lambda config, _: float(isinstance(config["width"], str)), SimulatedCluster(workers=1)
    )
    columns = TrialColumns(plan)
    at = columns.schema.get_field_index("width")
    cells = {columns.row(trial, Paid(0, 0), DriverPeriod())[at] for trial in state.trials}
    values = {(type(trial.config["width"]), trial.config["width"]) for trial in state.trials}
    assert len(cells) == len(values) > 1


def test_no_two_names_share_a_column():
    names = FreeNames(["trial", "t"])
    asked = ["trial", "metric.trial", "Trial", "loss", "Loss", "", "T", "m\\udcff"]
    given = [names.take("metric", name) for name in asked]
    assert given[:3] == ["metric.trial", "metric.metric.trial", "metric.metric.metric.Trial"]
    assert given[3:] == ["loss", "metric.Loss", "", "metric.T", "m\\udcff"]
    assert len({name.casefold() for name in given}) == len(asked)


def test_metrics_that_differ_by_case_or_prefix_keep_their_values(tmp_path):
    parts = ReportParts(LocalFileSystem(tmp_path), "test")
    metrics = {"trial": 1.0, "metric.trial": 2.0, "loss": 3.0, "Loss": 4.0, "": 5.0}
    for fidelity in (1.0, 2.0):
        parts.add(ev.Reported(1.0, 0, 0, fidelity, metrics), "stage", DriverPeriod())
    parts.write()
    table = pq.read_table(tmp_path / "reports" / "part-00000.parquet")
    kept = {name: table.column(name).to_pylist() for name in table.column_names[-5:]}
    columns = ["metric.trial", "metric.metric.trial", "loss", "metric.Loss", ""]
    assert kept == {column: [value] * 2 for column, value in zip(columns, metrics.values(), strict=True)}
