"""Which nodes are kept away from, and which never."""

from __future__ import annotations

import pytest

from orchestrator.policies.avoidance import Avoidance
from orchestrator.sweep.trial import Outcome

ECC = "train.py:3 in train: loss.backward()\nRuntimeError: CUDA error: uncorrectable ECC error encountered"
BUG = "train.py:3 in train: x[9]\nIndexError: list index out of range"


class Nodes(Avoidance):
    """By names that are their ids."""

    def reports(self, name):
        self.report(name, name)
        return self

    def dies(self, name, trial, outcome=Outcome.LOST, error=None):
        self.end(name, name, trial, outcome, error)
        return self

    @property
    def names(self):
        return sorted(self.avoided().values())


def test_three_deaths_in_a_row_while_others_do_well_elsewhere():
    nodes = Nodes().reports("good").dies("bad", 1).dies("bad", 2).dies("bad", 3)
    assert nodes.names == [], "nobody has done well elsewhere since"
    assert nodes.reports("good").names == ["bad"]
    assert nodes.why("bad") == (
        "node bad is avoided: the last 3 attempts on it died (trials 1, 2, 3), while others do well elsewhere; "
        "look at that machine"
    )


def test_two_deaths_are_an_accident_and_a_report_between_them_begins_anew():
    nodes = Nodes().dies("bad", 1).dies("bad", 2).reports("good")
    assert nodes.names == []
    nodes.reports("bad").dies("bad", 3).dies("bad", 4).reports("good")
    assert nodes.names == []
    assert nodes.dies("bad", 5).names == ["bad"]


def test_one_trial_that_dies_again_and_again_says_nothing_of_its_node():
    nodes = Nodes().dies("bad", 1).dies("bad", 1).dies("bad", 1).dies("bad", 1).reports("good")
    assert nodes.names == []
    assert nodes.dies("bad", 2).names == ["bad"]


def test_where_all_nodes_fare_alike_none_is_avoided():
    nodes = Nodes().reports("one").reports("two")
    for trial in range(9):
        nodes.dies("one", trial).dies("two", trial)
    assert nodes.names == []


def test_a_single_machine_is_never_avoided():
    nodes = Nodes().reports("only")
    for trial in range(9):
        nodes.dies("only", trial)
    assert nodes.names == []


@pytest.mark.parametrize(
    ("outcome", "error", "counts"),
    [
        (Outcome.LOST, None, True),
        (Outcome.HUNG, "it gave no sign of life", True),
        (Outcome.ERROR, ECC, True),
        (Outcome.ERROR, BUG, False),
        (Outcome.OUT_OF_MEMORY, "CUDA out of memory", False),
        (Outcome.PREEMPTED, "the node was preempted", False),
        (Outcome.INTERRUPTED, None, False),
        (Outcome.STOPPED, None, False),
        (Outcome.OVERTIME, "too long", False),
    ],
)
def test_what_counts_as_a_death(outcome, error, counts):
    nodes = Nodes()
    for trial in range(3):
        nodes.dies("bad", trial, outcome, error)
    assert nodes.reports("good").names == (["bad"] if counts else [])


def test_a_report_from_an_avoided_node_takes_all_back():
    nodes = Nodes().dies("bad", 1).dies("bad", 2).dies("bad", 3).reports("good")
    assert nodes.names == ["bad"]
    assert nodes.reports("bad").names == []


def test_a_trial_that_died_twice_in_a_row_on_a_node_goes_on_elsewhere():
    nodes = Nodes().dies("one", 7)
    assert nodes.shunned_by(7) == frozenset()
    nodes.dies("two", 8).dies("one", 7)
    assert nodes.shunned_by(7) == {"one"}
    assert nodes.shunned_by(8) == nodes.shunned_by(9) == frozenset()
    assert nodes.dies("two", 7).shunned_by(7) == frozenset()


def test_attempts_that_report_and_then_hang_on_one_node_alone():
    nodes = Nodes()
    for trial in (1, 2, 3):
        nodes.reports("bad").dies("bad", trial, Outcome.HUNG).reports("good")
    assert nodes.names == ["bad"]
    assert nodes.why("bad").startswith("node bad is avoided: the last 3 attempts on it hung (trials 1, 2, 3), while")
    assert nodes.dies("bad", 4).why("bad").startswith("node bad is avoided: the last 4 attempts on it died or hung (3)")
    assert nodes.dies("bad", 5, Outcome.STOPPED).names == [], "one came to its end there"


def test_a_training_that_hangs_anywhere_is_no_nodes_fault():
    nodes = Nodes()
    for trial in (1, 2, 3):
        nodes.reports("one").dies("one", trial, Outcome.HUNG).reports("two").dies("two", trial + 9, Outcome.HUNG)
    assert nodes.reports("two").names == []


def test_a_trial_that_hung_on_a_node_goes_on_elsewhere_at_once():
    nodes = Nodes().dies("one", 7, Outcome.HUNG)
    assert nodes.shunned_by(7) == {"one"}
    assert nodes.dies("two", 7).shunned_by(7) == frozenset(), "it died elsewhere, too"
