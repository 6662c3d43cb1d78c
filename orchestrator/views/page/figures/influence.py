"""What mattered: each hyperparameter's part of what sets the best trials apart, with how sure that is."""

from __future__ import annotations

from typing import Any

from orchestrator.results.importance import Importance
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import label_width, plain
from orchestrator.views.page.scene import COLOURS, FOREGROUND, Scene

MOST_NAMES = 20
"""Hyperparameters that have a bar, the most important."""


def influence(scene: Scene, found: dict[str, Importance]) -> Drawing | None:
    """Draw importances, coloured and named by tier; None where too few trials have ended."""
    if not found:
        return None
    names = list(found)[:MOST_NAMES]
    tiers = {name: scene.space[name].tier for name in names}
    labels = [plain(f"{name}, tier {tiers[name]}") for name in names]
    told = [found[name] for name in names]
    data: list[dict[str, Any]] = [{
        "type": "bar", "orientation": "h", "y": labels, "x": [each.part for each in told], "showlegend": False,
        "marker": {"color": [f"var(--c{(tiers[name] - 1) % COLOURS})" for name in names]},
        "error_x": {
            "type": "data", "symmetric": False, "color": FOREGROUND, "thickness": 1.2, "width": 3,
            "array": [max(0.0, each.high - each.part) for each in told],
            "arrayminus": [max(0.0, each.part - each.low) for each in told],
        },
        "hovertemplate": "%{y}: %{x:.0%}<extra></extra>",
    }]  # fmt: skip
    layout: dict[str, Any] = {
        "height": 70 + 26 * len(names),
        "xaxis": {
            "title": {"text": "part of the difference"}, "rangemode": "tozero", "tickformat": ".0%",
        },
        "yaxis": {"autorange": "reversed"},
        "margin": {"t": 6, "r": 12, "l": label_width(labels), "b": 44},
    }  # fmt: skip
    rows = [
        (n, str(tiers[n]), *(f"{part:.0%}" for part in (e.part, e.low, e.high)))
        for n, e in zip(names, told, strict=True)
    ]
    grid = DataTable(("hyperparameter", "tier", "part", "from", "to"), rows, frozenset({1, 2, 3, 4}))
    return Drawing("influence", {"data": data, "layout": layout}, _sentence(found), grid, "Importance")


def is_clear(found: dict[str, Importance]) -> bool:
    """Say whether the first is surely more important than the last: whiskers that do not meet."""
    told = list(found.values())
    return len(told) > 1 and told[0].low > told[-1].high


def _sentence(found: dict[str, Importance]) -> str:
    (name, first), *_ = found.items()
    text = f"{name} {first.part:.0%}, between {first.low:.0%} and {first.high:.0%} in most resamples"
    if not is_clear(found):
        text += "; no order is sure yet"
    return f"{text}. What the search settled early shows little here."
