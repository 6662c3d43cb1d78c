"""Storages that cannot be read are no empty ones: whoever lists sweeps is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.project.places import started_from, sweeps_in
from orchestrator.storage.location import Location

AWAY = "s3://bucket/runs"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    local = Location.files

    def files(place: Location):
        if place.is_remote:
            raise StorageAwayError(f"{place}: the store cannot be reached")
        return local(place)

    monkeypatch.setattr(Location, "files", files)


@pytest.mark.usefixtures("away")
def test_a_store_that_is_away_is_no_store_without_sweeps():
    with pytest.raises(StorageAwayError, match="cannot be reached"):
        sweeps_in(Location.parse(AWAY))
    with pytest.raises(StorageAwayError, match="cannot be reached"):
        sweeps_in(Location.parse(AWAY), lambda *_: None)


@pytest.mark.usefixtures("away")
def test_a_store_that_a_sweep_file_names_is_told_beside_what_lies_here(tmp_path: Path):
    (tmp_path / "far.yaml").write_text(f"name: far\nstorage: {AWAY}\n")
    (tmp_path / "runs" / "near").mkdir(parents=True)
    told: list[tuple[Location, StorageError]] = []
    found = sweeps_in(Location.parse(tmp_path), lambda where, error: told.append((where, error)))
    assert Location.parse(tmp_path / "runs" / "near") in found
    assert [(str(where), type(error)) for where, error in told] == [(AWAY, StorageAwayError)]
    assert started_from(tmp_path / "far.yaml", AWAY) == []
