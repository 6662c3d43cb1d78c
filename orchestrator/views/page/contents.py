"""The page as data: from a sweep's state to everything that stands on it, section by section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator import wording
from orchestrator.results.export import export
from orchestrator.results.importance import Importance, importances
from orchestrator.secrecy import mask
from orchestrator.views.page import tables
from orchestrator.views.page.advice import best_at_edge, steps
from orchestrator.views.page.figures import places
from orchestrator.views.page.figures.curves import curves, funnel
from orchestrator.views.page.figures.hours import hours, time_spent
from orchestrator.views.page.figures.hyperparameter import hyperparameter
from orchestrator.views.page.figures.influence import influence
from orchestrator.views.page.figures.pair import pair
from orchestrator.views.page.figures.progress import progress
from orchestrator.views.page.figures.seeds import seeds
from orchestrator.views.page.figures.together import together
from orchestrator.views.page.parts import DataTable, Drawing, Page, Section
from orchestrator.views.page.scene import MOST_DRAWN, Scene
from orchestrator.views.page.tiles import tiles
from orchestrator.views.status import Status, status

if TYPE_CHECKING:
    from orchestrator.curves.diagnosis import Diagnosis
    from orchestrator.results.time_use import SweepTime
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location


@dataclass(frozen=True)
class Source:
    """What a page is made from."""

    state: SweepState
    """Everything known about the sweep."""
    folder: Location
    """Where it lies."""
    holder: str | None
    """Who drives it now; None where nobody does."""
    sweep_file: str
    """Text of the sweep file as it was taken in; empty where it is not there."""
    now_t: float
    """The present, seconds since the epoch."""
    diagnosis: Diagnosis | None = None
    """What the winner's learning curve shows (`results.diagnoses`); None while it is trained, and without any."""
    left: str | None = None
    """How its last driver left, where its log does not tell (`recovery.left_without_record`)."""


def page_of(source: Source, *, is_shared: bool = False, reload_s: int | None = None) -> Page:
    """Return the page of a sweep; `is_shared` leaves hosts, paths and commands out."""
    found = status(
        source.state, source.folder, source.holder, source.now_t, left=source.left, diagnosis=source.diagnosis
    )
    is_running = found.condition == "running"
    scene = Scene(source.state, source.now_t if is_running else source.state.last_t, is_shared)
    stays = places.stays(scene)
    return Page(
        title=source.state.plan.spec.name,
        subtitle=_subtitle(scene, found),
        made=_made(source, is_running=is_running),
        tiles=tuple(tiles(scene, found.summary, stays)),
        steps=steps(scene, found),
        sections=tuple(_sections(source, scene, found, stays)),
        reload_s=reload_s,
        remarks=tuple(_remarks(scene)),
    )


def _subtitle(scene: Scene, found: Status) -> str:
    goal = f"{scene.metric}, to {scene.state.plan.goal}"
    detail = "" if scene.is_shared else f": {found.detail}"
    return f"{scene.state.plan.sweep_id} · {goal} · {found.condition}{detail}"


def _made(source: Source, *, is_running: bool) -> str:
    last = _date(source.state.last_t)
    age = wording.duration(source.now_t - source.state.last_t)
    return f"newest record {last}, {age} before this page was made" if is_running else f"newest record {last}"


def _remarks(scene: Scene) -> Iterator[str]:
    trials = len(scene.state.trials)
    if len(scene.drawn) < trials:
        yield (
            f"{len(scene.drawn):,} of {trials:,} trials are drawn: the best {MOST_DRAWN // 3}, baseline and winner, "
            f"and a sample of the others. {_each(scene)}Lines, counts and tables are of all."
        )
    elif _each(scene):
        yield (
            f"The picture of one hyperparameter draws {len(scene.drawn_each):,} trials: the best third, baseline and "
            "winner, and a sample of the others. Lines, counts and tables are of all."
        )
    if scene.is_shared:
        yield "Hosts, paths, commands and the texts of errors are left out."


def _each(scene: Scene) -> str:
    each = len(scene.drawn_each)
    if each == len(scene.drawn):
        return ""
    return f"The picture of one hyperparameter draws {each:,} of them, chosen the same way. "


def _sections(source: Source, scene: Scene, found: Status, stays: list[places.Stay]) -> Iterator[Section]:
    told = importances(scene.state)
    made = (
        _progress(scene), _winner(scene), _real(scene), _trail(scene), _hyperparameters(scene), _mattered(scene, told),
        _curves(scene), _places(stays, found.time), _failures(scene), _together(scene, told), _best(scene, found),
        _fine_print(source, scene),
    )  # fmt: skip
    yield from (section for section in made if section is not None)


def _drawn(*drawings: Drawing | None) -> tuple[Drawing, ...]:
    return tuple(drawing for drawing in drawings if drawing is not None)


def _progress(scene: Scene) -> Section | None:
    drawing = progress(scene)
    question = "Is it still getting better, and what did each stage bring?"
    return Section("progress", "How it went", question, drawings=(drawing,)) if drawing else None


