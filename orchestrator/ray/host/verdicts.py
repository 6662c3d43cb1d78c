"""What Ray Tune's loop asks while it runs: whether the sweep is over, and what becomes of a trial after its report."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import SearchAlgorithm
from typing_extensions import override

from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.worker.assignment import OUTSIDE_KEY, REPORT_KEY
from orchestrator.ray.worker.reports import WorkerReport
from orchestrator.sweep.trial import Outcome


class SweepSearch(SearchAlgorithm):
    """Says when a sweep is over. Trials come from the tickets (see `tickets`), never from Tune asking for one."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def is_finished(self) -> bool:
        """Say whether nothing will be started any more."""
        return self._bridge.is_over


class SweepScheduler(FIFOScheduler):
    """Passes reports to the controller and its verdicts to Tune, and tells it how attempts end."""

    _supports_buffered_results = False

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    @override
    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """Answer a report. The last result, which Tune repeats when a function returns, never comes here."""
        self._bridge.imported(trial.trial_id, dict(result.get(OUTSIDE_KEY, ())))
        report: WorkerReport = result[REPORT_KEY]
        if (live := self._bridge.live.get(trial.trial_id)) is not None:
            live.take_use(report)
        stop = self._bridge.must_stop(trial.trial_id, report)
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    @override
    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        """Take the end of a training that returned, or obeyed a STOP."""
        self._bridge.finished(trial.trial_id)

    @override
    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Take the end of a trial that no worker had taken yet."""
        self._bridge.ended(trial.trial_id, Outcome.INTERRUPTED)
