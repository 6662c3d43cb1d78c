"""What every launcher must hold to: one class of tests, for two fixtures: `member`, its class, and `target`, a cluster.

Nothing is submitted: what happens on a cluster is tested on that kind of cluster.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from pathlib import Path
from unittest import mock

from orchestrator.launchers import Launch, Launcher, Submission
from orchestrator.sweep.launching import KubernetesSettings
from orchestrator.sweep.resources import Resources

SECRET = "3f1c-never-to-be-seen"  # noqa: S105 - stands for one
"""A value that may appear nowhere."""


def example(launcher: type[Launcher], target: str, **changes: object) -> Submission:
    """Return a submission to `target`."""
    submission = Submission(
        name="digits",
        job_id="digits-20261122-031200-5c1e",
        folder=Path("/home/ada/digits"),
        sweep_file="sweep.yaml",
        overrides=("budget.trials=20", "name=it's short"),
        storage="/shared/runs",
        resources=Resources(cpus=2, gpus=1, max_concurrent=4),
        kubernetes=KubernetesSettings(image="sweeps:1", queue="gpu-queue"),
        target=target,
        env={"OMP_NUM_THREADS": "4"} if launcher.takes_env else {},
    )
    return dataclasses.replace(submission, **changes)  # type: ignore[arg-type]


def written(launch: Launch) -> str:
    """Write a launch out whole, as golden files hold it."""
    parts = [" \\\n  ".join(shlex.quote(word) for word in launch.command)]
    parts += [f"--- {name}\n{content.rstrip()}" for name, content in sorted(launch.files.items())]
    parts += [f"# {note}" for note in launch.notes]
    return "\n".join(parts) + "\n"


class LauncherConformance:
    """The suite."""

    def test_renders_the_same_launch_again(self, member: type[Launcher], target: str) -> None:
        """The same submission gives the same launch, from two launchers and in another environment."""
        first = member(target).render(example(member, target))
        with mock.patch.dict(os.environ, {"RAY_ADDRESS": "10.9.8.7:6379", "USER": "somebody-else"}):
            assert member(target).render(example(member, target)) == first

    def test_keeps_the_job_id(self, member: type[Launcher], target: str) -> None:
        """A launch is the submission's: an attempt more is another job, never the same one again."""
        for job_id in ("digits-20261122-031200-5c1e", "digits-20261122-031201-77aa"):
            launch = member(target).render(example(member, target, job_id=job_id))
            assert launch.job_id == job_id
            assert all("/" not in name for name in launch.files)

    def test_starts_the_sweep_or_goes_on(self, member: type[Launcher], target: str) -> None:
        """What runs there is `stepladder resume --auto` with the file and its overrides, quoted for a shell."""
        text = written(member(target).render(example(member, target)))
        between = r"[\s\\\"',-]+"  # a shell's line, a list of YAML, an array of a script
        words = ("stepladder", "resume", "auto", r"(?:\S*/)?sweep\.yaml", r"budget\.trials=20")
        assert re.search(between.join(words), text), text

    def test_renders_no_secret(self, member: type[Launcher], target: str) -> None:
        """No token or key of this machine's environment gets into a launch."""
        secrets = {"RAY_AUTH_TOKEN": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "WANDB_API_KEY": SECRET}
        with mock.patch.dict(os.environ, secrets):
            assert SECRET not in written(member(target).render(example(member, target)))
