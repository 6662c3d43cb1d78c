"""What every launcher must hold to. A member passes each function of `CHECKS`, which take its class and a target.

    @pytest.mark.parametrize("check", launcher_conformance.CHECKS)
    def test_my_launcher(check):
        check(MyLauncher, "http://127.0.0.1:8265")

A failure is an AssertionError. Nothing is submitted: what happens on a cluster is tested on that kind of cluster.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from orchestrator.launchers import Launch, Launcher, Submission
from orchestrator.sweep.spec import Resources

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
        resources=Resources(cpus=2, gpus=1),
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


def check_rendering_is_repeatable(launcher: type[Launcher], target: str) -> None:
    """Check that the same submission gives the same launch, from two launchers and in another environment."""
    first = launcher(target).render(example(launcher, target))
    with mock.patch.dict(os.environ, {"RAY_ADDRESS": "10.9.8.7:6379", "USER": "somebody-else"}):
        assert launcher(target).render(example(launcher, target)) == first


def check_it_keeps_the_job_id(launcher: type[Launcher], target: str) -> None:
    """Check that a launch is the submission's: an attempt more is another job, never the same one again."""
    for job_id in ("digits-20261122-031200-5c1e", "digits-20261122-031201-77aa"):
        launch = launcher(target).render(example(launcher, target, job_id=job_id))
        assert launch.job_id == job_id
        assert all("/" not in name for name in launch.files)


def check_it_starts_or_goes_on(launcher: type[Launcher], target: str) -> None:
    """Check that what runs there is `stepladder resume --auto` with the file and its overrides, quoted for a shell."""
    text = written(launcher(target).render(example(launcher, target)))
    between = r"[\s\\\"',-]+"  # a shell's line, a list of YAML, an array of a script
    words = ("stepladder", "resume", "auto", r"(?:\S*/)?sweep\.yaml", r"budget\.trials=20")
    assert re.search(between.join(words), text), text


def check_no_secret_is_rendered(launcher: type[Launcher], target: str) -> None:
    """Check that no token or key of this machine's environment gets into a launch."""
    secrets = {"RAY_AUTH_TOKEN": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "WANDB_API_KEY": SECRET}
    with mock.patch.dict(os.environ, secrets):
        assert SECRET not in written(launcher(target).render(example(launcher, target)))


CHECKS: tuple[Callable[[type[Launcher], str], None], ...] = (
    check_rendering_is_repeatable,
    check_it_keeps_the_job_id,
    check_it_starts_or_goes_on,
    check_no_secret_is_rendered,
)
"""All checks."""
