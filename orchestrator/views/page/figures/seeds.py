"""Is it real: the contenders' trainings over fresh seeds, and what they say of winner and baseline."""

from __future__ import annotations

from typing import Any

from orchestrator import wording
from orchestrator.sweep.confirmation import Contender
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import FOREGROUND, MUTED, Scene, points

_KINDS = (
    ("the training that made it a contender", "circle-open", MUTED, 9),
    ("fresh seeds that chose", "circle", "var(--c4)", 8),
    ("fresh seeds that report", "diamond", "var(--c0)", 9),
)
"""What a training is for, and how it is drawn: shape and colour both tell."""


def seeds(scene: Scene) -> Drawing | None:
    """Draw every training of the contenders, with the means and 95 % intervals; None before any was repeated."""
    contenders = [c for c in scene.state.contenders() if c.race or c.confirm] if scene.state.replicates else []
    if not contenders:
        return None
    labels = {contender.trial.number: _label(scene, contender) for contender in contenders}
    data = [trace for place in range(3) if (trace := _kind(contenders, labels, place))["x"]]
    data += _scores(scene, labels)
    layout: dict[str, Any] = {
        "height": 128 + 42 * len(contenders),
        "xaxis": {"title": {"text": plain(scene.metric)}},
        "yaxis": {
            "automargin": True, "type": "category", "categoryorder": "array",
            "categoryarray": [*labels.values()][::-1],
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "margin": {"t": 40, "r": 14, "l": 70, "b": 44},
    }  # fmt: skip
    return Drawing("seeds", {"data": data, "layout": layout}, _sentence(scene), _grid(scene, contenders, labels))


def _label(scene: Scene, contender: Contender) -> str:
    number = contender.trial.number
    if number == 0:
        return "baseline"
    is_winner = scene.winner is not None and number == scene.winner.number
    return f"trial {number}, winner" if is_winner else f"trial {number}"


def _values(contender: Contender, place: int) -> tuple[float, ...]:
    return ((contender.first,), contender.race, contender.confirm)[place]


def _kind(contenders: list[Contender], labels: dict[int, str], place: int) -> dict[str, Any]:
    name, symbol, colour, size = _KINDS[place]
    found = [(labels[c.trial.number], value) for c in contenders for value in _values(c, place)]
    marker = {"symbol": symbol, "color": colour, "size": size, "opacity": 0.9}
    told = [f"{label}, {name}: {value:.5g}" for label, value in found]
    return points([v for _, v in found], [label for label, _ in found], told, marker, name=name)


def _scores(scene: Scene, labels: dict[int, str]) -> list[dict[str, Any]]:
    said = scene.state.confirmation()
    scores = {} if said is None else {n: s for n, s in said.scores.items() if n in labels}
    if not scores:
        return []
    lows = [0.0 if s.low is None else s.mean - s.low for s in scores.values()]
    highs = [0.0 if s.high is None else s.high - s.mean for s in scores.values()]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": highs,
        "arrayminus": lows,
        "color": FOREGROUND,
        "thickness": 2,
        "width": 8,
    }
    marker = {"symbol": "line-ns-open", "size": 22, "color": FOREGROUND, "line": {"width": 3}}
    told = [f"{labels[n]}: mean {s.mean:.5g} over {wording.counted(s.n, 'seed')}" for n, s in scores.items()]
    means, names = [score.mean for score in scores.values()], [labels[number] for number in scores]
    return [points(means, names, told, marker, name="mean, 95 % interval", error_x=bars)]


def _sentence(scene: Scene) -> str:
    said = scene.state.confirmation()
    if said is None:
        return "The fresh trainings have not said anything yet."
    if said.difference is None:
        return f"What fresh seeds say: {said.verdict.value}."
    text = f"Over fresh seeds the chosen trial is {wording.number(said.difference.mean, 4)} better than the baseline"
    if said.difference.low is not None and said.difference.high is not None:
        low, high = wording.number(said.difference.low, 4), wording.number(said.difference.high, 4)
        text += f", with 95 % between {low} and {high}"
    return f"{text}: {said.verdict.value}."


def _grid(scene: Scene, contenders: list[Contender], labels: dict[int, str]) -> DataTable:
    said = scene.state.confirmation()
    rows = []
    for contender in contenders:
        score = said.scores.get(contender.trial.number) if said is not None else None
        interval = (
            f"{score.low:.5g} to {score.high:.5g}"
            if score and score.low is not None and score.high is not None
            else "-"
        )
        told = [", ".join(f"{value:.5g}" for value in values) or "-" for values in (contender.race, contender.confirm)]
        mean = wording.number(score.mean) if score is not None else "-"
        rows.append((labels[contender.trial.number], f"{contender.first:.5g}", *told, mean, interval))
    return DataTable(
        ("contender", "first training", "chose", "report", "mean", "95 % interval"), rows, frozenset({1, 4})
    )
