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
for verdicts: a STOP ends it, and what it reported meanwhile is dropped. What it prints lies in the sweep's
folder (see `prints`). `orchestrator.ray.worker.reaper` stands between it and this process, so that nothing of it stays
behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ray.tune import Checkpoint
from ray.tune.result import RESULT_DUPLICATE

from orchestrator.ray.worker.assignment import REPORT_KEY, Assignment, counter_of
from orchestrator.ray.worker.failure import ERROR, AttemptFailed
from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.kept_checkpoints import KeptCheckpoints, found_in
from orchestrator.ray.worker.kernel_kills import kernel_kills
from orchestrator.ray.worker.metric_sources import MetricSource, source_of
from orchestrator.ray.worker.prints import Prints
from orchestrator.ray.worker.program import GRACE_S, Program
from orchestrator.ray.worker.program_failure import failure_of_program
from orchestrator.ray.worker.project_writes import ProjectWrites, Writes, bytes_written
from orchestrator.ray.worker.reports import FidelityCounter, ReportError, WorkerReport, read_said
from orchestrator.ray.worker.signs import waiting
from orchestrator.ray.worker.trainable import TRIAL_KEY, Command
from orchestrator.secrecy import written_command
from orchestrator.sweep.nesting import nested
from orchestrator.sweepfile.arguments import AS_WRITTEN, config_file
from orchestrator.sweepfile.placeholders import filled, names_config_file

CHECKPOINT_VARIABLE = "STEPLADDER_CHECKPOINT"
"""Tells a program what to go on from."""
POLL_S = 0.1
"""How often reports are looked for."""
READ_BYTES = 32 * 2**10
"""How much of the end of what a program printed is looked at for what ended it."""


@dataclass(frozen=True)
class _Room:
    """Where an attempt's files lie on this node."""

    own: Path
    """The attempt's folder."""
    prints: Prints
    """Where stdout and stderr go."""

    @property
    def reports(self) -> Path:
        return self.own / "reports.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.own / "checkpoints"

    @classmethod
    def made(cls, own: Path, trial: Mapping[str, Any]) -> _Room:
        shutil.rmtree(own / "checkpoints", ignore_errors=True)
        room = cls(own, Prints(trial, own))
        room.checkpoints.mkdir(parents=True, exist_ok=True)
        room.reports.write_bytes(b"")
        return room

    def close(self) -> None:
        """Send the rest of what was printed, and remove what storage has, or nobody wants."""
        with contextlib.suppress(OSError):  # prints that cannot be kept are no failure of the trial
            self.prints.look(final=True)
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def run_command(assignment: Assignment, command: Command, config: dict[str, Any], session: Any) -> None:
    """Run the program to its end in the session's training thread; raises AttemptFailed, and SystemExit on a STOP."""
    if (problem := command.problem()) is not None:
        raise AttemptFailed(ERROR, problem)
    assignment, wall = assignment.for_purpose(TrialInfo.of(config[TRIAL_KEY]))
    with wall.screening():
        _run(assignment, command, config, session, wall)


def _run(assignment: Assignment, command: Command, config: dict[str, Any], session: Any, wall: Firewall) -> None:
    room = _Room.made(Path(session.storage.trial_working_directory), config[TRIAL_KEY])
    environment, arguments = _prepared(assignment, command, config, room, session.loaded_checkpoint)
    logs, folder, grace_s = room.prints.folder, command.found_folder(), min(assignment.teardown_s, GRACE_S)
    rows = (command.metrics, room.reports, room.own, logs, assignment.objective, assignment.fidelity)
    source = source_of(*rows, wall=wall)
    program = Program(arguments, folder, environment, logs, grace_s)
    try:
        counter = counter_of(assignment, TrialInfo.of(config[TRIAL_KEY]))
        sweep = config[TRIAL_KEY]["sweep_folder"]
        writes = ProjectWrites(folder, sweep, lambda: bytes_written(program.leader))
        count = _listen(assignment, counter, program, source, room, session, wall, writes)
    finally:
        program.end()
        room.close()
    if wall.is_test:
        session.report({REPORT_KEY: wall.measured(written_command(arguments))})
    elif not count and CHECKPOINT_VARIABLE not in environment:
        raise AttemptFailed(ERROR, f"{written_command(arguments)} ended without a report; {source.lacking()}")
    session.report({RESULT_DUPLICATE: True})


