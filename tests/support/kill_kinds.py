"""The kinds of blows: each begins a sweep, strikes at a drawn moment, and waits for the end of what was struck."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from disks import full, read_only, small_disk
from kills import WAIT_S, Blow, Scene, on_store
from processes import ROOT, start, stepladder

from orchestrator.storage.location import Location

KINDS: dict[str, Blow] = {}
"""Every kind, by its name."""


def _kind(name: str) -> Callable[[Blow], Blow]:
    def entered(blow: Blow) -> Blow:
        KINDS[name] = blow
        return blow

    return entered


@_kind("driver")
def driver(scene: Scene) -> None:
    """The driver alone; its Ray is ended by what minds it."""
    scene.begin()
    count = scene.somewhere()
    scene.done = f"driver, kill -9 after {count} reports"
    scene.strike(scene.driver.pid, signal.SIGKILL)
    scene.ended()


@_kind("power cut")
def power_cut(scene: Scene) -> None:
    """Driver, Ray and trainings at once."""
    scene.begin()
    scene.done = f"driver and its Ray, kill -9 after {scene.somewhere()} reports"
    scene.note()
    scene.kill_all()


@_kind("append")
def append(scene: Scene) -> None:
    """In the middle of a write to the log."""
    nth = scene.dice.randint(3, 14)
    scene.done = f"driver, kill -9 in the middle of its write {nth} to the log"
    scene.begin(program=(str(ROOT / "tests/support/killed_in_append.py"), str(nth)))
    seen = []

    def look() -> bool:
        seen[:] = scene.events()
        return False

    scene.wait(look)
    scene.acknowledged = seen
    scene.ended()


@_kind("start-up")
def start_up(scene: Scene) -> None:
    """Before the first report."""
    seconds = scene.dice.uniform(0.3, 25)
    scene.done = f"start-up, kill -9 {seconds:.1f} s after its start"
    scene.begin()
    begun = time.monotonic()
    scene.wait(lambda: time.monotonic() - begun > seconds)
    scene.note()
    scene.kill_all()


@_kind("resume")
def resume(scene: Scene) -> None:
    """A driver that goes on with what another left, killed too."""
    scene.begin()
    first = scene.somewhere()
    scene.kill_all()
    seconds = scene.dice.uniform(0.3, 25)
    scene.done = f"driver after {first} reports, then resume {seconds:.1f} s after its start, both kill -9"
    scene.driver = start("resume", "--auto", *scene.named(), cwd=scene.folder, log=scene.log)
    begun = time.monotonic()
    scene.wait(lambda: time.monotonic() - begun > seconds)
    scene.note()
    scene.kill_all()


@_kind("export")
def export(scene: Scene) -> None:
    """What writes a sweep out for another tool, while the sweep lies unfinished."""
    scene.begin()
    count = scene.somewhere()
    scene.note()
    scene.kill_all()
    seconds = scene.dice.uniform(0.2, 4)
    scene.done = (
        f"driver after {count} reports, then `export --format csv` {seconds:.1f} s after its start, both kill -9"
    )
    wanted = ("export", scene.place, "--format", "csv", "-o", scene.folder / "out.csv")
    process = start(*wanted, cwd=scene.folder, log=scene.log)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.wait()
    whole = stepladder(*wanted, cwd=scene.folder, timeout_s=WAIT_S)
    if whole.returncode or (scene.folder / "out.csv").read_bytes().count(b"\n") < 2:
        scene.problems.append(f"export again: {scene.plain(whole.stderr.strip())}")


def _of_ray(title: str, word: str, sent: signal.Signals) -> Blow:
    def blow(scene: Scene) -> None:
        scene.begin()
        count = scene.somewhere()
        scene.done = f"{word}, {sent.name} after {count} reports"
        scene.strike(scene.part(title), sent)
        scene.ended()

    return blow


KINDS["raylet"] = _of_ray("raylet/raylet", "raylet", signal.SIGKILL)
KINDS["gcs"] = _of_ray("gcs_server", "GCS", signal.SIGKILL)
KINDS["gcs hangs"] = _of_ray("gcs_server", "GCS", signal.SIGSTOP)
KINDS["raylet hangs"] = _of_ray("raylet/raylet", "raylet", signal.SIGSTOP)
KINDS["worker"] = _of_ray("ray::TrialWorker.train", "a trial's worker", signal.SIGKILL)
KINDS["worker segfault"] = _of_ray("ray::TrialWorker.train", "a trial's worker", signal.SIGSEGV)


def _paused(title: str | None, word: str) -> Blow:
    def blow(scene: Scene) -> None:
        scene.begin()
        count, seconds = scene.somewhere(), scene.dice.uniform(2, 40)
        scene.done = f"{word}, SIGSTOP for {seconds:.0f} s after {count} reports"
        pid = scene.driver.pid if title is None else scene.part(title)
        scene.strike(pid, signal.SIGSTOP)
        time.sleep(seconds)
        scene.strike(pid, signal.SIGCONT)
        scene.ended()

    return blow


KINDS["driver paused"] = _paused(None, "driver")
KINDS["worker paused"] = _paused("ray::TrialWorker.train", "a trial's worker")


def _asked(sent: signal.Signals, times: int) -> Blow:
    def blow(scene: Scene) -> None:
        scene.begin()
        count = scene.somewhere()
        scene.done = f"driver, {sent.name}{' twice' * (times - 1)} after {count} reports"
        for _ in range(times):
            scene.strike(scene.driver.pid, sent)
            time.sleep(0.5)
        scene.ended()

    return blow


KINDS["asked"] = _asked(signal.SIGTERM, 1)
KINDS["interrupted"] = _asked(signal.SIGINT, 2)
KINDS["terminal closed"] = _asked(signal.SIGHUP, 1)


@_kind("two drivers")
def two_drivers(scene: Scene) -> None:
    """A second driver beside one that works."""
    scene.begin(epoch_s=2)
    scene.done = f"a second `resume --auto` beside the driver after {scene.somewhere()} reports"
    scene.note()
    second = stepladder("resume", "--auto", *scene.named(), cwd=scene.folder, timeout_s=WAIT_S)
    scene.ended()
    scene.saw = scene.plain(second.stderr.strip().splitlines()[-1])
    if scene.code != 0:
        scene.problems.append(f"the first driver ended with {scene.code}")
    if second.returncode == 0 and "is driven by" not in second.stderr:
        scene.saw += " (the first had just ended)"


@_kind("moved")
def moved(scene: Scene) -> None:
    """The sweep's folder is renamed under its driver."""
    scene.begin()
    scene.done = f"its folder moved after {scene.somewhere()} reports"
    scene.note()
    scene.folder.joinpath("runs", "slow").rename(scene.folder / "kept")
    scene.place, scene.moved = Location.parse(scene.folder / "kept"), True
    scene.ended()


