"""Odd reports: what trainings say that no log can hold, or that it holds only with care."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from orchestrator.ray.worker.reports import WorkerReport

NAMES = ("m\udcff", "", "a/b c;--", "trial", "x" * 2000, "\x00", "null", "Ω", "score.text", "m\n")
NUMBERS = (math.inf, -math.inf, 1e308, -0.0, 5e-324, 2.0**63)
TEXTS = ("\udcff", "\x00", "x" * 5000, "", "[bold]", '{"event":"planned"}', "\u2028")


def odd(report: WorkerReport, objective: str, random: Random) -> WorkerReport:
    """Return the report with one thing about it odd; it may come past the checks of a worker of another version."""
    match random.randint(0, 6):
        case 0:
            return replace(report, metrics={**report.metrics, random.choice(NAMES): random.choice(NUMBERS)})
        case 1:
            return replace(report, texts={random.choice(NAMES): random.choice(TEXTS)})
        case 2:
            return replace(report, metrics={k: v for k, v in report.metrics.items() if k != objective} or {"other": 1})
        case 3:
            return replace(report, fidelity=random.choice((-1.0, math.nan, math.inf, 0.0, 1e300)))
        case 4:
            return replace(report, metrics={**report.metrics, **{f"m{number}": 1.0 for number in range(300)}})
        case 5:
            return replace(report, checkpoint="checkpoints/\udcff")
        case _:
            return replace(report, fidelity=report.fidelity / 2)
