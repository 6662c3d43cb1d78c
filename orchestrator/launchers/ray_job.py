"""Sends a sweep to a Ray cluster that is already up, as a job of its Jobs API; `target` is the dashboard's address.

What may travel of the sweep file's folder is packed, uploaded, and unpacked on every node; the driver runs in it, on
whichever node has room for it. Uploading is Ray's own client's, everything after that is asked over HTTP (`_jobs_api`).
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

from typing_extensions import override

from orchestrator.errors import ClusterError
from orchestrator.launchers import Job, JobState, JobStatus, Launch, Launcher, Submission, Tried
from orchestrator.launchers._environment import BY_RAY, INSTEAD_BY_RAY, runtime_env
from orchestrator.launchers._job_state import last_line, status_of
from orchestrator.launchers._jobs_api import (
    REFUSED,
    Answer,
    JobsAddress,
    JobsApi,
    open_to_everybody,
    refuse_redirection,
)
from orchestrator.launchers._profiles import ClusterProfile, profile_of
from orchestrator.launchers._ray_token import REMEDY, Token, auth_mode, find_token
from orchestrator.launchers._travel import described, is_kept, keep, pack, refuse_above
from orchestrator.secrecy import mask

STOP_WAIT_S = 120
"""Seconds from Ray's SIGTERM to its SIGKILL; its default, 3, is too short for a flush."""
LIMIT_BYTES = 100 * 2**20
"""What the server takes, told only after the upload: aiohttp's limit for one request in Ray's dashboard (ray#55877)."""
PLACE_S = 120.0
"""What the preflight may take beyond its patience: the wait for a place, the start of its process."""
QUESTION_S = 90.0
"""How long a question that is run as a job may take, the start of its process included."""
_NO_CLIENT = "sending a job needs Ray's own client: pip install 'stepladder[cluster]'"
_POLL_S = 1.0
_DASHBOARD = re.compile(r"https?://.*|(?:\[[0-9a-fA-F:]+\]|[^\s/:@\[]+)(?::\d+)?/?")
"""With its scheme whatever follows, without one a host, and perhaps its port."""


