"""Each hyperparameter against the value: where the good ones lie, whether the range is right, what cannot be trained.

The line joins the best full training of each slice of the range (an isolation plot): what a value can do at best, when
everything else is as good as was found.
"""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

from orchestrator import wording
from orchestrator.sweep.domains import Hyperparameter
from orchestrator.sweep.standing import best, has_ended_badly
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.views.page.hyper_axis import HyperAxis, short
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain
from orchestrator.views.page.scene import BAD, FOREGROUND, MUTED, STAR, Scene, is_full, points

LEAST_FULL = 6
"""Full trainings below which no line joins the best of each slice."""
Slice: TypeAlias = tuple[tuple[float, float], list[Trial]]
"""A part of a range, by where it begins and ends on the axis, and the full trainings in it, the best first."""

JITTER = 0.2
"""How far a point of a choice is moved aside at most, so that points do not hide each other."""


def hyperparameter(scene: Scene, name: str, domain: Hyperparameter, number: int, flag: str = "") -> Drawing | None:
    """Draw one hyperparameter, the page's `number`th; None where no trial that is drawn has it."""
    axis = HyperAxis(domain)
    aside = Random(number)
    trials = [t for t in scene.drawn_each if name in t.config and axis.position(t.config[name]) is not None]
    if not trials:
        return None
    where = {trial.number: _x(axis, trial.config[name], aside) for trial in trials}
    slices = best_of_slices(scene, name, axis)
    data = [*_stages(scene, name, trials, where), *_bad(scene, name, trials, where), *_line(scene, slices, axis)]
    data += _winner(scene, name, axis)
    layout: dict[str, Any] = {
        "height": 250,
        "xaxis": axis.layout(),
        "yaxis": {**scene.values.layout(), "tickfont": {"size": 10}},
        "shapes": _default(axis),
        "margin": {"t": 8, "r": 8, "l": scene.values.width - 12, "b": 26},
        "showlegend": False,
    }
    own = f"h-{number}"
    sentence = _sentence(scene, name, slices)
    return Drawing(own, {"data": data, "layout": layout}, sentence, _grid(scene, name, slices), name, flag)


