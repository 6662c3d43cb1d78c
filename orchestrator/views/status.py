"""`stepladder status`, and the summary at the end of `run`: where a sweep stands and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from time import time
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator import wording
from orchestrator.curves.reading import CurveReading, curve_reading
from orchestrator.results.export import ordered
from orchestrator.results.failing_region import FailingRegion, region_of
from orchestrator.results.summary import Mark, Summary, summarise, summary_document
from orchestrator.results.time_use import SweepTime, time_use
from orchestrator.results.whereabouts import Whereabouts, whereabouts
from orchestrator.state.course import LastImprovement
from orchestrator.sweep.awaited import NOTHING_AWAITED
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import TrialState
from orchestrator.views.bounds import constraint_rows
from orchestrator.views.condition import Condition, condition_of, date, storage_away, why
from orchestrator.views.confirmed import confirmed_rows
from orchestrator.views.diagnosis import reading_lines
from orchestrator.views.failures import Failure, failure_lines, failures, region_line
from orchestrator.views.here import InFolder
from orchestrator.views.improving import improvement_line
from orchestrator.views.render import commands, listing, pairs
from orchestrator.views.tested import rows_of_test
from orchestrator.views.time_use import time_line
from orchestrator.views.trouble import trouble_rows
from orchestrator.views.whereabouts import whereabouts_rows

if TYPE_CHECKING:
    from orchestrator.curves.diagnosis import Diagnosis
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location

MOST_WAITING = 3
"""How many of the things that people asked for are shown."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a sweep stands."""

    folder: str
    """The sweep's folder, as the user would type it."""
    owner: str | None
    """Whose it is; None where its plan does not say."""
    condition: Condition
    """Whether a driver works on it, nothing is left to do, it can go on, or its driver died."""
    detail: str
    """One sentence on that."""
    requested: str | None
    """What its driver was asked: stop or cancel; None without a request."""
    waiting: tuple[str, ...]
    """What was asked about single trials and has not happened yet, one line each."""
    summary: Summary
    """The numbers."""
    winner_config: Config | None
    """The winner's configuration; None while no trial leads."""
    winner_notes: tuple[str, ...]
    """What was re-scaled or narrowed for the winner, and why."""
    winner_diagnosis: CurveReading | None
    """What the winner's learning curve shows; None while it is trained, and without any."""
    failures: tuple[Failure, ...]
    """The most frequent errors first, three at most."""
    failing_region: FailingRegion | None
    """Which part of the search space fails; None where none is clear."""
    storage_away: str | None
    """How often and how long storage was away under a driver, and what it said last; None where it never was."""
    time: SweepTime
    """Where the time of its places went."""
    improved: LastImprovement | None
    """Which trial was the last to get better, and what has ended since; None before one was trained to the end."""
    where: Whereabouts
    """Which nodes it is at work on, which were lost, and the time that is left; empty where nobody drives it."""
    started_t: float
    """When it was planned, seconds since the epoch."""
    last_t: float
    """When the newest record was written, likewise."""
    files: dict[str, str]
    """Where its results lie."""
    next: tuple[str, ...]
    """Commands worth typing now."""