def _winner(scene: Scene) -> Section | None:
    rows = tables.winner_ranges(scene)
    if not rows:
        return None
    copies = (
        ()
        if scene.is_shared
        else tuple((name, export(scene.state, name, is_shown=True).strip()) for name in ("args", "yaml", "json"))
    )
    constants = {name: d for name, d in scene.state.plan.space.items() if name not in scene.space}
    folded = (
        f"{wording.counted(len(constants), 'value')} the same in every trial: {', '.join(constants)}."
        if constants
        else ""
    )
    question = "What changed against the baseline, and where in its range does it lie?"
    return Section("winner", "The winning configuration", question, (folded,) if folded else (), rows, copies=copies)


def _real(scene: Scene) -> Section | None:
    drawing = seeds(scene)
    question = "Is the winner better than the baseline, or luckier? Only trainings that chose nothing are asked."
    return Section("real", "Is it real?", question, drawings=(drawing,)) if drawing else None


def _trail(scene: Scene) -> Section | None:
    grid = tables.trail(scene)
    question = "Which stages and moves led to it?"
    return Section("trail", "How the winner came about", question, grid=grid) if grid else None


def _hyperparameters(scene: Scene) -> Section | None:
    drawings = []
    for number, (name, domain) in enumerate(scene.space.items()):
        sides = [side for side in ("low", "high") if best_at_edge(scene, name, domain, side) is not None]
        flag = f"tier {domain.tier}" + (f" · best at the {sides[0]} end" if sides else "")
        if (drawing := hyperparameter(scene, name, domain, number, flag)) is not None:
            drawings.append(drawing)
    question = "Where are the good values, are the ranges right, and what cannot be trained?"
    line = (
        "Dots were trained to the end, coloured by stage. Below them, a row for each rung at which trials were "
        "stopped, and one for those that diverged or failed: their values cannot be compared. The line joins the best "
        "of each slice; dashes: the default; star: the winner; triangle: worse than the axis reaches."
    )
    found = tuple(drawings)
    return (
        Section("hyperparameters", "Each hyperparameter", question, (line,), drawings=found, are_small=True)
        if found
        else None
    )


def _mattered(scene: Scene, told: dict[str, Importance]) -> Section | None:
    drawings = _drawn(influence(scene, told), pair(scene, told))
    if not told:
        return None
    question = "Does the order of the stages fit what was found? Do the first two move together?"
    line = (
        "By Optuna's conditional PED-ANOVA over all ended trials, ranked by how far they came; whiskers hold eight in "
        "ten of the resamples. The pictures of each hyperparameter are the evidence."
    )
    return Section("mattered", "What mattered", question, (line,), drawings=drawings, are_small=True)


def _together(scene: Scene, told: dict[str, Importance]) -> Section | None:
    drawing = together(scene, list(told) or list(scene.space))
    question = "What do the best configurations have in common?"
    return Section("together", "All together", question, drawings=(drawing,)) if drawing else None


def _curves(scene: Scene) -> Section | None:
    drawings = _drawn(curves(scene), funnel(scene))
    question = "Were good trials stopped too early? Had the best converged?"
    return Section("curves", "Learning curves and early stopping", question, drawings=drawings) if drawings else None


def _places(stays: list[places.Stay], time: SweepTime) -> Section | None:
    drawings = _drawn(places.timeline(stays), hours(stays), time_spent(time))
    question = "Did places stand idle? Which node was slow, or lost? What became of the hours, and what took them?"
    return Section("places", "Where and when it ran", question, drawings=drawings) if drawings else None


def _failures(scene: Scene) -> Section | None:
    failed, lost = tables.failure_grid(scene), tables.lost_grid(scene)
    if failed is None and lost is None:
        return None
    question = "Is it the search space, the code, or a machine?"
    lines = (
        ()
        if lost is None
        else (f"Repeated, nobody's fault: {'; '.join(f'{n} {what}, {h} h' for what, n, h in lost.rows)}.",)
    )
    return Section("failures", "What failed, and where", question, lines, grid=failed)


def _best(scene: Scene, found: Status) -> Section | None:
    if not scene.ranked:
        return None
    grid = tables.best_trials(scene)
    more = f"{len(grid.rows)} of {len(scene.ranked):,} with a value."
    lines = (more if scene.is_shared else f"{more} All trials: {found.files['trials']}",)
    return Section("best", "Best trials", "Which configurations came out on top?", lines, grid=grid)


def _fine_print(source: Source, scene: Scene) -> Section:
    state, ground = scene.state, scene.state.plan.provenance
    rows = [
        ("seed", str(state.plan.spec.seed)),
        ("code", ground.code_hash),
        ("commit", ground.git_commit or "none: outside a checkout"),
        *((name, version) for name, version in ground.versions.items()),
    ]
    texts: tuple[tuple[str, str], ...] = ()
    if not scene.is_shared:
        rows += [(f"driver {s.epoch}", f"{s.holder}, from {_date(s.t)}") for s in state.sessions[-20:]]
        rows += [("sweep file", ground.source)] if ground.source else []
        rows += [("overrides", " ".join(ground.overrides))] if ground.overrides else []
        rows += [("folder", str(source.folder))]
        texts = (("The sweep file", mask(source.sweep_file)),) if source.sweep_file else ()
    grid = DataTable(("what", "value"), [(name, mask(value)) for name, value in rows])
    return Section("fine-print", "Fine print", "Can I repeat it?", grid=grid, texts=texts)


def _date(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
