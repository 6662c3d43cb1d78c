"""The tables of the page: winner against baseline, the winner's trail, what failed, the best trials."""

from __future__ import annotations

from collections import Counter

from orchestrator import wording
from orchestrator.results.export import ordered
from orchestrator.results.failing_region import failing_region
from orchestrator.secrecy import mask
from orchestrator.state.gist import gist, message_of
from orchestrator.sweep.domains import Choice, Float, Hyperparameter, Int
from orchestrator.sweep.standing import gain, has_ended_badly
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.views.failures import last_error_line
from orchestrator.views.page.hyper_axis import HyperAxis, short
from orchestrator.views.page.parts import DataTable, RangeRow
from orchestrator.views.page.scene import Scene, is_full

MOST_STEPS = 12
"""Trials of the winner's trail that are shown."""
MOST_CHANGES = 6
"""Changed hyperparameters that one row of the trail names."""
MOST_CLASSES = 8
"""Classes of failures that are shown."""
MOST_PLACED = 4
"""Classes whose place in the search space is looked for, the most frequent: it takes half a second of each."""
MOST_BEST = 25
"""Trials in the table of the best."""
LONGEST_ERROR = 160
"""Characters of an error that are shown."""


def winner_ranges(scene: Scene) -> tuple[RangeRow, ...]:
    """Return every hyperparameter of baseline and winner, the changed ones first; empty while no trial leads."""
    winner, base = scene.winner, scene.state.baseline
    if winner is None or base is None:
        return ()
    rows = []
    for name, domain in scene.space.items():
        axis, values = HyperAxis(domain), [trial.config.get(name) for trial in (base, winner)]
        has = [name in trial.config for trial in (base, winner)]
        told = [short(value) if there else "-" for value, there in zip(values, has, strict=True)]
        parts = [axis.part(value) if there else None for value, there in zip(values, has, strict=True)]
        changed = has[0] != has[1] or (all(has) and not domain.same(values[0], values[1]))
        rows.append(RangeRow(name, told[0], told[1], changed, parts[0], parts[1], axis.described(), domain.tier))
    return tuple(sorted(rows, key=lambda row: not row.is_changed))


def trail(scene: Scene) -> DataTable | None:
    """Return how the winner came about, from its oldest known forebear on; None without a winner."""
    if scene.winner is None:
        return None
    line = [scene.winner]
    while (before := _forebear(scene, line[-1])) is not None and len(line) < MOST_STEPS:
        line.append(before)
    rows = [_step(scene, trial) for trial in reversed(line)]
    heads = ("trial", "stage", "how it was drawn", "what changed", scene.metric, "better by")
    return DataTable(heads, rows, frozenset({0, 4, 5}))


def _forebear(scene: Scene, trial: Trial) -> Trial | None:
    """Return the trial that another was changed from: its parent, or else the nearest of those that it was drawn after.

    What was drawn from nothing has none, however near an earlier one lies.
    """
    if trial.parent is None and trial.learned_from == 0:
        return None
    number = trial.parent if trial.parent is not None else trial.nearest
    return None if number is None or number >= trial.number else scene.state.trial(number)


def _step(scene: Scene, trial: Trial) -> tuple[str, ...]:
    before = _forebear(scene, trial)
    how = trial.move if not trial.learned_from else f"{trial.move}, from {wording.counted(trial.learned_from, 'trial')}"
    if before is not None and trial.parent is None:
        how += f"; nearest to trial {before.number}"
    changes = [] if before is None else _changes(scene, before, trial)
    shown = "; ".join(changes[:MOST_CHANGES]) + (
        f"; and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
    )
    step, value = "-", wording.number(trial.value, 4)
    if (
        before is not None
        and trial.value is not None
        and before.value is not None
        and is_full(trial)
        and is_full(before)
    ):
        step = f"{gain(scene.state.plan.goal, trial.value, before.value):+.4g}"
    if trial.value is not None and not is_full(trial):
        value += f" at {scene.unit} {trial.fidelity:g}"
    return str(trial.number), trial.stage, how, shown or "-", value, step


