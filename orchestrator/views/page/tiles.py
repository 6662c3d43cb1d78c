"""The numbers at the head of the page."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator import wording
from orchestrator.results.summary import Summary
from orchestrator.sweep.trial import TrialState
from orchestrator.views.page.figures.curves import saved_part
from orchestrator.views.page.figures.places import Stay, busy_part
from orchestrator.views.page.parts import Tile
from orchestrator.views.page.scene import Scene


def tiles(scene: Scene, summary: Summary, stays: list[Stay]) -> Iterator[Tile]:
    """Yield what a reader asks first: is it good, is it real, how many trials, what did it cost, were places busy."""
    best, base = summary.best, summary.baseline
    label = "winner" if best is None or best.state == TrialState.COMPLETED.value else "leader"
    who = f"trial {best.trial}" if best else summary.note or ""
    yield Tile(label, wording.number(best.value, 4) if best else "none yet", who)
    yield Tile("baseline", wording.number(base.value, 4) if base else "-", "trial 0, every default")
    yield _gain(summary)
    tally = summary.tally
    told = [f"{tally.done:,} done", f"{tally.stopped:,} stopped early", f"{tally.failed:,} failed"]
    told += [f"{tally.running:,} running"] if tally.running else []
    told += [f"{tally.waiting:,} waiting"] if tally.waiting else []
    yield Tile("trials", f"{tally.proposed:,} of {summary.planned:,}", ", ".join(told))
    yield Tile(f"{scene.spend_unit[0]} spent", wording.hours(scene.spent), _saved(scene))
    if stays:
        span = wording.duration(scene.now_t - scene.state.started_t)
        yield Tile("places busy", f"{busy_part(stays):.0%}", f"{span} from the first record on")


def _gain(summary: Summary) -> Tile:
    difference, gain = summary.confirm.difference, summary.improvement
    if difference is not None:
        return Tile("gain over fresh seeds", f"{difference.mean:+.4g}", summary.confirm.verdict or "")
    remark = summary.confirm.text or "not confirmed over fresh seeds"
    return Tile("gain, one seed each", "-" if gain is None else f"{gain:+.4g}", remark)


def _saved(scene: Scene) -> str:
    budget, saved = scene.state.plan.spec.budget, saved_part(scene)
    cap = budget.gpu_hours if scene.spend_unit[0] == "GPU-hours" else budget.cpu_hours
    told = [] if saved is None else [f"{saved:.0%} of training saved by stopping early"]
    told += [] if cap is None else [f"the cap is {wording.hours(cap)}"]
    return "; ".join(told)
