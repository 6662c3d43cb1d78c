"""One seed played to its end: driver after driver, until the sweep is done and nothing fails any more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from orchestrator import exitcodes
from orchestrator.control.machine import Machine
from orchestrator.control.session import Session, create, read_events, reopen
from orchestrator.control.simulator import VirtualClock
from orchestrator.control.snapshot_keeper import USUAL_PACE, SnapshotPace
from orchestrator.errors import FolderLostError, LeaseHeldError, SpecError, StepladderError, SweepNotFoundError
from orchestrator.policies.keeping import named
from orchestrator.project.clearing import clear
from orchestrator.state.fold import replay
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.lease import Holder
from orchestrator.storage.retention import clear_earlier, remove_checkpoint
from orchestrator.storage.snapshot_file import NAME as SNAPSHOT
from orchestrator.sweep import event as ev
from orchestrator.testing.faults import kinds
from orchestrator.testing.faults.between import Between
from orchestrator.testing.faults.clocks import Clocks
from orchestrator.testing.faults.cluster import PretendCluster
from orchestrator.testing.faults.disk import ProcessKilledError
from orchestrator.testing.faults.drawing import DrawnSweep, draw
from orchestrator.testing.faults.driver import KILLED, Left, PretendDriver, seeded
from orchestrator.testing.faults.fates import Fates
from orchestrator.testing.faults.ground import Ground
from orchestrator.testing.faults.kinds import FaultKind
from orchestrator.testing.faults.ledger import Fact, ToldLedger
from orchestrator.testing.faults.places import PretendNodes
from orchestrator.testing.faults.storm import Storm
from orchestrator.testing.same_state import differences

MOST_DRIVERS = 150
"""More than a sweep can need after `Fates` has turned fair."""
LATER_S = 300.0
"""When a driver is started again that left with 75."""
LAST_REASONS = frozenset({"finished", "exhausted", "gpu_hours", "cpu_hours", "wall"})
"""Why a driver leaves that leaves nothing to do."""


class Story:
    """A sweep, its storage, its drivers, and what they told."""

    def __init__(self, seed: int, root: Path) -> None:
        """Draw the sweep of `seed` and its faults; a folder of it lies below `root`."""
        random = Random(f"{seed}/faults")
        self.sweep: DrawnSweep = draw(Random(f"{seed}/sweep"))
        self.is_neutral = self.sweep.places == 1 and not self.sweep.is_capped and random.random() < 0.9
        """Whether it must come to what it comes to without any fault."""
        self.fates = Fates(seeded(random), self._kinds())
        self.true = VirtualClock()
        self.storm = Storm(self.fates, seeded(random), self.true)
        self.ground = Ground(None if self.sweep.is_remote else root, self.storm, seeded(random))
        self.nodes = PretendNodes(seeded(random), self.sweep.places)
        self.ledger = ToldLedger()
        self.between = Between(self, seeded(random))
        self.broken: list[str] = []
        """What does not hold, a sentence each."""
        self.gone: set[str] = set()
        """Checkpoints that somebody removed."""
        self.power_was_cut = False
        """Whether what nobody had made durable may be gone since the log was read."""
        self.left: list[Left] = []
        """How each driver left."""
        self.successor: PretendDriver | None = None
        """The driver that took the sweep while another had it."""
        self.last: PretendDriver | None = None
        self._random = seeded(random)
        self._read: list[ev.Event] = []
        self._drivers = 0
        paces = USUAL_PACE, USUAL_PACE, SnapshotPace(1, 1, 0.0), SnapshotPace(1, 25, 0.0)
        self._pace = Random(f"{seed}/snapshots").choice(paces)
        self._retries = False
        self._braked_in_fair = 0

    def play(self) -> None:
        """Play it to the end, or until it is plain that it has none."""
        self.storm.on_taken_over, self.storm.on_power_cut = self.between.take_over, self.cut_power
        while len(self.left) < MOST_DRIVERS:
            driver, left = self._next()
            self.ledger.driver_left()
            self.between.left()
            self.left.append(left)
            if driver is not None:
                self.last = driver
            if self._is_last(left):
                return
            self._afterwards(left)
            self.look()
        self.broken.append(
            f"it does not end: {MOST_DRIVERS} drivers were not enough, the last left for {self.left[-1]}"
        )

    def cut_power(self) -> None:
        """Turn the machine off that the storage lies on."""
        self.power_was_cut = True
        self.ground.cut_power()

    def look(self) -> list[ev.Event]:
        """Read the log as it lies there; what was read before must stand, and whatever was told must be in it."""
        place = self.ground.calm()
        events = read_events(place) if sweep_exists(place) else []
        if place.files().exists(SNAPSHOT):
            unlike = differences(read_sweep(place), replay(events))
            self.broken += [f"with its snapshot the log comes to something else: {what}" for what in unlike[:3]]
        stand = min(len(self._read), len(events)) if self.power_was_cut else len(self._read)
        if events[:stand] != self._read[:stand]:
            self.broken.append(f"of {len(self._read)} records that were read before, not all stand")
        self.power_was_cut = False
        self.broken += [f"acknowledged and not in the log: {fact}" for fact in self.ledger.missing(events)[:3]]
        self._read = events
        return events

    def begin(self, *, is_calm: bool = False, turns: PretendDriver | None = None) -> PretendDriver:
        """Start a driver: begin the sweep, or go on with it. Raises what that raises.

        `turns` is another driver that goes on working while this one waits.
        """
        self._drivers += 1
        clocks = Clocks(self.true, self._random.uniform(0.0, 1e6))
        dead: list[PretendDriver] = []
        place = self.ground.seen_by(lambda: bool(dead) and dead[0].is_dead, clocks.sleep)

        def sleep(seconds: float) -> None:
            clocks.sleep(seconds)
            if turns is not None and not turns.is_dead and not turns.is_over:
                try:
                    turns.turn()
                except ProcessKilledError:
                    turns.is_dead = True

        machine = Machine(clocks.wall, clocks.steady, sleep, self._holder)
        was_calm, self.storm.is_calm = self.storm.is_calm, is_calm
        try:
            if sweep_exists(place):
                session, _ = reopen(place, self.sweep.plan, retry_failed=self._retries, machine=machine)
            else:
                session = create(place, self.sweep.plan, b"name: drawn\n", machine=machine)
        finally:
            self.storm.is_calm = was_calm
        self._retries = False
        session.snapshots.pace = self._pace
        if session.state.plan.spec.keep_checkpoints != "all":
            clear_earlier(session.folder, named(session.state), session.lease.epoch)
        driver = PretendDriver(session, clocks, self._cluster, self._remove(session))
        dead.append(driver)
        return driver

    def _next(self) -> tuple[PretendDriver | None, Left]:
        driver, self.successor = self.successor, None
        try:
            driver = driver or self.begin()
        except ProcessKilledError:
            return None, Left(None, KILLED)
        except SpecError:
            raise
        except StepladderError as error:
            return None, Left(error.exit_code, type(error).__name__, str(error))
        return driver, driver.run(lambda: self.between.turns(driver))

    def _is_last(self, left: Left) -> bool:
        if left.reason == "brake" and self.fates.is_fair:
            self._braked_in_fair += 1
        is_done = left.reason in LAST_REASONS or self._braked_in_fair > 1
        return is_done and self.successor is None

    def _afterwards(self, left: Left) -> None:
        """Do what people and schedulers do when a driver has left."""
        self.storm.mend()
        self.ground.arrive()
        if left.code == exitcodes.RESUMABLE or left.reason == "LeaseHeldError":
            self.true.now += LATER_S
        self._retries = left.reason == "brake"
        self.between.undo(left.reason == FolderLostError.__name__)
        if self.power_was_cut:
            self.look()  # before `gc` writes where records were lost
        if self.fates.strikes(FaultKind.CHECKPOINT_GONE, 0.5):
            self._lose_checkpoint()
        if self.successor is None and self.fates.strikes(FaultKind.CLEARED, 0.5):
            self._clear()

    def _clear(self) -> None:
        """Remove what nobody can need any more, as `stepladder gc` does."""
        clocks = Clocks(self.true, self._random.uniform(0.0, 1e6))
        machine = Machine(clocks.wall, clocks.steady, clocks.sleep, self._holder)
        self.storm.is_calm = True
        # Its first driver did not come to its first record, or one that was killed is taken to have the lease.
        with contextlib.suppress(SweepNotFoundError, LeaseHeldError):
            clear(self.ground.seen_by(lambda: False, clocks.sleep), machine=machine)
        self.storm.is_calm = False

    def _lose_checkpoint(self) -> None:
        known = [event.checkpoint for event in self._read if isinstance(event, ev.Reported) and event.checkpoint]
        place = self.ground.calm()
        there = [checkpoint for checkpoint in known if checkpoint.isprintable() and place.at(checkpoint).is_folder()]
        if there:
            lost = self._random.choice(there)
            self.gone.add(lost)
            place.at(lost).delete()

    def _cluster(self, driver: PretendDriver) -> PretendCluster:
        return PretendCluster(
            self.sweep, driver.session.state, driver.bridge, self.fates, seeded(self._random), self.true, self.nodes,
            self.ground, self.ledger, lambda fact: self._told(driver, fact),
        )  # fmt: skip

    def _told(self, driver: PretendDriver, fact: Fact) -> None:
        if self.successor is not None and driver is not self.successor:
            self.broken.append(f"a driver that was replaced told {fact}")

    def _remove(self, session: Session) -> Callable[[list[str]], None]:
        def remove(checkpoints: list[str]) -> None:
            for checkpoint in checkpoints:
                if self.fates.strikes(FaultKind.KILL, 0.02):
                    raise ProcessKilledError
                remove_checkpoint(session.folder, checkpoint)

        return remove

    def _holder(self) -> Holder:
        """Return who takes the lease: a process of this machine that is seen dead, or one of another."""
        is_seen = self.fates.kinds.isdisjoint({FaultKind.SECOND_DRIVER, FaultKind.TAKEN_OVER})
        if is_seen and self._random.random() < 0.5:
            real = Holder.current()
            return Holder("here", real.pid, real.kernel, f"before {self._drivers}")
        return Holder(f"host-{self._drivers}", 1000 + self._drivers, f"kernel-{self._drivers}", "1")

    def _kinds(self) -> list[FaultKind]:
        apart = kinds.ON_DISK if self.sweep.is_remote else kinds.ON_STORE
        allowed = kinds.NEUTRAL if self.is_neutral else frozenset(FaultKind)
        return [kind for kind in FaultKind if kind in allowed and kind not in apart | kinds.ON_LOG]
