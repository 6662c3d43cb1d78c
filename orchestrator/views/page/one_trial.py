"""The page of one trial: what it was given, how it went, by what evidence it ended, what it printed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.results.export import arguments_of, shown_config
from orchestrator.secrecy import mask
from orchestrator.state.attempt_time import trial_time
from orchestrator.sweep.trial import Attempt, Trial, training_seed
from orchestrator.sweep.values import is_same
from orchestrator.views.page.figures.curves import own_curve
from orchestrator.views.page.hyper_axis import short
from orchestrator.views.page.parts import DataTable, Page, Section, Tile
from orchestrator.views.page.scene import Scene
from orchestrator.views.time_use import trial_time_line
from orchestrator.views.trial import find_trial, origin, reached, why_stopped

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


def trial_page(state: SweepState, number: int, printed: Sequence[str], now_t: float) -> Page:
    """Return the page of trial `number`, whose newest attempt `printed` these lines last.

    `now_t` is in seconds since the epoch. Raises UsageError where there is no such trial.
    """
    trial = find_trial(state, number)
    scene = Scene(state, now_t if state.stopped is None else state.last_t)
    return Page(
        title=f"Trial {number}",
        subtitle=f"{trial.state} · stage {trial.stage} · {origin(trial)}",
        made=mask("; ".join(trial.notes)),
        tiles=tuple(_tiles(scene, trial)),
        steps=(),
        sections=tuple(_sections(scene, trial, printed)),
    )


def _tiles(scene: Scene, trial: Trial) -> Iterator[Tile]:
    yield Tile(scene.metric, wording.number(trial.value, 4), reached(scene.state, trial))
    rank = next((rank for rank, other in enumerate(scene.ranked, 1) if other is trial), None)
    if rank is not None:
        yield Tile("rank", f"{rank:,}", f"of {len(scene.ranked):,} with a value")
    taken_s = sum(scene.taken_s(attempt) for attempt in trial.attempts)
    yield Tile("took", wording.duration(taken_s), wording.counted(len(trial.attempts), "attempt"))
    if trial.stopped_by is not None or why_stopped(scene.state, trial) is not None:
        yield Tile("stopped", f"{scene.unit} {trial.fidelity:g}", why_stopped(scene.state, trial) or "")


def _sections(scene: Scene, trial: Trial, printed: Sequence[str]) -> Iterator[Section]:
    error = next((attempt.error for attempt in reversed(trial.attempts) if attempt.error), None)
    if error is not None:
        yield Section("error", "What went wrong", "Its newest error, as it was written.", shown=mask(error))
    drawing = own_curve(scene, trial)
    if drawing is not None:
        yield Section("curve", "How it went", "Did it learn, and was it stopped too early?", drawings=(drawing,))
    yield _given(scene, trial)
    if trial.attempts:
        rows = [_attempt(scene, attempt) for attempt in trial.attempts]
        heads = ("attempt", "how it ended", "on", "GPUs", "from", "to", "took")
        line = f"Where its time went: {trial_time_line(trial_time(trial, scene.state.last_clock_s))}."
        grid = DataTable(heads, rows, frozenset({0, 4, 5, 6}))
        yield Section("attempts", "Attempts", "Where did it run, and was it repeated?", (line,), grid=grid)
    if printed:
        text = mask("\n".join(printed))
        yield Section("printed", "What it printed last", "What did the training say itself?", shown=text)


def _given(scene: Scene, trial: Trial) -> Section:
    state = scene.state
    other = find_trial(state, trial.replicates if trial.replicates is not None else trial.parent or 0)
    names = [*scene.space, *(name for name in state.plan.space if name not in scene.space)]
    rows, configs = [], [shown_config(state, each) for each in (trial, other)]
    for name in names:
        values = [short(each[name]) if name in each else "-" for each in configs]
        is_other = not is_same(trial.config.get(name), other.config.get(name))
        rows.append((name, *values, "changed" if is_other else ""))
    rows.sort(key=lambda row: row[-1] == "")
    grid = DataTable(("hyperparameter", "value", f"in trial {other.number}", ""), rows, frozenset({1, 2}))
    arguments = arguments_of(state, trial, shown_config(state, trial))
    copies = () if arguments is None else (("args", shlex.join(arguments)),)
    seed = f"Its training's seed is {training_seed(state.plan.spec.seed, trial.number)}."
    lines = (seed, *((f"Its newest checkpoint: {trial.checkpoint}",) if trial.checkpoint else ()))
    question = "Which values did it have, and what sets them apart from those it came from?"
    return Section("given", "What it was given", question, lines, grid=grid, copies=copies)


def _attempt(scene: Scene, attempt: Attempt) -> tuple[str, ...]:
    ended = attempt.outcome.value if attempt.outcome is not None else "not ended"
    if attempt.cause is not None:
        ended += f", by {attempt.cause}"
    if attempt.ended_t is None and attempt.silent_s:
        ended += f", silent for {wording.duration(attempt.silent_s)}"
    return (
        str(attempt.number),
        ended,
        attempt.node or "",
        attempt.gpu_ids or "",
        f"{attempt.resumed_from:g}" if attempt.resumed_from else "",
        f"{attempt.fidelity:g}" if attempt.has_reported else "no report",
        wording.duration(scene.taken_s(attempt)),
    )