def _changes(scene: Scene, before: Trial, trial: Trial) -> list[str]:
    found = []
    for name, domain in scene.space.items():
        had, has = name in before.config, name in trial.config
        if (had or has) and not (had and has and domain.same(before.config[name], trial.config[name])):
            values = [short(t.config[name]) if name in t.config else "-" for t in (before, trial)]
            found.append(f"{name} {values[0]} → {values[1]}")
    return found


def failure_grid(scene: Scene) -> DataTable | None:
    """Return what trials failed of, how often, what it cost, and where in the space; None where none failed."""
    classes: dict[str, list[Trial]] = {}
    for trial in scene.state.everyone():
        if has_ended_badly(trial):
            classes.setdefault(_class_of(trial), []).append(trial)
    if not classes:
        return None
    rows: list[tuple[str, ...]] = []
    for own in sorted(classes.values(), key=len, reverse=True)[:MOST_CLASSES]:
        taken = wording.hours(sum(attempt.charged_s for trial in own for attempt in trial.attempts) / 3600)
        searched = [trial for trial in own if trial.is_of_search]
        where = "with fresh seeds alone"
        if searched:
            where = where_they_fail(scene, searched) if len(rows) < MOST_PLACED else "-"
        rows.append((_error(scene, own[0]), str(len(own)), taken, str(own[0].number), where))
    return DataTable(("what", "trials", "hours", "first trial", "where"), rows, frozenset({1, 2, 3}))


def _class_of(trial: Trial) -> str:
    return (
        "diverged" if trial.state is TrialState.DIVERGED else gist(trial.attempts[-1].error if trial.attempts else None)
    )


def _error(scene: Scene, trial: Trial) -> str:
    if trial.state is TrialState.DIVERGED:
        return "diverged: reported a value that is not finite"
    text = mask(message_of(trial.attempts[-1].error if trial.attempts else None) or last_error_line(trial))
    if scene.is_shared:
        text = text.partition(":")[0]  # what follows may name files and hosts
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 1]}…"


def where_they_fail(scene: Scene, own: list[Trial]) -> str:
    """Return in words which part of the space holds these failures; `-` where none is clear."""
    numbers = {trial.number for trial in own}
    others = [t for t in scene.state.trials if t.number in numbers or not has_ended_badly(t)]
    region = failing_region(others, scene.state.plan.spec.search_space)
    if region is None:
        return "no part of the space stands out"
    where = " and ".join(condition.text for condition in region.conditions)
    return f"{where}: {region.failed} of the {region.trials} trials there"


def lost_grid(scene: Scene) -> DataTable | None:
    """Return which attempts were lost or ended from outside, by outcome; None where none was."""
    counts, taken = Counter[str](), dict[str, float]()
    for trial in scene.state.everyone():
        for attempt in trial.attempts:
            if attempt.outcome is not None and attempt.outcome.value in {"lost", "preempted", "hung", "interrupted"}:
                counts[attempt.outcome.value] += 1
                taken[attempt.outcome.value] = taken.get(attempt.outcome.value, 0.0) + attempt.charged_s
    rows = [(outcome, str(count), wording.hours(taken[outcome] / 3600)) for outcome, count in counts.most_common()]
    return DataTable(("attempts that were repeated", "how many", "hours"), rows, frozenset({1, 2})) if rows else None


def best_trials(scene: Scene) -> DataTable:
    """Return the best trials with their configurations."""
    names = list(scene.space)
    heads = ("trial", "stage", "state", scene.metric, scene.unit, *names)
    rows = []
    for trial in scene.ranked[:MOST_BEST]:
        config = ordered(scene.state, trial)
        values = (short(config[name]) if name in config else "-" for name in names)
        rows.append(
            (
                str(trial.number),
                trial.stage,
                trial.state.value,
                wording.number(trial.value),
                f"{trial.fidelity:g}",
                *values,
            )
        )
    numbers = {place for place, domain in enumerate(scene.space.values(), 5) if _is_numeric(domain)}
    return DataTable(heads, rows, frozenset({0, 3, 4} | numbers))


def _is_numeric(domain: Hyperparameter) -> bool:
    """Say whether all of a domain's values are numbers."""
    if isinstance(domain, Choice):
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in domain.choices)
    return isinstance(domain, Float | Int)
