"""Live progress on stderr: redrawn on a terminal, one line an event elsewhere.

It is told of every step of the driver and must not slow it: a step costs a comparison, a new picture is made a few
times a second at most, and less often where a sweep is so large that pictures take time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, perf_counter
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator import wording
from orchestrator.project.first_word import first_word, written
from orchestrator.results.summary import Summary, summarise
from orchestrator.views.event_lines import EventLines
from orchestrator.views.status import reached, spent
from orchestrator.views.trouble import silences
from orchestrator.views.whereabouts import hourly

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.plan import Plan

PERIOD_S = 0.25
"""Least time between two pictures."""
PROGRESS = "stepladder.progress"
"""Logger whose level says whether there is any progress to be seen: not from WARNING on."""
EVENTS = "stepladder.events"
"""Logger that is told of every event, for a file and for a terminal that is to show all of them."""
QUIET_S = 60.0
"""Without a terminal, a line on the whole sweep is written after so long without another; after a twentieth of the
elapsed time where that is longer."""
_MAX_SHARE = 0.01
_events = logging.getLogger(EVENTS)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this driver gets on."""

    elapsed_s: float = 0.0
    """Seconds since it began."""
    left_s: float | None = None
    """Estimate of the seconds to the end; None before three trials ended."""
    trials_per_h: float | None = None
    """Trials that it brings to an end in an hour; None likewise."""
    fidelity_per_h: float | None = None
    """Fidelity trained in an hour, epochs as a rule; None likewise."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was there when this driver began."""

    ended: int = 0
    """Trials that had ended."""
    fidelity: float = 0.0
    """Fidelity that had been trained."""


def pace(summary: Summary, before: Before, elapsed_s: float) -> Pace:
    """Estimate the rest from the trials that this driver brought to an end."""
    ended = summary.tally.ended - before.ended
    if ended < 3 or elapsed_s <= 0:
        return Pace(elapsed_s)
    per_h = 3600 / elapsed_s
    left_s = max(0, summary.planned - summary.tally.ended) * elapsed_s / ended
    return Pace(elapsed_s, left_s, ended * per_h, max(0.0, summary.spend.fidelity - before.fidelity) * per_h)


