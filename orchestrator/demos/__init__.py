"""Demonstrations that `stepladder init` writes: one folder each, a training function and its sweep file.

They are a user's files, shipped as data: nothing here imports them. `digits` imports nothing of the package, as no
training function has to; the others show `orchestrator.training`. A folder put beside them is a demonstration; it is
named nowhere else.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from orchestrator.errors import StorageError, UsageError
from orchestrator.members import nearest

_HERE = Path(__file__).parent
SCHEMA = ".sweep.schema.json"
"""The schema beside a sweep file that was written for somebody; hidden, and written anew each time."""
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"
"""First line of such a file: editors complete its keys and underline what is wrong, without any setting."""


def demo_names() -> list[str]:
    """List the demonstrations, sorted."""
    return sorted(entry.name for entry in _HERE.iterdir() if (entry / "sweep.yaml").is_file())


def write_demo(name: str, folder: Path) -> Path:
    """Copy the demonstration `name` into `folder`, which is made, and return the folder.

    Raises UsageError where there is no such demonstration, and where one of its files would be overwritten;
    StorageError where the folder cannot be written.
    """
    known = demo_names()
    if name not in known:
        raise UsageError(f"{name!r} is not a demonstration; choose {nearest(name, known)}")
    files = [path for path in sorted((_HERE / name).iterdir()) if path.is_file()]
    for path in files:
        if (folder / path.name).exists():
            raise UsageError(
                f"{folder / path.name} is there already and may hold your changes; "
                f"use it (stepladder plan {folder / 'sweep.yaml'}), or choose another folder with --to"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copyfile(path, folder / path.name)
        add_schema(folder / "sweep.yaml")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}; choose another folder with --to") from error
    return folder


def add_schema(sweep_file: Path) -> None:
    """Put the schema of sweep files beside this one, and the line into it that editors find it by. Raises OSError."""
    from orchestrator.sweepfile.schema import json_schema  # every member's options, which takes half a second

    (sweep_file.parent / SCHEMA).write_text(json.dumps(json_schema()) + "\n", encoding="utf-8")
    text = sweep_file.read_text(encoding="utf-8")
    if not text.startswith(MODELINE):
        sweep_file.write_text(MODELINE + text, encoding="utf-8")
