from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.storage.checkpoints import CheckpointFinder, found_checkpoint
from orchestrator.storage.location import Location

INSIDE = "s-000001/0000-aa.0/checkpoint_000002"


def made(folder: Path) -> str:
    checkpoint = folder / "checkpoints" / INSIDE
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_bytes(b"x")
    return str(checkpoint)


def test_a_checkpoint_that_is_where_it_was(tmp_path: Path):
    recorded = made(tmp_path)
    assert found_checkpoint(recorded, Location.parse(tmp_path)) == recorded


def test_a_checkpoint_is_found_where_the_sweep_lies_now(tmp_path: Path):
    moved = made(tmp_path)
    assert found_checkpoint(f"/old/mount/sweep/checkpoints/{INSIDE}", Location.parse(tmp_path)) == moved


def test_a_copy_goes_on_from_its_own_checkpoints_or_from_none(tmp_path: Path):
    recorded, own = made(tmp_path / "original"), made(tmp_path / "copy")
    assert found_checkpoint(recorded, Location.parse(tmp_path / "copy")) == own
    assert found_checkpoint(recorded, Location.parse(tmp_path / "another")) is None


def test_a_checkpoint_may_lie_in_a_folder_of_the_same_name(tmp_path: Path):
    recorded, moved = made(tmp_path / "old/checkpoints/s"), made(tmp_path / "new/checkpoints/s")
    assert found_checkpoint(recorded, Location.parse(tmp_path / "old")) == recorded
    assert found_checkpoint(recorded, Location.parse(tmp_path / "new")) == moved


def test_a_checkpoint_beside_the_sweep_is_found(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/weights").touch()
    assert found_checkpoint(str(tmp_path / "elsewhere"), Location.parse(tmp_path / "sweep")) == str(
        tmp_path / "elsewhere"
    )


def test_a_checkpoint_that_is_gone_or_empty_is_told_once(tmp_path: Path):
    recorded, told = made(tmp_path), []
    finder = CheckpointFinder(Location.parse(tmp_path), told.append)
    assert finder.find(recorded) == recorded
    (Path(recorded) / "weights").unlink()
    assert (finder.find(recorded), finder.find(recorded)) == (None, None)
    Path(recorded).rmdir()
    assert finder.find(recorded) is None
    assert told == [f"the checkpoint {recorded} is gone: its trial starts again from the beginning"]


def test_many_are_looked_for_at_once_and_told_by_who_asked(tmp_path: Path):
    kept, gone = made(tmp_path), f"/old/checkpoints/{INSIDE}x"
    finder = CheckpointFinder(Location.parse(tmp_path), pytest.fail)
    assert finder.missing([kept, gone]) == [gone]
    assert finder.find(gone) is None


def test_on_an_object_store(bucket: Location):
    recorded = str(bucket / f"checkpoints/{INSIDE}")
    finder = CheckpointFinder(bucket, lambda _: None)
    assert finder.missing([recorded]) == [recorded]
    bucket.files().replace(f"checkpoints/{INSIDE}/weights", b"x")
    assert finder.find(recorded) == recorded
