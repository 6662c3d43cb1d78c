"""CSV: the table of trials as one file, a row a trial, with a head; columns as in `orchestrator.results.columns`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from orchestrator.results.sinks import Sink
from orchestrator.results.sinks._kept_file import beside

if TYPE_CHECKING:
    from orchestrator.results.rebuilt import Rebuilt
    from orchestrator.results.tables import Tables
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep import event as ev


class Csv(Sink):
    """One file, put in place whole."""

    file = "trials.csv"

    @property
    @override
    def opened_by(self) -> str:
        return ""

    @override
    def take(self, event: ev.Event, state: SweepState) -> None:
        if not hasattr(self, "_tables"):
            self._tables, self._held = _tables(self)
        self._tables.take(event, state)

    @override
    def flush(self) -> None:
        from orchestrator.results.trial_rows import csv_text
        from orchestrator.results.trial_table import FOLDER

        self._tables.flush()
        table = self._held.table(FOLDER)
        beside(self.place).replace(csv_text(table, table.to_pylist(), None).encode())


def _tables(sink: Csv) -> tuple[Tables, Rebuilt]:
    """Return tables that are held in memory, and their memory."""
    from orchestrator.results.rebuilt import Rebuilt
    from orchestrator.results.tables import Tables

    held = Rebuilt(sink.place.files())
    return Tables(held, sink.place), held


MEMBER = Csv
