"""The command `status`: how a sweep stands, wherever it runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.cli.options import SWEEP, AddressOption, JsonOption, SweepArgument
from orchestrator.cli.say import answer, answer_json, answer_piece, say
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from orchestrator.project.handle import Handle, SentJob, SweepStatus


def status(
    sweep: SweepArgument = SWEEP,
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how a sweep stands, living or dead, from any terminal."""
    handle = open_sweep(sweep, to_send(address, "status"))
    found = handle.status(as_json=as_json)
    if as_json:
        answer_json(_document(found))
    else:
        _show(found)


def open_sweep(sweep: str, dashboard: str | None) -> Handle:
    """Return the handle on a sweep that is there; say so where its file is not now what it was started with."""
    from orchestrator.project.finding import find

    handle = find(sweep, dashboard, (), say)
    if (trouble := handle.trouble()) is not None:
        say(f"note: {trouble}; the sweep is as it was started")
    return handle


def _document(found: SweepStatus) -> dict[str, Any]:
    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.views.status import status_document

    document: dict[str, Any] = json.loads(found.told or "{}")
    if (log := found.log) is not None:
        diagnosis = winner_diagnosis(log.state, log.events)
        document = status_document(log.state, log.folder, log.holder, requested=log.requested, diagnosis=diagnosis)
    if (job := found.job) is not None:
        state, text = job.status.state.value, job.status.text
        document |= {"job": {"job": job.job, "target": job.target, "state": state, "text": text}}
    return document


def _show(found: SweepStatus) -> None:
    from rich.text import Text

    from orchestrator.results.diagnoses import winner_diagnosis
    from orchestrator.views.status import status_answer

    if (log := found.log) is not None:
        diagnosis = winner_diagnosis(log.state, log.events)
        answer(status_answer(log.state, log.folder, log.holder, requested=log.requested, diagnosis=diagnosis))
    answer_piece(found.told)
    if found.job is not None:
        answer(Text(_job_line(found.job)))


def _job_line(job: SentJob) -> str:
    sent = f", sent {datetime.fromtimestamp(job.submitted_t, UTC):%Y-%m-%d %H:%M UTC}" if job.submitted_t else ""
    text = f", {job.status.text}" if job.status.text else ""
    return f"job {job.job} on {job.target or 'this machine'}{sent}: {job.status.state}{text}"
