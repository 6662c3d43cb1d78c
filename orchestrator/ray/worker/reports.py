"""From what a training function or program reported to the numbers that count; checked in the worker, at its line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

SHOWN_KEYS = 12
CHECKPOINT = "checkpoint"
"""The key by which a program's report names its checkpoint."""


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


def read_report(
    reported: Mapping[str, Any], objective: str, fidelity: str, each: str = "ray.tune.report(...)"
) -> WorkerReport:
    """Take the numbers out of a report; `objective` and `fidelity` are the keys that it must hold.

    `each` is what messages call a report.

    Raises ReportError, saying which key is missing, what was reported and what to change.
    """
    metrics = dict(_numbers(reported, ""))
    for key, field in ((objective, "objective.metric"), (fidelity, "fidelity.metric")):
        if key not in metrics:
            raise ReportError(_missing(reported, key, field, each))
    if not math.isfinite(metrics[fidelity]):
        raise ReportError(
            f"{fidelity!r} is reported as {metrics[fidelity]}: report how far the training is, e.g. the epoch"
        )
    return WorkerReport(metrics[fidelity], metrics)


class ReportLines:
    """Reads the lines that are appended to a file; one without an end is waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._number = 0

    def read(self, *, final: bool) -> Iterator[tuple[int, bytes]]:
        """Yield the new lines with their numbers, 1 first; `final` takes the rest for a line."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n") and not final:
                    return
                self._offset += len(line)
                self._number += 1
                if line.strip():
                    yield self._number, line


def read_line(line: bytes, number: int, objective: str, fidelity: str) -> tuple[WorkerReport, str | None]:
    """Return a line's report and the name of its checkpoint; raises ReportError, which names the line."""
    where = f"line {number} of STEPLADDER_REPORTS"
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        shown = line.decode(errors="replace").strip()[:80]
        raise ReportError(
            f"{where} is no JSON object: {shown!r}; append one such as {{{json.dumps(fidelity)}: 1, ...}}"
        )
    name = said.pop(CHECKPOINT, None)
    if name is not None and (not isinstance(name, str) or name in ("", ".", "..") or "/" in name):
        raise ReportError(f"{where}: {name!r} names no checkpoint; give the name of a file in STEPLADDER_CHECKPOINTS")
    try:
        return read_report(said, objective, fidelity, "line"), name
    except ReportError as error:
        raise ReportError(f"{where}: {error}") from None


def _numbers(reported: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in reported.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, Real):
            yield f"{prefix}{key}", float(value)


def _missing(reported: Mapping[str, Any], key: str, field: str, each: str) -> str:
    if key in reported:
        kind = type(reported[key]).__name__
        return f"{key!r} is reported as a {kind}, not as a number; report float(...) or .item() of it"
    keys = [str(name) for name in reported]
    shown = ", ".join(keys[:SHOWN_KEYS]) + (", ..." if len(keys) > SHOWN_KEYS else "")
    return (
        f"a report without {key!r}: it held {shown or 'nothing'}. The sweep file says `{field}: {key}`; "
        f"report that key with every {each}, or name another one there"
    )
