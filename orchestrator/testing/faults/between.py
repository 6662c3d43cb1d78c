"""What happens between two turns of a driver: time passes, and sometimes more."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from orchestrator.errors import StepladderError, StorageError, UsageError
from orchestrator.policies.asking import wish_to_try
from orchestrator.storage.requests import DriverRequest, put_request
from orchestrator.storage.wishes import Wish, put_wish
from orchestrator.testing.faults.disk import ProcessKilledError
from orchestrator.testing.faults.kinds import FaultKind

if TYPE_CHECKING:
    from orchestrator.testing.faults.driver import PretendDriver
    from orchestrator.testing.faults.story import Story

CHANCE = 0.01
"""Of each kind, at each turn, at the rate 1."""
MOST_TURNS = 20_000
"""More than a sweep can need."""


class Between:
    """The world around a driver."""

    def __init__(self, story: Story, random: Random) -> None:
        """Look after the drivers of `story`."""
        self._story, self._random = story, random
        self._turn_s = random.choice((0.3, 1.0, 3.0))
        self._turns = 0
        self._began_s = 0.0
        self._elsewhere: str | None = None
        self._lengths_s: list[float] = []
        self._faults: Mapping[FaultKind, Callable[[PretendDriver], None]] = {
            FaultKind.CLOCK_STEP: lambda driver: driver.clocks.set_by(random.uniform(-3600, 3600)),
            FaultKind.SUSPEND: lambda driver: driver.clocks.suspend(random.uniform(60, 36_000)),
            FaultKind.STOPPED: lambda driver: driver.clocks.sleep(random.uniform(10, 120)),
            FaultKind.SIGNAL: lambda driver: driver.bridge.leave(random.choice(("SIGTERM", "SIGINT"))),
            FaultKind.REQUEST: self._request,
            FaultKind.WISH: self._wish,
            FaultKind.NODE_VANISHES: self._lose_node,
            FaultKind.RAY_GONE: lambda driver: driver.lose_ray(),
            FaultKind.SECOND_DRIVER: self._second,
            FaultKind.TAKEN_OVER: lambda _: self.take_over(),
            FaultKind.FOLDER_MOVED: lambda _: self._change_folder(self._story.ground.move),
            FaultKind.FOLDER_REPLACED: lambda _: self._change_folder(self._story.ground.replace),
            FaultKind.FOLDER_DELETED: lambda _: self._change_folder(self._story.ground.delete),
            FaultKind.KILL: self._kill,
            FaultKind.POWER_CUT: self._cut_power,
        }

    def turns(self, driver: PretendDriver) -> None:
        """Let time pass after a turn that ended in order. Raises ProcessKilledError where that kills the driver."""
        story, true = self._story, self._story.true
        story.ledger.turned(self._began_s)
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise AssertionError(
                f"the sweep does not end: {MOST_TURNS} turns, and {driver.bridge.live or 'nothing'} runs"
            )
        for kind, happen in self._faults.items():
            if not driver.is_over and story.fates.strikes(kind, CHANCE):
                happen(driver)
        if self._random.random() < 0.1:
            story.ground.arrive()
        next_at = driver.cluster.next_at
        until_s = (
            true.now + self._turn_s if next_at is None else min(max(next_at, true.now + 0.05), true.now + self._turn_s)
        )
        driver.clocks.sleep(until_s - true.now)
        self.left()

    def left(self) -> None:
        """Take note of how long the turn took that ends now, with its driver or without."""
        self._lengths_s.append(self._story.true.now - self._began_s)
        self._began_s = self._story.true.now

    def most_s(self, usual_s: float) -> float:
        """Return how much may have passed where `usual_s` would have, had no turn of any driver taken long."""
        most_s = total_s = counted_s = 0.0
        first = 0
        for length_s in self._lengths_s:
            total_s, counted_s = total_s + length_s, counted_s + min(length_s, self._turn_s)
            while counted_s > usual_s + self._turn_s:
                total_s -= self._lengths_s[first]
                counted_s -= min(self._lengths_s[first], self._turn_s)
                first += 1
            most_s = max(most_s, total_s)
        return max(most_s, usual_s)

    def take_over(self) -> None:
        """Let another driver take the sweep, while the present one stands still."""
        if self._is_held_fast:
            return
        with contextlib.suppress(StepladderError):  # the sweep has not begun, or its folder is not there
            self._story.successor = self._story.begin(is_calm=True)

    @property
    def _is_held_fast(self) -> bool:
        """Say whether nobody else can take the sweep now: somebody has, or its folder is not in its place."""
        return self._story.successor is not None or self._elsewhere is not None

    def undo(self, is_known: bool) -> None:
        """Put the sweep's folder back where it was, if it was moved, deleted or replaced."""
        if self._elsewhere is None:
            return
        ground = self._story.ground
        shutil.rmtree(ground.place, ignore_errors=True)
        if is_known and self._random.random() < 0.5:
            ground.place = self._elsewhere
        else:
            Path(self._elsewhere).rename(ground.place)
        self._elsewhere = None

    def _change_folder(self, change: Callable[[], str]) -> None:
        if self._elsewhere is None and not self._story.ground.is_remote:
            self._elsewhere = change()

    def _second(self, driver: PretendDriver) -> None:
        story = self._story
        if self._is_held_fast:
            return
        try:
            story.successor = story.begin(turns=driver)
        except StepladderError:
            pass  # as it should: the sweep is held, or its storage is away
        except ProcessKilledError:
            pass  # that was the second driver
        else:
            if not (driver.is_dead or driver.is_over):
                story.broken.append("a second driver took a sweep whose driver lives")
        if driver.is_dead:
            raise ProcessKilledError

    def _request(self, _: PretendDriver) -> None:
        try:
            kind = self._random.choice((DriverRequest.STOP, DriverRequest.CANCEL))
            put_request(self._story.ground.calm().files(), kind, 0.0)
        except (UsageError, StorageError):
            pass  # its driver's lease is seen dead, or the folder is away

    def _wish(self, driver: PretendDriver) -> None:
        state, place = driver.session.state, self._story.ground.calm()
        numbers = [trial.number for trial in state.trials]
        name = self._random.choice(sorted(state.plan.spec.search_space))
        try:
            match self._random.choice(("try", "stop", "retry")):
                case "try":
                    wish = wish_to_try(state, {name: state.plan.spec.search_space[name].default})
                case kind:
                    wish = Wish(kind, self._random.choice([*numbers, len(numbers)]))
            put_wish(place.files(), wish, self._story.true.now)
        except (ValueError, StorageError):
            pass  # nothing could come of it, or the folder is away

    def _lose_node(self, driver: PretendDriver) -> None:
        node = self._random.choice(self._story.nodes.nodes)
        node.away_until_s = self._story.true.now + self._random.uniform(5, 200)
        driver.cluster.lose(node.name)

    def _kill(self, _: PretendDriver) -> None:
        raise ProcessKilledError

    def _cut_power(self, _: PretendDriver) -> None:
        self._story.cut_power()
        raise ProcessKilledError
