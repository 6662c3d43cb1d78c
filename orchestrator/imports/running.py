"""Runs a user's file under the recorder, in a child process that is ended after a minute; returns what it recorded."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.errors import StepladderError

LIMIT_S = 60.0
"""How long a file may take to come to what is recorded."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "WANDB_MODE": "disabled"}
"""Nothing that a file only records is told to anybody."""


class RecordingError(StepladderError):
    """The file was run and told nothing; the text says why, and what to do."""


def recorded(tool: str, file: Path, arguments: Sequence[str] = (), limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Run `file` for `limit_s` at most and return its experiments. Raises RecordingError where there are none.

    What it prints is dropped, and so is all that it started: its whole process group is ended.
    """
    with tempfile.TemporaryDirectory(prefix="stepladder-import-") as folder:
        out = Path(folder) / "recorded.json"
        command = [
            sys.executable,
            "-m",
            "orchestrator.imports.recorder",
            tool,
            str(file.resolve()),
            str(out),
            *arguments,
        ]
        paths = [os.environ.get("PYTHONPATH"), str(Path(__file__).parents[2])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | _QUIET
        child = subprocess.Popen(  # noqa: S603 - the user's own file, run as they run it
            command, cwd=folder, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        timed_out = False
        try:
            _, said = child.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            timed_out, said = True, b""
        finally:
            _end(child)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"experiments": []}
    if not found["experiments"]:
        raise RecordingError(f"{file}: {_why(found, said, limit_s if timed_out else None)}")
    for experiment in found["experiments"]:
        experiment["arguments"] = list(arguments)
    return found | {"timed_out": timed_out}


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def _why(found: dict[str, Any], said: bytes, limit_s: float | None) -> str:
    remedy = "`--no-run` reads its text alone"
    if limit_s is not None:
        return f"nothing was recorded within {limit_s:g} s; let it come to its search sooner, or {remedy}"
    if "error" in found:
        return f"it was run to be read, and failed: {found['error']}; mend it, give it arguments after --, or {remedy}"
    if "experiments" in found and not said:
        return f"it was run and started no search, nor has a function of a `trial`; {remedy}"
    last = said.decode(errors="replace").strip().splitlines()
    return f"it was run and started no search{f' ({last[-1][:200]})' if last else ''}; {remedy}"
