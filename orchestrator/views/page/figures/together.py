"""All together: a line a trial through all its hyperparameters, the best in front.

A hyperparameter that a trial does not have, its condition being unmet, is a place of its own below the others.
"""

from __future__ import annotations

from typing import Any

from orchestrator.sweep.trial import Trial
from orchestrator.views.page.hyper_axis import HyperAxis, short
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import FOREGROUND, MUTED, Scene, is_full

BEST = 20
"""Trials that stand in front."""
OTHERS = 80
"""Full trainings that stand behind them, some by lot where there are more."""
ABSENT = -0.12
"""Where a hyperparameter lies that a trial does not have."""
MOST_NAMES = 14
"""Hyperparameters that fit beside each other."""


def together(scene: Scene, names: list[str]) -> Drawing | None:
    """Draw full trainings as lines over the named hyperparameters; None where there are under two of either."""
    names, full = names[:MOST_NAMES], [t for t in scene.ranked if is_full(t)]
    if len(full) < 2 or len(names) < 2:
        return None
    axes = [HyperAxis(scene.space[name]) for name in names]
    best, others = full[:BEST], scene.sample(full[BEST:], OTHERS) if len(full) > BEST else []
    data = [
        _lines(scene, names, axes, others, {"color": MUTED, "width": 1}, f"{len(others)} others", 0.35),
        _lines(scene, names, axes, best, {"color": "var(--c0)", "width": 1.4}, f"the best {len(best)}", 0.7),
        _lines(scene, names, axes, full[:1], {"color": FOREGROUND, "width": 3}, f"winner, trial {full[0].number}", 1.0),
    ]
    layout: dict[str, Any] = {
        "height": 380, "margin": {"t": 30, "r": 30, "l": 76, "b": 50},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "xaxis": {
            "tickvals": list(range(len(names))), "ticktext": [plain(name) for name in names], "tickangle": 30,
            "range": [-0.3, len(names) - 0.7], "automargin": True,
        },
        "yaxis": {"range": [-0.18, 1.05], "tickvals": [ABSENT, 0, 1], "ticktext": ["not there", "low", "high"]},
    }  # fmt: skip
    return Drawing("together", {"data": data, "layout": layout}, _sentence(scene, names, best), _grid(names, best))


def _lines(
    scene: Scene, names: list[str], axes: list[HyperAxis], trials: list[Trial], line: dict[str, Any], name: str,
    opacity: float,
) -> dict[str, Any]:  # fmt: skip
    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for trial in trials:
        parts = [axis.part(trial.config[n]) if n in trial.config else None for n, axis in zip(names, axes, strict=True)]
        x += [*range(len(names)), None]
        y += [*(ABSENT if part is None else part for part in parts), None]
        text += [scene.hover(trial)] * (len(names) + 1)
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "text": text, "line": line, "opacity": opacity,
        "name": name, "hovertemplate": "%{text}<extra></extra>", "visible": bool(trials),
    }  # fmt: skip


def _common(scene: Scene, names: list[str], best: list[Trial]) -> list[str]:
    """Say which choices nearly all of the best share."""
    found = []
    for name in names:
        if HyperAxis(scene.space[name]).is_choice:
            values = [short(trial.config[name]) for trial in best if name in trial.config]
            most = max(set(values), key=values.count, default=None)
            if most is not None and values.count(most) >= 0.8 * len(best):
                found.append(f"{name} {most}")
    return found


def _sentence(scene: Scene, names: list[str], best: list[Trial]) -> str:
    common = _common(scene, names, best)
    return (
        f"Of the best {len(best)}, four in five have {', '.join(common)}."
        if common
        else f"The best {len(best)} share no choice."
    )


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
