"""Where a program's reports are read: the lines that it writes for us, or what it prints and keeps anyway.

    STEPLADDER_REPORTS   JSON lines, each a report
    stdout, stderr       lines that a pattern of the sweep file matches; its named groups are metrics
    jsonl, csv           files in the attempt's folder that grow; a CSV may be written anew with more columns
    tensorboard          event files in the attempt's folder

What a program writes for itself seldom has everything in one line: the epoch stands on one, the accuracy on another. So
values are gathered, and each that is the objective's makes a report of what was gathered since the report before; how
far the training is stays known until it is said anew. What is said of the same place afterwards, as event files do that
hold the objective first, joins that report, or is reported once more with it.
"""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.metric_files import CsvRows, EventFile, JsonLines, MetricFile, MetricRow
from orchestrator.ray.worker.reports import CHECKPOINT, ReportError, ReportLines, read_object
from orchestrator.sweep.recordable import COUNTED

if TYPE_CHECKING:
    from orchestrator.sweep.program import Metrics

LOOK_S = 1.0
"""How often new files are looked for in the attempt's folder."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
"""A number as people read it: 1,234.5."""
_SHOWN = 80


class MetricSource(ABC):
    """What a program says, in the order in which it says it."""

    @abstractmethod
    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield what is new, a report each; `final`: nothing follows. Raises ReportError for what cannot be read."""

    def moved(self, files: Mapping[Path, int]) -> None:
        """Take note that the ends of files were moved by so many bytes: what lay before was cut."""

    @abstractmethod
    def lacking(self) -> str:
        """Say what a program did not do that has ended without a report, and what to change."""

    def left(self) -> list[str]:
        """Return the names of metrics that were read and are in no report, once nothing follows."""
        return []


class ReportFile(MetricSource):
    """The lines that a program writes for us."""

    def __init__(self, path: Path, objective: str, fidelity: str | None) -> None:
        self._lines = ReportLines(path)
        self._example = json.dumps({**({} if fidelity in (None, COUNTED) else {fidelity: 1}), objective: 0.5})

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield each new line's object."""
        for number, line in self._lines.read(final=final):
            where = f"line {number} of STEPLADDER_REPORTS"
            yield where, read_object(line, where, f"append one such as {self._example}")

    def lacking(self) -> str:
        """Ask for lines."""
        return f"append lines such as {self._example} to STEPLADDER_REPORTS, or say by `metrics` where it writes them"


class Walled(MetricSource):
    """Takes what is measured on the test set out of each row, before anything is gathered, counted or shown of it."""

    def __init__(self, rows: MetricSource, wall: Firewall) -> None:
        self._rows = rows
        self._wall = wall

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield each row as it may be known; in a test, whole."""
        for where, row in self._rows.read(final=final):
            yield where, row if self._wall.is_test else dict(self._wall.without(row))

    def moved(self, files: Mapping[Path, int]) -> None:
        """Hand on."""
        self._rows.moved(files)

    def lacking(self) -> str:
        """Hand on."""
        return self._rows.lacking()


class Gathered(MetricSource):
    """Gathers the rows of what a program writes for itself into reports."""

    def __init__(self, rows: MetricSource, objective: str, fidelity: str | None) -> None:
        self._rows = rows
        self._objective = objective
        self._fidelity = fidelity
        self._gathered: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._held: MetricRow | None = None
        self._is_due = False

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield a report for each new row that holds the objective, joined by what is there of the same place.

        What comes of that place later is one report more, once the training has moved on or ended.
        """
        try:
            for where, row in self._rows.read(final=final):
                yield from self._take(where, row)
        except ReportError:
            yield from self._let_go()  # what was said before it
            raise
        if self._is_due or final:
            yield from self._let_go()

    def _take(self, where: str, row: Mapping[str, Any]) -> Iterator[MetricRow]:
        at = row.get(self._fidelity or "")
        has_moved = at is not None and at != self._last.get(self._fidelity or "")
        if self._objective in row:
            yield from self._let_go()
            whole = {**self._gathered, **row}
            self._held, self._is_due = (where, whole), True
            self._gathered = {name: value for name, value in whole.items() if name == self._fidelity}
            self._last = {**self._gathered, self._objective: row[self._objective]}
        elif at is None or has_moved:
            if has_moved:
                yield from self._let_go()
            self._gathered |= row
        else:
            first, held = self._held or (where, self._last)
            self._held = first, {**held, **row}

    def _let_go(self) -> Iterator[MetricRow]:
        held, self._held, self._is_due = self._held, None, False
        if held is not None:
            yield held

    def left(self) -> list[str]:
        """Return what was gathered behind the last report."""
        return sorted(name for name in self._gathered if name != self._fidelity)

    def moved(self, files: Mapping[Path, int]) -> None:
        """Hand on."""
        self._rows.moved(files)

    def lacking(self) -> str:
        """Say what was looked for, and what there was instead."""
        held = ", ".join(sorted(self._gathered))
        return self._rows.lacking() + (f"; {self._objective!r} was not among what was read: {held}" if held else "")


