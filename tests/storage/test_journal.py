from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from forgetful import ForgetfulFileSystem, PowerCutError
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import StopReason

FILE = "journal/000001.jsonl"


def reported(number: int, stop: StopReason | None = None) -> ev.Reported:
    return ev.Reported(float(number), number, 0, 1.0, {"loss": 0.5, "norm": "inf"}, None, stop)


def write(files, epoch: int, frames: list[list[ev.Event]]) -> JournalWriter:
    writer = JournalWriter(files, epoch)
    for frame in frames:
        for event in frame:
            writer.append(event)
        writer.commit()
    return writer


def test_records_come_back_as_they_were_written(tmp_path):
    files = LocalFileSystem(tmp_path)
    events = [reported(0), reported(1, StopReason.WEAK), ev.Heartbeat(3.5, [(0, 0), (1, 2)])]
    write(files, 1, [events[:2], events[2:]])
    assert JournalReader(LocalFileSystem(tmp_path)).read_new() == events


def test_a_reader_follows_a_growing_journal(tmp_path):
    files = LocalFileSystem(tmp_path)
    reader = JournalReader(LocalFileSystem(tmp_path))
    assert reader.read_new() == []
    writer = write(files, 1, [[reported(0)]])
    assert reader.read_new() == [reported(0)]
    assert reader.read_new() == []
    writer.append(reported(1))
    assert reader.read_new() == []
    writer.commit()
    assert reader.read_new() == [reported(1)]


def test_an_uncommitted_record_is_not_read():
    files = ForgetfulFileSystem()
    writer = write(files, 1, [[reported(0)]])
    writer.append(reported(1))
    assert JournalReader(files).read_new() == [reported(0)]


@given(st.integers(min_value=0, max_value=400))
def test_a_torn_last_frame_is_left_out_wherever_it_was_torn(cut: int):
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1), reported(2)]])
    whole = files.volatile[FILE]
    first = whole.index(b'{"frame":1')
    files.volatile[FILE] = whole[: min(first + cut, len(whole) - 1)]
    reader = JournalReader(files)
    assert reader.read_new() == [reported(0)]
    assert reader.offsets == {"000001.jsonl": first}


def test_a_new_driver_goes_on_behind_a_torn_frame():
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1)]])
    files.volatile[FILE] = files.volatile[FILE][:-3]
    reader = JournalReader(files)
    assert reader.read_new() == [reported(0)]
    started = ev.DriverStarted(9.0, 2, "host:1", "c", {}, [], reader.offsets)
    write(files, 2, [[started], [reported(1)]])
    assert JournalReader(files).read_new() == [reported(0), started, reported(1)]
    assert reader.read_new() == [started, reported(1)]


@pytest.mark.parametrize("at", [0, 5, 40, 60, 90])
def test_a_damaged_middle_is_refused_with_file_and_offset(at: int):
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1)], [reported(2)]])
    data = bytearray(files.volatile[FILE])
    second = data.index(b'{"frame":1')
    data[second + at] ^= 0xFF
    files.volatile[FILE] = bytes(data)
    with pytest.raises(JournalDamagedError, match=rf"journal/000001.jsonl: damaged at byte {second}, and intact"):
        JournalReader(files).read_new()


def test_damage_before_the_seal_is_refused_even_without_a_later_frame_in_the_file():
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1)]])
    sealed = {"000001.jsonl": len(files.volatile[FILE])}
    write(files, 2, [[ev.DriverStarted(9.0, 2, "host:1", "c", {}, [], sealed)]])
    files.volatile[FILE] = files.volatile[FILE][:-4]
    with pytest.raises(JournalDamagedError, match=r"000001.jsonl: damaged at byte \d+"):
        JournalReader(files).read_new()


def test_a_missing_frame_is_damage():
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1)], [reported(2)]])
    data = files.volatile[FILE]
    files.volatile[FILE] = data[: data.index(b'{"frame":1')] + data[data.index(b'{"frame":2') :]
    with pytest.raises(JournalDamagedError, match="intact records follow"):
        JournalReader(files).read_new()


def test_what_a_replaced_driver_writes_is_refused():
    files = ForgetfulFileSystem()
    stale = write(files, 1, [[reported(0)]])
    reader = JournalReader(files)
    reader.read_new()
    started = ev.DriverStarted(9.0, 2, "host:1", "c", {}, [], reader.offsets)
    current = write(files, 2, [[started]])
    stale.append(reported(7))
    stale.commit()
    current.append(reported(1))
    current.commit()
    assert JournalReader(files).read_new() == [reported(0), started, reported(1)]


def test_a_record_of_a_later_version_is_named():
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)]])
    payload = b'{"event":"teleported","t":1.0}\n'
    header = b'{"frame":1,"bytes":%d,"crc":"%08x"}\n' % (len(payload), zlib.crc32(payload))
    files.append(FILE, header + payload)
    with pytest.raises(JournalDamagedError, match="holds a record this version cannot read"):
        JournalReader(files).read_new()


@given(st.integers(min_value=0, max_value=24), st.integers(min_value=0, max_value=300))
def test_a_power_cut_never_loses_a_committed_record(budget: int, kept: int):
    files = ForgetfulFileSystem(budget=budget)
    writer = JournalWriter(files, 1)
    committed = []
    try:
        for number in range(10):
            writer.append(reported(number))
            writer.commit()
            committed.append(reported(number))
    except PowerCutError:
        pass
    found = JournalReader(files.crash(kept)).read_new()
    assert found[: len(committed)] == committed
    assert len(found) <= len(committed) + 1


