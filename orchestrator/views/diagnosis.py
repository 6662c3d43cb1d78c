"""The winner's learning curve as lines of a terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from orchestrator.curves.diagnosis import CurveVerdict, Diagnosis
from orchestrator.curves.reading import CurveReading, curve_reading
from orchestrator.results.summary import note
from orchestrator.sweep.trial import TrialState
from orchestrator.views.render import Typed

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState


def reading_lines(reading: CurveReading) -> list[tuple[str, str]]:
    """Return labels with their texts, for a table of two columns."""
    said = "falls slowly" if reading.verdict == CurveVerdict.TOO_LOW else reading.verdict.replace("_", " ")
    rows = [("curve", f"{said}; {reading.advice}" if reading.advice else said), ("curve", reading.seen)]
    if reading.change is not None:
        rows.append(("try", Typed(wrapped(reading.command)) if reading.command else reading.change))
    if reading.new is not None:
        rows.append(("try", f"(the training function must read {reading.new}; orchestrator.training does)"))
    return rows


def reading_text(state: SweepState, diagnosis: Diagnosis | None) -> str | None:
    """Return what is said beside an export: that its first trial only leads, and the winner's diagnosis.

    None where there is nothing to say.
    """
    winner = state.winner()
    if winner is None:
        return None
    lines = []
    if winner.state is not TrialState.COMPLETED:
        lines.append(note(state) or "")
    reading = None if diagnosis is None else curve_reading(state.plan, winner, diagnosis, state.trials)
    if reading is not None and reading.is_worth_telling:
        texts = [text for _, text in reading_lines(reading)]
        lines += [f"trial {winner.number}: {texts[0]}", *texts[1:]]
    return "\n".join(lines) or None


def wrapped(command: str, width: int = 66) -> str:
    """Break a command that is longer than `width` before its arguments, so that a shell reads it as one."""
    lines = [""]
    for part in map(shlex.quote, shlex.split(command)):
        if lines[-1] and len(lines[-1]) + len(part) >= width:
            lines.append(f"  {part}")
        else:
            lines[-1] += f" {part}" if lines[-1] else part
    return " \\\n".join(lines)
