"""How a job of Ray's Jobs API stands, from what the API says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator import exitcodes
from orchestrator.launchers import JobState, JobStatus


def status_of(entry: Mapping[str, Any]) -> JobStatus:
    """Say how a job stands, from its entry."""
    code, message = entry.get("driver_exit_code"), last_line(entry.get("message") or "")
    match entry["status"]:
        case "FAILED" if exitcodes.leaves_work(code):
            return JobStatus(JobState.STOPPED, f"stopped with work left (exit code {code})")
        case "FAILED" if code == 127:
            return JobStatus(JobState.FAILED, "the node has no `stepladder`: install it on every node, on Ray's PATH")
        case "FAILED":
            return JobStatus(JobState.FAILED, f"exit code {code}: {message}" if code is not None else message)
        case "PENDING":
            return JobStatus(JobState.PENDING, message)
        case state:
            return JobStatus(JobState(state.lower()))


def last_line(text: str) -> str:
    """Return the last line that is not empty, without its margins; empty without any."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""
