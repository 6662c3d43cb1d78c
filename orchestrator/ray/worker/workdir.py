"""Where a training function runs: relative reads find the project, relative writes of two trials never meet.

A trial has one folder, `work/<trial>` in the sweep's, for all its attempts. Each entry of the sweep file's folder has a
link there, but for the one that holds the sweeps: what a function writes to `runs/`, as TensorBoard does by default,
would lie among them. What it writes under another new name is the trial's; a name that is there already keeps its
meaning, and what is written through a link reaches the project.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from orchestrator.ray.worker.given import TrialInfo
from orchestrator.storage.location import Location

FOLDER = "work"
"""Holds the trials' folders, in the sweep's."""


def enter(workdir: str, trial: TrialInfo, project: Path | None) -> None:
    """Go to where the trial's function works, by the sweep file's `workdir`; `project` is the sweep file's folder.

    It stays in the attempt's own folder on this node, which Ray Tune made, with `workdir: attempt`, and with a storage
    that is no folder or takes no links: what is written there does not outlive the node.
    """
    if workdir == "project" and project is not None:
        os.chdir(project)
    elif workdir == "trial":
        try:
            os.chdir(_made(trial, project))
        except OSError as error:
            logging.getLogger(__name__).warning("trial %d works in %s: %s", trial.number, Path.cwd(), error)
            _link(project, Path.cwd(), Path(trial.sweep_folder))


def _made(trial: TrialInfo, project: Path | None) -> Path:
    """Return the trial's folder, its links in place. Raises OSError."""
    sweep = Location.parse(trial.sweep_folder)
    folder = Path.cwd() if sweep.is_remote else Path(trial.sweep_folder) / FOLDER / trial.trial_id
    folder.mkdir(parents=True, exist_ok=True)
    _link(project, folder, Path(trial.sweep_folder))
    return folder


def _link(project: Path | None, folder: Path, sweep: Path) -> None:
    """Link the project's entries into the folder, those that are there already left alone. Raises OSError."""
    inside = (sweep.resolve(), folder.resolve())
    for entry in [] if project is None else sorted(project.iterdir()):
        link = folder / entry.name
        if any(place.is_relative_to(entry.resolve()) for place in inside):
            continue
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)  # it led to where another node, or an earlier driver, had the project
        with contextlib.suppress(FileExistsError):  # the trial's own, or another process of it was faster
            link.symlink_to(entry)
