"""On a real S3 server: what the journal and the lease rest on, and what a person is told when the store refuses."""

from __future__ import annotations

import itertools
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import ABSENT, SECRET_KEY

from orchestrator.errors import FolderLostError, JournalDamagedError, LeaseHeldError, StorageAwayError, StorageError
from orchestrator.storage import lease
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.location import Location
from orchestrator.storage.object_files import ObjectFileSystem
from orchestrator.storage.retention import Retention
from orchestrator.sweep import event as ev


def in_blocks_of(block: int, place: Location) -> ObjectFileSystem:
    return ObjectFileSystem(*place.store(), str(place), block)


def keys(place: Location) -> list[str]:
    from pyarrow.fs import FileSelector

    store, path = place.store()
    found = store.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    return sorted(info.path.removeprefix(f"{path}/") for info in found if info.is_file)


def test_whole_files(bucket: Location):
    files = bucket.files()
    assert (files.read("plan.json"), files.exists("plan.json"), files.names("journal")) == (b"", False, [])
    files.replace("plan.json", b"one")
    files.replace("plan.json", b"two")
    files.replace("journal/lease-000001.json", b"{}")
    assert (files.read("plan.json"), files.read("plan.json", 1), files.exists("plan.json")) == (b"two", b"wo", True)
    assert (files.names("journal"), bucket.is_folder()) == (["lease-000001.json"], True)
    with pytest.raises(StorageError, match=r"'\.\./other' leaves the sweep's folder s3://"):
        files.replace("../other", b"")


class ReplacedWhileRead:
    """A store whose object is another one by the time that it is read, as long as there are others."""

    def __init__(self, place: Location, versions: Iterator[bytes]) -> None:
        self._store, self._other, self._versions = place.store()[0], place.files(), versions

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def open_input_stream(self, key: str) -> object:
        file = self._store.open_input_stream(key)  # which asks for the size, and no more
        for version in self._versions:
            self._other.replace("lease.json", version)
            break
        return file


@pytest.mark.parametrize("lengths", [(300,), (7_000,), (0,), (300, 0), (300, 7_000, 100, 99, 5_000)])
def test_an_object_that_is_replaced_while_it_is_read_is_read_whole(lengths: tuple[int, ...], bucket: Location):
    bucket.files().replace("lease.json", b"a" * 1_000)
    versions = [letter.encode() * length for letter, length in zip("bcdef", lengths, strict=False)]
    files = ObjectFileSystem(ReplacedWhileRead(bucket, iter(versions)), bucket.store()[1], str(bucket))
    assert files.read("lease.json") == versions[-1]
    assert files.read("lease.json", 10) == versions[-1][10:]


def test_an_object_that_is_always_another_one_is_not_read(bucket: Location):
    bucket.files().replace("lease.json", b"")
    versions = (b"a" * length for length in itertools.count(1))
    files = ObjectFileSystem(ReplacedWhileRead(bucket, versions), bucket.store()[1], str(bucket))
    with pytest.raises(StorageAwayError, match="was replaced each time it was read"):
        files.read("lease.json")


def test_a_file_grows_by_segments_and_is_read_from_anywhere(bucket: Location):
    files, name, content = in_blocks_of(3, bucket), "journal/000001.jsonl", b""
    for count in range(1, 9):
        data = bytes([64 + count]) * count
        files.append(name, data[:1])
        files.append(name, data[1:])
        assert bucket.files().read(name) == content, "what is not synced is not there"
        files.sync(name)
        files.sync(name)
        content += data
        reader = bucket.files()
        for offset in range(len(content) + 1):
            assert reader.read(name, offset) == content[offset:]
    assert [key.removeprefix(f"{name}/") for key in keys(bucket)] == [
        "000000000000-000000000006", "000000000000/000000000000-000000000001",
        "000000000000/000000000001-000000000003", "000000000000/000000000003-000000000006",
        "000000000006-000000000021", "000000000006/000000000006-000000000010",
        "000000000006/000000000010-000000000015", "000000000006/000000000015-000000000021",
        "000000000021/000000000021-000000000028", "000000000021/000000000028-000000000036",
    ]  # fmt: skip
    assert bucket.files().names("journal") == ["000001.jsonl"]
    later = in_blocks_of(3, bucket)  # another process goes on with the file
    later.append(name, b"more")
    later.sync(name)
    assert bucket.files().read(name, 30) == (content + b"more")[30:]


def test_a_block_that_was_not_put_whole_and_a_lost_segment(bucket: Location):
    files, name = in_blocks_of(2, bucket), "log"
    for data in (b"ab", b"cd", b"ef", b"gh", b"ij"):
        files.append(name, data)
        files.sync(name)
    store, path = bucket.store()
    store.delete_file(f"{path}/log/000000000004-000000000008")  # its writer was killed just before
    assert bucket.files().read(name) == b"abcdefghij"
    assert bucket.files().read(name, 5) == b"fghij"
    store.delete_file(f"{path}/log/000000000004/000000000004-000000000006")
    for offset in (0, 3, 4):
        with pytest.raises(
            JournalDamagedError, match=r"^log: the object that begins at byte 4 is missing, and later ones"
        ):
            bucket.files().read(name, offset)
    assert bucket.files().read(name, 6) == b"ghij"
    files.refuse_replaced(name)
    store.delete_file(f"{path}/log/000000000008/000000000008-000000000010")
    with pytest.raises(FolderLostError, match=r"^the newest part of log was deleted"):
        files.refuse_replaced(name)