@pytest.mark.parametrize("is_settled", [True, False])
def test_what_a_new_driver_seals_survives_a_power_cut(is_settled: bool):
    """The first driver was killed between writing and syncing; what it wrote was read, and built on."""
    files = ForgetfulFileSystem()
    first = JournalWriter(files, 1)
    first.append(reported(0))
    files.budget = files.operations + 1  # the append, and no sync
    with pytest.raises(PowerCutError):
        first.commit()
    files.budget = None
    reader = JournalReader(files)
    assert reader.read_new() == [reported(0)]
    if is_settled:
        reader.settle()
    started = ev.DriverStarted(1.0, 2, "h:1", "c", {}, [], reader.offsets)
    write(files, 2, [[started]])
    after = JournalReader(files.crash())
    if is_settled:
        assert after.read_new() == [reported(0), started]
    else:
        with pytest.raises(JournalDamagedError, match=r"journal/000001.jsonl: "):
            after.read_new()


def test_settling_makes_another_process_files_durable(tmp_path):
    write(LocalFileSystem(tmp_path), 1, [[reported(0)]])
    reader = JournalReader(LocalFileSystem(tmp_path))
    reader.read_new()
    reader.settle()
    (tmp_path / FILE).unlink()
    with pytest.raises(StorageError, match="its folder is gone"):
        reader.settle()


def test_a_name_cannot_leave_the_folder(tmp_path):
    with pytest.raises(StorageError, match="leaves the sweep's folder"):
        LocalFileSystem(tmp_path).replace("../outside", b"x")


def test_a_full_disk_says_what_to_do():
    writer = JournalWriter(LocalFileSystem(Path("/")), 1)
    writer.name = "dev/full"
    writer.append(reported(0))
    with pytest.raises(StorageError, match=r"the disk is full; free some space\. Nothing acknowledged is lost: run"):
        writer.commit()


def test_create_is_exclusive(tmp_path):
    files = LocalFileSystem(tmp_path)
    assert files.create("journal/lease", b"one")
    assert not files.create("journal/lease", b"two")
    assert files.read("journal/lease") == b"one"
    assert files.names("journal") == ["lease"]


class AwayOnce(ForgetfulFileSystem):
    """Cannot read a file the n-th time that it is asked for one."""

    away = 0

    def read(self, name: str, offset: int = 0) -> bytes:
        self.away -= 1
        if not self.away:
            raise StorageError("the bucket cannot be reached")
        return super().read(name, offset)


@pytest.mark.parametrize("of", [JournalReader.read_new, JournalReader.stream_new], ids=["all at once", "one by one"])
def test_what_was_read_before_storage_was_away_is_neither_lost_nor_told_twice(of):
    files, failures = AwayOnce(), 0
    write(files, 1, [[reported(0)], [reported(1)]])
    started = ev.DriverStarted(9.0, 2, "host:1", "c", {}, [], {"000001.jsonl": len(files.volatile[FILE])})
    write(files, 2, [[started]])
    for files.away in range(1, 9):
        reader, found = JournalReader(files), []
        try:
            found.extend(of(reader))
        except StorageError:
            failures += 1
            found.extend(of(reader))
        assert found == [reported(0), reported(1), started]
        files.away = 0
        assert reader.read_new() == []
    assert failures > 1


def searched(files: ForgetfulFileSystem, wanted: bytes, *, is_read: bool) -> list[ev.Event]:
    reader = JournalReader(files)
    if not is_read:
        return list(reader.search(wanted))
    return [event for found in reader.search_read(wanted, None) for event in found]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_search_finds_what_a_whole_reading_does_wherever_the_log_was_torn(is_read):
    files, wanted = ForgetfulFileSystem(), b'"trial":1,'
    write(files, 1, [[reported(0), reported(1)], [reported(11)], [reported(1), reported(2), reported(1)]])
    whole = files.volatile[FILE]
    for length in range(len(whole) + 1):
        files.volatile[FILE] = whole[:length]
        found = searched(files, wanted, is_read=is_read)
        assert found == [event for event in JournalReader(files).read_new() if event.trial == 1], length
    assert found == [reported(1)] * 3
    write(files, 2, [[ev.DriverStarted(9.0, 2, "host:1", "c", {}, [], {"000001.jsonl": len(whole)})], [reported(1)]])
    write(files, 1, [[reported(1)]])  # a driver that was replaced: it lies behind the seal
    assert searched(files, wanted, is_read=is_read) == [reported(1)] * 4


def test_a_search_refuses_damage_where_it_looks():
    files = ForgetfulFileSystem()
    write(files, 1, [[reported(0)], [reported(1)], [reported(2)]])
    content = files.volatile[FILE]
    files.volatile[FILE] = content.replace(b'"trial":1,"attempt":0', b'"trial":1,"attempt":7')
    assert files.volatile[FILE] != content
    with pytest.raises(JournalDamagedError, match="damaged at byte"):
        searched(files, b'"trial":1,', is_read=True)
    for trial in (0, 1, 2):
        with pytest.raises(JournalDamagedError, match="damaged at byte"):
            searched(files, b'"trial":%d,' % trial, is_read=False)
    found = searched(files, b'"trial":2,', is_read=True)
    assert found == [reported(2)], "for whoever has read the rest"
