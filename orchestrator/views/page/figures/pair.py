"""The two hyperparameters that mattered most, together: a heat map of the best values, or of few trials the trials."""

from __future__ import annotations

from typing import Any

from orchestrator import wording
from orchestrator.results.importance import Importance
from orchestrator.sweep.standing import has_ended_badly
from orchestrator.sweep.trial import Trial
from orchestrator.views.page.hyper_axis import HyperAxis, short
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import BAD, FOREGROUND, STAR, Scene, is_full, points

MOST_CELLS = 8
"""Parts of a range, each way."""
LEAST_MAPPED = 40
"""Full trainings below which each is drawn by itself: a map would be holes."""
SCALE = [[0, "#440154"], [0.35, "#3b528b"], [0.65, "#21918c"], [0.85, "#5ec962"], [1, "#fde725"]]
"""Dark to bright is worse to better, as in Viridis: also for eyes that see few colours, and in print."""


def pair(scene: Scene, found: dict[str, Importance]) -> Drawing | None:
    """Draw the two most important hyperparameters that every trial has; None without two."""
    names = [name for name in found if not scene.space[name].when][:2]
    full = [t for t in scene.ranked if is_full(t) and t.value is not None and all(name in t.config for name in names)]
    if len(names) < 2 or not full:
        return None
    axes = [HyperAxis(scene.space[name]) for name in names]
    data = _map(scene, names, axes, full) if len(full) >= LEAST_MAPPED else _dots(scene, names, axes, full)
    data += _bad(scene, names, axes) + _star(scene, names, axes)
    layout: dict[str, Any] = {
        "height": 360, "showlegend": False, "margin": {"t": 6, "r": 8, "l": 76, "b": 44},
        "xaxis": {"title": {"text": plain(names[0])}, **axes[0].layout()},
        "yaxis": {"title": {"text": plain(names[1]), "standoff": 4}, **axes[1].layout()},
    }  # fmt: skip
    sentence = f"Brighter is better, over {wording.counted(len(full), 'full training')}; crosses diverged or failed."
    rows = [(str(t.number), *(short(t.config[name]) for name in names), wording.number(t.value, 4)) for t in full[:12]]
    grid = DataTable(("trial", *names, scene.metric), rows, frozenset({0, 1, 2, 3}))
    return Drawing("pair", {"data": data, "layout": layout}, sentence, grid, f"{names[0]} and {names[1]}")


def _at(trial: Trial, names: list[str], axes: list[HyperAxis]) -> tuple[float, float] | None:
    found = [axis.position(trial.config[name]) for name, axis in zip(names, axes, strict=True)]
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _bounds(scene: Scene) -> dict[str, Any]:
    """Return the ends of the colours; where less is better the scale is turned around."""
    values = sorted((scene.values.sign * scene.values.low, scene.values.sign * scene.values.high))
    return {"zmin": values[0], "zmax": values[1], "reversescale": scene.sign < 0}


def _map(scene: Scene, names: list[str], axes: list[HyperAxis], full: list[Trial]) -> list[dict[str, Any]]:
    slices = [axis.slices(MOST_CELLS) for axis in axes]
    best: dict[tuple[int, int], float] = {}
    for trial in reversed(full):  # the best comes last, and stays
        if (at := _at(trial, names, axes)) is not None and trial.value is not None:
            cell = tuple(_cell(place, parts) for place, parts in zip(at, slices, strict=True))
            best[cell[0], cell[1]] = trial.value
    middles = [[(first + last) / 2 for first, last in parts] for parts in slices]
    z = [[best.get((column, row)) for column in range(len(slices[0]))] for row in range(len(slices[1]))]
    bar = {"title": {"text": plain(scene.metric), "side": "right"}, "thickness": 10}
    return [{
        "type": "heatmap", "x": middles[0], "y": middles[1], "z": z, "colorscale": SCALE, "xgap": 1, "ygap": 1,
        "colorbar": bar, "hovertemplate": "best %{z}<extra></extra>", "hoverongaps": False, **_bounds(scene),
    }]  # fmt: skip


def _cell(place: float, parts: list[tuple[float, float]]) -> int:
    """Return the part of a range that a place lies in; what lies beside the range counts to its end."""
    return next((number for number, (_, last) in enumerate(parts) if place < last), len(parts) - 1)


def _dots(scene: Scene, names: list[str], axes: list[HyperAxis], full: list[Trial]) -> list[dict[str, Any]]:
    placed = [(at, trial) for trial in scene.sample(full, 400) if (at := _at(trial, names, axes)) is not None]
    bounds = _bounds(scene)
    marker = {
        "size": 11, "color": [scene.values.clip(trial.value or 0.0) for _, trial in placed], "colorscale": SCALE,
        "cmin": bounds["zmin"], "cmax": bounds["zmax"], "reversescale": bounds["reversescale"], "showscale": True,
        "colorbar": {"title": {"text": plain(scene.metric), "side": "right"}, "thickness": 10},
        "line": {"width": 0.5, "color": FOREGROUND},
    }  # fmt: skip
    return [
        points((x for (x, _), _ in placed), (y for (_, y), _ in placed), (scene.hover(t) for _, t in placed), marker)
    ]


def _bad(scene: Scene, names: list[str], axes: list[HyperAxis]) -> list[dict[str, Any]]:
    bad = [t for t in scene.drawn if has_ended_badly(t) and all(name in t.config for name in names)]
    placed = [(at, trial) for trial in bad if (at := _at(trial, names, axes)) is not None]
    cross = {"symbol": "x-thin-open", "size": 6, "color": BAD}
    told = (scene.hover(trial) for _, trial in placed)
    return [points((x for (x, _), _ in placed), (y for (_, y), _ in placed), told, cross)] if placed else []


def _star(scene: Scene, names: list[str], axes: list[HyperAxis]) -> list[dict[str, Any]]:
    winner = scene.winner
    at = _at(winner, names, axes) if winner is not None and all(name in winner.config for name in names) else None
    if winner is None or at is None:
        return []
    marker = {"symbol": "star", "size": 16, "color": STAR, "line": {"color": "#000", "width": 1.3}}
    return [points([at[0]], [at[1]], [f"winner, trial {winner.number}"], marker)]
