"""Launchers send a sweep to a kind of cluster, watch it and stop it there. To add one is to add one file here.

Rendering is pure: a `Submission` becomes a `Launch`, the files and the command, which `--dry-run` prints and golden
files hold. Submitting is that launch carried out, nothing else. What runs on the cluster is one command always,
`stepladder resume --auto`, which starts the sweep or goes on with it: so whatever repeats it repeats the right thing.

A launcher knows the job that it started, never the sweep: how a sweep stands is read from its storage, and asking it
to stop is a request put there (`orchestrator.runtime.requests`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from orchestrator.sweep.spec import Resources


class JobState(StrEnum):
    """How a job stands, as the cluster sees it."""

    PENDING = "pending"
    """It waits for a place."""
    RUNNING = "running"
    """Its driver runs."""
    SUCCEEDED = "succeeded"
    """Its driver left with exit code 0."""
    STOPPED = "stopped"
    """It left with work to do: stopped, or exit code 75."""
    FAILED = "failed"
    """It failed, or could not be started."""
    GONE = "gone"
    """The cluster does not know it: never submitted, forgotten, or a new cluster."""
    UNKNOWN = "unknown"
    """The cluster does not answer."""

    @property
    def is_live(self) -> bool:
        """Say whether its driver runs, or will."""
        return self in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What a cluster says of a job."""

    state: JobState
    """How it stands."""
    text: str = ""
    """One line for a person: since when, why, what to do."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A sweep to be sent off."""

    name: str
    """The sweep's name."""
    job_id: str
    """Unique for each attempt to run it, e.g. `digits-20261122-0312-5c1e`; letters, digits and dashes."""
    folder: Path
    """The sweep file's folder, absolute: the code that travels."""
    sweep_file: str
    """The sweep file, relative to `folder`."""
    overrides: tuple[str, ...]
    """`key=value` overrides."""
    storage: str
    """Where the sweep's folder will lie, seen from the cluster: an absolute path, or a URL such as s3://bucket/runs."""
    resources: Resources
    """What one trial occupies."""
    target: str = ""
    """Which cluster: an address, or the path of a definition from cluster/; empty for this machine."""

    @property
    def command(self) -> tuple[str, ...]:
        """What runs on the cluster, in the sweep file's folder."""
        return ("stepladder", "resume", "--auto", self.sweep_file, *self.overrides)


@dataclass(frozen=True, slots=True)
class Launch:
    """A submission rendered: everything that submitting will do."""

    job_id: str
    """The submission's."""
    command: tuple[str, ...]
    """What is run to submit it: what a person could type."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that the command needs, by name, and their content; a name has no folder in it."""
    notes: tuple[str, ...] = ()
    """What else a person should know before it is carried out, one line each."""


class Launcher(ABC):
    """Sends sweeps to one kind of cluster. `target` is the submission's; it may raise ClusterError, which says so."""

    def __init__(self, target: str) -> None:
        self.target = target

    @abstractmethod
    def render(self, submission: Submission) -> Launch:
        """Return what submitting would do. Pure: the same submission, the same launch; nothing is contacted."""

    @abstractmethod
    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        """Carry the launch out, its files written into the folder `place`; returns the cluster's name of the job.

        Raises ClusterError where the cluster refuses it. Carried out twice, it starts nothing twice.
        """

    @abstractmethod
    def status(self, job: str) -> JobStatus:
        """Ask how the job stands; a cluster that does not answer is a state, never an error."""

    @abstractmethod
    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """Yield what its driver printed, in pieces; with `follow` until the job ends. Raises ClusterError."""

    @abstractmethod
    def stop(self, job: str) -> None:
        """End the job now, with time for its driver to flush; ending what has ended changes nothing."""
