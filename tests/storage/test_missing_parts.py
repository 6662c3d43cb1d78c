"""Whatever is removed, cut, flipped or put in place of something else: refused by name, or provably harmless.

Harmless is: every record is read; or those that are not were never promised, which is what a driver wrote between its
last mark and its being killed. A log of format 1 whose leases hold no mark promises what a newer driver went on from.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import pytest
from forgetful import ForgetfulFileSystem
from pyarrow.fs import FileSelector
from pyarrow.fs import LocalFileSystem as ArrowFileSystem
from sweeps import cliff, make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.errors import JournalDamagedError
from orchestrator.state.fold import replay
from orchestrator.storage.filesystem import FileSystem, LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.lease import Holder, acquire, describe_holder
from orchestrator.storage.object_files import ObjectFileSystem
from orchestrator.sweep import event as ev

FORMAT_1 = Path(__file__).parents[1] / "formats" / "format_1"
REMEDIES = ("restore it from a copy", "remove the file and go on", "use the version that wrote it")
KERNEL = Holder.current().kernel


@cache
def told(trials: int) -> tuple[ev.Event, ...]:
    return tuple(simulate_plan(make_plan(budget={"trials": trials}), cliff, SimulatedCluster(workers=3))[1].events)


@dataclass
class Written:
    """A journal as its drivers left it."""

    events: list[ev.Event] = field(default_factory=list)
    promised: int = 0
    """How many of the records no damage may take away unsaid."""


def write(files: FileSystem, random: Random, drivers: int, *, in_order: bool, trials: int = 8) -> Written:
    """Let `drivers` write a sweep one after the other; the last leaves in order, or is killed as the others are."""
    remaining, written = list(told(trials)), Written()
    for number in range(drivers):
        lease = acquire(files, Holder("here", 2**22 + 1, KERNEL, "1"), 1e9, lambda _: None)
        reader = JournalReader(files)
        assert reader.read_new() == written.events
        journal = JournalWriter(files, lease.epoch)
        started = ev.DriverStarted(1e9, lease.epoch, "here:1", "c0de", {}, [], reader.offsets)
        head = [remaining.pop(0), started] if number == 0 else [started]
        chunk = len(remaining) if number == drivers - 1 else random.randint(5, len(remaining) // 2)
        frames = [head, *(remaining[at : min(at + 4, chunk)] for at in range(0, chunk, 4))]
        del remaining[:chunk]
        for index, frame in enumerate(frames):
            for event in frame:
                journal.append(event)
            journal.commit()
            written.events += frame
            if index == 0 or random.random() < 0.1:
                lease.renew(journal.mark)
                written.promised = len(written.events)
    if in_order:
        lease.release(journal.mark)
        written.promised = len(written.events)
    return written


def outcome(files: FileSystem, written: Written) -> str:
    """What somebody finds who reads the journal: `refused` by name, `whole`, or `unpromised`; nothing else may be."""
    try:
        found = JournalReader(files).read_new()
        describe_holder(files)
    except JournalDamagedError as error:
        said = str(error)
        return "refused" if said.startswith("journal/") and any(todo in said for todo in REMEDIES) else said
    assert found == written.events[: len(found)]
    assert len(found) >= written.promised
    if found:
        replay(found)
    return "whole" if len(found) == len(written.events) else "unpromised"


def flipped(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]


def cut(data: bytes, random: Random) -> bytes:
    return data[: random.choice([0, random.randrange(len(data))])]


def zeroed(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]


CHANGES: list[Callable[[bytes, Random], bytes]] = [flipped, cut, zeroed]


def journals(random: Random) -> Iterator[tuple[ForgetfulFileSystem, Written]]:
    for drivers in (1, 2, 4):
        for in_order in (True, False):
            files = ForgetfulFileSystem()
            yield files, write(files, random, drivers, in_order=in_order)


def test_no_file_of_a_journal_can_be_removed_unsaid():
    random, seen = Random(1), Counter()
    for files, written in journals(random):
        for _ in range(42):
            name = random.choice(sorted(files.volatile))
            left = ForgetfulFileSystem({kept: data for kept, data in files.volatile.items() if kept != name})
            seen[name.endswith(".jsonl"), outcome(left, written)] += 1
    assert seen.total() >= 250
    assert set(seen) == {(True, "refused"), (False, "whole")}, "without its lease a journal is whole all the same"


def test_flips_cuts_and_zeros_are_refused_or_harmless():
    random, seen = Random(2), Counter()
    for files, written in journals(random):
        for _ in range(170):
            name = random.choice(sorted(files.volatile))
            changed = random.choice(CHANGES)(files.volatile[name], random)
            seen[outcome(ForgetfulFileSystem({**files.volatile, name: changed}), written)] += 1
    assert seen.total() >= 1000
    assert seen["refused"] > 0.8 * seen.total()


@pytest.mark.thorough
def test_what_a_driver_left_in_order_can_lose_nothing_at_all():
    random, files = Random(3), ForgetfulFileSystem()
    written = write(files, random, 3, in_order=True)
    whole = files.volatile["journal/000003.jsonl"]
    for length in range(0, len(whole), 7):
        shorter = ForgetfulFileSystem({**files.volatile, "journal/000003.jsonl": whole[:length]})
        assert outcome(shorter, written) == "refused"


def test_files_in_each_others_place_or_of_another_sweep_are_refused():
    random = Random(4)
    files, other = ForgetfulFileSystem(), ForgetfulFileSystem()
    written = write(files, random, 3, in_order=True)
    write(other, random, 3, in_order=True, trials=9)
    names = [name for name in files.volatile if name.endswith(".jsonl")]
    for name in names:
        for source in (files, other):
            for foreign in names:
                changed = source.volatile[foreign]
                if changed != files.volatile[name]:
                    found = outcome(ForgetfulFileSystem({**files.volatile, name: changed}), written)
                    assert found == "refused", (name, foreign)


def test_a_follower_says_when_a_file_that_it_read_is_gone():
    files = ForgetfulFileSystem()
    written = write(files, Random(5), 1, in_order=False)
    reader = JournalReader(files)
    assert reader.read_new() == written.events
    del files.volatile["journal/000001.jsonl"], files.volatile["journal/lease-000001.json"]
    with pytest.raises(
        JournalDamagedError, match=r"journal/000001\.jsonl: this file is missing, and it was read before"
    ):
        reader.read_new()


def test_the_sentences_say_which_part_and_what_to_do():
    files = ForgetfulFileSystem()
    write(files, Random(6), 2, in_order=True)
    remedy = "Nothing is skipped in silence: restore it from a copy, or move the sweep's folder away and start anew"

    def said(**changes: bytes | None) -> str:
        changed = {**files.volatile, **{f"journal/{name}.jsonl": data for name, data in changes.items()}}
        with pytest.raises(JournalDamagedError) as refused:
            JournalReader(ForgetfulFileSystem({k: v for k, v in changed.items() if v is not None})).read_new()
        return str(refused.value)

    first, second = files.volatile["journal/000001.jsonl"], files.volatile["journal/000002.jsonl"]
    missing = "journal/000001.jsonl: this file is missing, and a newer driver went on from it. "
    assert said(**{"000001": None}) == missing + remedy
    missing = "journal/000002.jsonl: this file is missing, and its driver's lease says what it had written. "
    assert said(**{"000002": None}) == missing + remedy
    ends = "journal/000002.jsonl: ends at byte 0, and its driver had committed "
    assert said(**{"000002": b""}) == f"{ends}{len(second)} bytes: its end is damaged or missing. {remedy}"
    foreign = "journal/000002.jsonl: holds what belongs into 000001.jsonl: it was put in place of another file. "
    assert said(**{"000002": first}) == foreign + remedy


class StoreOnDisk:
    """What is used of pyarrow's file system of an object store, on a folder: there, a key needs no folder above it."""

    def __init__(self) -> None:
        self._disk = ArrowFileSystem()

    def __getattr__(self, name: str):
        return getattr(self._disk, name)

    def get_file_info(self, asked):
        is_object = isinstance(asked, FileSelector) and Path(asked.base_dir).is_file()
        return [] if is_object else self._disk.get_file_info(asked)

    def open_output_stream(self, key: str):
        Path(key).parent.mkdir(parents=True, exist_ok=True)
        return self._disk.open_output_stream(key)


