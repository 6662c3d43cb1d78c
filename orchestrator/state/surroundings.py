"""What drivers told of the ground that their sweep stands on: storage, nodes, places on the cluster."""

from __future__ import annotations

from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import NOTHING_AWAITED


class Surroundings:
    """What a state knows of them; no decision rests on it. Filled by the fold alone."""

    def __init__(self) -> None:
        self.outages: list[ev.StorageWasAway] = []
        """When storage was away under a driver, and came back."""
        self.avoided: tuple[str, ...] = ()
        """Names of the nodes that the present driver keeps away from."""
        self.awaited = NOTHING_AWAITED
        """Places that the present driver waits for."""

    def take_surroundings(self, event: ev.StorageWasAway | ev.PlacesAwaited | ev.DriverStopped) -> None:
        """Take in what a driver told, or that it left and waits for nothing any more."""
        if isinstance(event, ev.StorageWasAway):
            self.outages.append(event)
        else:
            self.awaited = event.awaited if isinstance(event, ev.PlacesAwaited) else NOTHING_AWAITED

    def forget_surroundings(self) -> None:
        """Forget what only the driver before the present one knew."""
        self.avoided, self.awaited = (), NOTHING_AWAITED
