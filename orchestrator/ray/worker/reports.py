"""From what a training function or program reported to the numbers that count; checked in the worker, at its line."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.ray.worker.gpu_use import GpuUse
from orchestrator.sweep import recordable
from orchestrator.sweep.recordable import COUNTED

SHOWN_KEYS, SHOWN_NAME = 12, 60
DEEPEST = 20
"""How deep the mappings of a report may lie in one another."""
CHECKPOINT = "checkpoint"
"""The key by which a program's report names its checkpoint."""


class ReportError(Exception):
    """A report lacks what the sweep file says it holds, or holds what no log can."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One `ray.tune.report(...)`."""

    fidelity: float
    """How far the training is, by the user's own key."""
    metrics: Mapping[str, float]
    """Every number in it, finite or not; nested names are joined by `/`.

    A number is what `orchestrator.sweep.recordable.as_number` says; one beyond a float's range is infinite."""
    checkpoint: str | None = None
    """Where the checkpoint of this very report lies; None without one."""
    texts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Every text in it, by name, as the log can hold it."""
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What is neither number nor text, by name: its type."""
    is_withheld: bool = False
    """Whether the training has said something of the test set by now, which is kept in the worker."""
    gpu_use: GpuUse | None = None
    """What its GPUs were used for so far; None where that is not known."""
    checkpoints_s: float | None = None
    """Seconds that the training waited so far for its checkpoints to be put; None where it has put none."""
    writes_seen_ns: int = 0
    """Up to when it is known what of the project a program may have changed; 0 where nothing new is said."""
    writes: tuple[tuple[str, int, int], ...] = ()
    """What it may have changed since its last report (see `project_writes.Write`)."""


def read_report(
    reported: Mapping[str, Any],
    objective: str,
    fidelity: str | None,
    number: float | None = None,
    each: str = "ray.tune.report(...)",
) -> WorkerReport:
    """Take the numbers and texts out of a report; `objective` and `fidelity` are the keys that it must hold.

    Without a fidelity it is a training's one score. `number` is the report's number in the training, which counts where
    it says none; `each` is what messages call a report.

    Raises ReportError, saying which key is missing or cannot be held, what was reported and what to change.
    """
    if not isinstance(reported, Mapping):
        kind = type(reported).__name__
        raise ReportError(f"a report is a dict, and this one is of type {kind}: write {{{objective!r}: ...}}")
    left_out: dict[str, str] = {}
    metrics: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in _leaves(reported, "", 0):
        if (found := recordable.as_number(value)) is not None:
            if name in metrics and not _same(metrics[name], found):
                raise ReportError(_TWICE.format("metrics", recordable.shown(name)))
            metrics[name] = found
        elif isinstance(value, str):
            text = recordable.cleaned(value)
            if texts.setdefault(name, text) != text:
                raise ReportError(_TWICE.format("texts", recordable.shown(name)))
        else:
            left_out[recordable.cleaned(name, SHOWN_NAME)] = type(value).__name__
    if number is not None:
        metrics.setdefault(COUNTED, number)
    if (problem := recordable.report_problem(metrics, texts)) is not None:
        raise ReportError(problem)
    for key, field in ((objective, "objective.metric"), (fidelity, "fidelity.metric")):
        if key is not None and key not in metrics:
            raise ReportError(_missing(reported, key, field, each))
    if fidelity is None:
        return WorkerReport(1.0, metrics, texts=texts, left_out=left_out)
    if not math.isfinite(metrics[fidelity]):
        raise ReportError(
            f"{fidelity!r} is reported as {metrics[fidelity]}: report how far the training is, e.g. the epoch"
        )
    return WorkerReport(metrics[fidelity], metrics, texts=texts, left_out=left_out)


