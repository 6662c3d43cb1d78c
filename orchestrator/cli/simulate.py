"""The command `simulate`: what a sweep file would find where the outcome of every training is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import (
    SWEEP_FILE,
    JsonOption,
    OverridesArgument,
    SweepFileArgument,
    WorkersOption,
    file_meant,
)
from orchestrator.cli.say import answer, answer_json, say

if TYPE_CHECKING:
    from orchestrator.benchmarks import Benchmark
    from orchestrator.sweep.plan import Plan
    from orchestrator.views.rehearsal import Rehearsal


def simulate(
    sweep_file: SweepFileArgument = SWEEP_FILE,
    overrides: OverridesArgument = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="digits-cosine, say; again for another. A name that is none is answered with all there are.",
            show_default=False,
        ),
    ] = None,
    workers: WorkersOption = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Sweeps on each, every one with another seed.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Play a sweep file on recorded trainings: what its ladder, searcher, rungs and budget find there, in seconds.

    A benchmark has a search space, an objective and a length of its own; those of the file, its caps on hours and what
    names its hyperparameters are left aside. The first rung keeps its part of a full training.
    """
    from orchestrator.benchmarks.shelf import load
    from orchestrator.errors import UsageError
    from orchestrator.planning.estimate import planned_workers
    from orchestrator.project.workspace import plan_from_file
    from orchestrator.views.rehearsal import rehearsal_answer, rehearsal_document

    sweep_file, overrides = file_meant(sweep_file, overrides)
    if not benchmark:
        raise UsageError("name what to play it on: --benchmark digits-cosine, say")
    on = [load(name) for name in benchmark]
    plan = plan_from_file(sweep_file, overrides)
    at_once = workers or planned_workers(plan)
    found = [_rehearsed(plan, each, at_once, seeds) for each in on]
    if as_json:
        answer_json(rehearsal_document(found))
        return
    say(f"{seeds} sweep{'s' if seeds > 1 else ''} on each, {at_once} trials at once, no training is started")
    answer(rehearsal_answer(found))


def _rehearsed(plan: Plan, benchmark: Benchmark, workers: int, seeds: int) -> Rehearsal:
    from orchestrator.benchmarks.playing import at_random, fitted, play
    from orchestrator.views.rehearsal import Rehearsal

    asked, chance = [], []
    for seed in range(seeds):
        spec = fitted(plan.spec, benchmark, plan.spec.seed + seed)
        asked.append(play(spec, benchmark, workers))
        chance.append(play(at_random(spec, asked[-1].trained), benchmark, workers))
    return Rehearsal(benchmark.name, workers, asked, chance)
