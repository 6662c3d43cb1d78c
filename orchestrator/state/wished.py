"""What people asked for so far, as the log tells: the configurations that wait, and the wishes that were ruled on."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.sweep.asked import MOVE
from orchestrator.sweep.event import ConfigurationAsked, TrialProposed, TrialReopened, TrialWithdrawn, WishRefused


@dataclass(slots=True)
class Wished:
    """A part of the fold. Filled by it alone."""

    configurations: list[ConfigurationAsked] = field(default_factory=list)
    """What is tried next, in order."""
    known: set[str] = field(default_factory=set)
    """Names of the wishes that a driver has ruled on."""
    stopped: set[int] = field(default_factory=set)
    """Numbers of the trials whose end was asked for."""
    reopened: int = 0
    """How often a trial was opened again: whoever has learned from its end must learn anew."""

    def take(self, event: ConfigurationAsked | WishRefused) -> None:
        """Take a configuration in that is to be tried, or note that a wish came to nothing."""
        if isinstance(event, ConfigurationAsked):
            self.configurations.append(event)
        self._know(event.wish)

    def withdrawn(self, event: TrialWithdrawn) -> None:
        """Take note of a trial whose end was asked for."""
        self.stopped.add(event.trial)
        self._know(event.wish)

    def opened_again(self, event: TrialReopened) -> None:
        """Take note of a trial that is to run again."""
        self.stopped.discard(event.trial)
        self.reopened += 1
        self._know(event.wish)

    def proposed(self, event: TrialProposed) -> None:
        """Take note of a trial that began: where it was asked for, it waits no more."""
        if event.move == MOVE and self.configurations:
            del self.configurations[0]

    def _know(self, wish: str | None) -> None:
        """Take note that a wish was ruled on; None: nobody wished, the sweep file or a `resume` asked."""
        if wish is not None:
            self.known.add(wish)
