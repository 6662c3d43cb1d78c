"""Where a sweep goes on, and what it is sent with: the last submission's word, the command line's before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.project.records import SubmissionRecord, write_record
from orchestrator.project.resuming import next_submission
from orchestrator.project.sending import Options
from orchestrator.project.workspace import more_trials

URL = "http://127.0.0.1:8265"
GIVEN = Options(check_s=9.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text("name: test\nbudgett: 3\n")  # not valid: that is for the compilation to say
    return path


def record(file: Path, **changes) -> SubmissionRecord:
    made = SubmissionRecord(
        "test", "sweep.yaml", "local", "", str(file.parent / "gone.job"), str(file.parent / "runs" / "test"), **changes
    )
    write_record(file, made)
    return made


def ask(file: Path, dashboard=None, overrides=(), trials=None, given=GIVEN, env=(), cpus=None):
    return next_submission(str(file), dashboard, overrides, trials, given, env, cpus, lambda _: None)


def test_a_sweep_that_was_never_sent_off_goes_on_here(file: Path):
    assert ask(file) is None


def test_one_that_was_sent_off_is_sent_there_again_with_what_was_said_then(file: Path):
    record(file, overrides=("budget.trials=6",), env={"LEVEL": "1"}, driver_cpus=2.0)
    again = ask(file, overrides=("seed=2",), trials="9", env=("LEVEL=2",))
    assert again is not None
    assert again.where == ("local", "")
    assert again.overrides == ("budget.trials=6", "seed=2", "budget.trials=9")
    assert again.options == Options({"LEVEL": "2"}, 2.0, insecure=False, check_s=9.0)


def test_a_dashboard_that_is_named_wins_and_is_no_more_open_than_it_says(file: Path):
    record(file, insecure=True)
    again = ask(file, dashboard=URL)
    assert again is not None
    assert (again.where, again.options.insecure) == (("ray-job", URL), False)
    for kept in file.with_name(".stepladder").glob("*.json"):
        kept.unlink()
    first = ask(file, dashboard=URL)
    assert first is not None
    assert (first.where, first.overrides) == (("ray-job", URL), ())


def test_more_trials_are_counted_from_the_sweep_as_it_stands(file: Path, sweep, story):
    record(file)
    sweep.write(story)
    again = ask(file, trials="+3")
    assert again is not None
    assert again.overrides == ("budget.trials=9",)


def test_more_trials_of_a_sweep_that_is_not_seen_are_refused(file: Path):
    record(file)
    with pytest.raises(UsageError, match=r"--trials \+N: .* is not seen from here.*; or give the new number itself"):
        ask(file, trials="+3")
    assert ask(file, trials="30").overrides == ("budget.trials=30",)


@pytest.mark.parametrize("text", ["", "+", "-3", "many", "3.5", "++3", "1e3"])
def test_what_is_no_number_of_trials_is_refused(text: str):
    with pytest.raises(UsageError) as caught:
        more_trials(text, lambda: 6)
    assert str(caught.value) == f"--trials {text}: write a number, or + and a number, e.g. --trials +20"


def test_trials_become_an_override():
    assert more_trials(None, lambda: 6) == []
    assert more_trials("20", lambda: 6) == ["budget.trials=20"]
    assert more_trials("+20", lambda: 6) == ["budget.trials=26"]
