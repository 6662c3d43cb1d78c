"""`stepladder compare SWEEP SWEEP`: sweeps side by side, what each found, what it cost, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from orchestrator import wording
from orchestrator.results.export import ordered
from orchestrator.results.summary import Summary, summarise, summary_document
from orchestrator.secrecy import masked_config
from orchestrator.sweep.domains import Config
from orchestrator.sweep.standing import gain
from orchestrator.sweep.values import is_same
from orchestrator.views.condition import condition_of
from orchestrator.views.render import listing
from orchestrator.views.spaces import scale_text, values_text

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

NOT_THERE = "-"


@dataclass(frozen=True, slots=True)
class ComparedSweep:
    """One of the sweeps that are compared."""

    folder: str
    """Where it lies, as a person would type it."""
    condition: str
    """Whether it runs, is finished, stopped or interrupted."""
    summary: Summary
    """Its numbers."""
    winner: Config | None
    """The winner's configuration; None while no trial leads."""
    space: Mapping[str, str]
    """Each hyperparameter's values and scale, in words."""
    settings: Mapping[str, str]
    """What else decides a search: ladder, searcher, scheduler, code."""


def compared(state: SweepState, folder: str, holder: str | None, now: float) -> ComparedSweep:
    """Take what is compared of a sweep at `now`, seconds since the epoch; `holder` says who drives it, or None."""
    condition, _ = condition_of(state, holder, now)
    plan, winner = state.plan, state.winner()
    spec = plan.spec
    return ComparedSweep(
        folder=folder,
        condition=condition,
        summary=summarise(state, now if condition == "running" else state.last_t),
        winner=None if winner is None else masked_config(ordered(state, winner)),
        space={
            name: f"{values_text(domain)} {scale_text(domain)}".removesuffix(" -")
            for name, domain in plan.space.items()
        },
        settings={
            "search": spec.search.name,
            "searcher": spec.searcher.name,
            "scheduler": spec.scheduler.name,
            "code": (plan.provenance.code_hash or "unknown")[:12],
            "full training": wording.counted(spec.fidelity.max, spec.fidelity.unit),
        },
    )


def comparison_document(sweeps: Sequence[ComparedSweep]) -> list[dict[str, Any]]:
    """Return the sweeps as plain data for `--json`."""
    return [
        asdict(sweep)
        | {"summary": summary_document(sweep.summary), "space": dict(sweep.space), "settings": dict(sweep.settings)}
        for sweep in sweeps
    ]


def comparison_answer(sweeps: Sequence[ComparedSweep]) -> Group:
    """Return the sweeps side by side for a person: results, the winners, and what differs in what was asked."""
    table = listing("", *(sweep.summary.sweep_id for sweep in sweeps))
    for label, cells in (*_results(sweeps), *_winners(sweeps), *_asked(sweeps)):
        table.add_row(Text(label, style="bold"), *(Text(cell) for cell in cells))
    return Group(table, Text(), *(Text(line) for line in _judged(sweeps)))


def is_comparable(sweeps: Sequence[ComparedSweep]) -> bool:
    """Say whether their scores mean the same: one metric, one goal."""
    return len({(sweep.summary.metric, sweep.summary.goal) for sweep in sweeps}) == 1


def _results(sweeps: Sequence[ComparedSweep]) -> list[tuple[str, list[str]]]:
    found = [sweep.summary for sweep in sweeps]
    rows = [
        ("state", [sweep.condition for sweep in sweeps]),
        ("trials", [f"{summary.tally.ended}/{summary.planned}" for summary in found]),
        ("objective", [f"{summary.goal} {summary.metric}" for summary in found]),
        ("best", [NOT_THERE if s.best is None else f"{wording.number(s.best.value)} (#{s.best.trial})" for s in found]),
        ("confirmed", [_confirmed(summary) for summary in found]),
        ("baseline", [NOT_THERE if s.baseline is None else wording.number(s.baseline.value) for s in found]),
        ("spent", [wording.counted(round(s.spend.fidelity, 2), s.fidelity_unit) for s in found]),
        ("GPU-hours", [wording.hours(summary.spend.gpu_hours) for summary in found]),
        ("CPU-hours", [wording.hours(summary.spend.cpu_hours) for summary in found]),
    ]
    return [(label, cells) for label, cells in rows if any(cell not in (NOT_THERE, "0") for cell in cells)]


def _confirmed(summary: Summary) -> str:
    score = summary.confirm.winner
    if score is None:
        return NOT_THERE
    margin = "" if score.high is None else f" +- {wording.number(score.high - score.mean, 2)}"
    return f"{wording.number(score.mean, 4)}{margin}"


def _winners(sweeps: Sequence[ComparedSweep]) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys(name for sweep in sweeps for name in sweep.winner or {})
    rows = []
    for name in names:
        values = [(sweep.winner or {}).get(name) if name in (sweep.winner or {}) else None for sweep in sweeps]
        mark = "" if all(is_same(value, values[0]) for value in values) else " *"
        cells = [
            wording.scalar(sweep.winner[name]) if sweep.winner and name in sweep.winner else NOT_THERE
            for sweep in sweeps
        ]
        rows.append((f"{name}{mark}", cells))
    return rows


def _asked(sweeps: Sequence[ComparedSweep]) -> list[tuple[str, list[str]]]:
    """Return what was asked of them, where that differs."""
    rows = []
    for label in dict.fromkeys(label for sweep in sweeps for label in sweep.settings):
        cells = [sweep.settings.get(label, NOT_THERE) for sweep in sweeps]
        rows += [(label, cells)] if len(set(cells)) > 1 else []
    for name in dict.fromkeys(name for sweep in sweeps for name in sweep.space):
        cells = [sweep.space.get(name, NOT_THERE) for sweep in sweeps]
        rows += [(f"range of {name}", cells)] if len(set(cells)) > 1 else []
    return rows


def _judged(sweeps: Sequence[ComparedSweep]) -> list[str]:
    lines = ["* the winners differ"] if any(label.endswith(" *") for label, _ in _winners(sweeps)) else []
    if not is_comparable(sweeps):
        return [*lines, "their scores cannot be compared: metric or goal differ"]
    leading = [sweep for sweep in sweeps if sweep.summary.best is not None]
    if len(leading) < 2:
        return lines
    goal = sweeps[0].summary.goal
    first, second = sorted(leading, key=lambda sweep: -gain(goal, _score(sweep.summary), 0.0))[:2]
    ahead = gain(goal, _score(first.summary), _score(second.summary))
    if ahead == 0:
        return [*lines, f"{first.summary.sweep_id} and {second.summary.sweep_id} are level"]
    confirmed = [sweep.summary.confirm.winner is not None for sweep in (first, second)]
    how = "over fresh seeds" if all(confirmed) else "by single trainings"
    if any(confirmed) and not all(confirmed):
        how = "by fresh seeds of one and a single training of the other: confirm both before you believe it"
    return [*lines, f"{first.summary.sweep_id} is ahead by {wording.number(ahead, 3)}, {how}"]


def _score(summary: Summary) -> float:
    if summary.confirm.winner is not None:
        return summary.confirm.winner.mean
    return summary.best.value if summary.best is not None else float("nan")
