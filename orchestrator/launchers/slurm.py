"""Sweeps as Slurm jobs: one job is a Ray of its own on its nodes, and the driver (cluster/slurm.sbatch).

Works where `sbatch` works: on a login node that sees the sweep's folder as the compute nodes see it. The job's name is
the submission's id, its number what Slurm calls it; a job that is queued again keeps both.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from orchestrator import exitcodes
from orchestrator.errors import ClusterError
from orchestrator.launchers import JobState, JobStatus, Launch, Launcher, Submission
from orchestrator.launchers._definitions import Definition, refuse_relative
from orchestrator.launchers._environment import BY_RAY, refuse_unmentioned
from orchestrator.launchers._programs import last_line, run
from orchestrator.launchers._slurm_request import left_to_ask, refuse_too_small, slurm_request
from orchestrator.members import definitions

DEFAULT = "slurm.sbatch"
"""The definition taken where none is named."""
ELASTIC = "slurm-elastic.sbatch"
"""The one that is taken in its place for `slurm.mode: elastic`."""
FOLLOW_S = 1.0
"""How often a job's output is read again."""
_PLACES = {"modules": "STEPLADDER_MODULES", "env": "STEPLADDER_VARIABLES"}
"""Which placeholder gives each key of the sweep's environment; packages come with the driver's connection to Ray."""
_REMEDY = "run this on a login node of the Slurm cluster"
_STATES = (
    dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED"), JobState.PENDING)
    | dict.fromkeys(("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED"), JobState.RUNNING)
    | dict.fromkeys(("CANCELLED", "PREEMPTED", "TIMEOUT", "DEADLINE"), JobState.STOPPED)
    | {"COMPLETED": JobState.SUCCEEDED}
)
"""What each of Slurm's states means; one that is not here is a failure."""
_NO_SUCH_JOB = "Invalid job id"


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """What Slurm says of a job."""

    state: str
    """Slurm's word for how it stands."""
    exit_code: str
    """The batch script's, 0 while it runs."""
    told: str
    """One line for a person."""
    output: Path | None
    """The file that takes what it prints; None where Slurm no longer says."""


class Slurm(Launcher):
    """Launches sweeps as Slurm jobs; the target is a definition, or empty for the one that is shipped."""

    sees_this_machine = True
    targets = "a Slurm script (.sbatch)"
    gives = BY_RAY | {"modules"}
    instead: ClassVar[Mapping[str, str]] = {
        "image": "how a job gets into a container differs from site to site: put that into a copy of the definition, "
        "and leave it out"
    }

    @classmethod
    def takes(cls, target: str) -> bool:
        """Take batch scripts."""
        return target.endswith(".sbatch") and Path(target).is_file()

    def render(self, submission: Submission) -> Launch:
        """Return the batch script and the `sbatch` that submits it."""
        refuse_relative(submission.storage)
        script = f"{submission.job_id}.sbatch"
        definition = self._definition(submission)
        refuse_too_small(submission, definition.name, definition.text)
        environment = submission.environment
        refuse_unmentioned(environment, definition, _PLACES)
        is_elastic = definition.mentions("STEPLADDER_WORKER")
        asked = slurm_request(submission, is_elastic=is_elastic, definition=definition.text)
        text = definition.fill(
            {
                "STEPLADDER_JOB": submission.job_id,
                "STEPLADDER_FOLDER": shlex.quote(str(submission.folder)),
                "STEPLADDER_STORAGE": shlex.quote(submission.storage),
                "STEPLADDER_SWEEP": shlex.quote(submission.sweep_folder),
                "STEPLADDER_COMMAND": shlex.join(submission.command),
                "STEPLADDER_MODULES": shlex.join(environment.modules),
                "STEPLADDER_VARIABLES": shlex.join(f"{name}={value}" for name, value in environment.env.items()),
                **asked.values,
            }
        )
        output = f"{str(submission.folder).replace('%', '%%')}/slurm-%j.out"  # % begins a pattern
        return Launch(
            submission.job_id,
            (
                "sbatch", "--parsable", f"--job-name={submission.job_id}", f"--chdir={submission.folder}",
                f"--output={output}", *left_to_ask(asked.options, definition.text), script,
            ),
            {script: text},
            (asked.told, f"every node must see {submission.folder} and {submission.storage} as this one does",),
        )  # fmt: skip

    def _definition(self, submission: Submission) -> Definition:
        """Read the definition; of those that are shipped, the one of the mode that the sweep asks for."""
        is_shipped = self.target in ("", DEFAULT) or Path(self.target) == definitions("cluster") / DEFAULT
        return Definition.read(ELASTIC if is_shipped and submission.slurm.mode == "elastic" else self.target or DEFAULT)

    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        """Submit the job; returns its number. One of the same name that waits or runs is not submitted again."""
        known = run(["squeue", "--noheader", f"--name={submission.job_id}", "--format=%A"], _REMEDY).stdout.split()
        if known:
            return known[0]
        place.mkdir(parents=True, exist_ok=True)
        for name, text in launch.files.items():
            (place / name).write_text(text)
        told = run(launch.command, _REMEDY, place)
        if told.returncode != 0:
            raise ClusterError(
                f"Slurm refuses the job: {last_line(told)}. It was asked for {shlex.join(_said(launch.command))}: that "
                "follows from `resources`, and from the key `slurm` of the sweep file"
            )
        return told.stdout.strip().partition(";")[0]  # `number;cluster` where there are several clusters

    def status(self, job: str) -> JobStatus:
        """Ask Slurm's controller, and its accounting about what that has forgotten."""
        found = _look(job)
        if isinstance(found, JobStatus):
            return found
        return JobStatus(state_of(found), found.told)

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """Yield the job's output file, across restarts. Raises ClusterError where Slurm has forgotten where it is."""
        found = _look(job)
        if isinstance(found, JobStatus) or found.output is None:
            raise ClusterError(f"Slurm no longer says where job {job} wrote: see slurm-{job}.out beside the sweep file")
        read = 0
        while True:
            live = follow and self.status(job).state in (JobState.PENDING, JobState.RUNNING, JobState.UNKNOWN)
            if found.output.is_file():
                with found.output.open(errors="replace") as output:
                    output.seek(read)
                    text = output.read()
                    read = output.tell()
                if text:
                    yield text
            if not live:
                return
            time.sleep(FOLLOW_S)

    def stop(self, job: str) -> None:
        """End the job: a running one by its batch shell, which tells the driver and does not queue the job again."""
        state = self.status(job).state
        if state is JobState.RUNNING:
            _scancel("--batch", "--signal=USR2", job)
        elif state is JobState.PENDING:
            _scancel(job)
        elif state is JobState.UNKNOWN:
            raise ClusterError(f"job {job} cannot be ended: {self.status(job).text}")


