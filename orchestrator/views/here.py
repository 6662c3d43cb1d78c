"""What a status says of its sweep's folder, by the name that a person gave it: files in it, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.policies.brake import REASON as BRAKED
from orchestrator.views.condition import Condition, more_of
from orchestrator.views.failures import first_failed, prints_of

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location


@dataclass(frozen=True, slots=True)
class InFolder:
    """What there is to say of any folder in which the sweep lies."""

    condition: Condition
    """How the sweep stands."""
    failed: int | None
    """Number of the first trial that failed; None without one."""
    has_winner: bool
    """Whether a trial leads."""
    is_braked: bool
    """Whether its driver left since trials fail alike."""
    more: str | None
    """What lets a finished sweep go on (`condition.more_of`)."""

    @classmethod
    def of(cls, state: SweepState, condition: Condition) -> InFolder:
        """Return it of a sweep that stands so."""
        return cls(condition, first_failed(state), state.winner() is not None, state.stopped == BRAKED, more_of(state))

    def files(self, folder: Location) -> dict[str, str]:
        """Return where its results lie."""
        tables = {name: str(folder / name / "*.parquet") for name in ("trials", "reports", "attempts")}
        return {"best": str(folder / "best.json"), **tables, **prints_of(self.failed, folder)}

    def commands(self, folder: Location) -> Iterator[str]:
        """Yield what is worth typing now."""
        where = shlex.quote(str(folder))
        if self.condition == "running":
            yield f"stepladder status {where}"
        elif self.condition != "finished":
            yield f"stepladder resume {where}{' --retry-failed' if self.is_braked else ''}"
        if self.has_winner:
            yield f"stepladder export {where} --format args"
        if self.condition == "finished" and self.more is not None:
            yield f"stepladder resume {where} {self.more}"
