"""What is wrong with where a sweep file says that its program's metrics are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from orchestrator.sweep.program import Metrics
from orchestrator.sweep.recordable import COUNTED
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.messages import Complaints, KeyPath, quote


def metrics_problems(spec: SweepSpec) -> Complaints:
    """Yield what is wrong with `metrics`, and where."""
    metrics = spec.metrics
    if metrics is None:
        return
    broken = list(_broken_patterns(metrics))
    yield from broken
    if metrics.patterns is not None and not broken:
        yield from _unnamed(spec, metrics)
    for key in ("jsonl", "csv", "tensorboard"):
        path = getattr(metrics, key)
        if path is not None and (path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts):
            what = f"{quote(path)} leads out of the attempt's folder, which no two trials share"
            yield ("metrics", key), f"{what}; let the program write into {{trial.folder}}, and give the path from there"


def _broken_patterns(metrics: Metrics) -> Iterator[tuple[KeyPath, str]]:
    for key in ("stdout", "stderr"):
        for position, pattern in enumerate(getattr(metrics, key) or ()):
            try:
                groups = re.compile(pattern).groupindex
            except re.error as error:
                yield ("metrics", key, position), f"{quote(pattern)} is no regular expression: {error}"
                continue
            if not groups:
                what = f"{quote(pattern)} names no metric"
                yield ("metrics", key, position), f"{what}; name a group of it, as in (?P<val_accuracy>[\\d.]+)"


def _unnamed(spec: SweepSpec, metrics: Metrics) -> Complaints:
    """Yield the keys that every report must have and that no pattern names."""
    key = "stdout" if metrics.stdout is not None else "stderr"
    needed = [spec.objective.metric, *([] if spec.fidelity.metric == COUNTED else [spec.fidelity.metric])]
    for name in needed:
        if name not in metrics.groups:
            field = "objective.metric" if name == spec.objective.metric else "fidelity.metric"
            remedy = "name a group so" if name.isidentifier() else "give that metric a name of letters, digits and _"
            yield ("metrics", key), f"no group is named {name}, which `{field}` is; {remedy}"
