"""An object store in memory that keeps S3's rules: puts are whole, and seen by every later read and list once answered.

It offers what `ObjectFileSystem` asks of pyarrow's file systems and nothing else, and it says what those say when the
store refuses, is silent, or answers nothing: the put may have been done, or may be done later.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import NamedTuple, TypeAlias

from pyarrow.fs import FileInfo, FileSelector, FileType

Folder: TypeAlias = "dict[str, bytes | Folder]"
"""What lies under a prefix."""


class Refusal(NamedTuple):
    """How a request fails."""

    error: BaseException
    """What the client raises."""
    is_done: bool = False
    """Whether it was done all the same, its answer lost."""
    comes_late: bool = False
    """Whether a put arrives only later, when others have been done."""


BUSY = "AWS Error SLOW_DOWN during {0} operation: Please reduce your request rate. (HTTP status 503)"
SILENT = "AWS Error NETWORK_CONNECTION during {0} operation: curlCode: 28, Timeout was reached"
DENIED = "AWS Error ACCESS_DENIED during {0} operation: Access Denied (HTTP status 403)"


class PretendStore:
    """A client of a store in memory. Asks `strike` at each request, by its name, how that fails."""

    def __init__(self, strike: Callable[[str], Refusal | None] = lambda _: None) -> None:
        self._root: Folder = {}
        self._strike = strike
        self._late: list[tuple[str, bytes]] = []

    def client(self, strike: Callable[[str], Refusal | None]) -> PretendStore:
        """Return another client of the same store."""
        other = PretendStore(strike)
        other._root, other._late = self._root, self._late
        return other

    def get_file_info(self, wanted: str | FileSelector) -> FileInfo | list[FileInfo]:
        """Describe a key, or list what lies under a prefix: right there, or at any depth, objects alone."""
        with self._asked("ListObjectsV2" if isinstance(wanted, FileSelector) else "HeadObject"):
            if isinstance(wanted, FileSelector):
                if wanted.recursive:
                    return [_described(key, self._find(key)) for key in self.keys(wanted.base_dir)]
                found = self._find(wanted.base_dir)
                entries = found.items() if isinstance(found, dict) else ()
                return [_described(f"{wanted.base_dir}/{name}", entry) for name, entry in entries]
            return _described(wanted, self._find(wanted))

    def open_input_stream(self, key: str) -> BytesIO:
        """Read an object. Raises FileNotFoundError where there is none."""
        content = self._find(key)
        if not isinstance(content, bytes):
            raise FileNotFoundError(f"Path does not exist '{key}'. Detail: [errno 2] No such file or directory")
        return BytesIO(content)

    @contextlib.contextmanager
    def open_output_stream(self, key: str) -> Iterator[BytesIO]:
        """Put an object at the end of the block; nothing of it is seen before."""
        buffer = BytesIO()
        yield buffer
        refusal = self._strike("PutObject")
        if refusal is None or refusal.is_done:
            self._put(key, buffer.getvalue())
        if refusal is not None:
            if refusal.comes_late:
                self._late.append((key, buffer.getvalue()))
            raise refusal.error

    def delete_dir(self, key: str) -> None:
        """Remove everything under a prefix."""
        parent, _, name = key.rpartition("/")
        with self._asked("DeleteObjects"):
            folder = self._find(parent)
            if isinstance(folder, dict):
                folder.pop(name, None)

    def arrive(self) -> None:
        """Let the puts arrive that are still on their way."""
        while self._late:
            self._put(*self._late.pop(0))

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects under a prefix, sorted; nothing fails."""
        found = self._find(prefix)
        if not isinstance(found, dict):
            return [prefix] if found is not None else []
        return sorted(key for name in found for key in self.keys(f"{prefix}/{name}"))

    def take(self, key: str) -> bytes:
        """Remove an object and return what was in it; nothing fails."""
        parent, _, name = key.rpartition("/")
        folder = self._find(parent)
        content = folder.pop(name, b"") if isinstance(folder, dict) else b""
        assert isinstance(content, bytes)
        return content

    def give(self, key: str, content: bytes) -> None:
        """Put an object; nothing fails."""
        self._put(key, content)

    @contextlib.contextmanager
    def _asked(self, request: str) -> Iterator[None]:
        refusal = self._strike(request)
        if refusal is not None and not refusal.is_done:
            raise refusal.error
        yield
        if refusal is not None:
            raise refusal.error

    def _find(self, key: str) -> bytes | Folder | None:
        found: bytes | Folder | None = self._root
        for part in key.split("/"):
            if not isinstance(found, dict):
                return None
            found = found.get(part)
        return found

    def _put(self, key: str, content: bytes) -> None:
        *folders, name = key.split("/")
        folder = self._root
        for part in folders:
            inner = folder.setdefault(part, {})
            assert isinstance(inner, dict), f"{key}: an object lies where a prefix is needed"
            folder = inner
        folder[name] = content


def _described(key: str, found: bytes | Folder | None) -> FileInfo:
    if found is None:
        return FileInfo(key, type=FileType.NotFound)
    if isinstance(found, dict):
        return FileInfo(key, type=FileType.Directory)
    return FileInfo(key, type=FileType.File, size=len(found))
