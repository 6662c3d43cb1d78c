"""The smoke trial: the baseline on the real host, ended at its second report.

It is a sweep of one trial with its journal in memory, so that whatever would go wrong in a run goes wrong here, with
the message that the run would give.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from orchestrator.control.answers import Report, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal
from orchestrator.errors import ClusterError
from orchestrator.ray.host.host import run_on_ray
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.preflight.findings import Finding
from orchestrator.ray.worker.trainable import Trainable
from orchestrator.state.fold import SweepState
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.patience import Retry
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.spec import Budget, SweepSpec
from orchestrator.sweep.trial import TrialState

CHECK = "smoke trial"
REPORTS = 2
TEARDOWN_S = 3.0
"""How long the training may take to end once it was told to."""


class SmokeController(Controller):
    """Runs the baseline alone, answers STOP to its second report, and remembers what it reported and when."""

    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        one = plan.spec.model_copy(update={"budget": Budget(trials=1), "retry": Retry(lost=0, error=0, hung=0)})
        planned = plan.model_copy(update={"spec": one}).model_dump(mode="json")
        super().__init__(SweepState(ev.SweepPlanned(clock(), ev.FORMAT, planned)), MemoryJournal(), clock)
        self.reports: list[tuple[float, Report]] = []
        """With the moment of each."""

    def on_report(self, report: Report) -> Verdict:
        """Take a report; the second ends the trial."""
        self.reports.append((self.clock_s(), report))
        verdict = super().on_report(report)
        if len(self.reports) < REPORTS:
            return verdict
        self.request_stop("seen")
        return Verdict.STOP


def smoke_trial(
    plan: Plan,
    trainable: Trainable,
    folder: Location,
    options: HostOptions,
    patience_s: float,
    *,
    is_busy: bool = False,
) -> Finding:
    """Run the smoke trial, its checkpoints below `folder`, and judge it; it takes `patience_s` and a few seconds more.

    Where the cluster `is_busy`, slowness says nothing of the training.

    Raises KeyboardInterrupt where a signal ended it.
    """
    controller = SmokeController(plan, time.monotonic)
    began = time.monotonic()

    def give_up() -> None:
        if time.monotonic() - began > patience_s:
            controller.request_stop("patience")

    options = replace(options, teardown_s=TEARDOWN_S, stall_s=math.inf)
    try:
        reason = run_on_ray(controller, trainable, folder, options, give_up)
    except ClusterError as error:
        return Finding.fails(CHECK, str(error), "mend the cluster")
    if reason in {"SIGINT", "SIGTERM", "SIGHUP"}:
        raise KeyboardInterrupt
    return judged(controller, patience_s, is_busy=is_busy)


def judged(controller: SmokeController, patience_s: float, *, is_busy: bool = False) -> Finding:
    """Say what a smoke trial showed, once it is over."""
    spec = controller.state.plan.spec
    trial = next(iter(controller.state.trials), None)
    if trial is not None and trial.state is TrialState.FAILED:
        return Finding.fails(CHECK, one_line(trial.attempt.error or ""), "mend it: the first trial would end so too")
    if trial is None and controller.host.awaited.starting:
        text = f"its worker was not ready within {patience_s:g} s"
        return Finding.cannot_tell(CHECK, text, "look at the node, or give --patience SECONDS", "no answer")
    if trial is None or trial.attempt.placed_s is None:
        text = f"no place for it within {patience_s:g} s: the nodes that could hold a trial are taken"
        return Finding.cannot_tell(CHECK, text, "wait, or start all the same: trials wait for a place", "no place")
    if not controller.reports:
        remedy = f"report after every {spec.fidelity.unit}; if one takes longer, check with --patience SECONDS"
        if is_busy:
            text = f"no report within {patience_s:g} s, on a busy node"
            return Finding.cannot_tell(CHECK, text, f"start all the same; or {remedy}", "no answer")
        return Finding.fails(CHECK, f"no report within {patience_s:g} s", remedy)
    return _judged_reports(spec, trial.attempt.placed_s, controller.reports)


def _judged_reports(spec: SweepSpec, placed_s: float, reports: list[tuple[float, Report]]) -> Finding:
    metric, fidelity = spec.objective.metric, spec.fidelity.unit
    said = [f"{r.metrics[metric]:.4g} at {fidelity} {r.fidelity:g}" for _, r in reports]
    for _, report in reports:
        if not math.isfinite(report.metrics[metric]):
            text = f"{metric} is {report.metrics[metric]} at {fidelity} {report.fidelity:g} with every default"
            return Finding.fails(CHECK, text, "the defaults must train: correct them, or the training function")
    (first_s, first), (last_s, last) = reports[0], reports[-1]
    if len(reports) < REPORTS:
        took = f"{first_s - placed_s:.2g} s to the only report awaited"
        return Finding.holds(CHECK, f"{metric} {said[0]}; {took}")
    if last.fidelity < first.fidelity:
        text = f"{fidelity} was {first.fidelity:g} and then {last.fidelity:g}: it must ascend"
        return Finding.fails(CHECK, text, f"report how far the training is as {fidelity!r}, counted from its start")
    each_s = last_s - first_s
    if last.fidelity == first.fidelity:  # both belong to one epoch, or `fidelity: none` has the last count
        return Finding.holds(CHECK, f"{metric} {', '.join(said)}; {each_s:.2g} s a report")
    whole_s = (last_s - placed_s) + each_s * max(0.0, spec.fidelity.max - last.fidelity) / (
        last.fidelity - first.fidelity
    )
    return Finding.holds(
        CHECK, f"{metric} {', '.join(said)}; {each_s:.2g} s a report, about {whole_s:.2g} s a full training"
    )


def one_line(text: str) -> str:
    """Put an error's place before its message: `train.py:3: ValueError: ...`."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return "".join(lines)
    return f"{lines[-2].partition(' in ')[0]}: {lines[-1]}"
