"""Removing a sweep: all that a driver and its trials wrote, and nothing else that may lie in its folder."""

from __future__ import annotations

import contextlib

from orchestrator.storage.location import Location
from orchestrator.storage.marks import FOLDER as JOURNAL
from orchestrator.storage.marks import lease_epochs, lease_name

PARTS = (
    "sweep.yaml", "best.json", "report.html", "trials", "reports", "attempts", "logs", "checkpoints", "work", "code",
    "requests", "snapshot.bin", "resting.bin", "plan.json",
)  # fmt: skip
"""What a sweep's folder holds, but for its journal, in the order in which it is removed."""


def remove_sweep(folder: Location) -> None:
    """Remove a sweep that nobody drives. The folder goes too, unless something else lies in it.

    Raises StorageError, OSError where something cannot be removed. Whoever is killed in between leaves what is still a
    sweep, or nothing that is one: its journal goes last, the leases, which promise that it is there, before it.
    """
    if folder.is_remote:
        folder.delete()  # a prefix belongs to its sweep
        return
    for part in PARTS:
        (folder / part).delete()
    for epoch in lease_epochs(folder.files()):
        (folder / lease_name(epoch)).delete()
    (folder / JOURNAL).delete()
    with contextlib.suppress(OSError):  # it holds something of the user's, or is a link
        folder.path.rmdir()
