"""What confirming is paid from: a share of the budget, kept back from the search from the start. Arithmetic alone.

    trials    the search proposes (1 - share) of them; the rest of what all would cost in training pays replicates. A
              trial costs the part of a full training that it is expected to take, a replicate a full one
    caps      on GPU-hours, CPU-hours and wall: the search ends at (1 - share) of each

A list, as a grid is, is gone through to its end, and nothing is kept back of it. So many `trainings`, where the file
says that instead of a share, come on top of everything. Where the share pays fewer than `LEAST` full trainings nothing
can be told apart, and all of it is the search's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from orchestrator.sweep.domains import Record, StrictFloat, StrictInt
from orchestrator.sweep.machines import Machines

LEAST = 4
"""Full trainings below which nothing is confirmed: two contenders, the baseline, and the chosen one again."""
SHARE, SHARE_OF_MANY, MANY_TRIALS = 0.15, 0.25, 150
"""The share unless the file says one, and from so many trials on. By twelve real tables of neural networks."""


MOST_SHARE = 0.5
"""What may be spent on confirming at most."""
NOT_ASKED = "the sweep file says `confirm: none`"


class Confirm(Record):
    """How the winner is confirmed, over fresh seeds: `confirm: {share: 0.15, top: 4}`, or `confirm: none`."""

    share: StrictFloat | None = Field(None, gt=0, le=MOST_SHARE)
    """Part of the budget that is spent on it. None: 0.15, from 150 trials on 0.25."""
    trainings: StrictInt | None = Field(None, ge=LEAST, le=10_000)
    """So many full trainings instead of a share, beside the trials of the budget and not out of them."""
    top: StrictInt = Field(4, ge=1, le=100)
    """How many of the best trials are contenders, beside the baseline."""
    resources: Machines | None = None
    """Which machines its trainings lie on, and the one that measures the winner on the test set, e.g.
    `{accelerator: H100}`. None: as the sweep's `resources` say."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Confirm:
        if self.share is not None and self.trainings is not None:
            raise ValueError("trainings stands beside share; write one of them")
        return self


@dataclass(frozen=True, slots=True)
class Reserve:
    """What is kept back for confirming."""

    share: float
    """Part of the budget; 0 where nothing is kept back."""
    trials: int
    """How many trials the search proposes."""
    replicates: int
    """Full trainings that the share is expected to pay, or that the file asks for."""
    why_not: str | None
    """Why nothing is confirmed, for people; None where something is."""


def reserve(
    confirm: Confirm | Literal["none"], trials: int, trial_part: float, *, is_listed: bool, is_tuned: bool
) -> Reserve:
    """Return what is kept back of a budget of so many `trials`.

    `trial_part` is the part of a full training that a trial is expected to take; `is_listed` says that the search goes
    through a list, every entry of which is to be tried; `is_tuned` that there is more than one configuration.
    """
    if confirm == "none":
        return Reserve(0.0, trials, 0, NOT_ASKED)
    if not is_tuned:
        return Reserve(0.0, trials, 0, "nothing is tuned: every trial is the one configuration with another seed")
    if confirm.trainings is not None:
        return Reserve(0.0, trials, confirm.trainings, None)
    if is_listed:
        return Reserve(0.0, trials, 0, "the searcher goes through a list, of which nothing is left out")
    share = confirm.share or (SHARE_OF_MANY if trials >= MANY_TRIALS else SHARE)
    paid = math.floor(share * trials * trial_part + 1e-9)
    if paid < LEAST:
        return Reserve(0.0, trials, 0, _too_little(share, trials, trial_part, paid))
    return Reserve(share, max(1, trials - math.floor(share * trials + 1e-9)), paid, None)


def _too_little(share: float, trials: int, trial_part: float, paid: int) -> str:
    needed = math.ceil(100 * LEAST / (trials * trial_part)) / 100
    ask = f"confirm: {{share: {needed:g}}}" if needed <= MOST_SHARE else "more trials"
    pays = "no full training" if not paid else f"{paid} full training{'s' if paid > 1 else ''}"
    return f"{share:.0%} of {trials} trials pays {pays}, and {LEAST} are the least; ask for {ask}"
