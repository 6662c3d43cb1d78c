"""The pinned code of a sweep: the user's files as they were when they were taken, kept by content in its folder.

    code/3f2a9c01b7de.json     which files, from where, each one's hash, what lay beside them
    code/3f2a9c01b7de/...      the files themselves, under their own names

Nothing of it is ever changed: code that is taken later is another one beside it, and a driver's first record names the
one that its trials run. Whoever may write here decides what runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from orchestrator.errors import StorageError
from orchestrator.storage.filesystem import FileSystem

FOLDER = "code"
AT_ONCE = 16
"""Files that are written or read side by side: each waits for a disk or a store."""


class PinnedCode(msgspec.Struct, frozen=True):
    """What was pinned."""

    root: str
    """Absolute path of the folder that it was taken from."""
    inside: str
    """The sweep file's folder within the root, with forward slashes; empty where it is the root."""
    files: dict[str, str]
    """SHA-256 of each file by its path below the root, with forward slashes."""
    executable: tuple[str, ...] = ()
    """Those that may be executed."""
    beside: tuple[str, ...] = ()
    """What lay beside them and is not pinned: the first `MOST_BESIDE` paths below the root, folders as one."""
    taken_t: float = 0.0
    """When it was taken, seconds since the epoch."""

    @property
    def key(self) -> str:
        """12 hex digits, the same for the same names and contents: its name in the sweep's folder, and its hash."""
        digest = hashlib.sha256()
        for path, content_hash in sorted(self.files.items()):
            name = path.encode(errors="surrogateescape")
            digest.update(b"%d %s %s" % (len(name), name, content_hash.encode()))
        return digest.hexdigest()[:12]


MOST_BESIDE = 1000
"""Names beside the pinned files that are remembered; more is a data set."""


@dataclass(frozen=True, slots=True)
class TakenCode:
    """Code that is ready to be pinned: read once, so that what is hashed is what is kept."""

    code: PinnedCode
    """What it is."""
    contents: Mapping[str, bytes]
    """The content of each file by its path."""


def folder_of_code(key: str) -> str:
    """Return the folder of a pinned code, relative to the sweep's."""
    return f"{FOLDER}/{key}"


def hashed(content: bytes) -> str:
    """Hash a file's content as `PinnedCode.files` does."""
    return hashlib.sha256(content).hexdigest()


def keep_code(files: FileSystem, taken: TakenCode) -> None:
    """Put code into a sweep's folder, durably; the list of it comes last. Raises StorageError."""
    key = taken.code.key
    if files.exists(f"{folder_of_code(key)}.json"):
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        put = [
            pool.submit(files.replace, f"{folder_of_code(key)}/{path}", content)
            for path, content in taken.contents.items()
        ]
        for waiting in put:
            waiting.result()
    files.replace(f"{folder_of_code(key)}.json", msgspec.json.format(msgspec.json.encode(taken.code)) + b"\n")


def read_code(files: FileSystem, key: str) -> PinnedCode:
    """Return what was pinned under `key`. Raises StorageError where its list is missing or damaged."""
    name = f"{folder_of_code(key)}.json"
    content = files.read(name)
    try:
        code = msgspec.json.decode(content, type=PinnedCode)
    except msgspec.DecodeError as error:
        what = "cannot be read" if content else "is missing"
        raise StorageError(
            f"{name}: the list of the sweep's pinned code {what}; restore it, or take the code as it is now: "
            "`stepladder resume SWEEP --code here`"
        ) from error
    if code.key != key:
        raise StorageError(f"{name}: lists other code than the sweep was given; restore it, or resume with --code here")
    return code


def damaged_code(files: FileSystem, key: str, code: PinnedCode) -> list[tuple[str, str]]:
    """Return path and trouble (`is missing`, `was changed`) of every pinned file that is not as it was pinned."""

    def trouble(path: str) -> str | None:
        name = f"{folder_of_code(key)}/{path}"
        content = files.read(name)
        if hashed(content) == code.files[path]:
            return None
        return "was changed" if content or files.exists(name) else "is missing"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(trouble, sorted(code.files)))
    return [(path, what) for path, what in zip(sorted(code.files), found, strict=True) if what is not None]


def read_contents(files: FileSystem, key: str, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the content of pinned files by their paths."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(paths, pool.map(lambda path: files.read(f"{folder_of_code(key)}/{path}"), paths), strict=True))