def status(
    state: SweepState,
    folder: Location,
    holder: str | None,
    now: float,
    *,
    left: str | None = None,
    requested: str | None = None,
    waiting: Sequence[str] = (),
    diagnosis: Diagnosis | None = None,
) -> Status:
    """Say where the sweep in `folder` stands at `now`, seconds since the epoch.

    `holder` is a sentence on whoever drives it (`lease.describe_holder`), None where nobody does; `left` as
    `condition_of` has it; `requested` and `waiting` are what was asked (`handle.SweepLog`); `diagnosis` is the winner's
    (`curves.winner_diagnosis`).
    """
    condition, detail = condition_of(state, holder, now, left)
    if condition == "running" and requested is not None:
        detail = f"{requested} requested, {wording.counted(len(state.open), 'trial')} still running; {detail}"
    winner, summary = state.winner(), summarise(state, now if condition == "running" else state.last_t)
    found = Status(
        folder="",
        owner=state.plan.provenance.owner,
        condition=condition,
        detail=detail,
        requested=requested,
        waiting=tuple(waiting),
        summary=summary if condition == "running" else replace(summary, awaited=NOTHING_AWAITED),
        winner_config=ordered(state, winner) if winner else None,
        winner_notes=winner.notes if winner else (),
        winner_diagnosis=curve_reading(state.plan, winner, diagnosis, state.trials) if winner and diagnosis else None,
        failures=failures(state),
        failing_region=region_of(state),
        storage_away=storage_away(state),
        time=time_use(state),
        improved=state.course.last_improvement,
        where=whereabouts(state, now) if condition == "running" else Whereabouts(),
        started_t=state.started_t,
        last_t=state.last_t,
        files={},
        next=(),
    )
    return in_folder(found, folder, InFolder.of(state, condition))


def in_folder(found: Status, folder: Location, told: InFolder) -> Status:
    """Return a status that names its folder, the files in it and commands for it."""
    return replace(found, folder=str(folder), files=told.files(folder), next=tuple(told.commands(folder)))


def status_document(
    state: SweepState,
    folder: Location,
    holder: str | None,
    now: float | None = None,
    *,
    left: str | None = None,
    requested: str | None = None,
    waiting: Sequence[str] = (),
    diagnosis: Diagnosis | None = None,
) -> dict[str, Any]:
    """Return a sweep's status as plain data for `--json`; unknown numbers are None. Arguments as `status_answer`."""
    at = time() if now is None else now
    found = status(state, folder, holder, at, left=left, requested=requested, waiting=waiting, diagnosis=diagnosis)
    return document_of(found)


def document_of(found: Status) -> dict[str, Any]:
    """Return a status as plain data."""
    content = asdict(found) | {"summary": summary_document(found.summary)}
    content["time"]["idle_s"] = found.time.idle_s
    return content


def status_answer(
    state: SweepState,
    folder: Location,
    holder: str | None,
    now: float | None = None,
    *,
    left: str | None = None,
    requested: str | None = None,
    waiting: Sequence[str] = (),
    diagnosis: Diagnosis | None = None,
) -> Group:
    """Return a sweep's status for a person.

    Arguments as `status`; `now` is in seconds since the epoch, None for the present.
    """
    now = time() if now is None else now
    found = status(state, folder, holder, now, left=left, requested=requested, waiting=waiting, diagnosis=diagnosis)
    return answer_of(found, now)


def answer_of(found: Status, now: float) -> Group:
    """Return a status for a person; `now` is in seconds since the epoch."""
    age, span = wording.duration(now - found.last_t), wording.duration(found.last_t - found.started_t)
    whose = f" by {found.owner}" if found.owner else ""
    times = f"planned {date(found.started_t)}{whose}, last record {span} later, {age} ago"
    heading = Text(f"{found.summary.sweep_id}: {found.condition}", style="bold")
    return Group(heading, Text(found.detail), Text(times), Text(), _stages(found.summary), Text(), _details(found, now))


def winner_answer(state: SweepState, folder: Location, reason: str, diagnosis: Diagnosis | None = None) -> Group:
    """Return what is said at the end of `run`: why it ended (`reason`), the winner, where its files lie."""
    found = status(state, folder, None, state.last_t, diagnosis=diagnosis)
    heading = Text(f"{found.summary.sweep_id}: {why(reason)}", style="bold")
    return Group(heading, Text(), _stages(found.summary), Text(), _details(found, state.last_t))


