"""What a disk, or a network file system, says when it refuses: a sentence on what to do, and whether it may pass."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import FolderLostError, StorageAwayError, StorageError
from orchestrator.storage.under_way import under_way

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EACCES: "permission is missing; make the folder writable",
    errno.EPERM: "it may not be changed; make the folder writable (chattr -i)",
    errno.EROFS: "the disk is read-only; make it writable, or choose another storage",
    errno.ESTALE: "its server does not know it any more (stale file handle); look whether it is there",
    errno.EIO: "the disk, or its server, fails (input/output error); look at its health",
}
_PASSING = {
    errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.EIO, errno.EREMOTEIO, errno.ETIMEDOUT, errno.ECONNRESET,
    errno.ECONNREFUSED, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN, errno.EPIPE, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET, errno.ENOLINK, errno.ENODEV, errno.ENXIO,
    errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENOLCK, errno.EKEYEXPIRED, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM,
}  # fmt: skip
"""Errors that end without anybody changing what was asked: space is freed, a server or a mount comes back, a ticket is
renewed. Not among them: read-only, forbidden, gone."""


@contextlib.contextmanager
def explained(root: Path, name: str) -> Iterator[None]:
    """Turn what the system says within, about the file `name` below `root`, into a StorageError.

    Raises StorageAwayError for what may pass, FolderLostError where the file's folder is gone.
    """
    try:
        with under_way(f"{root}/{name}"):
            yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderLostError(f"{root / name}: its folder is gone; was the sweep moved or deleted?") from error
    except OSError as error:
        code = error.errno or 0
        remedy = _REMEDIES.get(code, error.strerror or str(error))
        kind = StorageAwayError if code in _PASSING else StorageError
        raise kind(
            f"{root / name}: {remedy}. Nothing acknowledged is lost: run `stepladder resume {root}` once it is mended."
        ) from error