def objects(folder: Path) -> list[Path]:
    """The objects of a store, but for the marks by which its leases were agreed on."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.parent.name.startswith("."))


def remove(path: Path) -> None:
    """Remove an object: where it was the last with its prefix, nothing has that prefix any more."""
    path.unlink()
    while not any(path.parent.iterdir()):
        path = path.parent
        path.rmdir()


@pytest.mark.thorough
@pytest.mark.parametrize("in_order", [True, False])
def test_no_object_of_a_store_can_be_removed_or_changed_unsaid(tmp_path: Path, in_order: bool):
    random, seen = Random(9 + in_order), Counter()

    def files() -> ObjectFileSystem:
        return ObjectFileSystem(StoreOnDisk(), str(tmp_path), "store://sweep", block=6)

    written = write(files(), random, 3, in_order=in_order)
    assert len(objects(tmp_path)) > 40
    for attempt in range(325):
        path = random.choice(objects(tmp_path))
        kept = path.read_bytes()
        if attempt < 125:
            remove(path)
            kind = "removed"
        else:
            path.write_bytes(random.choice(CHANGES)(kept, random))
            kind = "changed"
        seen[kind, outcome(files(), written)] += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(kept)
    assert outcome(files(), written) == "whole"
    assert seen["removed", "refused"] > 0
    assert (seen["removed", "unpromised"] + seen["changed", "unpromised"] == 0) or not in_order
    for block in sorted((tmp_path / "journal").glob("*.jsonl/*")):
        if block.is_dir() and not list(block.parent.glob(f"{block.name}-*")):  # a block that is not put whole yet
            kept = {path: path.read_bytes() for path in block.iterdir()}
            for path in kept:
                remove(path)
            assert outcome(files(), written) in {"refused"} | ({"unpromised"} if not in_order else set())
            block.mkdir(parents=True)
            for path, content in kept.items():
                path.write_bytes(content)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in FORMAT_1.rglob("journal")), ids=lambda path: path.name
)
def test_logs_of_format_1_lose_nothing_that_they_promise(folder: Path, tmp_path: Path):
    random, seen = Random(8), Counter()
    shutil.copytree(folder, tmp_path / "sweep")
    files = LocalFileSystem(tmp_path / "sweep")
    events = JournalReader(files).read_new()
    sealed = max(index for index, event in enumerate(events) if isinstance(event, ev.DriverStarted))
    written = Written(events, sealed if events[sealed].epoch > 1 else 0)
    for _ in range(60):
        path = random.choice(sorted((tmp_path / "sweep" / "journal").iterdir()))
        kept = path.read_bytes()
        path.write_bytes(random.choice(CHANGES)(kept, random))
        seen[outcome(files, written)] += 1
        path.write_bytes(kept)
    assert seen["refused"] > 0