def _details(found: Status, now: float) -> Group:
    summary = found.summary
    entered = [stage for stage in summary.stages if stage.is_entered and stage.block]
    rows = [("stage", f"{entered[-1].name} opened {', '.join(entered[-1].block)}")] if entered else []
    rows += _result(found)
    rows += [("improved", improvement_line(found.improved))] if found.improved else []
    rows += [("failed", text) for text in failure_lines(found.failures, summary.tally.failed, found.folder)]
    rows += [("failed", region_line(found.failing_region))] if found.failing_region else []
    rows += [("storage", found.storage_away)] if found.storage_away else []
    rows += whereabouts_rows(found.where, now, summary.fidelity_unit) + trouble_rows(summary)
    rows += [("asked", text) for text in _first(found.waiting)]
    rows.append(("spent", spent(summary)))
    rows += [("time", time_line(found.time))] if found.time.places else []
    rows += [("files", _files(found))]
    return Group(pairs(rows), *commands("next", found.next, rows))


def _first(waiting: tuple[str, ...]) -> list[str]:
    """Return the first of what waits, and how much more there is."""
    more = len(waiting) - MOST_WAITING
    return [*waiting[:MOST_WAITING], *([f"and {more} more"] if more > 0 else [])]


def _files(found: Status) -> str:
    """Write where its results lie: the folder, and what is in it."""
    within = [path.removeprefix(found.folder).lstrip("/") for path in found.files.values()]
    return f"{', '.join(within)} in {found.folder}"


def spent(summary: Summary) -> str:
    """Write what a sweep cost: `1,034 epochs, 0.42 GPU-hours, 1.31 CPU-hours`."""
    spend = summary.spend
    parts = [wording.counted(round(spend.fidelity, 2), summary.fidelity_unit)]
    if spend.gpu_hours:
        parts.append(f"{wording.hours(spend.gpu_hours)} GPU-hours")
    parts.append(f"{wording.hours(spend.cpu_hours)} CPU-hours")
    return ", ".join(parts)


def reached(summary: Summary, found: Mark) -> str:
    """Write how far a trial got: `val_accuracy 0.9861 at epoch 27`, with its state unless it completed."""
    where = f"{summary.fidelity_unit} {wording.number(found.fidelity)}"
    text = f"{summary.metric} {wording.number(found.value)} at {where}"
    return text if found.state == TrialState.COMPLETED.value else f"{text} ({found.state})"


def _result(found: Status) -> list[tuple[str, str]]:
    summary, config = found.summary, found.winner_config
    if summary.best is None or config is None:
        return [("winner", f"none: {summary.note}")]
    label = "winner" if summary.best.state == TrialState.COMPLETED.value else "leader"
    rows = [
        (label, f"trial {summary.best.trial}: {reached(summary, summary.best)}"),
        (label, wording.configuration(config)),
        *((label, note) for note in found.winner_notes),
    ]
    if summary.baseline is not None:
        rows.append(("baseline", f"trial 0: {reached(summary, summary.baseline)}"))
    rows += confirmed_rows(summary)
    rows += constraint_rows(summary.constraints)
    rows += rows_of_test(summary.tested, summary.fidelity_unit)
    if summary.improvement is not None and summary.best.trial != 0 and summary.confirm.difference is None:
        better = "better" if summary.improvement >= 0 else "worse"
        rows.append(("difference", f"{wording.number(abs(summary.improvement), 4)} {better} than the baseline"))
    if found.winner_diagnosis is not None and found.winner_diagnosis.is_worth_telling:
        rows += reading_lines(found.winner_diagnosis)
    return rows


def _stages(summary: Summary) -> Table:
    numeric = frozenset({"trials", "open", "done", "stopped", "failed"})
    table = listing("stage", "trials", "open", "done", "stopped", "failed", "best before, and after", numeric=numeric)
    for stage in summary.stages:
        tally = stage.tally
        counts = (tally.running + tally.waiting, tally.done, tally.stopped, tally.failed)
        table.add_row(
            Text(stage.name, no_wrap=True),
            f"{tally.proposed}/{stage.planned}",
            *(str(count) for count in counts),
            f"{_best(stage.before)}, {_best(stage.after)}" if stage.is_entered else "not begun",
        )
    return table


def _best(found: Mark | None) -> str:
    return "none" if found is None else f"{wording.number(found.value, 4)} (#{found.trial})"
