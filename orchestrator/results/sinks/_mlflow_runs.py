"""A sweep's runs at MLflow: found again by their tags, and brought up to what the sweep knows."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StorageError
from orchestrator.results.sinks._shown import plain, shown_metrics, step_of
from orchestrator.sweep.trial import Trial, TrialState, training_seed

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep import event as ev

STATUS = {
    TrialState.RUNNING: "RUNNING",
    TrialState.INTERRUPTED: "SCHEDULED",
    TrialState.COMPLETED: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.DIVERGED: "FAILED",
    TrialState.FAILED: "FAILED",
}
"""MLflow's words."""
SWEEP, TRIAL, REPORTS, STATE = "stepladder.sweep", "stepladder.trial", "stepladder.reports", "stepladder.state"
"""Tags by which runs are found again, and that say how far they are."""
PARENT = "mlflow.parentRunId"
MOST_METRICS, MOST_PARAMS, MOST_TEXT = 1000, 100, 5000
"""What one request, and one value, may hold."""
_ODD = re.compile(r"[^\w\-. :/]", re.ASCII)


class MlflowRuns:
    """The parent and its children."""

    def __init__(self, uri: str, state: SweepState) -> None:
        """Find or make the parent. Raises StorageError where nobody answers at `uri`."""
        with _quiet():
            from mlflow import MlflowClient

        self._state = state
        self._whole = ""
        self._ended: set[int] = set()
        with explained(uri):
            self._uri, self._client = uri, MlflowClient(uri)
            self._experiment = self._found_experiment()
            self._runs = {run.data.tags.get(TRIAL): run for run in self._known()}
            if None not in self._runs:
                tags = {SWEEP: state.plan.sweep_id, "mlflow.source.name": state.plan.spec.program}
                moment, name = round(state.started_t * 1000), state.plan.spec.name
                self._runs[None] = self._client.create_run(self._experiment, moment, tags, name)
                self._log_params(self._runs[None].info.run_id, self._of_sweep())
        self._counts = {tag: int(run.data.tags.get(REPORTS, 0)) for tag, run in self._runs.items()}
        self._seen: dict[str, int] = {}

    def bring_up(self, trial: Trial, reports: Sequence[ev.Reported]) -> None:
        """Log what is new of a trial; `reports` are those since the last time, from the first one on at first."""
        with explained(self._uri):
            tag = str(trial.number)
            run = self._runs.get(tag) or self._begun(trial)
            before = self._seen.get(tag, 0)
            new = list(reports)[max(0, self._counts[tag] - before) :]
            for part in _parts([metric for report in new for metric in self._metrics(report)]):
                self._client.log_batch(run.info.run_id, metrics=part)
            self._seen[tag] = before + len(reports)
            self._counts[tag] = max(self._counts[tag], self._seen[tag])
            self._tell(run.info.run_id, _tags(self._state, trial) | {REPORTS: str(self._counts[tag])})
            self._come_to(run.info.run_id, trial)

    def bring_up_whole(self) -> None:
        """Log how the sweep stands on the parent: its winner, and whether somebody drives it."""
        state, parent = self._state, self._runs[None].info.run_id
        winner = state.winner()
        told = "RUNNING" if state.stopped is None else "FINISHED" if winner is not None else "FAILED"
        told += "" if winner is None else f" {winner.number} {winner.value}"
        if told == self._whole:
            return
        with explained(self._uri):
            if winner is not None and winner.value is not None:
                metric = _metric(
                    state.plan.spec.objective.metric, winner.value, round(state.last_t * 1000), winner.number
                )
                self._client.log_batch(parent, metrics=[metric])
                self._tell(parent, {"stepladder.winner": str(winner.number)})
            if state.stopped is None:
                self._client.update_run(parent, status="RUNNING")
            else:
                self._client.set_terminated(parent, told.split()[0], round(state.last_t * 1000))
        self._whole = told

    def _found_experiment(self) -> str:
        name = self._state.plan.spec.name
        found = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if found is None else found.experiment_id)

    def _known(self) -> Iterator[Any]:
        """Yield the runs that are there of this sweep."""
        token, wanted = None, f"tags.`{SWEEP}` = '{self._state.plan.sweep_id}'"
        while True:
            page = self._client.search_runs([self._experiment], wanted, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _begun(self, trial: Trial) -> Any:
        begun = trial.attempts[0].started_t if trial.attempts else self._state.last_t
        tags = {PARENT: self._runs[None].info.run_id, SWEEP: self._state.plan.sweep_id, TRIAL: str(trial.number)}
        run = self._client.create_run(self._experiment, round(begun * 1000), tags, trial.trial_id)
        space = self._state.plan.space
        self._log_params(run.info.run_id, {name: plain(space[name], value) for name, value in trial.config.items()})
        self._runs[str(trial.number)], self._counts[str(trial.number)] = run, 0
        return run

    def _of_sweep(self) -> dict[str, Any]:
        spec = self._state.plan.spec
        return {"objective": f"{spec.objective.goal} {spec.objective.metric}", "seed": spec.seed, "sweep": spec.name}

    def _metrics(self, report: ev.Reported) -> list[Any]:
        values = shown_metrics(self._state.plan, report.metrics)
        names = names_at_mlflow(values)
        step = step_of(self._state.plan, report.fidelity)
        return [_metric(names[name], value, round(report.t * 1000), step) for name, value in values.items()]

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        names = names_at_mlflow(values)
        params = [Param(names[name], str(value)[:MOST_TEXT]) for name, value in values.items()]
        for at in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run, params=params[at : at + MOST_PARAMS])

    def _tell(self, run: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(run, tags=[RunTag(name, value[:MOST_TEXT]) for name, value in tags.items()])

    def _come_to(self, run: str, trial: Trial) -> None:
        if trial.state.is_final:
            ended = trial.attempts[-1].ended_t if trial.attempts else None
            self._client.set_terminated(run, STATUS[trial.state], round((ended or self._state.last_t) * 1000))
        else:
            self._client.update_run(run, status=STATUS[trial.state])


@contextlib.contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what MLflow, its database or the network say into a StorageError: it is tried again."""
    from mlflow.exceptions import MlflowException

    try:
        with _quiet():
            yield
    except (MlflowException, OSError) as error:
        raise StorageError(f"MLflow at {uri}: {' '.join(str(error).split())[:500]}") from error


def names_at_mlflow(names: Iterable[str]) -> dict[str, str]:
    """Return names as MLflow takes them, letters, digits and `_-. :/`, by the sweep's; no two are one."""
    found: dict[str, str] = {}
    for name in names:
        clean = _ODD.sub("_", name)[:250].strip("/ ") or "_"
        clean = "/".join(part if part.strip(".") else "_" for part in clean.split("/"))
        while clean in found.values():
            clean += "_"
        found[name] = clean
    return found


def _metric(name: str, value: float, t_ms: int, step: int) -> Any:
    from mlflow.entities import Metric

    return Metric(name, value, t_ms, step)


def _parts(metrics: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(metrics), MOST_METRICS):
        yield metrics[at : at + MOST_METRICS]


def _tags(state: SweepState, trial: Trial) -> dict[str, str]:
    told: dict[str, Any] = {
        STATE: trial.state.value, "stepladder.stage": trial.stage, "stepladder.move": trial.move,
        "stepladder.parent": trial.parent, "stepladder.seed": training_seed(state.plan.spec.seed, trial.number),
        "stepladder.repeats": trial.replicates,
    }  # fmt: skip
    if trial.attempts:
        last = trial.attempts[-1]
        told |= {"stepladder.node": last.node, "stepladder.outcome": last.outcome, "stepladder.cause": last.cause}
        told |= {"stepladder.error": last.error}
    return {name: str(value) for name, value in told.items() if value is not None}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's and its database's own notes off stdout and stderr."""
    names = ("mlflow", "alembic")
    before = [logging.getLogger(name).level for name in names]
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in zip(names, before, strict=True):
            logging.getLogger(name).setLevel(level)
