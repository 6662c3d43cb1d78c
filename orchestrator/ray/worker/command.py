"""A training program in place of a training function: started, listened to and ended in the trial's worker.

What the program finds, beside its arguments:

    STEPLADDER_CONFIG        the hyperparameters as JSON; in sweeps of log format 1 `_trial` beside them
    STEPLADDER_REPORTS       file to which it appends one JSON object a line, a report each
    STEPLADDER_CHECKPOINTS   folder for its checkpoints; a report with `"checkpoint": "NAME"` keeps the file or folder
                             NAME in it, complete and under a new name each time, as that report's checkpoint
    STEPLADDER_CHECKPOINT    the checkpoint to go on from, in that folder under its name; unset in a fresh start
    STEPLADDER_TRIAL_FOLDER  a folder of its own
    STEPLADDER_SEED, ...     what is known of the trial (see `given.TrialInfo`)

It runs in the sweep file's folder, with the programs of this Python's environment first on its PATH. It does not wait
for verdicts: a STOP ends it, and what it reported meanwhile is dropped. stdout.txt and stderr.txt lie in the trial's
folder in storage. `orchestrator.ray.worker.reaper` stands between it and this process, so that nothing of it stays
behind.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs
from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE

from orchestrator.ray.worker.failure import ERROR, LOST, OUT_OF_MEMORY, AttemptFailed, cut, speaks_of_memory
from orchestrator.ray.worker.function import REPORT_KEY, Assignment, counter_of
from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.kernel_kills import kernel_kills
from orchestrator.ray.worker.program import GRACE_S, Program
from orchestrator.ray.worker.reports import FidelityCounter, ReportError, ReportLines, read_line
from orchestrator.ray.worker.trainable import TRIAL_KEY, Command
from orchestrator.sweep.nesting import nested
from orchestrator.sweep.recordable import COUNTED
from orchestrator.sweepfile.placeholders import filled

CHECKPOINT_VARIABLE = "STEPLADDER_CHECKPOINT"
"""Tells a program what to go on from."""
POLL_S = 0.1
"""How often reports are looked for."""
SHOWN_LINES, SHOWN_BYTES = 20, 1500
"""How much of stderr an error tells."""


@dataclass(frozen=True)
class _Room:
    """Where an attempt's files lie on this node."""

    own: Path
    """The attempt's folder."""
    logs: Path
    """Where stdout and stderr go: in storage if that is a folder, else `own`."""

    @property
    def reports(self) -> Path:
        return self.own / "reports.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.own / "checkpoints"

    @classmethod
    def made(cls, storage: Any) -> _Room:
        own = Path(storage.trial_working_directory)
        shutil.rmtree(own / "checkpoints", ignore_errors=True)
        is_folder = isinstance(storage.storage_filesystem, fs.LocalFileSystem)
        room = cls(own, Path(storage.trial_fs_path) if is_folder else own)
        for folder in (room.checkpoints, room.logs):
            folder.mkdir(parents=True, exist_ok=True)
        room.reports.write_bytes(b"")
        return room

    def close(self, storage: Any) -> None:
        """Send the logs to a storage that is no folder, and remove what storage has, or nobody wants.

        Logs that cannot be sent are no failure of the trial: what it reported is safe.
        """
        if self.logs == self.own:
            try:
                self._send_logs(storage.storage_filesystem, storage.trial_fs_path)
            except OSError as error:
                logging.getLogger(__name__).warning("%s: stdout.txt, stderr.txt stay on this node: %s", self.own, error)
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def _send_logs(self, store: fs.FileSystem, folder: str) -> None:
        store.create_dir(folder)
        for name in ("stdout.txt", "stderr.txt"):
            fs.copy_files(str(self.own / name), f"{folder}/{name}", destination_filesystem=store)


def run_command(assignment: Assignment, command: Command, config: dict[str, Any], session: Any) -> None:
    """Run the program to its end in the session's training thread; raises AttemptFailed, and SystemExit on a STOP."""
    if (problem := command.problem()) is not None:
        raise AttemptFailed(ERROR, problem)
    room = _Room.made(session.storage)
    environment, arguments = _prepared(assignment, command, config, room, session.loaded_checkpoint)
    program = Program(arguments, command.found_folder(), environment, room.logs, min(assignment.teardown_s, GRACE_S))
    try:
        counter = counter_of(assignment, TrialInfo.of(config[TRIAL_KEY]))
        count = _listen(assignment, counter, program, room, session)
    finally:
        program.end()
        room.close(session.storage)
    if not count and CHECKPOINT_VARIABLE not in environment:
        is_counted = assignment.fidelity in (None, COUNTED)
        names = json.dumps({**({} if is_counted else {assignment.fidelity: 1}), assignment.objective: 0.5})
        raise AttemptFailed(
            ERROR, f"{shlex.join(arguments)} ended without a report; append lines such as {names} to STEPLADDER_REPORTS"
        )
    session.report({RESULT_DUPLICATE: True})


