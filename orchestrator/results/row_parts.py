"""Tables in several files, `<folder>/part-00000.parquet` and on; and one whose rows may change after they were written.

A row stays in the part it was first written to, by its number, so the union of the files holds each row once at every
instant and the same log gives the same files. Only parts with a changed row are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from orchestrator.results.parquet_file import replace_table

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem

ROWS_PER_PART = 2_000
"""Written in some ten milliseconds, which a change of one row costs."""

Values: TypeAlias = tuple[object, ...]
"""A row, in the order of the schema."""


class RowParts:
    """A table of rows that come in order and change later: `put` takes them into memory, `write` puts them on disk."""

    def __init__(
        self,
        files: FileSystem,
        folder: str,
        schema: pa.Schema,
        rows_per_part: int = ROWS_PER_PART,
        whole: str | None = None,
    ) -> None:
        """Keep rows in the parts of `folder`, or all of them in the one file `whole`."""
        self._files = files
        self._whole = whole
        self._folder = folder
        self._schema = schema
        self._rows_per_part = rows_per_part
        self._rows: list[Values] = []
        self._changed = {0}
        self._changes_types = False

    def __len__(self) -> int:
        """Count the rows: the number of the next one."""
        return len(self._rows)

    def put(self, number: int, row: Values) -> None:
        """Take row `number` in, the next one or a changed one."""
        self._rows[number : number + 1] = [row]
        self._changed.add(number // self._rows_per_part)

    def write(self) -> None:
        """Write the parts with a changed row. Raises StorageError, and then forgets nothing.

        The newest comes first: where a newer version has a column more, it reaches the first file, from which readers
        take the columns of a glob, when all others have it. Wider types begin in the first file: what the others hold
        fits them.
        """
        for index in sorted(self._changed, reverse=not self._changes_types):
            replace_table(self._files, self._whole or part_name(self._folder, index), self._part(index))
            self._changed.discard(index)
        self._changes_types = False

    def change_types(self, schema: pa.Schema) -> None:
        """Take over other types for the same columns; every row is then put again before `write`."""
        if schema != self._schema:
            self._schema = schema
            self._changes_types = True

    def empty_strays(self) -> None:
        """Empty parts beyond the newest: they hold what a restored, older log no longer knows. After a rebuild."""
        last = max(len(self._rows) - 1, 0) // self._rows_per_part
        empty_parts(self._files, self._folder, 0 if self._whole else last + 1, self._schema)

    def _part(self, index: int) -> pa.Table:
        rows = self._rows[index * self._rows_per_part : (index + 1) * self._rows_per_part]
        return table_of(rows, self._schema)


def table_of(rows: list[Values], schema: pa.Schema) -> pa.Table:
    """Make a table of rows in the order of the schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def part_name(folder: str, index: int) -> str:
    """Return the name of a part, below the sweep's folder."""
    return f"{folder}/part-{index:05d}.parquet"


def empty_parts(files: FileSystem, folder: str, first: int, schema: pa.Schema) -> None:
    """Empty the parts from `first` on. They are kept: a reader may have listed them already."""
    for name in files.names(folder):
        if name.startswith("part-") and name.endswith(".parquet") and f"{folder}/{name}" >= part_name(folder, first):
            replace_table(files, f"{folder}/{name}", schema.empty_table())