class FidelityCounter:
    """Follows how far a training says it is: counts its reports where nothing else does, and sees a new beginning."""

    def __init__(self, fidelity: str | None, since: float, *, counts: bool = True, refuses: bool) -> None:
        """`since` is the count of reports up to the checkpoint that the attempt goes on from, 0 from the start.

        `counts` is false for sweeps whose reports hold what they say alone. `refuses` says whether a counter that
        begins again is an error: in a sweep's first trials, which cost little.
        """
        self._fidelity = fidelity
        self._count = since
        self._counts = counts
        self._refuses = refuses
        self._highest = -math.inf
        self._fallen: float | None = None

    def count(self) -> float | None:
        """Count a report and return its number in the training; None where that is not asked for."""
        self._count += 1
        return self._count if self._counts else None

    def see(self, fidelity: float) -> None:
        """Look at the next report's fidelity. Raises ReportError where it has begun again and rises."""
        if fidelity > self._highest:
            self._highest, self._fallen = fidelity, None
        elif fidelity < self._highest and (self._fallen is None or fidelity <= self._fallen):
            self._fallen = fidelity
        elif self._fallen is not None and fidelity > self._fallen and self._refuses:
            raise ReportError(
                f"{self._fidelity!r} begins again: it was {self._highest:g}, then {self._fallen:g}, now {fidelity:g}. "
                "Trainings are compared by a number that rises: count on over folds or phases, or leave out "
                "`fidelity.metric`: then the reports are counted"
            )


class ReportLines:
    """Reads the lines that are appended to a file; one without an end is waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._number = 0

    def moved(self, files: Mapping[Path, int]) -> None:
        """Take note that the file's end was moved by so many bytes, below 0, if it is one of `files`."""
        self._offset = max(self._offset + files.get(self._path, 0), 0)

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


def read_object(line: bytes, where: str, remedy: str) -> dict[str, Any]:
    """Return the JSON object that a line holds; raises ReportError, with `where` it stands and a `remedy`."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        shown = line.decode(errors="replace").strip()[:80]
        raise ReportError(f"{where} is no JSON object: {shown!r}; {remedy}")
    return said


def read_said(
    said: Mapping[str, Any], where: str, objective: str, fidelity: str | None, counter: FidelityCounter
) -> tuple[WorkerReport, str | None]:
    """Return what a program said as a report, and the name of its checkpoint; raises ReportError, with `where`."""
    name = said.get(CHECKPOINT)
    if name is not None and (not isinstance(name, str) or name in ("", ".", "..") or "/" in name):
        raise ReportError(f"{where}: {name!r} names no checkpoint; give the name of a file in STEPLADDER_CHECKPOINTS")
    metrics = {key: value for key, value in said.items() if key != CHECKPOINT}
    try:
        report = read_report(metrics, objective, fidelity, counter.count(), "line")
        counter.see(report.fidelity)
    except ReportError as error:
        raise ReportError(f"{where}: {error}") from None
    return report, name


def _leaves(reported: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST:
        raise ReportError(f"a report holds mappings more than {DEEPEST} deep in one another; report fewer levels")
    for key, value in reported.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}/", depth + 1)
        else:
            yield f"{prefix}{key}", value


_TWICE = "a report holds two {} of one name, {}; rename one of them"


def _same(value: float, other: float) -> bool:
    return value == other or (math.isnan(value) and math.isnan(other))


def _missing(reported: Mapping[str, Any], key: str, field: str, each: str) -> str:
    found = dict(_leaves(reported, "", 0))
    if key in found:
        kind = type(found[key]).__name__
        return f"{key!r} is reported as a {kind}, not as a number; report float(...) or .item() of it"
    keys = [recordable.cleaned(name, SHOWN_NAME) for name in found]
    shown = ", ".join(keys[:SHOWN_KEYS]) + (", ..." if len(keys) > SHOWN_KEYS else "")
    counting = ", or leave it out: then the reports are counted" if field == "fidelity.metric" else ""
    return (
        f"a report without {key!r}: it held {shown or 'nothing'}. The sweep file says `{field}: {key}`; "
        f"report that key with every {each}, or name another one there{counting}"
    )
