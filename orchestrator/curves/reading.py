"""A trial's learning curve in words: what it shows, by which numbers, and a command that acts on it.

A changed search is another sweep, so the command gives it a name of its own; overrides in force go along.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator import wording
from orchestrator.curves.diagnosis import CurveVerdict, Diagnosis
from orchestrator.curves.remedy import Remedy, keep_untried_advice, remedy
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.trial import Trial

_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class CurveReading:
    """A trial's diagnosis with what to do about it."""

    verdict: str
    """What the curve shows, a value of `CurveVerdict`."""
    advice: str | None
    """One sentence; None where nothing can be advised."""
    seen: str
    """The numbers that led to the verdict, in words."""
    saw: dict[str, float | None]
    """All numbers that were read off the curve, by name; None for one that is not finite."""
    change: str | None
    """What to change in the sweep file, as `key=value`; it is valid there. None: nothing."""
    new: str | None
    """A hyperparameter that the change adds, which the training function must come to read. None: it adds none."""
    command: str | None
    """What starts the changed sweep; None without a change, or without a sweep file."""

    @property
    def is_worth_telling(self) -> bool:
        """Say whether a person would learn something."""
        return self.verdict != CurveVerdict.TOO_SHORT


def curve_reading(plan: Plan, trial: Trial, diagnosis: Diagnosis, trials: Sequence[Trial]) -> CurveReading:
    """Return what there is to say about a final trial's diagnosis; `trials` are those of its sweep."""
    diagnosis = keep_untried_advice(diagnosis, trial, trials, plan.goal)
    found = remedy(diagnosis, plan.spec, trial.config)
    return CurveReading(
        verdict=diagnosis.verdict.value,
        advice=diagnosis.advice or None,
        seen=seen(diagnosis),
        saw={name: value if math.isfinite(value) else None for name, value in diagnosis.saw.items()},
        change=found.change if found else None,
        new=found.new if found else None,
        command=_command(plan, found) if found else None,
    )


def seen(diagnosis: Diagnosis) -> str:
    """Say in words which numbers led to a verdict."""
    saw = diagnosis.saw
    reports = wording.counted(saw["reports"], "report")
    if set(saw) == {"reports"}:
        return f"{reports}, not all of them finite" if diagnosis.verdict is CurveVerdict.DIVERGING else reports
    said = [_WORDS[name](saw) for name in _TELLING[diagnosis.verdict] if name in saw]
    return f"{reports}: {', '.join(said)}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


_WORDS: dict[str, Callable[[Mapping[str, float]], str]] = {
    "left": lambda saw: f"the loss ended at {_percent(saw['left'])} of its first",
    "rises": lambda saw: f"it rose in {_percent(saw['rises'])} of the steps",
    "jump": lambda saw: f"once to {saw['jump']:.3g} times its lowest before",
    "spike": lambda saw: f"its highest was {saw['spike']:.3g} times its end",
    "late_fall": lambda saw: f"half-way it was {1 + saw['late_fall']:.3g} times its end",
    "regrowth": lambda saw: f"the validation loss ended at {saw['regrowth']:.3g} times its lowest",
    "lowest_at": lambda saw: f"which came after {_percent(saw['lowest_at'])} of the training",
    "since_lowest": lambda saw: f"since then the training loss fell to {_percent(saw['since_lowest'])}",
    "best_at": lambda saw: f"the metric was best after {_percent(saw['best_at'])} of the training",
    "lost_since_best": lambda saw: f"since its best it lost {_percent(saw['lost_since_best'])} of its whole range",
    "late_gain": lambda saw: f"in the second half it gained {_percent(saw['late_gain'])} of its whole range",
    "span": lambda saw: f"the metric moved by {saw['span']:.3g} in all",
}
_TELLING: dict[CurveVerdict, tuple[str, ...]] = {
    CurveVerdict.TOO_SHORT: (),
    CurveVerdict.DIVERGING: ("left", "rises", "spike", "best_at", "lost_since_best"),
    CurveVerdict.OSCILLATING: ("left", "rises", "jump"),
    CurveVerdict.TOO_LOW: ("left", "rises", "late_fall"),
    CurveVerdict.OVERFITTING: ("regrowth", "lowest_at", "since_lowest", "best_at", "lost_since_best"),
    CurveVerdict.PLATEAU: ("left", "rises", "late_fall", "span"),
    CurveVerdict.STILL_IMPROVING: ("left", "late_fall", "best_at", "late_gain"),
    CurveVerdict.HEALTHY: ("left", "late_fall", "best_at", "late_gain"),
}


def _command(plan: Plan, found: Remedy) -> str | None:
    ground, name = plan.provenance, plan.spec.name
    if ground.source is None:
        return None
    kept = [override for override in ground.overrides if override.partition("=")[0] != "name"]
    return shlex.join(["stepladder", "run", ground.source, *kept, f"name={_next_name(name)}", found.change])


def _next_name(name: str) -> str:
    """Return `digits-2` after `digits`, `digits-3` after that; a longer number belongs to the name itself."""
    match = re.fullmatch(r"(.*)-([2-8])", name)
    stem, turn = (match[1], int(match[2]) + 1) if match else (name, 2)
    return f"{stem[: _NAME_LENGTH - 2]}-{turn}"
