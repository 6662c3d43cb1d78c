"""A new sweep from an earlier one: its sweep file again, under the next name, that begins with what it found."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.project.places import locate
from orchestrator.state.reading import read_sweep
from orchestrator.sweepfile.again import again, next_name


def write_next(place: str, to: Path | None) -> tuple[Path, list[str]]:
    """Write the sweep file that goes on from the sweep of `place`, into the folder `to`; returns it and what to know.

    None: beside the sweep file that it was started from, where the training function lies. Raises UsageError where that
    is not there and no folder is given, or the file exists; SweepNotFoundError, StorageError.
    """
    folder = locate(place).folder.absolute()
    state = read_sweep(folder)
    provenance, name = state.plan.provenance, next_name(state.plan.spec.name)
    beside = Path(provenance.source).parent if provenance.source else None
    if to is None and (beside is None or not beside.is_dir()):
        raise UsageError(
            f"{place}: its sweep file is not where it was; say with --to which folder has the training code"
        )
    file = (to or beside or Path()) / f"{name}.yaml"
    if file.exists():
        raise UsageError(f"{file} exists already; move it, or give another folder with --to")
    earlier = str(folder)
    if not folder.is_remote and Path(earlier).is_relative_to(file.parent.absolute()):
        earlier = str(Path(earlier).relative_to(file.parent.absolute()))
    text = again(folder.files().read("sweep.yaml"), name, earlier)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    overrides = " ".join(provenance.overrides)
    return file, [f"its overrides are not part of the file: {overrides}"] if overrides else []