class RayJob(Launcher):
    """A job of a Ray cluster."""

    takes_env = True
    gives = BY_RAY
    instead = INSTEAD_BY_RAY
    targets = "a Ray cluster's dashboard (http://127.0.0.1:8265)"

    @classmethod
    def takes(cls, target: str) -> bool:
        """Take addresses, the scheme may be missing; what is wrong with one is said when it is used."""
        return _DASHBOARD.fullmatch(target) is not None and not Path(target).is_file()

    def render(self, submission: Submission) -> Launch:
        """Render the `ray job submit` that does the same."""
        command = (
            "ray", "job", "submit", "--address", str(JobsAddress.parse(submission.target)), "--no-wait",
            "--submission-id", submission.job_id, "--entrypoint-num-cpus", f"{submission.driver_cpus:g}",
            "--metadata-json", json.dumps(_metadata(submission)),
            "--runtime-env-json", json.dumps(_runtime_env(submission, f"{submission.job_id}.zip")),
            "--", *submission.command,
        )  # fmt: skip
        placed = "on the head node" if submission.driver_cpus == 0 else "on any node that has room"
        notes = (
            f"the driver takes {submission.driver_cpus:g} CPUs {placed}; a stop gives it {STOP_WAIT_S} s to save",
            f"{submission.job_id}.zip holds what is uploaded of {submission.folder}, and is removed afterwards",
            f"results go to {submission.sweep_folder}",
        )
        return Launch(submission.job_id, command, notes=notes)

    def uploads(self) -> bool:
        """Upload."""
        return True

    def contents(self, submission: Submission) -> list[str]:
        """Say what travels; raises UsageError above 100 MiB, unless the storage, which takes it then, is seen here."""
        remedy = (
            f"put data where every node sees it and name it in {submission.folder / '.rayignore'}, one pattern a line; "
            "or send from where the storage is seen, which takes more"
        )
        if not is_kept(submission, LIMIT_BYTES):
            refuse_above(LIMIT_BYTES, submission, "the cluster", remedy)
        return described(submission, LIMIT_BYTES)

    def probe(self, *, insecure: bool) -> list[str]:
        """Ask for the version without a token, and with one where that is refused."""
        address, token = JobsAddress.parse(self.target), self._token()
        refuse_redirection(address, os.environ)
        answer = self._ask("GET", "/api/version", self._profile.headers, accept=(200, 401, 403, 404))
        if answer.status == 200 and answer.ray_version() is not None:
            return open_to_everybody(address, insecure=insecure)
        if answer.status in (200, 404):
            raise ClusterError(f"{address} is no dashboard of a Ray cluster; its address ends in :8265 as a rule")
        if token is None:
            off = auth_mode(os.environ) == "disabled"
            raise ClusterError(
                f"{address} wants a token"
                + (", and RAY_AUTH_MODE=disabled says to send none" if off else ", and none was found on this machine")
                + f": {REMEDY}"
            )
        answer = self._ask("GET", "/api/version", self._headers(), accept=(200, 401, 403))
        if answer.status != 200:
            raise ClusterError(f"{address} refuses the token from {token.source}: {REFUSED[403]}; {REMEDY}")
        warnings = [token.warning] if token.warning else []
        if address.scheme == "http" and not address.is_loopback:
            warnings.append(f"{address} is not encrypted: the token can be read on the way; better a tunnel (ssh -L)")
        return warnings

    def preflight(self, submission: Submission, patience_s: float, *, as_json: bool = False) -> Tried:
        """Run `stepladder check` as a job, with the code that the sweep will have."""
        job = f"{submission.job_id}-check"
        asked = ("--address", "auto", "--patience", f"{patience_s:g}", *(["--json"] if as_json else []))
        command = ("stepladder", "check", submission.sweep_file, *submission.overrides, *asked)
        self._send(submission, job, _question(job, command), 0.0, {"stepladder_question": "check"})
        found, printed = self._outcome(job, PLACE_S + patience_s)
        return Tried(found.state is JobState.SUCCEEDED, printed if printed.strip() else found.text)

    @override
    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        """Upload the folder and start the job; one that is there already counts as started."""
        entrypoint = shlex.join(submission.command)
        self._send(submission, launch.job_id, entrypoint, submission.driver_cpus, _metadata(submission))
        return launch.job_id

    def _send(self, submission: Submission, job: str, entrypoint: str, cpus: float, metadata: dict[str, str]) -> None:
        refuse_redirection(JobsAddress.parse(submission.target), os.environ)
        with tempfile.TemporaryDirectory(prefix="stepladder-") as place:
            package = Path(place, f"{submission.job_id}.zip")
            pack(submission, package)
            where = keep(package, submission.storage) if is_kept(submission, LIMIT_BYTES) else str(package)
            what = {
                "entrypoint": entrypoint,
                "submission_id": job,
                "entrypoint_num_cpus": cpus,
                "runtime_env": _runtime_env(submission, where),
                "metadata": metadata,
            }
            self._send_patiently(what)

    def _send_patiently(self, what: dict[str, Any]) -> None:
        deadline, told = time.monotonic() + self.patience_s, False
        while (trouble := self._sent(what)) is not None:
            if time.monotonic() > deadline:
                raise ClusterError(trouble)
            if not told:
                self.say(f"{trouble}; trying again for up to {self.patience_s:.0f} s")
            told = True
            time.sleep(_POLL_S)

    def _sent(self, what: dict[str, Any]) -> str | None:
        """Try once; returns what stands in the way for the moment, None once the job is there."""
        try:
            import requests  # what Ray's client is made of, and only on a machine that has it
            from ray.job_submission import JobSubmissionClient
        except ImportError as error:
            raise ClusterError(_NO_CLIENT) from error
        for name in ("ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env.packaging"):
            logging.getLogger(name).setLevel(logging.WARNING)  # each step of the upload would be a line
        try:
            address = str(JobsAddress.parse(self.target))
            client = JobSubmissionClient(address, headers=self._headers(), verify=self._profile.ca_path or True)
            client.submit_job(**deepcopy(what))  # it changes what it gets
        except (ConnectionError, requests.ConnectionError, requests.Timeout) as error:
            return f"{self.target} does not answer: {mask(last_line(str(error)))}"
        except (RuntimeError, OSError) as error:  # what Ray's client raises, AuthenticationError included
            if "already exists" in str(error):
                return None
            if "No available agent" in str(error):
                return f"{self.target} is not ready for jobs yet"
            if "ray[default]" in str(error):
                raise ClusterError(_NO_CLIENT) from error
            raise ClusterError(f"{self.target} did not take the job: {mask(last_line(str(error)))}") from error
        return None

    def status(self, job: str) -> JobStatus:
        """Ask for the job."""
        try:
            answer = self._ask("GET", f"/api/jobs/{job}", self._headers(), accept=(200, 404))
        except ClusterError as error:
            return JobStatus(JobState.UNKNOWN, str(error))
        if answer.status == 404:
            return JobStatus(JobState.GONE, f"{self.target} knows no job {job}")
        return status_of(answer.document())

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """Yield the driver's log; following, what is new is asked for again and again."""
        shown = 0
        while True:
            ended = not follow or not self.status(job).state.is_live
            began = time.monotonic()
            answer = self._ask("GET", f"/api/jobs/{job}/logs", self._headers(), accept=(200, 404))
            if answer.status == 404:
                raise ClusterError(f"{self.target} knows no job {job}; `stepladder ls --address` lists those it knows")
            text = str(answer.document()["logs"] or "")
            yield text[shown:]
            shown = max(shown, len(text))
            if ended:
                return
            time.sleep(max(_POLL_S, 10 * (time.monotonic() - began)))  # a long log is fetched whole

    def stop(self, job: str) -> None:
        """Send the driver a SIGTERM, by Ray."""
        self._ask("POST", f"/api/jobs/{job}/stop", self._headers(), accept=(200, 404))

    def jobs(self) -> Sequence[Job]:
        """List what `submit` sent there, from whichever machine."""
        listed = self._ask("GET", "/api/jobs/", self._headers()).document()
        found = [
            Job(
                entry["submission_id"],
                entry["metadata"]["stepladder_sweep"],
                entry["metadata"].get("stepladder_folder", ""),
                status_of(entry),
                entry["start_time"] / 1000 if entry.get("start_time") else None,
                entry["metadata"].get("stepladder_owner", ""),
                entry["metadata"].get("stepladder_id", ""),
            )
            for entry in listed
            if "stepladder_sweep" in (entry.get("metadata") or {})
        ]
        return sorted(found, key=lambda job: job.submitted_t or 0.0, reverse=True)

    def run(self, *arguments: str) -> str:
        """Run a question as a small job on the head node and forget it."""
        job = f"stepladder-{arguments[0]}-{os.urandom(4).hex()}"
        entrypoint = _question(job, ("stepladder", *arguments))
        body = {"entrypoint": entrypoint, "submission_id": job, "metadata": {"stepladder_question": arguments[0]}}
        self._ask("POST", "/api/jobs/", self._headers(), body)
        found, printed = self._outcome(job, QUESTION_S)
        if found.state is not JobState.SUCCEEDED:
            raise ClusterError(last_line(printed).removeprefix("error: ") or found.text)
        return printed

    def _outcome(self, job: str, patience_s: float) -> tuple[JobStatus, str]:
        """Wait for a question's job, forget it there, and return how it ended and what it printed."""
        deadline = time.monotonic() + patience_s
        while (found := self.status(job)).state.is_live:
            if time.monotonic() > deadline:
                self.stop(job)
                raise ClusterError(
                    f"{self.target} gave no answer in {patience_s:.0f} s (job {job}): it is busy, or hangs"
                )
            time.sleep(_POLL_S / 4)
        printed = "".join(self.logs(job, follow=False))
        self._ask("DELETE", f"/api/jobs/{job}", self._headers(), accept=(200, 404, 500))
        said = printed.rpartition(f"{job}\n")[2]  # Ray's own lines come before, and one of them now and then after
        return found, re.sub(rf"^Running entrypoint for job {job}: .*\n", "", said, flags=re.MULTILINE)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: Any = None, *, accept: tuple[int, ...] = (200,)
    ) -> Answer:
        api = JobsApi(JobsAddress.parse(self.target), headers, self.say, self._profile.ca_path)
        return api.ask(method, path, body, patience_s=self.patience_s, accept=accept)

    @cached_property
    def _profile(self) -> ClusterProfile:
        """What is always said of this cluster."""
        return profile_of(self.target) or ClusterProfile(address="http://localhost")

    def _token(self) -> Token | None:
        return find_token(self._profile.token_environ(os.environ), Path.home())

    def _headers(self) -> dict[str, str]:
        token = self._token()
        return {**self._profile.headers, **(token.headers if token else {})}


def _question(job: str, command: Sequence[str]) -> str:
    """Write the command for Ray's shell, behind a line that tells what it prints from what Ray prints."""
    return f"echo {job}; exec {shlex.join(command)}"


def _metadata(submission: Submission) -> dict[str, str]:
    known = {"stepladder_owner": submission.owner, "stepladder_id": submission.sweep_id}
    told = {name: value for name, value in known.items() if value}
    return {"stepladder_sweep": submission.name, "stepladder_folder": submission.sweep_folder, **told}


def _runtime_env(submission: Submission, package: str) -> dict[str, Any]:
    asked, own = submission.environment, {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S)}
    return {"working_dir": package, "env_vars": {**asked.env, **submission.env, **own}, **runtime_env(asked)}


MEMBER = RayJob