def _prepared(
    assignment: Assignment, command: Command, config: dict[str, Any], room: _Room, checkpoint: Checkpoint | None
) -> tuple[dict[str, str], list[str]]:
    """Return the program's environment and arguments, its checkpoint in place."""
    found = None
    if checkpoint is not None:
        checkpoint.to_directory(str(room.checkpoints))
        found = next(str(path) for path in sorted(room.checkpoints.iterdir()) if not path.name.startswith("."))
    trial = {**config[TRIAL_KEY], "checkpoint": found}
    hyperparameters = {name: value for name, value in config.items() if name != TRIAL_KEY}
    told = nested(hyperparameters) if assignment.is_nested else hyperparameters
    told |= {TRIAL_KEY: trial} if assignment.begun_format < 2 else {}
    environment = {name: value for name, value in os.environ.items() if name != CHECKPOINT_VARIABLE}
    environment |= {
        **TrialInfo.of(trial).variables(),
        "PATH": command.search_path,
        "STEPLADDER_CONFIG": json.dumps(told),
        "STEPLADDER_REPORTS": str(room.reports),
        "STEPLADDER_CHECKPOINTS": str(room.checkpoints),
        "STEPLADDER_TRIAL_FOLDER": str(room.own),
    }
    return environment, filled(command.arguments, config, trial)


def _listen(assignment: Assignment, counter: FidelityCounter, program: Program, room: _Room, session: Any) -> int:
    """Pass reports on until the program ended; returns how many there were."""
    lines, kept, count = ReportLines(room.reports), _Kept(room.checkpoints), 0
    killed_before = kernel_kills()
    while True:
        status = program.status(POLL_S)
        for number, line in lines.read(final=status is not None):
            try:
                report, name = read_line(line, number, assignment.objective, assignment.fidelity, counter)
                checkpoint = None if name is None else kept.staged(name, number)
            except ReportError as error:
                raise AttemptFailed(ERROR, str(error)) from None
            session.report({REPORT_KEY: report}, checkpoint=checkpoint)  # waits for the verdict; SystemExit on STOP
            kept.done()
            count += 1
        if status is not None:
            _refuse_failure(status, room.logs / "stderr.txt", kernel_kills() - killed_before)
            return count
        if session.stop_event.is_set():
            raise SystemExit(0)


class _Kept:
    """Hands checkpoints on to storage; here the newest is kept, for the program may read it again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staging = folder.with_name("staging")
        self._newest: str | None = None

    def staged(self, name: str, line: int) -> Checkpoint:
        """Return the named file or folder as a checkpoint that holds it under its name."""
        source = self._folder / name
        if not source.exists():
            raise ReportError(
                f"line {line} of STEPLADDER_REPORTS: there is no {name!r} in STEPLADDER_CHECKPOINTS; "
                "write the checkpoint before the report that names it"
            )
        self._staging.mkdir()
        if source.is_dir():
            shutil.copytree(source, self._staging / name, copy_function=os.link)
        else:
            os.link(source, self._staging / name)
        if self._newest not in (None, name):
            _remove(self._folder / str(self._newest))
        self._newest = name
        return Checkpoint.from_directory(str(self._staging))

    def done(self) -> None:
        """Take that storage has the checkpoint."""
        shutil.rmtree(self._staging, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _refuse_failure(status: int, stderr: Path, killed: int) -> None:
    """Raise AttemptFailed unless the program ended well; the kernel's memory killer ended `killed` processes since."""
    if status == 0:
        return
    with stderr.open("rb") as file:
        file.seek(max(0, stderr.stat().st_size - 8 * SHOWN_BYTES))
        printed = file.read().decode(errors="replace")
    raise failure_of_program(status, printed, is_memory_killer_seen=killed > 0)


def failure_of_program(status: int, printed: str, *, is_memory_killer_seen: bool) -> AttemptFailed:
    """Say how a program failed: `status` as `subprocess` has it, never 0, and the end of what it `printed` to stderr.

    A kill is a person's, the scheduler's or the node's, and the trial is repeated; unless the kernel's memory killer
    was at work meanwhile.
    """
    how = f"exited with code {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
    last = "\n".join(printed.strip().splitlines()[-SHOWN_LINES:])[-SHOWN_BYTES:]
    text = cut(f"the program {how}; its stderr ends with:\n{last}" if last else f"the program {how}, stderr is empty")
    if speaks_of_memory(printed):
        return AttemptFailed(OUT_OF_MEMORY, text)
    if status == -signal.SIGKILL and is_memory_killer_seen:
        return AttemptFailed(OUT_OF_MEMORY, f"{text}\nmemory ran out and the kernel ended it")
    return AttemptFailed(LOST if status == -signal.SIGKILL else ERROR, text)
