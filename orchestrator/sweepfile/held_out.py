"""What is wrong with what a sweep file says of metrics beside the objective: of the test set, and of bounds."""

from __future__ import annotations

from orchestrator.sweep.recordable import COUNTED
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import Complaints, KeyPath, quote

_PATH: KeyPath = ("test", "metric")


def held_out_problems(spec: SweepSpec) -> Complaints:
    """Yield what of the test set would be seen before the end, and what never could be measured."""
    if spec.test is None:
        return
    metric = spec.test.metric
    what = f"{quote(metric)} is kept from everything until `stepladder test`, and so cannot be"
    for key, name in _chosen_by(spec).items():
        if name == metric or name.startswith(f"{metric}/"):
            yield _PATH, f"{what} {quote(name)}, by which something is chosen ({key}); name another metric"
    if metric == COUNTED or (metric == "checkpoint" and spec.command is not None):
        yield _PATH, f"{quote(metric)} says something else in a report; name what is measured on the test set"
    yield from _unnamed(spec, metric, "test.metric")


def constraint_problems(spec: SweepSpec) -> Complaints:
    """Yield bounds on what is no result of a training, and on what never could be reported."""
    for name in spec.constraints:
        path: KeyPath = ("constraints", name)
        if name in (spec.fidelity.metric, COUNTED):
            yield path, f"{quote(name)} counts the training, and is the same for all; bound another metric"
        elif name == "checkpoint" and spec.command is not None:
            yield path, f"{quote(name)} is what a program's report names its checkpoint by; bound a metric"
        yield from _unnamed(spec, name, f"constraints.{name}")


def _unnamed(spec: SweepSpec, metric: str, key: str) -> Complaints:
    """Yield the metric where a program's are read by patterns, and no group of them has its name."""
    if spec.metrics is None or spec.metrics.patterns is None or metric in spec.metrics.groups:
        return
    stream = "stdout" if spec.metrics.stdout is not None else "stderr"
    remedy = "name a group so" if metric.isidentifier() else "give that metric a name of letters, digits and _"
    yield ("metrics", stream), f"no group is named {metric}, which `{key}` is; {remedy}"


def _chosen_by(spec: SweepSpec) -> dict[str, str]:
    """Return the metrics that something is chosen by, with the key that names each."""
    bounds = {f"constraints.{name}": name for name in spec.constraints}
    return {"objective.metric": spec.objective.metric, "fidelity.metric": spec.fidelity.metric, **bounds}
