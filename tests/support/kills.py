"""Random kills of a sweep on a real Ray: what is struck and when is drawn, the sweep is gone on with, and judged.

    for number in range(60):
        print(row(suffer(number, Random(f"{seed}/{number}"), KINDS[...], folder)))

Each is a small sweep in a folder of its own. What was acknowledged when the blow fell must stand afterwards, each trial
must end once and well, and `stepladder audit` must find nothing: that is lost, what is not. Training that is done again
is no loss of a record, and counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from processes import ENVIRONMENT, family, kill_family, start, stepladder
from s3_server import S3Server
from slow_training import write_slow_sweep

from orchestrator.control.session import read_events
from orchestrator.errors import SweepNotFoundError
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import TrialState

TRIALS, EPOCHS, EPOCH_S = 4, 6, 0.4
REPORTS = TRIALS * EPOCHS
TRIES = 5
"""How often a sweep is gone on with, before it counts as lost."""
WAIT_S = 900.0
"""How long anything may take: the machine may be at work for others."""
TAIL = 1500
"""How many characters of what a program said stand beside a problem."""
UNUSUAL = re.compile(r"^storage is|trial \d+ .*(lost|died|again|attempt)|^warning|^the driver", re.IGNORECASE)
"""Lines of a driver that ended well, which tell what happened to it on the way."""


@dataclass
class Scene:
    """One sweep, and what happens to it."""

    folder: Path
    """Where its files lie, and by default it."""
    dice: Random
    """Draws the moment."""
    place: Location
    """Where the sweep lies; a blow may move it."""
    s3: S3Server | None = None
    """A server that may be struck; None: the sweep lies in a folder."""
    done: str = ""
    """What was done, in words."""
    code: int = 0
    """Exit code of what was struck."""
    saw: str = ""
    """What the user saw of it: its last line."""
    acknowledged: list[ev.Event] = field(default_factory=list)
    """The records that were durable when the blow fell."""
    again: list[int] = field(default_factory=list)
    """Exit codes of whatever went on with the sweep."""
    lost: int = 0
    """How many acknowledged records do not stand any more."""
    problems: list[str] = field(default_factory=list)
    """What must not be."""
    moved: bool = False
    """Whether it lies elsewhere now, and is gone on with by its place."""
    driver: subprocess.Popen[bytes] | None = None
    """What drives it."""
    until_end: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """What is undone once all was judged."""
    _known: set[int] = field(default_factory=set)

    @property
    def log(self) -> Path:
        """What the driver says."""
        return self.folder / "said.txt"

    def begin(self, *overrides: str, program: tuple[str, ...] | None = None, **sweep: int) -> None:
        """Start `stepladder run`."""
        trace = self.folder.parent / f"{self.folder.name}.trace"
        write_slow_sweep(
            self.folder, **{"epochs": EPOCHS, "epoch_s": EPOCH_S, "trials": TRIALS, "trace": trace} | sweep
        )
        self.driver = start("run", *self.named(*overrides), cwd=self.folder, log=self.log, program=program)

    def named(self, *overrides: str) -> list[object]:
        """Return the arguments that mean this sweep."""
        return ["sweep.yaml", f"storage={self.place.text.rpartition('/')[0]}", *overrides, "--cpus", 2]

    def events(self) -> list[ev.Event]:
        """Return the records that are durable now; none where there is no sweep yet."""
        try:
            return read_events(self.place)
        except SweepNotFoundError:
            return []

    def await_reports(self, count: int) -> None:
        """Wait for as many reports, or the driver's end."""
        self.wait(lambda: sum(isinstance(event, ev.Reported) for event in self.events()) >= count)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, or the driver has ended."""
        assert self.driver is not None
        deadline = time.monotonic() + WAIT_S
        while not condition() and self.driver.poll() is None:
            self._known.update(family(self.driver.pid))
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing happened in {WAIT_S:.0f} s: {self.log.read_text()[-300:]}")
            time.sleep(0.2)

    def somewhere(self) -> int:
        """Wait until the sweep is somewhere between its first report and its last but two; returns how many came."""
        count = self.dice.randint(1, REPORTS - 2)
        self.await_reports(count)
        return count

    def note(self, place: Location | None = None) -> None:
        """Take what is durable now, there or in a copy, for acknowledged."""
        self.acknowledged = read_events(place) if place else self.events()

    def said(self) -> str:
        """Return the last line that its user saw, without what differs from machine to machine."""
        lines = (
            [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            if self.log.exists()
            else []
        )
        errors = [line for line in lines if line.startswith("error: ")]
        if not errors and self.code == 0:
            return "; ".join(self.plain(line) for line in lines if UNUSUAL.search(line)) or "nothing"
        return self.plain((errors or lines or [""])[-1])

    def plain(self, text: str) -> str:
        """Return a text without this machine's paths."""
        text = text.replace(f"{self.folder}/", "").replace(str(self.folder), ".")
        text = re.sub(r"s3://sweeps/\w+", "s3://bucket", text)
        return re.sub(r"process \d+ on \S+", "process N on HOST", text)

    def words(self, text: str) -> str:
        """Return the end of what a program said, on one line and without this machine's paths."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return self.plain(" / ".join(lines))[-TAIL:] or "nothing"

    def tail(self) -> str:
        """Return the end of what the drivers of this sweep said, its stdout and its stderr."""
        return self.words(self.log.read_text(errors="replace") if self.log.exists() else "")

    def ended(self) -> None:
        """Wait for the end of the driver; its exit code and last line are what the user saw."""
        assert self.driver is not None
        try:
            self.code = self.driver.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.problems.append("the driver did not end")
            self.kill_all()
        self.saw = "Killed" if self.code == -signal.SIGKILL else self.said()
        printed = self.log.read_text(errors="replace")
        self.problems += [f"a {name}" for name in ("Traceback", "[state-dump]") if name in printed]

    def kill_all(self) -> None:
        """Kill -9 the driver and its whole Ray at once, as a power cut does."""
        assert self.driver is not None
        kill_family(self.driver, list(self._known))
        self.code, self.saw = -signal.SIGKILL, "Killed"

    def part(self, title: str) -> int:
        """Return a process of the driver's Ray by what its command line has, drawn where there are several."""
        assert self.driver is not None
        return self.dice.choice(sorted(with_title(family(self.driver.pid), title)))

    def strike(self, pid: int, sent: signal.Signals) -> None:
        """Note what is acknowledged, then send a signal."""
        self.note()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)

    def leave(self) -> None:
        """End whatever still runs of this sweep."""
        if self.driver is not None and self.driver.poll() is None:
            kill_family(self.driver, list(self._known))
        self.until_end.close()
        for pid in self._known:
            with contextlib.suppress(OSError):
                if str(self.folder) in str(Path(f"/proc/{pid}/cwd").readlink()):
                    os.kill(pid, signal.SIGKILL)


