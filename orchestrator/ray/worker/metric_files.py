"""Files that a program keeps its metrics in, read as they grow."""

from __future__ import annotations

import csv
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.ray.worker.reports import ReportError, ReportLines, read_object

MetricRow: TypeAlias = tuple[str, dict[str, Any]]
"""Where something was said, as messages name it, and what."""

MOST_EVENT_BYTES = 256 * 2**20
"""A longer event is no event: its file is damaged."""


class MetricFile(ABC):
    """One file that a program writes and that is read as it grows."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    @abstractmethod
    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield its new rows."""


class JsonLines(MetricFile):
    """A file of JSON lines; names in one another are joined by `/`."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, name)
        self._lines = ReportLines(path)

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield each new line's object."""
        for number, line in self._lines.read(final=final):
            where = f"{self._name}:{number}"
            yield where, dict(_flat(read_object(line, where, "metrics.jsonl takes one on each line"), ""))


class CsvRows(MetricFile):
    """A CSV with a heading. One that is written anew, with more columns, is read on behind the rows that were read."""

    _heading = b""
    _offset = 0
    _taken = 0

    def read(self, *, final: bool) -> Iterator[MetricRow]:
        """Yield each new row; empty cells are none."""
        content = self._path.read_bytes() if self._is_new() else self._rest()
        end = len(content) if final else content.rfind(b"\n") + 1
        lines = content[:end].decode(errors="replace").splitlines()
        heading = self._heading.decode(errors="replace").strip()
        delimiter = max(",;\t", key=heading.count)
        names = next(csv.reader([heading], delimiter=delimiter), [])
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        if self._offset == 0:
            rows = rows[1 + self._taken :]
        self._offset += end
        for row in rows:
            self._taken += 1
            cells = {name.strip(): cell.strip() for name, cell in zip(names, row, strict=False) if cell.strip()}
            yield f"{self._name}, row {self._taken}", {name: _cell(cell) for name, cell in cells.items()}

    def _is_new(self) -> bool:
        """See whether the file begins otherwise than before, or is shorter."""
        with self._path.open("rb") as file:
            heading = file.readline()
        if heading.endswith(b"\n") and (heading != self._heading or self._path.stat().st_size < self._offset):
            self._heading, self._offset = heading, 0
            return True
        return False

    def _rest(self) -> bytes:
        if not self._heading:
            return b""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            return file.read()


class EventFile(MetricFile):
    """A TensorBoard event file: records of a length, its checksum, an event and its checksum."""

    _offset = 0

    def read(self, *, final: bool) -> Iterator[MetricRow]:  # noqa: ARG002 - half a record says nothing, at the end either
        """Yield each new scalar with its step."""
        from tensorboardX.proto.event_pb2 import Event  # takes protobuf along

        with self._path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        at = 0
        while at + 12 <= len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            if length > MOST_EVENT_BYTES:
                raise ReportError(f"{self._name}: is no event file of TensorBoard, or a damaged one")
            if at + 16 + length > len(content):
                break
            event = Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                if (number := _scalar(value)) is not None:
                    yield f"{self._name}, step {event.step}", {"step": event.step, value.tag: number}
        self._offset += at


def _flat(said: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _cell(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _scalar(value: Any) -> float | None:
    """Return an event's number: as PyTorch writes it, or as a tensor of one number, as TensorFlow does."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor"):
        return None
    tensor = value.tensor
    if tensor.tensor_content:
        form = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}.get(tensor.dtype)
        is_one = form is not None and len(tensor.tensor_content) == struct.calcsize(form)
        return float(struct.unpack(form, tensor.tensor_content)[0]) if form is not None and is_one else None
    numbers = [*tensor.float_val, *tensor.double_val, *tensor.int_val, *tensor.int64_val]
    return float(numbers[0]) if len(numbers) == 1 else None
