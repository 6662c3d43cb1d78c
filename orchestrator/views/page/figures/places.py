"""Where and when it ran: what each place did, and what became of the hours.

A place is a GPU (or the GPUs of one attempt together), or one of the trials that a node ran at once. Up to
`MOST_LANES` places each have a line of their own; of more, each node is shown by how busy its places were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from orchestrator import wording
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import Scene

MOST_LANES = 40
MOST_BARS = 1_500
"""Attempts of which each is drawn as a bar; of more, nodes are shown by how busy they were."""
BINS = 160
"""Spans of time that how busy a node was is shown in."""

KINDS = {
    "completed": "var(--c2)",
    "stopped early": "var(--c4)",
    "confirming": "var(--c3)",
    "diverged": "var(--c5)",
    "failed": "var(--bad)",
    "lost, repeated": "var(--muted)",
    "running": "var(--star)",
    "no trial": "var(--line)",
}
"""What became of an attempt's hours, and its colour."""


_UNITS = (("hours", 3600, 5400), ("minutes", 60, 90), ("seconds", 1, -1))
"""What the time of a picture is counted in, its seconds, and how long the whole is at least."""


@dataclass(frozen=True)
class Stay:
    """One attempt at its place."""

    lane: str
    """The place."""
    node: str
    """Its node."""
    begin_t: float
    """When a worker took it, seconds since the epoch."""
    end_t: float
    """When it ended, or the present."""
    kind: str
    """What became of it: a key of `KINDS`."""
    trial: int
    """Number of its trial."""


def stays(scene: Scene) -> list[Stay]:
    """Return every attempt that had a worker, in the order in which they began."""
    placed = [(a.placed_t, t, a) for t in scene.state.everyone() for a in t.attempts if a.placed_t is not None]
    placed.sort(key=lambda entry: (entry[0], entry[1].number))
    shown, free = _node_names(scene, [attempt.node for _, _, attempt in placed]), dict[tuple[str, int], float]()
    found = []
    for begin, trial, attempt in placed:
        node = shown[attempt.node]
        end = scene.now_t if attempt.ended_t is None else min(attempt.ended_t, begin + max(0.0, attempt.charged_s))
        lane = _lane(f"{node}, GPU {attempt.gpu_ids}" if attempt.gpu_ids else node, begin, end, free)
        found.append(Stay(lane, node, begin, max(begin, end), _kind(trial, attempt), trial.number))
    return found


def _node_names(scene: Scene, nodes: list[str | None]) -> dict[str | None, str]:
    known = list(dict.fromkeys(nodes))
    if scene.is_shared:
        return {node: f"node {number}" for number, node in enumerate(known, 1)}
    return {node: node or "somewhere" for node in known}


def _lane(where: str, begin: float, end: float, free: dict[tuple[str, int], float]) -> str:
    """Return the first place there that is free: a GPU may be shared, and a node runs several trials at once."""
    number = next(n for n in count(1) if free.get((where, n), begin) <= begin + 1e-6)
    free[where, number] = end
    return where if number == 1 else f"{where}, place {number}"


def _kind(trial: Trial, attempt: Attempt) -> str:
    if attempt.outcome is None:
        return "running"
    if attempt.outcome in {Outcome.LOST, Outcome.PREEMPTED, Outcome.HUNG, Outcome.INTERRUPTED}:
        return "lost, repeated"
    if attempt.outcome in {Outcome.ERROR, Outcome.OUT_OF_MEMORY} or trial.state is TrialState.FAILED:
        return "failed"
    if trial.is_replicate:
        return "confirming"
    named = {TrialState.DIVERGED: "diverged", TrialState.COMPLETED: "completed", TrialState.PRUNED: "stopped early"}
    return named.get(trial.state, "lost, repeated")


def timeline(found: list[Stay]) -> Drawing | None:
    """Draw which place did what when; None before anything ran."""
    if not found:
        return None
    lanes = sorted({stay.lane for stay in found}, key=_natural)
    begin, end = min(stay.begin_t for stay in found), max(stay.end_t for stay in found)
    unit, seconds = next(
        (u, s)
        for u, s, least in (("hours", 3600, 5400), ("minutes", 60, 90), ("seconds", 1, -1))
        if end - begin > least
    )
    is_large = len(lanes) > MOST_LANES or len(found) > MOST_BARS
    axis = {"title": {"text": f"{unit} since the first trial began"}, "range": [0, (end - begin) / seconds or 1]}
    if is_large:
        data, height, more = _busy_map(found, begin, end, seconds, unit)
    else:
        data, height = _bars(found, begin, seconds), 100 + 20 * len(lanes)
        more = {"categoryorder": "array", "categoryarray": [plain(lane) for lane in reversed(lanes)]}
    layout = {
        "height": height, "barmode": "overlay", "bargap": 0.15, "xaxis": axis,
        "yaxis": {"automargin": True, "tickfont": {"size": 10}, "type": "category", **more},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "margin": {"t": 36, "r": 14, "l": 60, "b": 44},
    }  # fmt: skip
    part = busy_part(found)
    sentence = f"{wording.counted(len(found), 'attempt')} on {wording.counted(len(lanes), 'place')}"
    sentence += f" over {wording.duration(end - begin)}; the places had a trial for {part:.0%} of that time."
    return Drawing("timeline", {"data": data, "layout": layout}, sentence, _grid(found, begin, end))


