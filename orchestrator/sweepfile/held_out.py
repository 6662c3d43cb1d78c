"""What is wrong with what a sweep file says of the test set."""

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
    if spec.metrics is not None and spec.metrics.patterns is not None and metric not in spec.metrics.groups:
        key = "stdout" if spec.metrics.stdout is not None else "stderr"
        remedy = "name a group so" if metric.isidentifier() else "give that metric a name of letters, digits and _"
        yield ("metrics", key), f"no group is named {metric}, which `test.metric` is; {remedy}"


def _chosen_by(spec: SweepSpec) -> dict[str, str]:
    """Return the metrics that something is chosen by, with the key that names each."""
    return {"objective.metric": spec.objective.metric, "fidelity.metric": spec.fidelity.metric}
