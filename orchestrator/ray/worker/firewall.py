"""Keeps what is measured on the test set inside the worker, until `stepladder test` asks for it.

The metric that `test` names in the sweep file is taken out of everything that a training says, at any depth, before it
is read: so it is in no report, and with that in no record, table, page or sink. What we say ourselves of a training
may quote it (the line that raised, the last line that it printed): there, lines that name the metric are left out, and
numbers that it had are made dots.

In a test the wall stands the other way round: that one number is kept, nothing else is, and it leaves the worker once,
when the training has ended. What a training prints is its own and lies in the sweep's logs.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.ray.worker.failure import ERROR, AttemptFailed
from orchestrator.ray.worker.reports import ReportError, WorkerReport
from orchestrator.sweep.recordable import as_number

REMEMBERED = 1_000
"""So many of the newest values are known again in a text."""
_NUMBER = re.compile(r"(?<![\w.])(?:\d{1,3}(?:[,_]\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\d)")
"""A number as texts have it, its thousands apart or not; not the end of a name."""
TELLING_DIGITS = 3
"""So many digits, zeros in front aside, tell a number from others; one of two may be anything."""
_PLACE = re.compile(r"^\S+:\d+ in \S+: ")
"""Where a line of a traceback stands, as `failure.shortened` writes it."""
_LEFT_OUT = "(what names the metric of the test set is left out)"


class Firewall:
    """Stands between a training and all who read what it says. Of one attempt."""

    def __init__(self, metric: str | None, *, is_test: bool = False) -> None:
        """Keep the `metric` back; None: there is none, and everything passes. `is_test`: let it alone pass."""
        self.is_test = is_test and metric is not None
        """Whether the attempt is there to measure the winner on the test set."""
        self.has_withheld = False
        """Whether anything was taken out of a report so far."""
        self._metric = metric
        self._measured: float | None = None
        self._values: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def has_measured(self) -> bool:
        """Say whether a test has its number."""
        return self._measured is not None

    def without(self, said: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """Return a report without the metric, and without what lies below its name."""
        if self._metric is None or not isinstance(said, Mapping):
            return said
        return self._without(said, self._metric, "")

    def take(self, said: Mapping[Any, Any]) -> None:
        """Take the metric out of a report of a test; one that lacks it says nothing here. Raises ReportError."""
        assert self._metric is not None
        if not isinstance(said, Mapping) or (found := _value_at(said, self._metric, "")) is None:
            return
        value = as_number(found)
        if value is None:
            raise ReportError(f"{self._metric!r} is reported as a {type(found).__name__}, not as a number")
        self._measured = value

    def measured(self, who: str) -> WorkerReport:
        """Return the newest value of the metric as the report of a test; raises AttemptFailed where there is none.

        `who` names the training.
        """
        assert self._metric is not None
        if self._measured is None:
            raise AttemptFailed(
                ERROR,
                f"{who} reported no {self._metric!r}, which `test.metric` names: report or return it where "
                'trial.purpose is "test" (STEPLADDER_PURPOSE in a program), also where there is nothing left to train',
            )
        return WorkerReport(1.0, {self._metric: self._measured})

    @contextlib.contextmanager
    def screening(self) -> Iterator[None]:
        """Let no failure out whose text tells of the metric."""
        try:
            yield
        except AttemptFailed as failure:
            raise AttemptFailed(failure.outcome, self.screened(failure.text)) from None

    def screened(self, text: str) -> str:
        """Return a text about the training without lines that name the metric, and without its values."""
        if self._metric is None or self.is_test:
            return text
        lines = []
        for line in text.split("\n"):
            place = _PLACE.match(line)
            where, said = (place[0], line[place.end() :]) if place else ("", line)
            lines.append(where + (_LEFT_OUT if self._metric in said else _NUMBER.sub(self._dotted, said)))
        return "\n".join(lines)

    def _without(self, said: Mapping[Any, Any], metric: str, prefix: str) -> Mapping[Any, Any]:
        left: dict[Any, Any] = {}
        has_changed = False
        for key, value in said.items():
            name = f"{prefix}{key}"
            if name == metric or name.startswith(f"{metric}/"):
                has_changed = self.has_withheld = True
                self._remember(value)
                continue
            inner = value
            if isinstance(value, Mapping) and metric.startswith(f"{name}/"):
                inner = self._without(value, metric, f"{name}/")
                has_changed = has_changed or inner is not value
            left[key] = inner
        return left if has_changed else said

    def _remember(self, value: Any) -> None:
        if isinstance(value, Mapping):
            for inner in value.values():
                self._remember(inner)
        elif (number := as_number(value)) is not None and math.isfinite(number):
            self._values.append(number)

    def _dotted(self, found: re.Match[str]) -> str:
        """Return dots in place of a number that is a value of the metric, in full, rounded or as a percentage."""
        text = found[0]
        plain = text.replace(",", "").replace("_", "")
        if len(plain.lower().partition("e")[0].replace(".", "").lstrip("0")) < TELLING_DIGITS:
            return text
        if "e" in plain.lower():
            said = float(plain)
            return "..." if any(math.isclose(said, abs(value), rel_tol=1e-3) for value in self._values) else text
        decimals = len(plain.partition(".")[2])
        scales = (1, 100) if decimals else (1,)  # three digits of a percentage are more than all
        known = (abs(value) * scale for value in self._values for scale in scales)
        return "..." if any(round(value, decimals) == float(plain) for value in known) else text


def _value_at(said: Mapping[Any, Any], metric: str, prefix: str) -> Any:
    """Return what stands under the metric's name, which may lead into mappings; None where nothing does."""
    for key, value in said.items():
        name = f"{prefix}{key}"
        if name == metric:
            return value
        if isinstance(value, Mapping) and metric.startswith(f"{name}/"):
            found = _value_at(value, metric, f"{name}/")
            if found is not None:
                return found
    return None
