"""All together: a row for each hyperparameter, its values along it, and a line for each trial, the best in front.

The rows stand in the order of what mattered. Lines through a choice lie beside each other, so that one sees how many.
A hyperparameter that a trial does not have, its condition being unmet, is a place of its own left of the others.
"""

from __future__ import annotations

from typing import Any

from orchestrator.sweep.trial import Trial
from orchestrator.sweep.values import is_number
from orchestrator.views.page.hyper_axis import HyperAxis, short, tick_text
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import label_width, plain, thinned
from orchestrator.views.page.scene import FOREGROUND, MUTED, Scene, is_full

BEST = 20
"""Trials that stand in front."""
OTHERS = 80
"""Full trainings that stand behind them, some by lot where there are more."""
ABSENT = -0.12
"""Where a trial lies that does not have a hyperparameter."""
MOST_NAMES = 14
"""Hyperparameters that fit below each other."""
ROW = 46
"""Pixels from one row to the next."""
SPREAD = 0.6
"""How much of a choice's place its lines take side by side."""
CHARACTERS, NARROW_CHARACTERS = 90, 36
"""Characters that fit along a row of a screen, and of a telephone."""
NARROW_PART = 0.25
"""Part of a range that four in five of the best lie within, where the sentence says so."""


def together(scene: Scene, names: list[str]) -> Drawing | None:
    """Draw full trainings as lines over the named hyperparameters; None where there are under two of either."""
    names, full = names[:MOST_NAMES], [t for t in scene.ranked if is_full(t)]
    if len(full) < 2 or len(names) < 2:
        return None
    axes = {name: HyperAxis(scene.space[name]) for name in names}
    best, others = full[:BEST], scene.sample(full[BEST:], OTHERS) if len(full) > BEST else []
    data = [
        _lines(scene, axes, others, {"color": MUTED, "width": 1}, f"{len(others)} others", 0.35),
        _lines(scene, axes, best, {"color": "var(--c0)", "width": 1.4}, f"the best {len(best)}", 0.7),
        _lines(scene, axes, full[:1], {"color": FOREGROUND, "width": 3}, f"winner, trial {full[0].number}", 1.0),
    ]
    is_partial = any(name not in trial.config for trial in (*best, *others) for name in names)
    layout: dict[str, Any] = {
        "height": 70 + ROW * len(names),
        "margin": {"t": 50, "r": 16, "l": label_width(names), "b": 20},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "yref": "paper"},
        "xaxis": {
            "range": [ABSENT - 0.06 if is_partial else -0.03, 1.03], "tickvals": [], "showgrid": False,
        },
        "yaxis": {
            "tickvals": list(range(len(names))), "ticktext": [plain(name) for name in names],
            "range": [len(names) - 0.4, -0.4], "showline": False,
        },
        "annotations": _labels(axes, is_partial),
    }  # fmt: skip
    figure = {"data": data, "layout": layout}
    return Drawing("together", figure, _sentence(axes, best), _grid(names, best))


def _lines(
    scene: Scene, axes: dict[str, HyperAxis], trials: list[Trial], line: dict[str, Any], name: str, opacity: float
) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[int | None] = []
    text: list[str] = []
    for trial in trials:
        x += [*(_place(axis, trial, name) for name, axis in axes.items()), None]
        y += [*range(len(axes)), None]
        text += [scene.hover(trial)] * (len(axes) + 1)
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "text": text, "line": line, "opacity": opacity,
        "name": name, "hovertemplate": "%{text}<extra></extra>", "visible": bool(trials),
    }  # fmt: skip


def _place(axis: HyperAxis, trial: Trial, name: str) -> float:
    """Return where a trial's line crosses a row; in the place of a choice, or of none, by the trial's number."""
    part = axis.part(trial.config[name]) if name in trial.config else None
    aside = (trial.number * 0.618034) % 1 - 0.5  # the golden section: numbers that follow each other lie far apart
    if part is None:
        return ABSENT + 0.06 * aside
    return part + SPREAD * aside / len(axis.slices(1)) if axis.is_choice else part


def _labels(axes: dict[str, HyperAxis], is_partial: bool) -> list[dict[str, Any]]:
    """Return the values that are written below each row, fewer of them on a telephone."""
    found = []
    for row, axis in enumerate(axes.values()):
        labels = axis.labels()
        kept = _fitting(labels, NARROW_CHARACTERS)
        for part, text in _fitting(labels, CHARACTERS):
            found.append(_label(part, row, text) | ({} if (part, text) in kept else {"name": "room"}))
    return found + ([_label(ABSENT, -0.2, "not there") | {"yanchor": "bottom"}] if is_partial else [])


def _label(x: float, y: float, text: str) -> dict[str, Any]:
    return {
        "x": x, "y": y, "text": plain(text), "showarrow": False, "yshift": -3, "yanchor": "top",
        "font": {"size": 10, "color": MUTED}, "bgcolor": "var(--bg)", "borderpad": 0,
    }  # fmt: skip


def _fitting(labels: list[tuple[float, str]], characters: int) -> list[tuple[float, str]]:
    """Return so many of the labels, evenly, that each has room beside the longest."""
    longest = max((len(text) for _, text in labels), default=0)
    most = max(2, characters // (longest + 2))
    return [labels[int(at)] for at in thinned([float(at) for at in range(len(labels))], most)]


def _common(axes: dict[str, HyperAxis], best: list[Trial]) -> list[str]:
    """Say which choices, and which narrow parts of a range, four in five of the best share."""
    found = []
    for name, axis in axes.items():
        values = [trial.config[name] for trial in best if name in trial.config]
        if axis.is_choice:
            told = [short(value) for value in values]
            most = max(set(told), key=told.count, default=None)
            found += [f"{name} {most}"] if most is not None and told.count(most) >= 0.8 * len(best) else []
        elif len(values) >= 0.8 * len(best) and len(best) >= 5:
            numbers = sorted(float(value) for value in values if is_number(value))
            aside = len(best) // 10
            within = numbers[aside : len(numbers) - aside]
            parts = [part for part in map(axis.part, within) if part is not None]
            if parts and max(parts) - min(parts) <= NARROW_PART:
                first, last = (tick_text(float(f"{end:.3g}")) for end in (within[0], within[-1]))
                found.append(f"{name} {first} to {last}")
    return found


def _sentence(axes: dict[str, HyperAxis], best: list[Trial]) -> str:
    common = _common(axes, best)
    if not common:
        return f"The best {len(best)} share no choice and no narrow part of a range."
    return f"Of the best {len(best)}, four in five have {', '.join(common)}."


def _grid(names: list[str], best: list[Trial]) -> DataTable:
    rows = []
    for name in names:
        values = [trial.config[name] for trial in best if name in trial.config]
        numbers = sorted(float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool))
        told = (
            f"{numbers[0]:.4g} to {numbers[-1]:.4g}"
            if numbers
            else ", ".join(sorted({short(v) for v in values})) or "-"
        )
        rows.append((name, told, f"{len(values)} of {len(best)}"))
    return DataTable(("hyperparameter", f"the best {len(best)} have", "that have it"), rows)