class PatternLines(MetricSource):
    """Lines that a program prints, as a terminal would show them; what a pattern's groups hold is metrics."""

    def __init__(self, path: Path, patterns: tuple[str, ...], name: str, numbers: Container[str | None]) -> None:
        """Read `path`, which people know by `name`; `numbers` are the metrics that must be some."""
        self._lines = ReportLines(path)
        self._numbers = numbers
        self._patterns = [re.compile(pattern) for pattern in patterns]
        self._name = name
        self._last = ""

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield what each new line says that a pattern matches."""
        for number, line in self._lines.read(final=final):
            where = f"line {number} of its {self._name}"
            for text in re.split(r"[\r\n]+", _CONTROL.sub("", line.decode(errors="replace"))):
                self._last = text.strip() or self._last
                for found in filter(None, (pattern.search(text) for pattern in self._patterns)):
                    groups = {name: value for name, value in found.groupdict().items() if value is not None}
                    if groups:
                        yield where, {name: self._value(name, value, where) for name, value in groups.items()}

    def _value(self, name: str, text: str, where: str) -> float | str:
        """Return a number, or of what need not be one its text. Raises ReportError for what must be one and is none."""
        if name == CHECKPOINT:
            return text
        plain = text.strip().rstrip(".,;:%)")
        if _GROUPED.fullmatch(plain):
            plain = plain.replace(",", "")
        try:
            return float(plain.replace("_", ""))
        except ValueError:
            if name not in self._numbers:
                return text
        raise ReportError(f"{where}: {name} is {text[:_SHOWN]!r}, which is no number; mend the pattern")

    def moved(self, files: Mapping[Path, int]) -> None:
        """Go on at the same line."""
        self._lines.moved(files)

    def lacking(self) -> str:
        """Show the last line, which may be meant."""
        last = f"; its last line was {self._last[:_SHOWN]!r}" if self._last else ""
        return f"no line of its {self._name} matched metrics.{self._name}{last}"


class FolderFiles(MetricSource):
    """Files of one kind in the attempt's folder, which may come one after another, read in the order of their names."""

    def __init__(self, folder: Path, pattern: str, read: Callable[[Path, str], MetricFile], key: str) -> None:
        self._folder = folder
        self._pattern = pattern
        self._make = read
        self._key = key
        self._files: dict[Path, MetricFile] = {}
        self._looked = -LOOK_S

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield the new rows of every file."""
        if final or time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            for path in sorted(self._folder.glob(self._pattern)):
                if path not in self._files and path.is_file():
                    self._files[path] = self._make(path, str(path.relative_to(self._folder)))
        for path, file in list(self._files.items()):
            try:
                yield from file.read(final=final)
            except FileNotFoundError:
                del self._files[path]  # the program removed it

    def lacking(self) -> str:
        """Say whether there was a file at all."""
        there = ", ".join(str(path.relative_to(self._folder)) for path in self._files)
        if there:
            return f"{there} in its folder held no report"
        return (
            f"there is no {self._pattern} in its folder, where `metrics.{self._key}` looks; "
            "let it write there: `{trial.folder}` in the command is that folder"
        )


def source_of(
    metrics: Metrics | None, reports: Path, folder: Path, logs: Path, objective: str, fidelity: str | None,
    *, wall: Firewall,
) -> MetricSource:  # fmt: skip
    """Return where a program's reports are read: the file `reports` unless the sweep file says otherwise.

    `folder` is the attempt's own, `logs` where its stdout and stderr go, `wall` what keeps the test set's metric back.
    """
    if metrics is None:
        return Walled(ReportFile(reports, objective, fidelity), wall)
    rows: MetricSource
    if metrics.stdout is not None:
        rows = PatternLines(logs / "stdout.txt", metrics.stdout, "stdout", (objective, fidelity))
    elif metrics.stderr is not None:
        rows = PatternLines(logs / "stderr.txt", metrics.stderr, "stderr", (objective, fidelity))
    elif metrics.jsonl is not None:
        rows = FolderFiles(folder, metrics.jsonl, JsonLines, "jsonl")
    elif metrics.csv is not None:
        rows = FolderFiles(folder, metrics.csv, CsvRows, "csv")
    else:
        below = "" if metrics.tensorboard in (None, ".") else f"{metrics.tensorboard}/"
        rows = FolderFiles(folder, f"{below}**/*tfevents*", EventFile, "tensorboard")
    return Gathered(Walled(rows, wall), objective, fidelity)
