"""Puts a table in place of another under the hands of readers that open the file more than once.

An atomic rename is not enough: DuckDB, Polars and pandas ask for a file's size, read its footer, and open it again by
name for the data. A file that was replaced in between is read with the offsets of the one before: garbage, an error.

So the file holds its last few versions. A new version's data goes where no kept version's data lies, its footer to the
end of the file; the file never shrinks, and where it grows, the footers at its former ends are kept with their data.
Whatever mix of size, footer and data a reader gets, each footer it may hold points at bytes that are still there, until
`KEPT` more versions were written: some seconds in practice. The price is dead bytes, two to five times the live ones.

Parquet allows all of that: a reader starts from the footer at the end and follows absolute offsets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem

KEPT = 3
"""Versions before the newest that can still be read: three seconds of them, at one a second."""
KEPT_LARGE = 1
"""The same where the newest takes more than `LARGE` bytes: what takes longer to write is written less often."""
LARGE = 1 << 20
_NOTE = b"stepladder.versions"
_SLACK = 1024
_MAGIC = b"PAR1"


class _Version(NamedTuple):
    start: int
    """First byte of its data."""
    end: int
    """First byte behind its data."""
    footer: int
    """First byte of its footer."""
    size: int
    """Size of the file it was written into: where its footer ends."""


def replace_table(files: FileSystem, name: str, table: pa.Table) -> None:
    """Put `table` in place as the Parquet file `name`, compressed by zstd, atomically and durably.

    Raises StorageError as the file system does.
    """
    old = files.read(name)
    kept = _versions(old)
    start = _gap(kept, len(old), kept[0].end - kept[0].start if kept else 0)
    data, footer = _encoded(table, start, kept)
    if _gap(kept, len(old), len(data)) != start:
        start = _gap(kept, len(old), len(data))
        data, footer = _encoded(table, start, kept)
    end = start + len(data)
    size = len(old)
    at = size - len(footer)
    if at < end or any(at < v.end or at < v.size < size for v in kept):
        size = max(size, end) + _SLACK + len(footer)
    content = bytearray(size)
    content[: len(old)] = old
    content[: len(_MAGIC)] = _MAGIC
    content[start:end] = data
    content[size - len(footer) :] = footer
    files.replace(name, bytes(content))


def table_in(content: bytes) -> pa.Table:
    """Return the table that a file's content holds, read in this thread: others may abort the process as it ends."""
    return pq.ParquetFile(pa.BufferReader(content), pre_buffer=False).read(use_threads=False)


def read_table(files: FileSystem, name: str) -> pa.Table:
    """Return the newest version of a file that `replace_table` wrote."""
    return table_in(files.read(name)).replace_schema_metadata(None)


def column_types(files: FileSystem, name: str) -> dict[str, pa.DataType]:
    """Return a file's columns, name to type; none where the file is missing, damaged or foreign."""
    content = files.read(name)
    if not _versions(content):
        return {}
    return {field.name: field.type for field in pq.read_schema(pa.BufferReader(content))}


def _encoded(table: pa.Table, start: int, kept: list[_Version]) -> tuple[bytes, bytes]:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, compression="zstd", store_schema=False) as writer:
        sink.write(bytes(start - len(_MAGIC)))  # the writer goes on, and counts, from where the stream stands
        writer.write_table(table)
        writer.add_key_value_metadata({_NOTE: json.dumps(kept)})
    content = sink.getvalue().to_pybytes()
    footer = _footer_at(content)
    return content[start:footer], content[footer:]


def _footer_at(content: bytes) -> int:
    return len(content) - int.from_bytes(content[-8:-4], "little") - 8


def _versions(content: bytes) -> list[_Version]:
    """List the versions that a reader may be at, newest first."""
    if not content:
        return []
    try:
        metadata = pq.read_metadata(pa.BufferReader(content))
        earlier = json.loads(metadata.metadata[_NOTE])
    except (ValueError, KeyError, TypeError, OSError):  # not ours, or damaged: nothing in it is worth keeping
        return []
    chunks = [
        metadata.row_group(g).column(c) for g in range(metadata.num_row_groups) for c in range(metadata.num_columns)
    ]
    starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
    ends = [at + chunk.total_compressed_size for at, chunk in zip(starts, chunks, strict=True)]
    newest = _Version(min(starts, default=0), max(ends, default=len(_MAGIC)), _footer_at(content), len(content))
    kept = KEPT if newest.end - newest.start <= LARGE else KEPT_LARGE
    return [newest, *(_Version(*version) for version in earlier)][:kept]


def _gap(kept: Sequence[_Version], size: int, length: int) -> int:
    """Return where `length` bytes fit without touching a kept version; the end of the file where they fit nowhere."""
    taken = sorted([(v.start, v.end) for v in kept] + [(v.footer, v.size) for v in kept])
    at = len(_MAGIC)
    for start, end in taken:
        if start - at >= length:
            return at
        at = max(at, end)
    return max(at, size)