class Progress:
    """A context manager around a driver's loop, which calls `on_step` as often as it likes.

    `clock` returns seconds that nobody sets back, the same that `on_step` is given. On a terminal, what others write to
    stdout or stderr meanwhile appears above the picture, on stderr: stdout is for answers.
    """

    def __init__(
        self, plan: Plan, console: Console, clock: Callable[[], float] = monotonic, *, is_quiet: bool = False
    ) -> None:
        """Show the plan's sweep on `console`; where `is_quiet`, nothing but what the logger of events takes."""
        self._plan = plan
        self._console = console
        self._clock = clock
        self._began_t = clock()
        self._before: Before | None = None
        self._due_t = self._said_t = self._began_t
        self._lines, self._logged = EventLines(), EventLines()
        self._is_quiet = is_quiet
        self._has_said_first = False
        self._picture: ConsoleRenderable = Text(f"{plan.sweep_id}: waiting for the first trial")
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        """Begin to draw, on a terminal."""
        if self._console.is_terminal and not self._is_quiet:
            self._live = Live(
                console=self._console,
                get_renderable=lambda: self._picture,
                refresh_per_second=1 / PERIOD_S,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take the picture away."""
        if self._live is not None:
            self._live.stop()

    def on_step(self, state: SweepState, now: float) -> None:
        """Take note of a step at `now`, by the clock that was given: the one that the driver's records measure by."""
        if self._before is None:
            ended = self._lines.begin(state)
            self._logged.begin(state)
            self._before = Before(ended, summarise(state, state.last_t).spend.fidelity if ended else 0.0)
        if _events.isEnabledFor(logging.INFO):
            for line in self._logged.lines(state, now):
                _events.info(" ".join(line.splitlines()))
        if self._is_quiet:
            return
        if self._live is None:
            self._say(state, now)
            return
        for line in self._lines.lines(state, now, only_failures=True):
            self.say(line)
        if now >= self._due_t:
            begun = perf_counter()
            self._picture = picture(*self._seen(state, now))
            self._due_t = now + max(PERIOD_S, (perf_counter() - begun) / _MAX_SHARE)

    def say(self, text: str) -> None:
        """Write a line of its own, above the picture."""
        self._console.print(Text(text))

    def _say(self, state: SweepState, now: float) -> None:
        lines = [*self._lines.lines(state, now), *self._first(state)]
        if not lines and now - self._said_t >= max(QUIET_S, (now - self._began_t) / 20):
            lines = [overview(*self._seen(state, now))]
        for line in lines:
            self._said_t = now
            text = " ".join(f"[{wording.duration(now - self._began_t)}] {line}".splitlines())
            self._console.print(Text(text), soft_wrap=True)  # a file has room for the whole of it

    def _first(self, state: SweepState) -> list[str]:
        """Say once that this driver took its sweep: whoever sent it waits for that."""
        word = None if self._has_said_first else first_word(state)
        self._has_said_first = self._has_said_first or word is not None
        return [] if word is None else [written(word)]

    def _seen(self, state: SweepState, now: float) -> tuple[Summary, Pace]:
        summary = summarise(state, state.last_t + max(0.0, now - state.last_clock_s))
        return summary, pace(summary, self._before or Before(), now - self._began_t)


def picture(summary: Summary, found: Pace) -> Group:
    """Return the picture that is redrawn on a terminal: stage, bar, trials, best against baseline, spend, time left."""
    tally = summary.tally
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    bar.add_row(
        ProgressBar(total=max(1, summary.planned), completed=tally.ended),
        Text(_count(summary)),
    )
    lines = [_stage_line(summary), _best_line(summary), _cost_line(summary, found)]
    head, best, cost = (Text(line, overflow="fold") for line in lines)
    head.stylize("bold")
    waits = [Text(line) for line in [wording.awaited_places(summary.awaited)] if line]
    return Group(head, bar, Text(_trials(summary), overflow="fold"), *waits, best, cost)


def overview(summary: Summary, found: Pace) -> str:
    """Return the same on one line."""
    head = ", ".join([_count(summary), *_left(found)])
    parts = [f"{head}: {_trials(summary)}"]
    if summary.best is not None:
        parts.append(f"best {wording.number(summary.best.value)}")
    parts.append(wording.counted(round(summary.spend.fidelity, 2), summary.fidelity_unit))
    parts += filter(None, [wording.awaited_places(summary.awaited)])
    return ", ".join(parts)


def _count(summary: Summary) -> str:
    """Write how far the search is and, once it began, confirming."""
    text, found = f"{summary.tally.ended}/{summary.planned} trials", summary.confirm
    return f"{text}, {found.begun - found.open}/{found.planned} to confirm" if found.begun else text


def _stage_line(summary: Summary) -> str:
    if summary.confirm.begun and not summary.confirm.is_over:
        return f"{summary.sweep_id}: confirming the winner over fresh seeds"
    for index, stage in reversed(list(enumerate(summary.stages, 1))):
        if stage.is_entered:
            block = f" ({', '.join(stage.block)})" if stage.block else ""
            return f"{summary.sweep_id}: stage {index} of {len(summary.stages)}, {stage.name}{block}"
    return f"{summary.sweep_id}: starting"


def _trials(summary: Summary) -> str:
    tally = summary.tally
    text = f"{tally.running} running, {tally.done} done, {tally.stopped} stopped"
    rare = [f"{count} {word}" for count, word in ((tally.failed, "failed"), (tally.waiting, "waiting")) if count]
    return ", ".join([text, *rare, *silences(summary)])


def _best_line(summary: Summary) -> str:
    if summary.best is None:
        return f"no {summary.metric} reported yet"
    text = f"best {reached(summary, summary.best)}, trial {summary.best.trial}"
    if summary.baseline is not None and summary.best.trial != 0:
        text += f"; baseline {wording.number(summary.baseline.value)}"
    return text


def _cost_line(summary: Summary, found: Pace) -> str:
    rates = []
    if found.trials_per_h is not None and found.fidelity_per_h is not None:
        rates = [hourly(found.trials_per_h, found.fidelity_per_h, summary.fidelity_unit)]
    return ", ".join([spent(summary), f"{wording.duration(found.elapsed_s)} elapsed", *rates, *_left(found)])


def _left(found: Pace) -> list[str]:
    return [] if found.left_s is None else [f"about {wording.duration(found.left_s)} left"]