def _said(command: Sequence[str]) -> list[str]:
    """Return what of a submission's command says what is asked for."""
    own = ("--parsable", "--job-name", "--chdir", "--output")
    return [word for word in command[1:-1] if word.partition("=")[0] not in own]


def _scancel(*arguments: str) -> None:
    """Have Slurm end a job; one that it no longer knows has ended."""
    command = ["scancel", *arguments]
    told = run(command, _REMEDY)
    if told.returncode != 0 and _NO_SUCH_JOB not in told.stderr:
        raise ClusterError(f"`{shlex.join(command)}`: {last_line(told)}")


def _look(job: str) -> SlurmJob | JobStatus:
    """Return what Slurm says of a job, or how it stands where Slurm says nothing."""
    told = run(["scontrol", "--oneliner", "show", "job", job], _REMEDY)
    if told.returncode == 0:
        return read_record(job, told.stdout)
    if _NO_SUCH_JOB not in told.stderr:
        return JobStatus(JobState.UNKNOWN, f"Slurm does not answer: {last_line(told)}")
    told = run(
        ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State,ExitCode"], _REMEDY
    )
    fields = told.stdout.strip().splitlines()[-1].split("|") if told.stdout.strip() else []
    if told.returncode != 0 or len(fields) != 2:
        return JobStatus(JobState.GONE, f"Slurm does not know job {job}; it forgets jobs some minutes after their end")
    state, code = fields[0].split()[0], fields[1].partition(":")[0]  # `CANCELLED by 1000`
    return SlurmJob(state, code, f"job {job}: {state.lower()}, exit code {code}", None)


def state_of(record: SlurmJob) -> JobState:
    """Return how a job stands in the words that all launchers share."""
    state = _STATES.get(record.state, JobState.FAILED)
    return JobState.STOPPED if state is JobState.FAILED and exitcodes.leaves_work(record.exit_code) else state


def read_record(job: str, text: str) -> SlurmJob:
    """Read what `scontrol --oneliner show job` says of a job."""
    fields = dict(re.findall(r"(\w+)=(\S*)", text))
    state, code = fields.get("JobState", ""), fields.get("ExitCode", "").partition(":")[0]
    output = re.search(r" StdOut=(.*?)(?: [A-Z]\w*=|\s*$)", text)
    told = f"job {job}: {state.lower()}"
    if state == "PENDING":
        told += f" ({fields.get('Reason', '')})"
    elif _STATES.get(state) is JobState.RUNNING:
        told += f" on {fields.get('NodeList', '')} for {fields.get('RunTime', '')} of {fields.get('TimeLimit', '')}"
    else:
        told += f", exit code {code}"
    if fields.get("Restarts", "0") != "0":
        told += f", queued again {fields['Restarts']} time{'s' if fields['Restarts'] != '1' else ''}"
    if state == "PENDING" and fields.get("Reason") == "BeginTime":
        told += f"; it need not wait: scontrol update JobId={job} StartTime=now"
    return SlurmJob(state, code, told, Path(output[1]) if output else None)


MEMBER = Slurm