def _natural(lane: str) -> list[tuple[int, str]]:
    """Sort numbers in names by their size."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _digits_apart(lane)]


def _digits_apart(text: str) -> Iterator[str]:
    word = ""
    for character in text:
        if word and character.isdecimal() != word[-1].isdecimal():
            yield word
            word = ""
        word += character
    yield word


def _bars(found: list[Stay], begin: float, seconds: float) -> list[dict[str, Any]]:
    data = []
    for kind, colour in KINDS.items():
        own = [stay for stay in found if stay.kind == kind]
        if own:
            data.append({
                "type": "bar", "orientation": "h", "name": kind,
                "marker": {"color": colour, "line": {"width": 0.5, "color": "var(--bg)"}},
                "base": [(stay.begin_t - begin) / seconds for stay in own],
                "x": [(stay.end_t - stay.begin_t) / seconds for stay in own], "y": [plain(stay.lane) for stay in own],
                "text": [f"trial {stay.trial}, {kind}, {wording.duration(stay.end_t - stay.begin_t)}" for stay in own],
                "textposition": "none", "hovertemplate": "%{text}<extra></extra>",
            })  # fmt: skip
    return data


def _busy_map(
    found: list[Stay], begin: float, end: float, seconds: float, unit: str
) -> tuple[list[dict[str, Any]], int, dict[str, Any]]:
    nodes = sorted({stay.node for stay in found}, key=_natural)[:80]
    places = Counter(stay.node for stay in {stay.lane: stay for stay in found}.values())
    width = (end - begin) / BINS or 1.0
    busy = {node: [0.0] * BINS for node in nodes}
    for stay in found:
        first, last = int((stay.begin_t - begin) / width), min(BINS - 1, int((stay.end_t - begin) / width))
        for number in range(first, last + 1) if stay.node in busy else ():
            left = begin + number * width
            overlap = min(stay.end_t, left + width) - max(stay.begin_t, left)
            busy[stay.node][number] += max(0.0, overlap) / width / places[stay.node]
    trace = {
        "type": "heatmap", "z": [busy[node] for node in nodes], "y": [plain(node) for node in nodes],
        "x": [(number + 0.5) * width / seconds for number in range(BINS)], "zmin": 0, "zmax": 1,
        "colorscale": [[0, "#f7f2c4"], [0.5, "#56b4e9"], [1, "#00466e"]],
        "colorbar": {"title": {"text": "busy", "side": "right"}, "thickness": 10, "tickformat": ".0%"},
        "hovertemplate": f"%{{y}}, %{{x:.2f}} {unit}: %{{z:.0%}} busy<extra></extra>",
    }  # fmt: skip
    return [trace], 110 + 22 * len(nodes), {"autorange": "reversed"}


def _grid(found: list[Stay], begin: float, end: float) -> DataTable:
    lanes: dict[str, set[str]] = {}
    hours, attempts = Counter[str](), Counter[str]()
    lost = Counter(stay.node for stay in found if stay.kind == "lost, repeated")
    for stay in found:
        lanes.setdefault(stay.node, set()).add(stay.lane)
        hours[stay.node] += stay.end_t - stay.begin_t  # type: ignore[assignment]  # a Counter sums floats as well
        attempts[stay.node] += 1
    rows = [
        (node, str(len(own)), str(attempts[node]), str(lost[node]), wording.hours(hours[node] / 3600),
         f"{hours[node] / (len(own) * (end - begin) or 1):.0%}")
        for node, own in sorted(lanes.items(), key=lambda entry: _natural(entry[0]))[:80]
    ]  # fmt: skip
    return DataTable(
        ("node", "places", "attempts", "lost or repeated", "hours", "busy"), rows, frozenset({1, 2, 3, 4, 5})
    )


def whole_s(found: list[Stay]) -> float:
    """Return the seconds that all places had, from the first beginning to the last end."""
    if not found:
        return 0.0
    return len({stay.lane for stay in found}) * (max(s.end_t for s in found) - min(s.begin_t for s in found))


def busy_part(found: list[Stay]) -> float:
    """Return for which part of the time the places had a trial, 0 to 1."""
    return sum(stay.end_t - stay.begin_t for stay in found) / (whole_s(found) or 1.0)