@_kind("deleted")
def deleted(scene: Scene) -> None:
    """The sweep's folder is deleted under its driver, and put back from a copy."""
    scene.begin()
    scene.done = f"its folder deleted after {scene.somewhere()} reports, then put back from a copy"
    place = scene.folder / "runs" / "slow"
    shutil.copytree(place, scene.folder / "copy")
    scene.note(Location.parse(scene.folder / "copy"))
    shutil.rmtree(place, ignore_errors=True)
    scene.ended()
    shutil.rmtree(place, ignore_errors=True)
    (scene.folder / "copy").rename(place)


@_kind("replaced")
def replaced(scene: Scene) -> None:
    """A copy is put in the folder's place."""
    scene.begin()
    scene.done = f"its folder replaced by its copy after {scene.somewhere()} reports"
    place = scene.folder / "runs" / "slow"
    shutil.copytree(place, scene.folder / "copy")
    scene.note(Location.parse(scene.folder / "copy"))
    place.rename(scene.folder / "away")
    (scene.folder / "copy").rename(place)
    scene.ended()


@_kind("read-only")
def turned_read_only(scene: Scene) -> None:
    """The disk takes no writes any more."""
    scene.begin()
    scene.done = f"its folder read-only after {scene.somewhere()} reports"
    scene.note()
    with read_only(scene.folder / "runs" / "slow"):
        scene.ended()


@_kind("full")
def full_disk(scene: Scene) -> None:
    """A disk of 20 MB is filled, and freed."""
    disk = scene.until_end.enter_context(small_disk(scene.folder / "disk"))
    scene.place = Location.parse(disk / "slow")
    scene.begin(checkpoint_bytes=200_000)
    seconds = scene.dice.uniform(1, 30)
    scene.done = f"a 20 MB disk full for {10 + seconds:.0f} s after {scene.somewhere()} reports"
    scene.note()
    with full(disk):
        time.sleep(seconds)
    scene.ended()


@_kind("store silent")
def store_silent(scene: Scene) -> None:
    """The S3 server takes connections, and answers nothing."""
    on_store(scene)
    scene.begin()
    seconds = scene.dice.choice([15, 30, 60])
    scene.done = f"the S3 server stopped for {seconds} s after {scene.somewhere()} reports"
    scene.note()
    with scene.s3.silent():
        time.sleep(seconds)
    scene.ended()


@_kind("store and driver")
def store_and_driver(scene: Scene) -> None:
    """A driver whose sweep lies on a store."""
    on_store(scene)
    scene.begin()
    scene.done = f"driver and its Ray, kill -9 after {scene.somewhere()} reports, the sweep on S3"
    scene.note()
    scene.kill_all()
