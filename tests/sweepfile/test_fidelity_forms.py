"""`fidelity`: what may be left out of it, and `none`."""

from __future__ import annotations

import pytest
from sweeps import make_plan, make_spec

from orchestrator.errors import SpecError
from orchestrator.planning.compile import compile_plan, differences, sweep_id
from orchestrator.sweep.formats import as_begun
from orchestrator.sweepfile.parse import parse_text
from orchestrator.views.plan import plan_document

FILE = """\
name: digits
command: [train, "{lr}"]
objective: {metric: accuracy, goal: maximize}
fidelity: %s
search_space: {lr: {low: 0.1, high: 1.0, default: 0.5}}
budget: {trials: 60}
"""


def read(fidelity):
    parsed = parse_text((FILE % fidelity).encode(), "sweep.yaml", (), lambda _: ("", b""), lambda _: ())
    return parsed.spec


def test_without_a_metric_reports_are_counted():
    assert (read("{max: 27}").fidelity.metric, read("{max: 27}").fidelity.unit) == ("training_iteration", "report")
    assert read("{metric: epoch, max: 27}").fidelity.unit == "epoch"


def test_none_is_one_final_score_which_nothing_stops_before():
    fidelity = read("none").fidelity
    assert (fidelity.once, fidelity.max, fidelity.unit) == (True, 1.0, "score")
    plan = make_plan(fidelity="none")
    assert [bracket.rungs for bracket in plan.brackets] == [()]
    assert type(plan).model_validate(plan.model_dump(mode="json")) == plan
    assert plan_document(plan, 1, None)["fidelity"]["once"] is True


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("once", "is not a mapping"),
        ("{max: 9, once: true}", "once true leaves nothing to measure; write `fidelity: none`, or remove once"),
        ("{max: 1, metric: epoch, once: true}", "once true leaves nothing to measure; "),
        ("null", "has no value, a mapping is needed"),
    ],
)
def test_other_forms_are_refused(written, text):
    with pytest.raises(SpecError) as caught:
        read(written)
    assert text in str(caught.value)


def test_a_sweep_of_format_1_without_a_metric_goes_on_by_its_epochs():
    spec = make_spec(fidelity={"max": 9})
    assert as_begun(spec, 1).fidelity.metric == "epoch"
    assert as_begun(spec, 2).fidelity.metric == "training_iteration"


def test_none_is_another_search_and_the_key_behind_it_is_part_of_no_older_id():
    once, counted = make_spec(fidelity="none"), make_spec(fidelity={"max": 1})
    assert sweep_id(once) != sweep_id(counted)
    assert differences(counted, once)[1] == ["fidelity.once: (nothing) -> true"]
    assert compile_plan(once, make_plan().provenance).spec.fidelity.once
