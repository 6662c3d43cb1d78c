"""Whether a sweep runs, is finished, can go on or lost its driver, and why: in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from orchestrator import wording
from orchestrator.control.recovery import HEARTBEAT_S
from orchestrator.policies.caps import is_used_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.state.fold import SweepState

Condition = Literal["running", "finished", "stopped", "interrupted"]

CAPS = frozenset({"gpu_hours", "cpu_hours", "wall"})
"""The reasons to leave that are a cap of the budget."""
WORDLESS_S = 5 * HEARTBEAT_S
"""How long nothing of a driver in the log is usual: Ray's start, or a refresh of large tables, may take a minute."""
CUT_OFF = "its storage is away from it, or it is stopped, or gone"
"""What may have become of a driver that writes nothing."""
_ENDS = {
    "finished": "all trials of the budget are done",
    "exhausted": "every configuration of the search space was tried",
    "gpu_hours": "the cap on GPU-hours is reached",
    "cpu_hours": "the cap on CPU-hours is reached",
}
_STOPS = {
    "wall": "the cap on wall time is reached",
    "SIGINT": "stopped by Ctrl-C",
    "SIGTERM": "stopped by a signal (SIGTERM)",
    "SIGHUP": "stopped because its terminal was closed (SIGHUP)",
    "stop": "stopped on request",
    "cancel": "cancelled on request",
    "brake": "stopped because its trials fail alike",
    "cluster": "left because Ray was gone",
}


def condition_of(state: SweepState, holder: str | None, now: float, left: str | None = None) -> tuple[Condition, str]:
    """Return how the sweep stands at `now`, seconds since the epoch, and a sentence on that.

    `holder` says who drives it, None where nobody does; `left` says how its last driver left where the log does not
    (`recovery.left_without_record`).
    """
    if state.stopped is None:
        if holder is not None:
            return "running", "; ".join([holder, *_wordless(state, now)])
        if not state.sessions:
            return "interrupted", "planned, and no driver has begun it"
        became = left or "is gone without a word: killed, or cut off from its storage"
        return "interrupted", f"its driver {state.sessions[-1].holder} {became}; nothing acknowledged is lost"
    if is_finished(state):
        return "finished", why(state.stopped)
    if state.stopped_note is not None:
        return "stopped", f"{why(state.stopped)}: {state.stopped_note}"
    return "stopped", f"{why(state.stopped)}; it can go on"


def _wordless(state: SweepState, now: float) -> Iterator[str]:
    """Say so where a driver that is taken to live has written nothing for longer than one that works ever does.

    Its own clock is compared with the reader's here, so the limit is generous.
    """
    for_s = now - state.last_t
    if for_s > WORDLESS_S:
        yield (f"it has written nothing for {wording.duration(for_s)}, and would every {HEARTBEAT_S:g} s: {CUT_OFF}")


def is_finished(state: SweepState) -> bool:
    """Say whether its last driver left in order, and nothing is left for another within the budget."""
    return state.stopped is not None and (state.stopped in _ENDS or is_used_up(state, state.stopped))


def why(reason: str) -> str:
    """Write why a driver left, as a sentence without its end."""
    return _ENDS.get(reason) or _STOPS.get(reason, reason)


def more_of(state: SweepState) -> str | None:
    """Return what lets a finished sweep go on, as arguments of `resume`: more of what ran out.

    None where nothing does: every configuration was tried.
    """
    budget = state.plan.spec.budget
    if state.stopped == "exhausted":
        return None
    if state.stopped == "wall" and budget.wall is not None:
        return f"budget.wall={_as_written(2 * budget.wall)}"
    if state.stopped == "gpu_hours" and budget.gpu_hours is not None:
        return f"budget.gpu_hours={2 * budget.gpu_hours:g}"
    if state.stopped == "cpu_hours" and budget.cpu_hours is not None:
        return f"budget.cpu_hours={2 * budget.cpu_hours:g}"
    return f"--trials +{max(10, len(state.trials) // 4)}"


def _as_written(seconds: float) -> str:
    """Write seconds as a sweep file takes them, in the largest unit that is exact: 2h, 90m, 45s."""
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def storage_away(state: SweepState) -> str | None:
    """Say how often and how long storage was away under its drivers, and what it said last; None where it never was."""
    if not state.outages:
        return None
    times = "once" if len(state.outages) == 1 else f"{len(state.outages)} times"
    last, whole_s = state.outages[-1], sum(outage.seconds for outage in state.outages)
    return f"was away {times}, for {wording.duration(whole_s)}, until {date(last.t)}: {last.problem}"


def date(t: float) -> str:
    """Write a moment, in seconds since the epoch, as UTC."""
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
