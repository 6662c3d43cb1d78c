"""What a sweep's log makes of its tables and best.json, in memory: to compare, or put right, what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.errors import SweepNotFoundError
from orchestrator.results.follower import Follower
from orchestrator.results.parquet_file import table_in
from orchestrator.results.tables import Tables
from orchestrator.results.trial_table import FOLDER as TRIALS
from orchestrator.results.trial_table import WHOLE
from orchestrator.storage.marks import FOLDER

if TYPE_CHECKING:
    from orchestrator.storage.filesystem import FileSystem
    from orchestrator.storage.location import Location


class Rebuilt:
    """File operations whose journal is a sweep's own, and whose every other file is held in memory."""

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self.contents: dict[str, bytes] = {}
        """Every file that was made, by its name."""

    def read(self, name: str, offset: int = 0) -> bytes:
        """Return the content from byte `offset` on; empty for a file that is not there."""
        return self._files.read(name, offset) if _is_log(name) else self.contents.get(name, b"")[offset:]

    def chunks(self, name: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the same in pieces."""
        yield from self._files.chunks(name, offset) if _is_log(name) else filter(None, [self.read(name, offset)])

    def exists(self, name: str) -> bool:
        """Say whether there is a file of that name."""
        if _is_log(name) or name == WHOLE:  # what lies there says in which files a table is to be
            return self._files.exists(name)
        return name in self.contents

    def table(self, name: str) -> pa.Table:
        """Return a table (trials, reports or attempts) whole, trials by number; without columns where none was made."""
        parts = [table_in(self.contents[f"{name}/{part}"]) for part in self.names(name)]
        whole = pa.concat_tables(parts, promote_options="default") if parts else pa.table({})
        return whole.sort_by("trial") if parts and name == TRIALS else whole

    def names(self, folder: str) -> list[str]:
        """List a folder's file names, sorted."""
        if folder == FOLDER:
            return self._files.names(folder)
        return sorted(name.removeprefix(f"{folder}/") for name in self.contents if name.startswith(f"{folder}/"))

    def replace(self, name: str, data: bytes) -> None:
        """Hold a whole file."""
        self.contents[name] = data

    def overwrite(self, name: str, data: bytes) -> None:
        """Hold a whole file."""
        self.replace(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Hold a whole file, only if none is there; False if there is one."""
        return self.contents.setdefault(name, data) is data

    def append(self, name: str, data: bytes) -> None:
        """Tables are replaced, never appended to."""
        raise NotImplementedError(name)

    def sync(self, name: str) -> None:
        """Memory needs no syncing."""

    def settle(self, name: str) -> None:
        """Do nothing: nothing here outlives the process."""

    def refuse_replaced(self, name: str) -> None:
        """Nobody else has this memory."""

    def close(self) -> None:
        """Nothing is kept open."""


def rebuilt_table(folder: Location, name: str) -> pa.Table:
    """Return the table `name` (trials, reports or attempts) of the sweep in `folder` as its log has it now, whole.

    Raises SweepNotFoundError, StorageError, JournalDamagedError as readers do.
    """
    table = rebuilt(folder.files(), folder).table(name)
    if not table.column_names:
        raise SweepNotFoundError(f"{folder}: there is no sweep; start one with `stepladder run SWEEP_FILE`")
    return table


def rebuilt(files: FileSystem, folder: Location) -> Rebuilt:
    """Return the tables and best.json that the log of the sweep in `folder` makes.

    Raises JournalDamagedError as the reader does.
    """
    made = Rebuilt(files)
    follower = Follower(made, [Tables(made, folder)])
    follower.advance()
    for error in follower.errors.values():
        raise error
    return made


def are_equal(one: pa.Table, other: pa.Table) -> bool:
    """Say whether two tables hold the same rows in the same order; NaN equals NaN, the order of columns is nothing."""
    if one.num_rows != other.num_rows or set(one.column_names) != set(other.column_names):
        return False
    return all(_same(one.column(name), other.column(name)) for name in one.column_names)


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if one.type != other.type:
        return False
    if one.equals(other) or not pa.types.is_floating(one.type):
        return bool(one.equals(other))
    alike = pc.or_(pc.equal(one, other), pc.and_(pc.is_nan(one), pc.is_nan(other)))
    return bool(one.is_valid().equals(other.is_valid()) and pc.all(alike, skip_nulls=True).as_py() is not False)


def _is_log(name: str) -> bool:
    return name.startswith(f"{FOLDER}/")
