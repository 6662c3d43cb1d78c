"""MLflow: a parent run for the sweep and a child run for each trial, by its own client (`stepladder[mlflow]`).

Runs go to a tracking server, or into a SQLite file. Each is found again by its tags, and a child says in a tag how many
of its trial's reports it has, so nothing is logged twice. Fates are MLflow's where it has them (RUNNING, SCHEDULED,
FINISHED, FAILED, and KILLED for what was stopped early); the tag `stepladder.state` has them in full.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

from pydantic import field_validator
from typing_extensions import override

from orchestrator.errors import UsageError
from orchestrator.results.sinks import Sink
from orchestrator.results.sinks._shown import is_shown
from orchestrator.secrecy import has_credentials
from orchestrator.sweep import event as ev

if TYPE_CHECKING:
    from orchestrator.results.sinks._mlflow_runs import MlflowRuns
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep.domains import Record

URI = "MLFLOW_TRACKING_URI"
"""MLflow's own variable for where runs go."""


class Mlflow(Sink):
    """Runs of one experiment, called as the sweep."""

    class Options(Sink.Options):
        """Where the runs go."""

        uri: str | None = None
        """A tracking server, `http://host:5000`; MLflow's own variables say who may write there. None: as
        MLFLOW_TRACKING_URI says; without it a SQLite file in the sweep's folder."""

        @field_validator("uri")
        @classmethod
        def _no_credentials(cls, value: str | None) -> str | None:
            if value is not None and has_credentials(value):
                raise ValueError(
                    "uri holds credentials; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD for the driver"
                )
            return value

    file = "mlflow.db"

    def __init__(self, place: Location, options: Record, *, is_chosen: bool = False) -> None:
        """Keep the runs where the options, or the environment, say, else in the file `place`; that if `is_chosen`."""
        super().__init__(place, options, is_chosen=is_chosen)
        if importlib.util.find_spec("mlflow") is None:
            raise UsageError("MLflow is not installed here: pip install 'stepladder[mlflow]'")
        assert isinstance(options, Mlflow.Options)
        given = options.uri or (None if is_chosen else os.environ.get(URI))
        if given is None and place.is_remote:
            raise UsageError(f"MLflow keeps no runs on {place}; name a server: sinks: [{{name: mlflow, uri: ...}}]")
        self._uri = given or f"sqlite:///{place.path.absolute()}"
        self._runs: MlflowRuns | None = None
        self._touched: set[int] = set()
        self._reports: dict[int, list[ev.Reported]] = {}

    @property
    @override
    def told_place(self) -> str:
        return self._uri

    @property
    @override
    def opened_by(self) -> str:
        return "" if self._uri.startswith("http") else f"mlflow ui --backend-store-uri {self._uri}"

    @override
    def take(self, event: ev.Event, state: SweepState) -> None:
        self._state = state
        trial = getattr(event, "trial", None)
        if trial is None or not is_shown(trial):
            return
        self._touched.add(trial)
        if isinstance(event, ev.Reported):
            self._reports.setdefault(trial, []).append(event)

    @override
    def flush(self) -> None:
        from orchestrator.results.sinks._mlflow_runs import MlflowRuns

        if self._runs is None:
            self._runs = MlflowRuns(self._uri, self._state)
        for number in sorted(self._touched):
            self._runs.bring_up(self._state.trial(number), self._reports.pop(number, []))
            self._touched.discard(number)
        self._runs.bring_up_whole()


MEMBER = Mlflow
