"""Sweeps as RayJobs of KubeRay: one RayJob is a Ray cluster of its own and the driver on it (cluster/kuberay.yaml).

The sweep file's folder travels as a ConfigMap that every pod mounts at /sweep; a definition that does not mention
${STEPLADDER_FILES} has it in its image there. `kubectl` says which cluster and which namespace.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from orchestrator import exitcodes
from orchestrator.errors import ClusterError
from orchestrator.launchers import JobState, JobStatus, Launch, Launcher, Submission
from orchestrator.launchers._config_map import code_files, keys, manifest
from orchestrator.launchers._definitions import Definition, refuse_relative
from orchestrator.launchers._environment import BY_RAY, refuse_unmentioned
from orchestrator.launchers._kubernetes import values_of
from orchestrator.launchers._programs import last_line, refuse_missing, run

DEFAULT = "kuberay.yaml"
"""The definition taken where none is named."""
MOUNTED = "/sweep"
"""Where pods find the sweep file's folder."""
LONGEST_NAME = 47
"""Characters in a RayJob's name; the operator makes longer names from it."""
_REMEDY = "install it and let it reach the cluster (`kubectl get rayjobs` answers)"
_KIND = re.compile(r"^kind:\s*RayJob\b", re.MULTILINE)
_FILES = "STEPLADDER_FILES"
_PLACES = {"image": "STEPLADDER_IMAGE"} | dict.fromkeys(sorted(BY_RAY), "STEPLADDER_RUNTIME_ENV")
"""Which placeholder gives each key of the sweep's environment."""
_ENDED = {"SUCCEEDED": JobState.SUCCEEDED, "STOPPED": JobState.STOPPED, "FAILED": JobState.FAILED}
_EXIT_CODE = re.compile(r"exit code:? (\d+)")


class KubeRay(Launcher):
    """Launches sweeps as RayJobs; the target is a definition, or empty for the one that is shipped."""

    targets = "a KubeRay RayJob (.yaml)"
    gives = BY_RAY | {"image"}
    instead: ClassVar[Mapping[str, str]] = {"modules": "put what they bring into the image, and leave them out"}

    @classmethod
    def takes(cls, target: str) -> bool:
        """Take manifests of a RayJob."""
        path = Path(target)
        return path.suffix in (".yaml", ".yml") and path.is_file() and _KIND.search(path.read_text()) is not None

    def uploads(self) -> bool:
        """Upload where the definition has a place for files."""
        return Definition.read(self.target or DEFAULT).mentions(_FILES)

    def render(self, submission: Submission) -> Launch:
        """Return the manifest, the code's ConfigMap before it, and the `kubectl` that applies them."""
        refuse_relative(submission.storage)
        definition = Definition.read(self.target or DEFAULT)
        refuse_unmentioned(submission.environment, definition, _PLACES)
        name = resource_name(submission.job_id)
        command = submission.command_in(f"{MOUNTED}/")
        files = code_files(submission) if definition.mentions(_FILES) else {}
        values = {
            **values_of(submission, needs_queue=definition.mentions("STEPLADDER_QUEUE")),
            "STEPLADDER_JOB": name,
            "STEPLADDER_STORAGE": submission.storage,
            "STEPLADDER_COMMAND": shlex.join(command),
            _FILES: [{"key": key, "path": path} for path, key in keys(files).items()],
        }
        written = {key: None if value is None else json.dumps(value) for key, value in values.items()}  # JSON is YAML
        text = definition.fill(written)
        code = f"{manifest(name, files)}---\n" if files else ""
        return Launch(
            submission.job_id,
            ("kubectl", "apply", "--server-side", f"--filename={name}.yaml"),  # else no ConfigMap above 256 KiB
            {f"{name}.yaml": code + text},
            (
                f"{len(files)} files travel as a ConfigMap to {MOUNTED}" if files else f"the image has {MOUNTED}",
                f"up to {values['STEPLADDER_WORKERS']} workers of {values['STEPLADDER_SIZE']['limits']}",
            ),
        )

    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        """Apply the manifest; returns the RayJob's name. Applying it twice changes nothing."""
        place.mkdir(parents=True, exist_ok=True)
        for name, text in launch.files.items():
            (place / name).write_text(text)
        told = run(launch.command, _REMEDY, place)
        if told.returncode != 0:
            raise ClusterError(f"Kubernetes refuses the sweep: {last_line(told)}")
        return resource_name(submission.job_id)

    def status(self, job: str) -> JobStatus:
        """Ask Kubernetes for the RayJob's status."""
        told = run(["kubectl", "get", "rayjob", job, "--ignore-not-found", "--output=json"], _REMEDY)
        if told.returncode != 0:
            return JobStatus(JobState.UNKNOWN, f"Kubernetes does not answer: {last_line(told)}")
        if not told.stdout.strip():
            return JobStatus(JobState.GONE, f"there is no RayJob {job} in this namespace")
        return job_status(job, json.loads(told.stdout))

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """Yield what the pod that follows the driver printed: the driver's own lines. Raises ClusterError."""
        refuse_missing("kubectl", _REMEDY)
        command = ["kubectl", "logs", f"job/{job}", *(["--follow"] if follow else [])]
        with subprocess.Popen(  # noqa: S603 - a fixed program, never a shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as reading:
            assert reading.stdout is not None
            assert reading.stderr is not None
            try:
                yield from reading.stdout
            finally:
                if reading.poll() is None:
                    reading.terminate()
            told = reading.stderr.read().strip()
        if reading.returncode > 0:
            raise ClusterError(f"no log of {job}: {told.splitlines()[-1] if told else _REMEDY}")

    def stop(self, job: str) -> None:
        """Delete the RayJob, whose operator stops the driver first, and the code's ConfigMap."""
        told = run(
            ["kubectl", "delete", f"rayjob/{job}", f"configmap/{job}", "--ignore-not-found", "--wait=false"], _REMEDY
        )
        if told.returncode != 0:
            raise ClusterError(f"{job} cannot be ended: {last_line(told)}")


def resource_name(job_id: str) -> str:
    """Return a RayJob's name for a submission: lower case, a letter first, short; the end is what makes it unique."""
    name = re.sub(r"[^a-z0-9-]", "-", job_id.lower())[-LONGEST_NAME:].strip("-")
    return name if name[:1].isalpha() else f"s-{name[-LONGEST_NAME + 2 :]}"


def job_status(job: str, rayjob: dict[str, Any]) -> JobStatus:
    """Read how a RayJob stands from its `status`, as KubeRay fills it in."""
    status: dict[str, Any] = rayjob.get("status") or {}
    phase, ended, message = (str(status.get(key) or "") for key in ("jobDeploymentStatus", "jobStatus", "message"))
    lines = message.strip().splitlines()
    text = f"RayJob {job}: {phase or 'new'}" + (f", {ended}" if ended else "") + (f": {lines[0]}" if lines else "")
    if phase == "Running":
        return JobStatus(JobState.RUNNING if ended == "RUNNING" else JobState.PENDING, text)
    if phase not in ("Complete", "Failed"):  # Initializing, Waiting, Suspended, Retrying and what else there may come
        return JobStatus(JobState.PENDING, text)
    state = _ENDED.get(ended, JobState.FAILED)
    if state is JobState.FAILED and any(map(exitcodes.leaves_work, _EXIT_CODE.findall(message))):
        state = JobState.STOPPED
    return JobStatus(state, text)


MEMBER = KubeRay