def _prepared(
    assignment: Assignment, command: Command, config: dict[str, Any], room: _Room, checkpoint: Checkpoint | None
) -> tuple[dict[str, str], list[str]]:
    """Return the program's environment and arguments, its checkpoint in place."""
    found = None
    if checkpoint is not None:
        checkpoint.to_directory(str(room.checkpoints))
        held = found_in(room.checkpoints)
        found = None if held is None else str(held)
    trial = {**config[TRIAL_KEY], "checkpoint": found}
    hyperparameters = {name: value for name, value in config.items() if name != TRIAL_KEY}
    given = nested(hyperparameters) if assignment.is_nested else hyperparameters
    told = {**given, TRIAL_KEY: trial} if assignment.begun_format < 2 else given
    style = command.args or AS_WRITTEN
    file = room.own / f"config.{style.config}"
    if names_config_file(command.arguments, list(hyperparameters)):
        file.write_text(config_file(given, style))
    environment = {name: value for name, value in os.environ.items() if name != CHECKPOINT_VARIABLE}
    environment |= {
        **TrialInfo.of(trial).variables(),
        "PATH": command.search_path,
        "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1"),  # what is printed is there to be read at once
        "STEPLADDER_CONFIG": json.dumps(told),
        "STEPLADDER_REPORTS": str(room.reports),
        "STEPLADDER_CHECKPOINTS": str(room.checkpoints),
        "STEPLADDER_TRIAL_FOLDER": str(room.own),
    }
    known = {**trial, "folder": str(room.own), "checkpoints": str(room.checkpoints)}
    return environment, filled(command.arguments, hyperparameters, known, style, str(file))


def _listen(
    assignment: Assignment,
    counter: FidelityCounter,
    program: Program,
    source: MetricSource,
    room: _Room,
    session: Any,
    wall: Firewall,
    writes: ProjectWrites,
) -> int:
    """Pass reports on until the program ended; returns how many there were. Those of a test stay behind the wall."""
    kept, count = KeptCheckpoints(room.checkpoints, room.prints.remark), 0
    killed_before = kernel_kills()
    while True:
        status = program.status(POLL_S)
        writes.look()
        for said, where in _told(source, final=status is not None):
            if wall.is_test:
                _measure(wall, said, where)
                continue
            try:
                report, name = read_said(said, where, assignment.objective, assignment.fidelity, counter)
                checkpoint = None if name is None else kept.staged(name, where)
            except ReportError as error:
                raise AttemptFailed(ERROR, str(error)) from None
            with waiting():  # for storage and the verdict; SystemExit on STOP
                report = _with(writes.take(), replace(report, is_withheld=wall.has_withheld))
                session.report({REPORT_KEY: report}, checkpoint=checkpoint)
            kept.done()
            count += 1
        source.moved(room.prints.look())
        if status is not None:
            if left := source.left():
                room.prints.remark(f"read after its last report, and in none: {', '.join(left)}")
            _refuse_failure(status, room, kernel_kills() - killed_before)
            return count
        if session.stop_event.is_set():
            raise SystemExit(0)


def _measure(wall: Firewall, said: Mapping[str, Any], where: str) -> None:
    try:
        wall.take(said)
    except ReportError as error:
        raise AttemptFailed(ERROR, f"{where}: {error}") from None


def _with(writes: Writes, report: WorkerReport) -> WorkerReport:
    return replace(report, writes_seen_ns=writes.seen_ns, writes=writes.writes)


def _told(source: MetricSource, *, final: bool) -> Iterator[tuple[dict[str, Any], str]]:
    try:
        for where, said in source.read(final=final):
            yield said, where
    except ReportError as error:
        raise AttemptFailed(ERROR, str(error)) from None


def _refuse_failure(status: int, room: _Room, killed: int) -> None:
    """Raise AttemptFailed unless the program ended well; the kernel's memory killer ended `killed` processes since."""
    if status == 0:
        return
    printed = {name: _end_of(room.prints.folder / f"{name}.txt") for name in ("stderr", "stdout")}
    raise failure_of_program(
        status, printed["stderr"], is_memory_killer_seen=killed > 0, printed_to_stdout=printed["stdout"]
    )


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - READ_BYTES))
        return file.read().decode(errors="replace")
