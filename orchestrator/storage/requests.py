"""Requests to the driver of a sweep, as files in the sweep's folder: whoever has the storage can stop a sweep.

`requests/stop-<epoch>.json` and `requests/cancel-<epoch>.json` are meant for the driver that holds the lease with that
epoch. It looks every few seconds and obeys; a request dies with its epoch, so the next driver runs unasked. Settings
are asked for likewise, one file after another: `requests/set-<epoch>-<number>.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from orchestrator.errors import UsageError
from orchestrator.storage import lease
from orchestrator.storage.filesystem import FileSystem

FOLDER = "requests"
POLL_S = 2.0
"""How often a driver looks into a folder."""
REMOTE_POLL_S = 5.0
"""How often it looks into an object store, where a look takes time and costs."""


class DriverRequest(StrEnum):
    """What a driver can be asked; also why it then leaves."""

    STOP = "stop"
    """Start nothing more; what runs is trained to its end."""
    CANCEL = "cancel"
    """Leave now, after a flush; trials pause at their newest checkpoint."""


class Requests:
    """What the driver with one epoch is asked."""

    def __init__(self, files: FileSystem, epoch: int) -> None:
        self._files = files
        self._epoch = epoch
        self._taken = 0

    def poll(self) -> DriverRequest | None:
        """Return the request in force: cancel wins over stop, None without one. Raises StorageError."""
        for kind in (DriverRequest.CANCEL, DriverRequest.STOP):
            if self._files.exists(_name(kind, self._epoch)):
                return kind
        return None

    def take_settings(self) -> dict[str, Any] | None:
        """Return the oldest settings that were asked for and not taken yet; None without any. Raises StorageError."""
        name = _settings_name(self._epoch, self._taken + 1)
        if not self._files.exists(name):
            return None
        self._taken += 1
        settings: dict[str, Any] = msgspec.json.decode(self._files.read(name) or b"{}").get("settings", {})
        return settings


def put_settings(files: FileSystem, settings: Mapping[str, Any], now: float) -> int:
    """Ask the sweep's driver to go on under other settings and return its epoch; `now` is in seconds since the epoch.

    Raises UsageError where nobody drives the sweep.
    """
    epoch, number = _driven(files, "set"), 1
    while not files.create(_settings_name(epoch, number), msgspec.json.encode({"t": now, "settings": dict(settings)})):
        number += 1
    return epoch


def put_request(files: FileSystem, kind: DriverRequest, now: float) -> int:
    """Ask the sweep's driver for something and return its epoch; asking again changes nothing.

    `now` is in seconds since the epoch. Raises UsageError where nobody drives the sweep.
    """
    epoch = _driven(files, kind)
    files.create(_name(kind, epoch), msgspec.json.encode({"t": now}))
    return epoch


def requested(files: FileSystem) -> DriverRequest | None:
    """Return what the sweep's present driver was asked; None without a request, or without a driver."""
    holder = lease.current(files)
    if holder is None or lease.describe_holder(files) is None:
        return None
    return Requests(files, holder.epoch).poll()


def _driven(files: FileSystem, to_do: str) -> int:
    holder = lease.current(files)
    if holder is None or lease.describe_holder(files) is None:
        raise UsageError(f"nobody drives this sweep now, so there is nothing to {to_do}")
    return holder.epoch


def _settings_name(epoch: int, number: int) -> str:
    return f"{FOLDER}/set-{epoch:06d}-{number:06d}.json"


def _name(kind: DriverRequest, epoch: int) -> str:
    return f"{FOLDER}/{kind}-{epoch:06d}.json"
