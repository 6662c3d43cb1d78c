"""Launchers send a sweep to a kind of cluster, watch it and stop it there. To add one is to add one file here.

Rendering is pure: a `Submission` becomes a `Launch`, the files and the command, which `--dry-run` prints and golden
files hold. Submitting is that launch carried out, nothing else. What runs on the cluster is one command always,
`stepladder resume --auto`, which starts the sweep or goes on with it: so whatever repeats it repeats the right thing.

A launcher knows the job that it started, never the sweep: how a sweep stands is read from its storage, and asking it
to stop is a request put there (`orchestrator.storage.requests`).
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.errors import ClusterError
from orchestrator.sweep.environment import NOTHING, Environment
from orchestrator.sweep.launching import KubernetesSettings, SlurmSettings
from orchestrator.sweep.resources import Resources


class JobState(StrEnum):
    """How a job stands, as the cluster sees it."""

    PENDING = "pending"
    """It waits for a place."""
    RUNNING = "running"
    """Its driver runs."""
    SUCCEEDED = "succeeded"
    """Its driver left with exit code 0."""
    STOPPED = "stopped"
    """It left with work to do: stopped, or its exit code says so."""
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
class Job:
    """A sweep's job as a cluster lists it."""

    job: str
    """The cluster's name of it."""
    sweep: str
    """The sweep's name."""
    folder: str
    """The sweep's folder, seen from the cluster."""
    status: JobStatus
    """How it stands."""
    submitted_t: float | None = None
    """When it was submitted, seconds since the epoch; None where the cluster does not say."""
    owner: str = ""
    """Whose sweep it is; empty where that is not known."""
    sweep_id: str = ""
    """Its id, `<name>-<hash>`; empty likewise."""


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
    other_kinds: tuple[str, ...] = ()
    """What of the sweep needs other machines than `resources` say: `stage first`, `confirm`."""
    slurm: SlurmSettings = field(default_factory=SlurmSettings)
    """What Slurm is asked for beside that."""
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    """What Kubernetes is asked for beside that."""
    target: str = ""
    """Which cluster: an address, or the path of a definition from cluster/; empty for this machine."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for the driver and its trials. Anybody who may list jobs can read them: no secrets."""
    driver_cpus: float = 0.5
    """CPUs set aside for the driver; above 0 it may be placed on any node, else on the head."""
    files: Mapping[str, int] = field(default_factory=dict)
    """What of `folder` travels, where the launcher `uploads`: bytes of each file by its path below it, with forward
    slashes. Nothing else may; ruled by `orchestrator.project.contents`."""

    is_code_new: bool = False
    """Whether a sweep that goes on takes this code, not what it pinned at its start."""
    sweep_id: str = ""
    """The sweep that the file says; empty where that is not known."""
    owner: str = ""
    """Whose sweep it is; empty: of the user that the driver runs under."""
    environment: Environment = NOTHING
    """What driver and trials need beside the code, whole: what its files hold in place of their names."""

    @property
    def sweep_folder(self) -> str:
        """Where the sweep lies, seen from the cluster: a path or a URL."""
        return f"{self.storage.rstrip('/')}/{self.name}"

    @property
    def command(self) -> tuple[str, ...]:
        """What runs on the cluster, in the sweep file's folder."""
        return self.command_in("")

    def command_in(self, folder: str) -> tuple[str, ...]:
        """Return that command with the sweep file in `folder`, which ends in a slash."""
        owner = ("--owner", self.owner) if self.owner else ()
        code = ("--code", "here") if self.is_code_new else ()
        return ("stepladder", "resume", "--auto", *owner, *code, f"{folder}{self.sweep_file}", *self.overrides)


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


@dataclass(frozen=True, slots=True)
class Tried:
    """What trying a cluster showed."""

    is_well: bool
    """Whether nothing that was looked at would fail. A place that is taken, or a node that is busy, fails nothing."""
    text: str
    """What was found, as the cluster said it."""

    def document(self) -> Any:
        """Return the JSON in its text. Raises ClusterError, with what there is instead, where it holds none."""
        begins = re.search(r"^\{", self.text, re.MULTILINE)
        try:
            return json.JSONDecoder().raw_decode(self.text, begins.start() if begins else 0)[0]
        except ValueError:
            raise ClusterError(self.text.rstrip().removeprefix("error: ")) from None


class Launcher(ABC):
    """Sends sweeps to one kind of cluster. `target` is the submission's; it may raise ClusterError, which says so.

    `say` is told, line by line, what takes time; `patience_s` bounds how long a cluster that does not answer is waited
    for.
    """

    sees_this_machine = False
    """Whether its nodes see this machine's folders under the same paths, the sweep file's among them."""
    takes_env = False
    """Whether it hands `Submission.env` to the driver and its trials; else its definition says what they get."""
    gives: frozenset[str] = frozenset()
    """Which keys of the sweep file's `environment` it gives to driver and trials; who asks for more is refused."""
    instead: ClassVar[Mapping[str, str]] = {}
    """What to do where one of the others is wanted, by key, for the end of a sentence."""
    targets = ""
    """What it sends to, for a message that says what is allowed: `a Slurm script (.sbatch)`; empty: it is not said."""

    def __init__(self, target: str, say: Callable[[str], None] = lambda _: None, patience_s: float = 60.0) -> None:
        self.target = target
        self.say = say
        self.patience_s = patience_s

    @classmethod
    def takes(cls, target: str) -> bool:  # noqa: ARG003 - for members to use
        """Say whether `target` is a cluster of this kind: an address, the path of a definition, "" for this machine.

        Contacts nothing. A launcher that takes nothing is reached by its name alone (`--cluster my_lab.launch:Mine`).
        """
        return False

    def uploads(self) -> bool:
        """Say whether files of the sweep file's folder travel: those in `Submission.files`, which is empty else."""
        return False

    @abstractmethod
    def render(self, submission: Submission) -> Launch:
        """Return what submitting would do: the same submission, the same launch; nothing is contacted.

        Raises UsageError where this kind of cluster cannot take the submission.
        """

    def contents(self, submission: Submission) -> list[str] | None:
        """Say what would be uploaded, one line each; reads this machine, contacts nothing.

        Raises UsageError where the cluster would not take it. None where nothing is uploaded.
        """

    def probe(self, *, insecure: bool) -> list[str] | None:
        """Ask the cluster whether it answers and who may use it; returns warnings, one line each, None without any.

        Raises ClusterError where it does not answer or refuses us, and where it is open to everybody although not on
        this machine, unless `insecure`.
        """

    def preflight(self, submission: Submission, patience_s: float, *, as_json: bool = False) -> Tried | None:
        """Try on the cluster, in `patience_s`, what the sweep will need there; returns what was found.

        With `as_json` its text is what `stepladder check --json` answers there. Raises ClusterError where the cluster
        does not answer. None where this kind of cluster cannot be tried before.
        """

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

    def jobs(self) -> Sequence[Job]:
        """List the sweeps' jobs that the cluster knows, newest first. Raises ClusterError."""
        raise ClusterError(f"{self.target or 'this kind of cluster'} keeps no list of jobs that can be read from here")

    def run(self, *arguments: str) -> str:
        """Run `stepladder ARGUMENTS` on the cluster, where its storage is seen; returns what it printed.

        For a question of a few seconds. Raises ClusterError where that cannot be done from here, or fails.
        """
        raise ClusterError(f"`stepladder {' '.join(arguments)}` cannot be run there from here; run it on the cluster")
