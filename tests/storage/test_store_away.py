"""An object store that fails or is silent now and then: each commit lands once, whatever of it was put before."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.object_files import ObjectFileSystem
from orchestrator.storage.object_store import explained
from orchestrator.sweep import event as ev

SERVER_ERROR = "When putting: AWS Error UNKNOWN (HTTP status 503) during PutObject operation: (Request ID: X-SECRET)"


class FailingStore(ObjectFileSystem):
    """Keeps its objects in a folder; puts fail now and then, before or after they were done."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(SubTreeFileSystem(str(folder), LocalFileSystem()), "sweep", "s3://bucket/sweep", block=3)
        self._random = Random(seed)
        self.failed = 0

    def _put(self, key: str, data: bytes) -> None:
        self._store.create_dir(key.rpartition("/")[0])
        if fails := self._random.random() < 0.4:
            self.failed += 1
        if not fails or self._random.random() < 0.5:
            super()._put(key, data)
        if fails:
            raise OSError(SERVER_ERROR)


def is_committed(writer: JournalWriter) -> bool:
    try:
        writer.commit()
    except StorageAwayError:
        return False
    return True


@pytest.mark.parametrize("seed", range(20))
def test_commits_that_are_tried_again_land_once(seed: int, tmp_path: Path):
    files = FailingStore(tmp_path / "bucket", seed)
    writer, told = JournalWriter(files, 1), []
    for number in range(20):
        told.append(ev.Heartbeat(float(number), [(number, 0)]))
        writer.append(told[-1])
        while not is_committed(writer):
            pass
        assert JournalReader(ObjectFileSystem(files._store, "sweep", "s3://bucket/sweep")).read_new() == told
    assert files.failed > 5


@pytest.mark.parametrize(
    ("said", "passes", "remedy"),
    [
        (SERVER_ERROR, True, "the store fails or is overloaded"),
        ("AWS Error SLOW_DOWN during PutObject operation", True, "the store fails or is overloaded"),
        ("AWS Error INTERNAL_FAILURE during ListObjectsV2", True, "the store fails or is overloaded"),
        ("AWS Error NETWORK_CONNECTION during PutObject: curlCode: 28, Timeout was reached", True, "cannot be reached"),
        ("google::cloud::Status(UNAVAILABLE: try later)", True, "the store cannot be reached"),
        ("AWS Error EXPIRED_TOKEN: The provided token has expired", True, "the credentials of this node have expired"),
        ("AWS Error UNKNOWN (HTTP status 429)", True, "the store fails or is overloaded"),
        ("something that nobody has seen before", True, "something that nobody has seen before"),
        ("AWS Error UNKNOWN (HTTP status 400)", False, "AWS Error UNKNOWN"),
        ("AWS Error INVALID_ACCESS_KEY_ID during PutObject", False, "does not accept the credentials"),
        ("AWS Error ACCESS_DENIED during PutObject", False, "permission is missing"),
        ("AWS Error NO_SUCH_BUCKET during PutObject", False, "there is no such bucket"),
    ],
)
def test_what_may_pass_is_told_from_what_will_not(
    said: str, passes: bool, remedy: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(StorageError, match=remedy) as told, explained("s3://bucket/sweep"):
        raise OSError(said)
    assert isinstance(told.value, StorageAwayError) is passes
    assert "SECRET" not in str(told.value)
    assert told.value.exit_code == (75 if passes else 1)


def test_a_wrong_argument_is_no_outage():
    with pytest.raises(StorageError) as told, explained("s3://bucket/sweep"):
        raise ValueError("no such option")
    assert not isinstance(told.value, StorageAwayError)
