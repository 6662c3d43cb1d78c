"""A long file of the journal is looked through in pieces: whatever lies across two of them is found, and checked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from forgetful import ForgetfulFileSystem

from orchestrator.errors import JournalDamagedError
from orchestrator.storage import filesystem, journal_search
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.journal_places import FilePlace, JournalPlaces, are_there
from orchestrator.storage.journal_search import part_between, part_with
from orchestrator.sweep import event as ev

FILE = "journal/000001.jsonl"


def written(dice: Random, files: ForgetfulFileSystem | LocalFileSystem, trials: int) -> list[ev.Reported]:
    """Write a file of frames of all lengths, and return its records."""
    writer, events = JournalWriter(files, 1), []
    for number in range(dice.randrange(5, 60)):
        metrics = {"loss": dice.random(), "x" * dice.randrange(1, 300): 1.0}
        events.append(ev.Reported(float(number), dice.randrange(trials), 0, 1.0, metrics, None, None))
        writer.append(events[-1])
        if not dice.randrange(4):
            writer.commit()
    writer.commit()
    return events


@pytest.mark.parametrize("size", [65, 100, 333, 5_000, 10**6])
def test_a_search_by_pieces_of_any_size_finds_all_there_is(size, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filesystem, "CHUNK", size)
    for seed in range(40):
        dice, files = Random(f"{size}/{seed}"), LocalFileSystem(tmp_path / str(seed))
        events = written(dice, files, trials := dice.randrange(1, 20))
        for trial in range(trials + 1):
            (found,) = JournalReader(files).search_read(b'"trial":%d,' % trial, None)
            assert found == [event for event in events if event.trial == trial], (seed, trial)
        content = files.read(FILE)
        assert b"".join(files.chunks(FILE)) == content
        assert b"".join(files.chunks(FILE, 77)) == content[77:]


@pytest.mark.parametrize("trial", [0, 1, 150, 298, 299])
def test_it_reads_no_more_than_the_frames_that_hold_it_and_those_beside_them(trial, monkeypatch):
    monkeypatch.setattr(journal_search, "_STEP", 80)
    dice, files = Random(7), ForgetfulFileSystem()
    writer = JournalWriter(files, 1)
    for number in range(300):
        writer.append(ev.Reported(float(number), number, 0, 1.0, {"loss": dice.random()}, None, None))
        writer.commit()
    base, part = part_with(b'"trial":%d,' % trial, partial(files.chunks, FILE))
    content = files.read(FILE)
    assert content[base : base + len(part)] == part
    assert part.startswith(b'{"frame":%d,' % trial)
    assert part.count(b'{"frame":') == min(2, 300 - trial)
    assert part_with(b'"trial":300,', partial(files.chunks, FILE)) == (0, b"")


def test_a_flipped_byte_before_a_later_frame_is_damage_and_none_is_missed():
    for seed in range(60):
        dice, files = Random(seed), ForgetfulFileSystem()
        written(dice, files, 3)
        content = files.volatile[FILE]
        frames = [at for at in range(len(content)) if content[at:].startswith(b'{"frame":')]
        if len(frames) < 2:
            continue
        frame = dice.randrange(len(frames) - 1)
        payload = range(content.index(b"\n", frames[frame]) + 1, frames[frame + 1] - 1)
        at = dice.choice([place for place in payload if content[place : place + 1].isdigit()])
        files.volatile[FILE] = content[:at] + (b"5" if content[at : at + 1] != b"5" else b"6") + content[at + 1 :]
        with pytest.raises(JournalDamagedError, match=f"damaged at byte {frames[frame]}[^0-9]"):
            searched_for_any(files)


def searched_for_any(files: ForgetfulFileSystem) -> None:
    """Search for each trial in turn: a flipped digit may be a trial's own."""
    for trial in range(10):
        list(JournalReader(files).search_read(b'"trial":%d,' % trial, None))


