"""A cluster of fixed size has no autoscaler, though Ray runs its monitor there; one with: tests/cluster."""

from __future__ import annotations

import pytest

from orchestrator.ray.host.autoscaler import FIRST_S, AutoscalerReading, is_at_work, would_hold
from orchestrator.sweep.resources import Resources


@pytest.mark.ray
def test_a_cluster_of_fixed_size_is_not_mistaken_for_one_that_grows(local_ray):
    assert not is_at_work(FIRST_S)
    assert not would_hold(Resources(cpus=64))


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ({"node_a"}, True),
        ({"node_a", "node_b"}, True),
        ({"node_a", "worker"}, False),
        ({"head"}, False),
        (set(), False),
    ],
)
def test_a_cluster_of_fixed_size_is_told_by_a_type_for_each_node(types: set[str], expected: bool):
    assert AutoscalerReading(1, frozenset(types), is_starting=False).is_of(["a", "b"]) is expected
