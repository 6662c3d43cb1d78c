"""Tables in several files, `<folder>/part-00000.parquet` and on, and tables made of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from orchestrator.results.parquet_file import replace_table

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem

Values: TypeAlias = tuple[object, ...]
"""A row, in the order of the schema."""


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
