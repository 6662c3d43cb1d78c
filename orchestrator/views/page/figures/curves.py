"""Learning curves, and how many trials came how far."""

from __future__ import annotations

from typing import Any

from orchestrator import wording
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.views.page.parts import DataTable, Drawing
from orchestrator.views.page.scale import plain, thinned
from orchestrator.views.page.scene import FOREGROUND, LEGEND_BELOW, MUTED, Scene, is_full

MOST_CURVES = 160
"""Curves that are drawn: the best third of them, and some of the others by lot."""
MOST_POINTS = 60
"""Points of one curve that are drawn, evenly."""
MOST_RUNGS = 9
"""Rungs that have a line."""


def curves(scene: Scene) -> Drawing | None:
    """Draw learning curves, baseline and winner in front; None where nothing was reported twice."""
    if not any(len(trial.values) > 1 for trial in scene.state.trials):
        return None
    shown = scene.sample([trial for trial in scene.state.trials if len(trial.values) > 1], MOST_CURVES)
    data = [trace for stage in scene.stages for trace in _stage(scene, stage, shown)]
    data += _named(scene)
    lines = thinned(scene.rungs, MOST_RUNGS)
    line = {"color": MUTED, "width": 1, "dash": "dot"}
    where = {"yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "font": {"size": 10.5, "color": MUTED}}
    layout: dict[str, Any] = {
        "height": 380,
        "xaxis": {"title": {"text": plain(scene.unit), "standoff": 8}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": plain(scene.metric)}, "range": _range(scene, shown)},
        "shapes": [{"type": "line", "yref": "paper", "x0": r, "x1": r, "y0": 0, "y1": 1, "line": line} for r in lines],
        "annotations": [where | {"x": rung, "text": f"rung {rung:g}"} for rung in thinned(lines, 4)],
        "legend": LEGEND_BELOW,
        "margin": {"t": 24, "r": 10, "l": 60, "b": 74},
    }
    return Drawing("curves", {"data": data, "layout": layout}, _sentence(scene, len(shown)), _grid(scene))


def _range(scene: Scene, shown: list[Trial]) -> list[float]:
    """Return ends of the axis that hold all but the worst twentieth of the values: one of 1e9 hides all others."""
    values = sorted(scene.sign * value for trial in shown for value in trial.values.values())
    low, high = values[len(values) // 20], values[-1]
    pad = (high - low or abs(high) or 1.0) * 0.05
    return sorted([scene.sign * (low - pad), scene.sign * (high + pad)])


def _stage(scene: Scene, stage: str, shown: list[Trial]) -> list[dict[str, Any]]:
    named = (scene.winner, scene.baseline)
    traces = []
    for full in (False, True):
        own = [t for t in shown if t.stage == stage and is_full(t) is full and not any(t is other for other in named)]
        x: list[float | None] = []
        y: list[float | None] = []
        text: list[str] = []
        for trial in own:
            at = thinned(sorted(trial.values), MOST_POINTS)
            x += [*at, None]
            y += [*(trial.values[fidelity] for fidelity in at), None]
            text += [*[""] * (len(at) - 1), scene.hover(trial), ""]
        if own:
            traces.append({
                "type": "scatter", "mode": "lines", "x": x, "y": y, "opacity": 0.6 if full else 0.3, "text": text,
                "line": {"color": scene.colour(stage), "width": 1}, "name": plain(stage), "showlegend": full,
                "legendgroup": plain(stage), "hovertemplate": "%{text}<extra></extra>",
            })  # fmt: skip
    return traces


def _named(scene: Scene) -> list[dict[str, Any]]:
    return [trace for trace, _ in _named_with(scene)]


def _named_with(scene: Scene) -> list[tuple[dict[str, Any], Trial]]:
    traces = []
    for trial, name, dash, colour in (
        (scene.baseline, "baseline", "dash", MUTED),
        (scene.winner, "winner", "solid", FOREGROUND),
    ):
        if trial is not None and trial.values:
            at = sorted(trial.values)
            trace = {
                "type": "scatter", "mode": "lines", "x": at, "y": [trial.values[fidelity] for fidelity in at],
                "line": {"color": colour, "width": 3, "dash": dash}, "name": f"{name}, trial {trial.number}",
            }  # fmt: skip
            traces.append((trace, trial))
    return traces


def _sentence(scene: Scene, shown: int) -> str:
    every = sum(1 for trial in scene.state.trials if len(trial.values) > 1)
    sampled = f"{shown:,} of {every:,} curves are drawn, the best and a sample of the others"
    drawn = sampled if shown < every else f"All {shown:,} curves are drawn"
    winner = scene.winner
    if winner is None or winner.value is None:
        return f"{drawn}."
    return f"{drawn}. The winner, trial {winner.number}, ended at {wording.number(winner.value, 4)}."


def _grid(scene: Scene) -> DataTable:
    named = [(name, t) for name, t in (("winner", scene.winner), ("baseline", scene.baseline)) if t is not None]
    at = thinned(sorted({fidelity for _, trial in named for fidelity in trial.values}), 12)
    rows = [
        (f"{fidelity:g}", *(wording.number(trial.values.get(fidelity), 4) for _, trial in named)) for fidelity in at
    ]
    return DataTable((scene.unit, *(name for name, _ in named)), rows, frozenset(range(len(named) + 1)))


def funnel(scene: Scene) -> Drawing | None:
    """Draw how many trials were proposed, and how many came to each rung and to the end; None before any."""
    trials, rungs = scene.state.trials, scene.rungs
    if not trials or not rungs:
        return None
    end = scene.state.plan.spec.fidelity.max
    levels = [0.0, *thinned(rungs, 7), end]
    labels = ["proposed", *(f"{scene.unit} {level:g}" for level in levels[1:])]
    data = []
    for stage in scene.stages:
        own = [trial for trial in trials if trial.stage == stage]
        counts = [sum(1 for t in own if t.fidelity >= level) for level in levels]
        data.append({
            "type": "bar", "orientation": "h", "name": plain(stage), "y": [plain(label) for label in labels],
            "x": counts,
            "marker": {"color": scene.colour(stage)}, "hovertemplate": f"{plain(stage)}: %{{x}}<extra></extra>",
        })  # fmt: skip
    totals = [sum(1 for t in trials if t.fidelity >= level) for level in levels]
    notes = [
        {"x": n, "y": plain(label), "text": f" {n:,}", "xanchor": "left", "showarrow": False, "font": {"size": 11}}
        for n, label in zip(totals, labels, strict=True)
    ]
    layout: dict[str, Any] = {
        "height": 90 + 34 * len(levels), "barmode": "stack", "annotations": notes, "showlegend": False,
        "yaxis": {"autorange": "reversed", "automargin": True},
        "xaxis": {"title": {"text": "trials that came so far"}, "range": [0, max(totals) * 1.15]},
        "margin": {"t": 8, "r": 10, "l": 70, "b": 40},
    }  # fmt: skip
    rows = [(label, f"{count:,}") for label, count in zip(labels, totals, strict=True)]
    grid = DataTable(("reached", "trials"), rows, frozenset({1}))
    return Drawing("funnel", {"data": data, "layout": layout}, _funnel_sentence(scene), grid)


def saved_part(scene: Scene) -> float | None:
    """Return which part of training every ended trial to the end was saved; None before any has ended."""
    ended = [trial for trial in scene.state.trials if trial.state.is_final]
    whole = len(ended) * scene.state.plan.spec.fidelity.max
    return 1 - sum(min(t.fidelity, scene.state.plan.spec.fidelity.max) for t in ended) / whole if whole else None


def _funnel_sentence(scene: Scene) -> str:
    trials = scene.state.trials
    stopped = sum(1 for trial in trials if trial.state is TrialState.PRUNED)
    full = sum(1 for trial in trials if is_full(trial))
    saved = saved_part(scene)
    text = f"Of {wording.counted(len(trials), 'trial')} {stopped:,} were stopped early and {full:,} trained to the end"
    return f"{text}; {saved:.0%} of training all of them to the end was saved." if saved is not None else f"{text}."


def own_curve(scene: Scene, trial: Trial) -> Drawing | None:
    """Draw one trial's learning curve beside those of baseline and winner; None where it reported less than twice."""
    if len(trial.values) < 2:
        return None
    at = sorted(trial.values)
    others = [trace for trace, other in _named_with(scene) if other is not trial]
    own = {
        "type": "scatter", "mode": "lines+markers", "x": at, "y": [trial.values[fidelity] for fidelity in at],
        "line": {"color": scene.colour(trial.stage), "width": 3}, "name": f"trial {trial.number}",
    }  # fmt: skip
    shown = [other for _, other in _named_with(scene)]
    layout: dict[str, Any] = {
        "height": 340,
        "xaxis": {"title": {"text": plain(scene.unit), "standoff": 8}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": plain(scene.metric)}, "range": _range(scene, [*shown, trial])},
        "legend": LEGEND_BELOW, "margin": {"t": 16, "r": 10, "l": 60, "b": 74},
    }  # fmt: skip
    last = trial.values[at[-1]]
    sentence = (
        f"From {wording.number(trial.values[at[0]], 4)} at {scene.unit} {at[0]:g} to {wording.number(last, 4)} "
        f"at {scene.unit} {at[-1]:g}."
    )
    rows = [(f"{fidelity:g}", wording.number(trial.values[fidelity])) for fidelity in at]
    grid = DataTable((scene.unit, scene.metric), rows, frozenset({0, 1}))
    return Drawing("curve", {"data": [*others, own], "layout": layout}, sentence, grid)
