"""From what a training function reported to the numbers that count; checked in the worker, at the user's line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

SHOWN_KEYS = 12


class ReportError(Exception):
    """A report lacks what the sweep file says it holds."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One `ray.tune.report(...)`."""

    fidelity: float
    """How far the training is, by the user's own key."""
    metrics: Mapping[str, float]
    """Every number in it, finite or not; nested names are joined by `/`, anything that is no number is left out."""
    checkpoint: str | None = None
    """Where the checkpoint of this very report lies; None without one."""


def read_report(reported: Mapping[str, Any], objective: str, fidelity: str) -> WorkerReport:
    """Take the numbers out of a report; `objective` and `fidelity` are the keys that it must hold.

    Raises ReportError, saying which key is missing, what was reported and what to change.
    """
    metrics = dict(_numbers(reported, ""))
    for key, field in ((objective, "objective.metric"), (fidelity, "fidelity.metric")):
        if key not in metrics:
            raise ReportError(_missing(reported, key, field))
    if not math.isfinite(metrics[fidelity]):
        raise ReportError(
            f"{fidelity!r} is reported as {metrics[fidelity]}: report how far the training is, e.g. the epoch"
        )
    return WorkerReport(metrics[fidelity], metrics)


def _numbers(reported: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in reported.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, Real):
            yield f"{prefix}{key}", float(value)


def _missing(reported: Mapping[str, Any], key: str, field: str) -> str:
    if key in reported:
        kind = type(reported[key]).__name__
        return f"{key!r} is reported as a {kind}, not as a number; report float(...) or .item() of it"
    keys = [str(name) for name in reported]
    shown = ", ".join(keys[:SHOWN_KEYS]) + (", ..." if len(keys) > SHOWN_KEYS else "")
    return (
        f"a report without {key!r}: it held {shown or 'nothing'}. The sweep file says `{field}: {key}`; "
        "report that key with every ray.tune.report(...), or name another one there"
    )
