"""The command `status`: how a sweep stands, wherever it runs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.cli.leaving import hold
from orchestrator.cli.options import SWEEP, AddressOption, JsonOption, SweepArgument, WatchOption
from orchestrator.cli.say import answer, answer_json, answer_piece, say
from orchestrator.errors import UsageError
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from rich.console import Group

    from orchestrator.project.handle import Handle, SentJob, SweepAtRest, SweepLog, SweepStatus
    from orchestrator.views.status import Status as StatusTold


WATCH_S = 2.0
"""Seconds between two looks; more where a look takes long, so that it takes a twentieth of the time."""


def status(
    sweep: SweepArgument = SWEEP,
    address: AddressOption = None,
    watch: WatchOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show how a sweep stands, living or dead, from any terminal."""
    if watch and (as_json or not sys.stdout.isatty()):
        raise UsageError("--watch draws on a terminal; without one, ask again: stepladder status --json")
    dashboard = to_send(address, "status")
    found = open_sweep(sweep, dashboard).status(as_json=as_json)
    hold(found)
    if as_json:
        answer_json(_document(found))
        return
    _show(_watched(sweep, dashboard, found) if watch else found)


def _watched(sweep: str, dashboard: str | None, found: SweepStatus) -> SweepStatus:
    """Draw a sweep until its driver ends, or Ctrl-C; returns the last that was seen."""
    from rich.live import Live

    from orchestrator.project.finding import find
    from orchestrator.project.handle import SweepLog
    from orchestrator.views.render import make_console

    look_s = 0.0
    with contextlib.suppress(KeyboardInterrupt), Live(console=make_console(sys.stdout), screen=True) as live:
        while isinstance(found.log, SweepLog) and found.log.holder is not None:
            live.update(_shown(found.log), refresh=True)
            time.sleep(max(WATCH_S, 20 * look_s))
            begun = time.perf_counter()
            found = find(sweep, dashboard, (), lambda _: None).status(as_json=False)
            look_s = time.perf_counter() - begun
    return found


def open_sweep(sweep: str, dashboard: str | None) -> Handle:
    """Return the handle on a sweep that is there; say so where its file is not now what it was started with."""
    from orchestrator.project.finding import find

    handle = find(sweep, dashboard, (), say)
    if (trouble := handle.trouble()) is not None:
        say(f"note: {trouble}; the sweep is as it was started")
    return handle


def _document(found: SweepStatus) -> dict[str, Any]:
    from orchestrator.views.status import document_of

    document: dict[str, Any] = json.loads(found.told or "{}") if found.log is None else document_of(_status(found.log))
    return document | {"job": None if found.job is None else _job_document(found.job)}


def _job_document(job: SentJob) -> dict[str, str]:
    state, text = job.status.state.value, job.status.text
    return {"job": job.job, "target": job.target, "state": state, "text": text}


def _show(found: SweepStatus) -> None:
    from rich.text import Text

    if found.log is not None:
        answer(_shown(found.log))
    answer_piece(found.told)
    if found.job is not None:
        answer(Text(_job_line(found.job)))


def _shown(log: SweepLog | SweepAtRest) -> Group:
    from orchestrator.views.status import answer_of

    return answer_of(_status(log), time.time())


def _status(log: SweepLog | SweepAtRest) -> StatusTold:
    from orchestrator.project.handle import SweepAtRest
    from orchestrator.results.diagnoses import diagnosed_winner
    from orchestrator.views.resting_status import status_told
    from orchestrator.views.status import status

    if isinstance(log, SweepAtRest):
        return status_told(log.told, log.folder)
    diagnosis = diagnosed_winner(log.folder, log.state, is_read=True)
    return status(
        log.state, log.folder, log.holder, time.time(),
        left=log.left, requested=log.requested, waiting=log.waiting, diagnosis=diagnosis,
    )  # fmt: skip


def _job_line(job: SentJob) -> str:
    sent = f", sent {datetime.fromtimestamp(job.submitted_t, UTC):%Y-%m-%d %H:%M UTC}" if job.submitted_t else ""
    text = f", {job.status.text}" if job.status.text else ""
    return f"job {job.job} on {job.target or 'this machine'}{sent}: {job.status.state}{text}"
