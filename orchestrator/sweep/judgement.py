"""The evidence of a verdict: what a rung compared a trial with, kept beside the report that it judged."""

from __future__ import annotations

import msgspec


class Judgement(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a scheduler found where a report fell on one of its rungs."""

    weak: bool
    """Whether the trial trails there and should stop. Who decides is the controller: the baseline goes on."""
    rung: float
    """Fidelity of the rung, in the unit of the fidelity."""
    threshold: float | None = None
    """What the trial was held against: whoever is worse is weak. In the objective's own unit and with its own sign,
    whichever way is better. None where too few came before it to say."""
    among: int = 0
    """How many values of other trials the threshold is made from, or would have been."""
