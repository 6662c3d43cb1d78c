"""Every error that a person is meant to read. Its text says what, where, what is allowed and what to do.

StepladderError                 exit 1
|-- UsageError                  exit 2   the command line asks for something impossible
|   |-- SweepExistsError                 `run` on a sweep that is there; says `resume`
|   `-- SweepNotFoundError               no sweep at this place; says what lies there
|-- SpecError                   exit 2   the sweep file is invalid; file, line and key path in front
|   `-- SpecChangedError                 resumed with a changed search space or objective; shows the difference
|-- StorageError                exit 1   disk full, permission, network: nothing acknowledged is lost
|   |-- StorageAwayError      exit 75  ... in a way that may pass by itself: to be tried again
|   |-- JournalDamagedError              a part of the journal is damaged or missing; its name and byte offset
|   `-- FolderLostError                  the sweep's folder was moved, deleted or replaced under its driver
|-- LeaseHeldError              exit 1   another driver holds the sweep; says who, since when
|   `-- LeaseLostError                   this driver was replaced while it ran
`-- ClusterError                exit 1   the cluster cannot run what was asked
    |-- InfeasibleError                  no nodes, as they are or may be added, could ever hold a trial
    `-- ClusterLostError        exit 75  Ray, or the cluster, is away: to be tried again
"""

from __future__ import annotations

from orchestrator import exitcodes


class StepladderError(Exception):
    """Base of every error meant for a person; printed without a traceback."""

    exit_code = exitcodes.FAILED


class UsageError(StepladderError):
    """The command line asks for something impossible."""

    exit_code = exitcodes.INVALID


class SweepExistsError(UsageError):
    """A sweep of this name is there already."""


class SweepNotFoundError(UsageError):
    """There is no sweep at this place."""


class SpecError(StepladderError):
    """The sweep file is invalid."""

    exit_code = exitcodes.INVALID


class SpecChangedError(SpecError):
    """A part of the sweep file that must not change between drivers has changed."""


class StorageError(StepladderError):
    """Storage refused a read or a write."""


class StorageAwayError(StorageError):
    """Storage takes nothing now, and may again without anybody's help: a full disk, a server that is away."""

    exit_code = exitcodes.RESUMABLE


class JournalDamagedError(StorageError):
    """A part of the journal is damaged or missing."""


class FolderLostError(StorageError):
    """The sweep's folder was moved, deleted or replaced while its driver worked."""

    def __init__(self, text: str, now_at: str | None = None) -> None:
        super().__init__(text)
        self.now_at = now_at
        """Where the folder lies now; None where that is not known."""


class LeaseHeldError(StepladderError):
    """Another driver holds the sweep."""


class LeaseLostError(LeaseHeldError):
    """The driver was replaced while it ran."""


class ClusterError(StepladderError):
    """The cluster cannot run what was asked."""


class InfeasibleError(ClusterError):
    """No nodes that a cluster has, or may come to have, could ever hold a trial."""


class ClusterLostError(ClusterError):
    """Ray, or the cluster that it ran on, is away: nobody's fault, and a new try may find it there."""

    exit_code = exitcodes.RESUMABLE
