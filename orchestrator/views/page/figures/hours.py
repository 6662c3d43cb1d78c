"""What became of the hours that the places had: by how trials ended, and by what the time of their processes went to.

Two bars of the same kind. The first asks the trials (was it worth it), the second the machinery (what would be saved by
faster imports, smaller checkpoints, or trials that follow each other more closely).
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator import wording
from orchestrator.results.time_use import SweepTime
from orchestrator.views.page.figures.places import KINDS, Stay, whole_s
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scene import LEGEND_BELOW
from orchestrator.views.time_use import parts_of

NEEDS = {
    "training": "var(--c2)",
    "checkpoints": "var(--c4)",
    "process starts and imports": "var(--c1)",
    "ending": "var(--c3)",
    "idle": "var(--line)",
}
"""What time goes to, and its colour."""
MOST_NAMED = 3
"""Parts that the sentence of a bar names, the largest first."""
LEAST_NAMED = 0.005
"""How large a part must be to be named: less is 0 %."""


def hours(found: list[Stay]) -> Drawing | None:
    """Draw what became of the hours that the places had; None before anything ran."""
    whole = whole_s(found)
    if not whole:
        return None
    spent = {kind: sum(stay.end_t - stay.begin_t for stay in found if stay.kind == kind) for kind in KINDS}
    spent["no trial"] = max(0.0, whole - sum(spent.values()))
    return _bar("hours", "hours of all places", spent, KINDS)


def time_spent(time: SweepTime) -> Drawing | None:
    """Draw what the places' time went to, from the first driver's begin; None before anything ran."""
    if not time.places:
        return None
    spent = dict(parts_of(time))
    more = ""
    if time.attempts.waiting_s >= 1:
        more = f" Before that, trials waited for a place, {wording.duration(time.attempts.waiting_s)} in all."
    return _bar("time", "hours of all places, from the driver's begin", spent, NEEDS, more)


def _bar(
    name: str, title: str, spent: Mapping[str, float], colours: Mapping[str, str], more: str = ""
) -> Drawing | None:
    """Draw seconds as parts of one bar, in the order of their colours."""
    present = {what: spent[what] for what in colours if spent.get(what, 0.0) > 0}
    whole = sum(present.values())
    if not whole:
        return None
    data = [
        {
            "type": "bar", "orientation": "h", "y": [""], "x": [seconds / 3600],
            "name": f"{what} {seconds / whole:.0%}", "marker": {"color": colours[what]},
            "hovertemplate": f"{what}: %{{x:.2f}} h<extra></extra>",
        }
        for what, seconds in present.items()
    ]  # fmt: skip
    layout = {
        "height": 150, "barmode": "stack",
        "xaxis": {"title": {"text": title, "standoff": 8}, "range": [0, whole / 3600]},
        "yaxis": {"visible": False}, "margin": {"t": 10, "r": 14, "l": 14, "b": 74},
        "legend": LEGEND_BELOW | {"traceorder": "normal"},
    }  # fmt: skip
    largest = sorted(present, key=lambda what: -present[what])[:MOST_NAMED]
    largest = [what for what in largest if present[what] / whole >= LEAST_NAMED]
    sentence = f"Of the {wording.duration(whole)} that all places had: "
    sentence += ", ".join(f"{what} {present[what] / whole:.0%}" for what in largest) + "."
    rows = [(what, wording.hours(seconds / 3600), f"{seconds / whole:.1%}") for what, seconds in present.items()]
    grid = DataTable(("what", "hours", "part"), rows, frozenset({1, 2}))
    return Drawing(name, {"data": data, "layout": layout}, sentence + more, grid)