def best_of_slices(scene: Scene, name: str, axis: HyperAxis) -> list[Slice]:
    """Return the slices of a range, each with the full trainings in it, the best first."""
    full = [t for t in scene.ranked if is_full(t) and t.value is not None and name in t.config]
    placed = [(axis.position(trial.config[name]), trial) for trial in full]
    slices = axis.slices(max(4, min(10, len(full) // 4)))
    found = []
    for first, last in slices:
        is_end = last == slices[-1][1]
        own = [t for at, t in placed if at is not None and (first <= at < last or (is_end and at == last))]
        found.append(((first, last), sorted(own, key=lambda t: scene.sign * (t.value or 0.0), reverse=True)))
    return found


def _x(axis: HyperAxis, value: Any, aside: Random) -> float:
    position = axis.position(value)
    assert position is not None
    return position + (aside.uniform(-JITTER, JITTER) if axis.is_choice else 0.0)


def _told(name: str, trial: Trial) -> str:
    value = wording.number(trial.value, 4) if is_full(trial) else trial.state.value
    return plain(f"trial {trial.number}: {short(trial.config[name])}, {value}")


def _stages(scene: Scene, name: str, trials: list[Trial], where: dict[int, float]) -> list[dict[str, Any]]:
    traces = []
    for stage in scene.stages:
        full = [t for t in trials if t.stage == stage and is_full(t) and t.value is not None]
        symbols = ["triangle-down-open" if scene.values.is_below(t.value or 0.0) else "circle" for t in full]
        marker = {"color": scene.colour(stage), "size": 6, "opacity": 0.85, "symbol": symbols}
        traces.append(_at(scene, name, full, where, marker))
        stopped = [t for t in trials if t.stage == stage and t.state is TrialState.PRUNED]
        tick = {"color": scene.colour(stage), "size": 6, "opacity": 0.65, "symbol": "line-ns-open"}
        traces.append(_at(scene, name, stopped, where, tick))
    return [trace for trace in traces if trace["x"]]


def _bad(scene: Scene, name: str, trials: list[Trial], where: dict[int, float]) -> list[dict[str, Any]]:
    bad = [trial for trial in trials if has_ended_badly(trial)]
    cross = {"color": BAD, "size": 5, "opacity": 0.8, "symbol": "x-thin-open"}
    return [_at(scene, name, bad, where, cross)] if bad else []


def _at(
    scene: Scene, name: str, trials: list[Trial], where: dict[int, float], marker: dict[str, Any]
) -> dict[str, Any]:
    shown = [trial for trial in trials if scene.height(trial) is not None]
    return points((where[t.number] for t in shown), map(scene.height, shown), (_told(name, t) for t in shown), marker)


def _line(scene: Scene, slices: list[Slice], axis: HyperAxis) -> list[dict[str, Any]]:
    if sum(len(own) for _, own in slices) < LEAST_FULL:
        return []
    joined = [((first + last) / 2, scene.values.clip(own[0].value or 0.0)) for (first, last), own in slices if own]
    mode = "markers" if axis.is_choice and not getattr(axis.domain, "is_ordered", False) else "lines"
    return [{
        "type": "scatter", "mode": mode, "x": [x for x, _ in joined], "y": [y for _, y in joined], "hoverinfo": "skip",
        "line": {"color": FOREGROUND, "width": 1.4}, "opacity": 0.65,
        "marker": {"symbol": "line-ew-open", "size": 26, "color": FOREGROUND, "line": {"width": 1.6}},
    }]  # fmt: skip


def _winner(scene: Scene, name: str, axis: HyperAxis) -> list[dict[str, Any]]:
    trial = scene.winner
    if trial is None or trial.value is None or name not in trial.config:
        return []
    position = axis.position(trial.config[name])
    if position is None or not is_full(trial):
        return []
    marker = {"symbol": "star", "size": 14, "color": STAR, "line": {"color": FOREGROUND, "width": 1.2}}
    told = plain(f"winner, trial {trial.number}: {short(trial.config[name])}")
    return [points([position], [scene.values.clip(trial.value)], [told], marker)]


def _default(axis: HyperAxis) -> list[dict[str, Any]]:
    position = axis.position(axis.domain.default)
    if position is None:
        return []
    line = {"color": MUTED, "width": 1, "dash": "dash"}
    return [{"type": "line", "yref": "paper", "x0": position, "x1": position, "y0": 0, "y1": 1, "line": line}]


def _sentence(scene: Scene, name: str, slices: list[Slice]) -> str:
    winner, with_it = scene.winner, [trial for trial in scene.state.trials if name in trial.config]
    parts = []
    if winner is not None and name in winner.config:
        parts.append(f"the winner has {short(winner.config[name])}")
    tried = sum(1 for _, own in slices if own)
    parts.append(
        f"full trainings lie in {tried} of {len(slices)} parts of the range" if tried else "no full training yet"
    )
    if len(with_it) < len(scene.state.trials):
        parts.append(f"only {wording.counted(len(with_it), 'trial')} have it")
    bad = sum(1 for trial in with_it if has_ended_badly(trial))
    parts += [f"{bad} diverged or failed"] if bad else []
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _grid(scene: Scene, name: str, slices: list[Slice]) -> DataTable:
    rows = []
    for _, own in slices:
        values = [t.value for t in own if t.value is not None]
        if values:
            spread = sorted(
                (t.config[name] for t in own), key=lambda v: (str(type(v)), v if isinstance(v, int | float) else str(v))
            )
            between = short(spread[0]) if spread[0] == spread[-1] else f"{short(spread[0])} to {short(spread[-1])}"
            rows.append((between, str(len(values)), wording.number(best(scene.state.plan.goal, values), 4)))
    return DataTable((name, "full trainings", f"best {scene.metric}"), rows, frozenset({1, 2}))
