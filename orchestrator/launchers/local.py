"""Runs a sweep on this machine, detached: the terminal can be closed, the driver starts a Ray of its own.

A job is named by the file that tells of it (see `_attend`); its log lies beside that file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from orchestrator import exitcodes
from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers import JobState, JobStatus, Launch, Launcher, Submission
from orchestrator.launchers._attend import Attended
from orchestrator.storage.lease import Holder

START_S = 30.0
"""How long the driver's attendant may take to begin."""
_POLL_S = 0.5


class Local(Launcher):
    """A driver on this machine."""

    sees_this_machine = True
    takes_env = True
    gives = frozenset({"env"})
    instead = dict.fromkeys(
        ("pip", "uv", "conda", "image", "modules"),
        "trials run with what this machine has: install it here, and leave it out",
    )

    @classmethod
    def takes(cls, target: str) -> bool:
        """Take what names no cluster."""
        return not target

    def render(self, submission: Submission) -> Launch:
        """Render the command as it could be typed."""
        if submission.target:
            raise UsageError("a sweep on this machine takes no address")
        notes = (f"results go to {submission.sweep_folder}", "the driver starts a Ray of its own and takes it along")
        return Launch(submission.job_id, submission.command, notes=notes)

    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        """Start the driver in a session of its own; a job whose log is there was started before."""
        place.mkdir(parents=True, exist_ok=True)
        record = place / f"{launch.job_id}.job"
        try:
            log = record.with_suffix(".log").open("xb")
        except FileExistsError:
            return str(record)
        main = (sys.executable, "-c", "from orchestrator.cli.app import main; main()", *launch.command[1:])
        with log:
            attendant = subprocess.Popen(  # noqa: S603 - a fixed program
                [sys.executable, "-m", "orchestrator.launchers._attend", str(record), *main],
                cwd=submission.folder,
                env={**os.environ, **submission.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not record.exists():
            if attendant.poll() is not None or time.monotonic() > deadline:
                raise ClusterError(f"the driver did not start: {_tail(record.with_suffix('.log'))}")
            time.sleep(0.05)
        return str(record)

    def status(self, job: str) -> JobStatus:
        """Look for the process."""
        attended = _read(job)
        if attended is None:
            return JobStatus(JobState.GONE, f"{job} is not there")
        if attended.exit_code is not None:
            return _ended(attended.exit_code, Path(job).with_suffix(".log"))
        if attended.holder.kernel != Holder.current().kernel:
            return JobStatus(
                JobState.UNKNOWN, f"started on {attended.holder.host}, which cannot be looked at from here"
            )
        if attended.holder.is_seen_dead():
            return JobStatus(
                JobState.FAILED, "its process is gone without a word: killed, or the machine was restarted"
            )
        return JobStatus(JobState.RUNNING, f"process {attended.holder.pid}")

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """Yield the log file."""
        path = Path(job).with_suffix(".log")
        if not path.is_file():
            raise ClusterError(f"{path} is not there")
        with path.open(errors="replace") as log:
            while True:
                ended = not follow or not self.status(job).state.is_live
                yield log.read()
                if ended:
                    return
                time.sleep(_POLL_S)

    def stop(self, job: str) -> None:
        """Send the driver a SIGTERM: it saves and leaves."""
        attended = _read(job)
        if attended is not None and self.status(job).state.is_live:
            os.kill(attended.holder.pid, signal.SIGTERM)


def _read(job: str) -> Attended | None:
    try:
        return msgspec.json.decode(Path(job).read_bytes(), type=Attended)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _ended(code: int, log: Path) -> JobStatus:
    if code == exitcodes.DONE:
        return JobStatus(JobState.SUCCEEDED)
    if exitcodes.leaves_work(code):
        return JobStatus(JobState.STOPPED, f"stopped with work left (exit code {code})")
    how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
    return JobStatus(JobState.FAILED, f"{how}: {_tail(log)}")


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"


MEMBER = Local