def test_an_object_that_was_cut_is_named(bucket: Location):
    files = in_blocks_of(9, bucket)
    for data in (b"ab", b"cd"):
        files.append("log", data)
        files.sync("log")
    bucket.files().replace("log/000000000000/000000000000-000000000002", b"a")
    with pytest.raises(
        JournalDamagedError, match=r"^log: the object 0+-000000000002 has 1 bytes, not the 2 that its name"
    ):
        bucket.files().read("log")


def test_the_journal_is_followed_as_it_grows(bucket: Location):
    writer, reader, written = JournalWriter(in_blocks_of(4, bucket), 1), JournalReader(bucket.files()), []
    for t in range(11):
        event = ev.DriverStopped(float(t), "finished")
        writer.append(event)
        writer.commit()
        written.append(event)
        if t % 3 == 0:
            written = written[len(reader.read_new()) :]
    assert reader.read_new() == written
    assert len(JournalReader(bucket.files()).read_new()) == 11


@pytest.mark.thorough
@pytest.mark.parametrize("round_", range(2))
def test_of_many_threads_one_creates(bucket: Location, round_: int):
    def create(caller: int) -> bool:
        files = bucket.files()
        ready.wait()
        return files.create("journal/lease-000001.json", b"%d" % caller)

    ready = threading.Barrier(6)
    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(create, range(6)))
    assert won.count(True) == 1
    assert bucket.files().read("journal/lease-000001.json") == b"%d" % won.index(True)
    assert bucket.files().names("journal") == ["lease-000001.json"]


def _acquire(place: str, answers: multiprocessing.Queue) -> None:
    try:
        held = lease.acquire(Location.parse(place).files(), lease.Holder.current(), time.time(), time.sleep)
        answers.put(("won", held.holder.pid))
    except LeaseHeldError as error:
        answers.put(("told", str(error)))
    time.sleep(3)  # a holder that lives


@pytest.mark.thorough
def test_of_several_processes_one_takes_the_lease_and_the_others_are_told_who(bucket: Location):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    processes = [context.Process(target=_acquire, args=(str(bucket), answers)) for _ in range(3)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    ((_, pid),) = [answer for answer in found if answer[0] == "won"]
    told = [text for kind, text in found if kind == "told"]
    assert len(told) == 2
    assert all(f"the sweep is driven by process {pid} on " in text for text in told)


def test_a_crashed_claim_blocks_nobody(bucket: Location):
    files = bucket.files()
    files.replace("journal/.lease-000001.json/000007-dead-promise", b"-")
    assert files.create("journal/lease-000001.json", b"mine")
    files.replace("journal/.lease-000002.json/000001-dead-promise", b"-")
    files.replace("journal/.lease-000002.json/000001-dead-accept-dead", b"theirs")
    assert not files.create("journal/lease-000002.json", b"mine"), "it may have been told that it won"
    assert files.read("journal/lease-000002.json") == b"theirs"


def test_old_checkpoints_are_removed(bucket: Location):
    files = bucket.files()
    for name in ("checkpoints/a/1/weights", "checkpoints/a/2/weights"):
        files.replace(name, b"x")
    retention = Retention(bucket)
    retention.remove([str(bucket / "checkpoints/a/1"), str(bucket), "s3://elsewhere/x", "/tmp", str(bucket / "none")])
    retention.stop()
    assert [key for key in keys(bucket) if key.endswith("weights")] == ["checkpoints/a/2/weights"]


@pytest.fixture
def black_hole() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def refusal(place: Location) -> str:
    begun = time.monotonic()
    with pytest.raises(StorageError) as refused:
        place.files().replace("plan.json", b"{}")
    assert time.monotonic() - begun < 240
    assert SECRET_KEY not in str(refused.value)
    return str(refused.value)


def test_refusals_are_sentences(bucket: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    end = ". Nothing acknowledged is lost: resume the sweep once it is mended"
    missing = refusal(Location.parse(f"s3://{ABSENT}/runs"))
    assert missing == f"s3://absent/runs/plan.json: there is no such bucket; make it, or choose another storage{end}"
    (tmp_path / "wrong").write_text("[default]\naws_access_key_id = AKIAWRONG\naws_secret_access_key = wrong\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "wrong"))
    assert "plan.json: the store does not accept the credentials of this node; renew them" in refusal(bucket)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("HOME", "/nowhere")
    assert "plan.json: permission is missing, or this node has no credentials; give it some" in refusal(bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "plan.json: the store cannot be reached at http://127.0.0.1:1; check the network" in refusal(bucket)


@pytest.mark.long
def test_a_silent_store_is_given_up(bucket: Location, black_hole: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", black_hole)
    assert f"plan.json: the store cannot be reached at {black_hole}; check the network" in refusal(bucket)
