"""What is remembered of a submission, and what of it holds for the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.errors import UsageError
from orchestrator.project.records import KEPT, SubmissionRecord, find_record, records, write_record
from orchestrator.project.sending import Options, known_options, options

URL = "http://127.0.0.1:8265"


def record(sweep: str, **changes) -> SubmissionRecord:
    return SubmissionRecord(sweep, "sweep.yaml", "ray-job", URL, f"{sweep}-1", f"/runs/{sweep}", **changes)


def test_a_record_is_its_owner_s_alone_from_the_first_moment_on(tmp_path: Path):
    path = write_record(tmp_path / "sweep.yaml", record("digits", env={"OMP_NUM_THREADS": "4"}))
    path.chmod(0o644)  # as an older version left it
    assert write_record(tmp_path / "sweep.yaml", record("digits")) == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["digits.digits-1.json"]


def test_a_sweep_is_found_by_its_name_else_by_being_the_only_one(tmp_path: Path):
    file = tmp_path / "sweep.yaml"
    assert find_record(file, "digits") is None
    write_record(file, record("other"))
    assert find_record(file, "digits") == record("other")
    assert find_record(file, "digits", only=True) is None
    write_record(file, record("another"))
    with pytest.raises(UsageError, match=r"was sent off as (other, another|another, other)"):
        find_record(file, "digits")
    assert find_record(file, "another") == record("another")


def test_a_record_that_cannot_be_read_is_left_out(tmp_path: Path):
    path = write_record(tmp_path / "sweep.yaml", record("digits", env={"LEVEL": "2"}, insecure=True))
    path.with_name("torn.json").write_text('{"sweep": "to')
    assert records(tmp_path) == [record("digits", env={"LEVEL": "2"}, insecure=True)]


def test_what_was_said_last_holds_until_something_else_is_said():
    last = record("digits", env={"LEVEL": "2", "DATA": "/d"}, driver_cpus=2.0)
    known = known_options(last, ("ray-job", URL), Options(check_s=9.0))
    assert known == Options({"LEVEL": "2", "DATA": "/d"}, 2.0, insecure=False, check_s=9.0)
    assert options(known, ["LEVEL=3"], 0.0) == Options({"LEVEL": "3", "DATA": "/d"}, 0.0, insecure=False, check_s=9.0)
    assert known_options(None, ("ray-job", URL), Options(insecure=True)) == Options(insecure=True)


def test_that_a_cluster_may_be_open_is_said_of_that_one_alone():
    last = record("digits", insecure=True)
    assert known_options(last, ("ray-job", URL), Options()).insecure
    assert not known_options(last, ("ray-job", "http://10.0.0.9:8265"), Options()).insecure


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "hf_token", "DB_PASSWORD"])
def test_a_secret_is_refused_and_not_repeated(name: str):
    with pytest.raises(UsageError, match=f"--env {name}: looks like a secret") as caught:
        options(Options(), [f"{name}=hunter2"], None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["postgres://ada:hunter2@db/runs", "Bearer hunter2", "--token hunter2", "sig=hunter2"]
)
def test_a_value_that_holds_a_secret_is_refused_and_not_repeated(value: str):
    with pytest.raises(UsageError, match="--env TARGET: its value holds a secret, and a job's variables") as caught:
        options(Options(), [f"TARGET={value}"], None)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["MONKEY=1", "AWS_SHARED_CREDENTIALS_FILE=/etc/keys", "MAX_TOKENS=5", "TOKENIZER=bpe"])
def test_what_only_sounds_like_a_secret_is_taken(text: str):
    name, _, value = text.partition("=")
    assert options(Options(), [text], None).env == {name: value}


def test_a_new_submission_hides_no_job_that_lives(tmp_path: Path):
    file = tmp_path / "sweep.yaml"
    for number in range(3):
        write_record(file, replace(record("digits"), job=f"digits-{number}", submitted_t=float(number)))
    assert find_record(file, "digits").job == "digits-2"
    assert find_record(file, "digits", is_live=lambda found: found.job == "digits-0").job == "digits-0"
    assert [found.job for found in records(tmp_path)] == ["digits-2", "digits-1", "digits-0"]


def test_the_oldest_records_go(tmp_path: Path):
    for number in range(KEPT + 5):
        write_record(tmp_path / "sweep.yaml", replace(record("digits"), job=f"{number}", submitted_t=float(number)))
    write_record(tmp_path / "sweep.yaml", record("other"))
    kept = [int(found.job) for found in records(tmp_path) if found.sweep == "digits"]
    assert kept == list(range(KEPT + 4, 4, -1))
    assert find_record(tmp_path / "sweep.yaml", "other") == record("other")