def with_title(pids: list[int], title: str) -> Iterator[int]:
    """Yield the processes in whose command line a text stands."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if title.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"--")[0]:
                yield pid


Blow = Callable[[Scene], object]
"""Begins a sweep, strikes, and waits for the end of what was struck."""


def suffer(blow: Blow, dice: Random, folder: Path, s3: S3Server | None = None) -> Scene:
    """Let one blow fall, go on with the sweep until it is done, and judge what became of it."""
    folder.mkdir(parents=True)
    scene = Scene(folder, dice, Location.parse(folder / "runs" / "slow"), s3)
    try:
        with _as_problem(scene):
            blow(scene)
            go_on(scene)
            judge(scene)
    finally:
        with _as_problem(scene):
            scene.leave()
    if scene.problems:
        scene.problems.append(f"its driver said last: {scene.tail()}")
    return scene


@contextlib.contextmanager
def _as_problem(scene: Scene) -> Iterator[None]:
    """Make whatever goes wrong meanwhile a problem of this blow, so that the others go on."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - of any kind, or one row ends the table
        where = traceback.extract_tb(error.__traceback__)[-1]
        said = b"".join(getattr(error, name, None) or b"" for name in ("stdout", "stderr")).decode(errors="replace")
        scene.problems.append(
            f"{type(error).__name__} in {where.name}, line {where.lineno}: {scene.words(str(error))}"
            + (f", which had said: {scene.words(said)}" if said else "")
        )


def go_on(scene: Scene) -> None:
    """Do what a scheduler does: start the sweep again until it ends with 0."""
    if scene.code == 0:
        return
    by = (scene.place, "--cpus", 2) if scene.moved else ("--auto", *scene.named())
    for _ in range(TRIES):
        ended = stepladder("resume", *by, cwd=scene.folder, timeout_s=WAIT_S)
        scene.again.append(ended.returncode)
        with scene.log.open("a") as log:
            log.write(f"\nthen resume, {ended.returncode}: {ended.stdout}{ended.stderr}")
        if ended.returncode == 0:
            return
        if "Traceback" in ended.stderr:
            scene.problems.append(f"a traceback of resume: {scene.words(ended.stderr)}")
    scene.problems.append(f"it does not come back: {scene.words(ended.stdout + ended.stderr)}")


def judge(scene: Scene) -> None:
    """Look whether what was acknowledged stands, each trial ended well, and nothing is twice or damaged."""
    events = scene.events()
    scene.lost = lost(scene.acknowledged, events)
    if scene.lost:
        scene.problems.append(f"{scene.lost} acknowledged records lost")
    if not events:
        scene.problems.append("no sweep lies there")
        return
    state = replay(events)
    reports = Counter((e.trial, e.attempt, e.fidelity) for e in events if isinstance(e, ev.Reported))
    if set(reports.values()) != {1}:
        scene.problems.append("a report twice")
    if [trial.state for trial in state.trials] != [TrialState.COMPLETED] * TRIALS:
        scene.problems.append(f"trials ended as {[str(trial.state) for trial in state.trials]}")
    audit = stepladder("audit", scene.place, cwd=scene.folder, timeout_s=WAIT_S)
    if audit.returncode:
        scene.problems.append(f"audit {audit.returncode}: {scene.words(audit.stdout + audit.stderr)}")
    best = json.loads(scene.place.files().read("best.json"))
    named, winner = best.get("winner"), state.winner()
    if winner is None or named is None or named["trial"] != winner.number:
        scene.problems.append(f"best.json names {named}, the log {winner and winner.number}")


def lost(acknowledged: list[ev.Event], events: list[ev.Event]) -> int:
    """Return how many acknowledged records do not stand where they stood."""
    return sum(known != found for known, found in zip(acknowledged, events, strict=False)) + max(
        0, len(acknowledged) - len(events)
    )


def trained_again(scene: Scene) -> int:
    """Return how many epochs were begun beyond those of an undisturbed sweep; less than none where it ended short."""
    trace = scene.folder.parent / f"{scene.folder.name}.trace"
    return len(trace.read_text().split()) - REPORTS if trace.exists() else -REPORTS


def on_store(scene: Scene) -> None:
    """Put the sweep on the S3 server, which its driver sees by its environment."""
    assert scene.s3 is not None
    ENVIRONMENT.update(scene.s3.environment)
    os.environ.update(scene.s3.environment)
    scene.place = Location.parse(f"s3://sweeps/{scene.folder.name}/slow")