def test_what_was_read_is_known_again_by_any_pieces_and_nothing_else_is():
    dice, files = Random(3), ForgetfulFileSystem()
    written(dice, files, 3)
    content = files.volatile[FILE]
    for offset in [0, 1, 99, 100, 101, 200, len(content) - 1, len(content)]:
        places = JournalPlaces({"000001.jsonl": FilePlace(offset, 0, zlib.crc32(content[:offset]))}, {})
        assert are_there(files, places), offset
        for at in {0, offset // 2, offset - 1} if offset else ():
            files.volatile[FILE] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            assert not are_there(files, places), (offset, at)
        files.volatile[FILE] = content[: offset - 1] if offset else b""
        assert are_there(files, places) == (not offset)
        files.volatile[FILE] = content


@pytest.mark.parametrize("promised", [0, 50, 100, 250, 300])
def test_a_mark_anywhere_in_what_was_read_is_held_against_it(promised):
    dice, files = Random(5), ForgetfulFileSystem()
    written(dice, files, 3)
    content = files.volatile[FILE]
    places = JournalPlaces({"000001.jsonl": FilePlace(300, 0, zlib.crc32(content[:300]))}, {})
    for crc, is_there in ((zlib.crc32(content[:promised]), True), (zlib.crc32(content[:promised]) ^ 1, False)):
        lease = b'{"renewals":1,"mark":{"bytes":%d,"crc":"%08x"}}' % (promised, crc)
        files.volatile["journal/lease-000001.json"] = lease
        assert are_there(files, places) is is_there


@pytest.mark.parametrize("size", [100, 333, 5_000])
def test_what_was_written_between_two_moments_is_there_and_little_else(size, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(filesystem, "CHUNK", size)
    for seed in range(30):
        dice, files = Random(f"{size}/{seed}"), LocalFileSystem(tmp_path / str(seed))
        events, content = written(dice, files, 3), files.read(FILE)
        first, last = sorted((dice.randrange(len(events)), dice.randrange(len(events))))
        base, part = part_between(events[first].t, events[last].t, partial(files.chunks, FILE))
        assert content[base : base + len(part)] == part
        assert part.startswith(b'{"frame":')
        assert all(b'"t":%.1f,' % event.t in part for event in events[first : last + 1]), seed
        beyond = len(content[base:]) - len(part)
        assert not beyond or content[base + len(part) :].startswith(b'{"frame":')


def test_of_a_long_file_little_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filesystem, "CHUNK", 200)
    monkeypatch.setattr(journal_search, "_STEP", 500)
    files, read = LocalFileSystem(tmp_path), 0
    writer = JournalWriter(files, 1)
    for number in range(5_000):
        writer.append(ev.Reported(float(number), number, 0, 1.0, {"loss": 1.0}, None, None))
        writer.commit()

    def chunks_from(place: int) -> Iterator[bytes]:
        nonlocal read
        for chunk in files.chunks(FILE, place):
            read += len(chunk)
            yield chunk

    _, part = part_between(3_000.0, 3_010.0, chunks_from)
    assert all(b'"trial":%d,' % number in part for number in range(3_000, 3_011))
    assert read < len(files.read(FILE)) / 20


def test_a_clock_that_was_set_back_costs_nothing_but_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filesystem, "CHUNK", 200)
    files, dice = LocalFileSystem(tmp_path), Random(1)
    writer = JournalWriter(files, 1)
    for number in range(200):
        writer.append(ev.Reported(dice.choice([-1e9, 1e-7, 3.0, 1e20]), number, 0, 1.0, {"loss": 1.0}, None, None))
        writer.commit()
    for begin_t, end_t in ((-1e9, 1e20), (3.0, 3.0), (1e20, -1e9), (-2e9, -2e9), (2e20, 3e20)):
        base, part = part_between(begin_t, end_t, partial(files.chunks, FILE))
        assert files.read(FILE)[base:].startswith(part)
