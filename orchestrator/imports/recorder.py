"""In a process of its own: runs a user's Optuna or Ray file, whatever would train replaced, and notes what it asks.

Started as `python -m orchestrator.imports.recorder TOOL FILE OUT ARGUMENTS...` with an empty working directory, so that
neither our modules nor the file's folder shadow a library before the file is run. OUT is rewritten whole after each
finding, so that a run that is ended has told what it knew.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Found: TypeAlias = dict[str, Any]
"""What is written down, as JSON has it: `experiments`, and `error` where the file failed."""
Note: TypeAlias = Callable[[], None]
"""Writes down what was found so far."""


class Recorded(BaseException):
    """Ends the file once there is nothing left to record; no `except Exception` of the user's stops it."""


def main(tool: str, file: str, out: str, arguments: list[str]) -> None:
    """Run `file` as `python file arguments...` would, under the recorder of `tool`."""
    path, notes = Path(file).resolve(), Path(out)
    sys.path[0] = str(path.parent)
    os.chdir(path.parent)
    sys.argv = [str(path), *arguments]
    found: Found = {"experiments": []}

    def note() -> None:
        written = notes.with_suffix(".new")
        written.write_text(json.dumps(found), encoding="utf-8")
        written.replace(notes)

    note()
    recording = importlib.import_module(f"orchestrator.imports.recorder_{tool}")
    recording.replace(found, note)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            names = runpy.run_path(str(path), run_name="__main__")
        recording.look_among(names, found)
    except Recorded:
        pass
    except SystemExit as leaving:
        if not found["experiments"]:
            found["error"] = f"it left with sys.exit({leaving.code!r}) before it came to what is recorded"
    except BaseException as error:  # noqa: BLE001 - whatever the user's file raises is told, not raised
        found["error"] = told(error, path)
    note()


def told(error: BaseException, path: Path) -> str:
    """Say what a user's file raised, and in which of its lines."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"line {lines[-1]}: " if lines else ""
    return f"{where}{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def plain(value: Any) -> Any:
    """Return a value as JSON has it, NumPy's scalars included; raises ValueError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain(value.item())
    if isinstance(value, Path):
        return str(value)
    raise ValueError(f"{type(value).__name__} {value!r:.60}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
