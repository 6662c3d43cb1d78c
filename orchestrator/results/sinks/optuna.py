"""Optuna: one study in a journal file, which optuna-dashboard and `optuna.load_study` open. Written by Optuna itself.

The study bears the sweep's id, so sweeps can share a file and be compared. Its trials are the search's own, with their
numbers; those of fresh seeds, which confirm, have no place in it. At each flush the study is held against the sweep,
and what is missing is said; where Optuna cannot say it (a trial that failed runs again, a range that grew), the study
is deleted and said anew.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from orchestrator.results.sinks import Sink
from orchestrator.results.sinks._kept_file import beside
from orchestrator.results.sinks._optuna_journal import JournalOfStudies
from orchestrator.results.sinks._optuna_study import distributions, frozen, study_attributes
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import FIRST_REPLICATE

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


class OptunaJournal(Sink):
    """A journal file."""

    file = "optuna.journal"

    @property
    @override
    def opened_by(self) -> str:
        return f"optuna-dashboard {self.place}"

    @override
    def take(self, event: ev.Event, state: SweepState) -> None:
        if isinstance(event, ev.SweepPlanned):
            self._study: _Study | None = None
            self._touched: set[int] = set()
        self._state = state
        trial = getattr(event, "trial", None)  # None also where a place was held for no trial
        if trial is not None and trial < FIRST_REPLICATE:
            self._touched.add(trial)

    @override
    def flush(self) -> None:
        if self._study is None:
            self._study = _Study(JournalOfStudies(beside(self.place)), self._state)
            self._touched.update(range(len(self._state.trials)))
        self._study.bring_up(sorted(self._touched))
        self._study.journal.write()
        self._touched.clear()


class _Study:
    """The study, and how it comes to say what the sweep does."""

    def __init__(self, journal: JournalOfStudies, state: SweepState) -> None:
        import optuna
        from optuna.storages import JournalStorage

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.journal = journal
        self._state = state
        self._storage = JournalStorage(cast("Any", journal))
        self._distributions: dict[str, Any] = {}
        self._id = self._found()

    def bring_up(self, numbers: list[int]) -> None:
        """Have the study say what the sweep knows of these trials; every other one is as it was."""
        known = distributions(self._state)
        trials = self._storage.get_all_trials(self._id, deepcopy=False)
        if not self._distributions:
            self._distributions = _distributions_of(trials) or known
        wanted = {number: frozen(self._state, self._state.trial(number), known) for number in numbers}
        if not _fits(self._distributions, known) or not all(
            _can_become(trials[number], trial) for number, trial in wanted.items() if number < len(trials)
        ):
            self._storage.delete_study(self._id)
            self._id, trials = self._found(), []
            wanted = {trial.number: frozen(self._state, trial, known) for trial in self._state.trials}
        self._distributions = known
        for number, trial in wanted.items():
            if number >= len(trials):
                self._storage.create_new_trial(self._id, trial)
            else:
                self._say(trials[number], trial)

    def _found(self) -> int:
        """Return the study's id; makes it where it is not there."""
        from optuna.study import StudyDirection

        plan = self._state.plan
        for study in self._storage.get_all_studies():
            if study.study_name == plan.sweep_id:
                return int(study._study_id)  # noqa: SLF001 - Optuna's storages know studies by nothing else
        direction = StudyDirection[plan.goal.upper()]
        created = self._storage.create_new_study([direction], plan.sweep_id)
        self._storage.set_study_system_attr(created, "study:metric_names", [plan.spec.objective.metric])
        for name, value in study_attributes(self._state).items():
            self._storage.set_study_user_attr(created, name, value)
        return created

    def _say(self, was: Any, wanted: Any) -> None:
        """Say what has changed of a trial, its state last: a finished one is never changed."""
        if was.state.is_finished():
            return
        number = was._trial_id  # noqa: SLF001 - likewise trials
        for step, value in wanted.intermediate_values.items():
            if was.intermediate_values.get(step) != value:
                self._storage.set_trial_intermediate_value(number, step, value)
        for name, value in wanted.user_attrs.items():
            if name not in was.user_attrs or was.user_attrs[name] != value:
                self._storage.set_trial_user_attr(number, name, value)
        running = type(wanted.state).RUNNING
        has_begun = was.datetime_start is None and wanted.datetime_start is not None
        if has_begun or (wanted.state is running and was.state is not running):
            self._come_to(number, running, wanted.datetime_start, None)
        if wanted.state not in (was.state, running) or (has_begun and wanted.state is not running):
            self._come_to(number, wanted.state, wanted.datetime_complete, wanted.values)

    def _come_to(self, number: int, state: Any, moment: datetime | None, values: Any) -> None:
        self.journal.moment = moment
        self._storage.set_trial_state_values(number, state, values)
        self.journal.moment = None


def _distributions_of(trials: list[Any]) -> dict[str, Any]:
    return {name: found for trial in trials for name, found in trial.distributions.items()}


def _fits(was: dict[str, Any], now: dict[str, Any]) -> bool:
    return all(now.get(name) == found for name, found in was.items())


def _can_become(was: Any, wanted: Any) -> bool:
    """Say whether Optuna can lead one into the other: nothing follows a trial's end."""
    return not was.state.is_finished() or (was.state == wanted.state and was.values == wanted.values)


MEMBER = OptunaJournal
