"""How it went: the best so far against what was spent, stage by stage."""

from __future__ import annotations

from typing import Any

from orchestrator import wording
from orchestrator.sweep.standing import better, has_ended_badly
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import (
    BAD,
    BAD_ROW,
    FOREGROUND,
    LEGEND_BELOW,
    MUTED,
    ROOM_ONLY,
    Scene,
    is_full,
    points,
)


def progress(scene: Scene) -> Drawing | None:
    """Draw the best completed trial against spend, every trial by its stage, what was stopped and what failed below.

    None before any trial has ended.
    """
    if not scene.spent_by or not any(trial.state.is_final for trial in scene.state.trials):
        return None
    steps = improvements(scene)
    data = [*_trials(scene), *_line(scene, steps)]
    shapes, notes = _stage_borders(scene)
    shapes += _baseline(scene, notes)
    if steps and scene.winner is not None and is_full(scene.winner):
        notes.append(_winner_note(scene, scene.winner))
    layout: dict[str, Any] = {
        "height": 400,
        "xaxis": {"title": {"text": scene.spend_unit[0], "standoff": 8}, "range": [0, 1.02 * scene.spent or 1]},
        "yaxis": {"title": {"text": scene.value_title}, **scene.values.layout()},
        "shapes": shapes,
        "annotations": notes,
        "legend": LEGEND_BELOW,
        "margin": {"t": 30, "r": 14, "l": scene.values.width + 24, "b": 74},
    }
    return Drawing("progress", {"data": data, "layout": layout}, _sentence(scene, steps), _grid(scene, steps))


def improvements(scene: Scene) -> list[Trial]:
    """Return the full trainings that were each the best so far when they ended, in that order."""
    found: list[Trial] = []
    full = [t for t in scene.state.trials if is_full(t) and t.value is not None and t.number in scene.spent_by]
    for trial in sorted(full, key=lambda t: scene.spent_by[t.number]):
        if trial.value is not None and (not found or better(scene.state.plan.goal, trial.value, _value(found[-1]))):
            found.append(trial)
    return found


def _value(trial: Trial) -> float:
    assert trial.value is not None
    return trial.value


def _trials(scene: Scene) -> list[dict[str, Any]]:
    traces = []
    for stage in scene.stages:
        own = [t for t in scene.drawn if t.stage == stage and t.number in scene.spent_by]
        full = [t for t in own if is_full(t) and t.value is not None]
        low = [scene.values.is_below(_value(t)) for t in full]
        marker = {
            "color": scene.colour(stage),
            "size": 7,
            "symbol": ["triangle-down-open" if b else "circle" for b in low],
        }
        traces.append(_at(scene, full, marker, name=plain(stage), showlegend=bool(full)))
        stopped = [t for t in own if t.state is TrialState.PRUNED]
        tick = {"color": scene.colour(stage), "size": 7, "symbol": "line-ns-open", "opacity": 0.75}
        traces.append(_at(scene, stopped, tick, showlegend=False))
    bad = [t for t in scene.drawn if has_ended_badly(t) and t.number in scene.spent_by]
    cross = {"color": BAD, "size": 6, "symbol": "x-thin-open"}
    traces.append(_at(scene, bad, cross, name=BAD_ROW))
    return [trace for trace in traces if trace["x"]]


def _at(scene: Scene, trials: list[Trial], marker: dict[str, Any], **more: Any) -> dict[str, Any]:
    heights = {trial.number: scene.height(trial) for trial in trials}
    shown = [trial for trial in trials if heights[trial.number] is not None]
    spends = (scene.spent_by[trial.number] for trial in shown)
    return points(spends, (heights[t.number] for t in shown), map(scene.hover, shown), marker, **more)


def _line(scene: Scene, steps: list[Trial]) -> list[dict[str, Any]]:
    if not steps:
        return []
    x = [*(scene.spent_by[trial.number] for trial in steps), scene.spent]
    y = [scene.values.clip(value) for value in [*map(_value, steps), _value(steps[-1])]]
    return [{
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": "best so far", "hoverinfo": "skip",
        "line": {"shape": "hv", "width": 2.5, "color": FOREGROUND},
    }]  # fmt: skip


def _stage_borders(scene: Scene) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    at = scene.spent_by
    first = {
        stage: [at[t.number] for t in scene.state.trials if t.stage == stage and t.number in at]
        for stage in scene.stages
    }
    begun = [(stage, min(spends), scene.colour(stage)) for stage, spends in first.items() if spends]
    confirmed = [at[t.number] for t in scene.state.replicates if t.number in at]
    begun += [("fresh seeds", min(confirmed), MUTED)] if confirmed else []
    for number, (stage, spend, colour) in enumerate(begun):
        if number:
            line = {"width": 1.2, "color": colour, "dash": "dot"}
            shapes.append({"type": "line", "yref": "paper", "x0": spend, "x1": spend, "y0": 0, "y1": 1, "line": line})
        text = {
            "x": spend if number else 0,
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
            "xanchor": "left",
            "showarrow": False,
        }
        notes.append(text | {"text": plain(stage), "font": {"size": 11, "color": colour}, "name": ROOM_ONLY})
    return shapes, _apart(notes, scene.spent)


def _apart(notes: list[dict[str, Any]], width: float) -> list[dict[str, Any]]:
    """Leave out the names that would be written over the one before: each takes a twelfth of the width."""
    kept: list[dict[str, Any]] = []
    for note in notes:
        if not kept or note["x"] - kept[-1]["x"] >= width / 12:
            kept.append(note)
    return kept


def _baseline(scene: Scene, notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    base = scene.baseline
    if base is None or base.value is None or not is_full(base):
        return []
    y = scene.values.clip(base.value)
    where = {"xref": "paper", "x": 1, "xanchor": "right", "y": y, "yanchor": "top", "showarrow": False}
    notes.append(where | {"text": f"baseline {base.value:.4g}", "font": {"size": 11, "color": MUTED}})
    line = {"dash": "dash", "width": 1.2, "color": MUTED}
    return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y, "line": line}]


def _winner_note(scene: Scene, winner: Trial) -> dict[str, Any]:
    spend = scene.spent_by[winner.number]
    is_late = spend > 0.6 * scene.spent
    return {
        "x": spend, "y": scene.values.clip(_value(winner)), "showarrow": True, "arrowhead": 0,
        "ax": -50 if is_late else 50, "ay": -16, "xanchor": "right" if is_late else "left", "font": {"size": 12},
        "arrowcolor": FOREGROUND, "text": f"winner: trial {winner.number}, {_value(winner):.4g}",
        "narrow": {"text": "winner", "ax": -20 if is_late else 20},
    }  # fmt: skip


def _sentence(scene: Scene, steps: list[Trial]) -> str:
    unit, spent = scene.spend_unit[0], wording.hours(scene.spent)
    if not steps:
        return f"After {spent} {unit} no trial has trained to the end yet."
    last, at = steps[-1], scene.spent_by[steps[-1].number]
    after = f"; {1 - at / scene.spent:.0%} of the spend came after it" if scene.spent else ""
    who = f"{wording.number(last.value, 4)} by trial {last.number}, {last.stage}"
    return f"Of {spent} {unit} the best single training, {who}, had ended after {wording.hours(at)}{after}."


def _grid(scene: Scene, steps: list[Trial]) -> DataTable:
    heads = ("trial", "stage", f"best {scene.metric}", scene.spend_unit[0])
    rows = [
        (str(t.number), t.stage, wording.number(t.value), wording.hours(scene.spent_by[t.number])) for t in steps[-25:]
    ]
    return DataTable(heads, rows, frozenset({0, 2, 3}))
