from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.project.finding import find
from orchestrator.project.handle_sent import SweepSent
from orchestrator.project.records import SubmissionRecord, write_record

URL = "http://127.0.0.1:8265"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text("name: digits\nstorage: /shared/runs\n")
    return path


def send(file: Path, name: str, target: str = URL) -> SubmissionRecord:
    record = SubmissionRecord(name, file.name, "ray-job", target, f"{name}-1", f"/shared/runs/{name}")
    write_record(file, record)
    return record


def found(file: Path, *overrides: str) -> str:
    handle = find(str(file), URL, overrides, lambda _: None)
    assert isinstance(handle, SweepSent)
    return handle.record.job


def test_with_an_address_the_only_sweep_that_a_file_was_sent_as_is_meant(file: Path):
    send(file, "night")
    assert found(file) == "night-1"
    assert found(file, "name=night") == "night-1"


def test_with_an_address_its_own_name_comes_first_and_several_others_are_told(file: Path):
    send(file, "night")
    send(file, "day")
    with pytest.raises(UsageError, match=r"was sent off as (night, day|day, night); say which"):
        found(file)
    send(file, "digits")
    assert found(file) == "digits-1"
    assert found(file, "name=day") == "day-1"
