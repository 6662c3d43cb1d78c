"""What may be thrown away: a first run that failed, and what `run --fresh` names; never a report by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report
from orchestrator.control.session import Session, create, reopen
from orchestrator.errors import InfeasibleError, LeaseHeldError, UsageError
from orchestrator.project.throwing_away import (
    gone_if_refused,
    leave_nothing,
    refuse_throwing_away,
    throw_away,
    what_is_thrown_away,
)
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Outcome


def begun(folder: Path, **changes) -> Session:
    return create(Location.parse(folder), make_plan(baseline_first=True, **changes), b"name: test\n")


def failed(session: Session, reports: bool = False) -> Session:
    session.controller.next_step()
    if reports:
        session.controller.on_report(Report(0, 0, 1.0, {"score": 1.0, "epoch": 1.0}))
    session.controller.on_attempt_end(0, 0, Outcome.ERROR, "NameError: lr")
    session.close("brake")
    return session


def test_a_first_run_that_failed_leaves_nothing(tmp_path):
    session = failed(begun(tmp_path / "runs" / "test"))
    for made in ("logs/0/0/stderr.txt", "work/0000-1/x", "checkpoints/a/b", "trials/part-00000.parquet", "best.json"):
        (tmp_path / "runs" / "test" / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / "test" / made).write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept.csv").write_text("1")
    (tmp_path / "runs" / "test" / "work" / "0000-1" / "data").symlink_to(tmp_path / "data")
    assert leave_nothing(session)
    assert list((tmp_path / "runs").iterdir()) == []
    assert (tmp_path / "data" / "kept.csv").exists()
    begun(tmp_path / "runs" / "test").release()


def test_what_a_cluster_refused_for_good_before_anything_began_leaves_nothing_either(tmp_path):
    session = create(Location.parse(tmp_path / "test"), make_plan(), b"")
    session.release()
    assert not leave_nothing(session), "a driver may leave before its first trial"
    with pytest.raises(InfeasibleError, match="no node"), gone_if_refused(session):
        raise InfeasibleError("no node")
    assert not sweep_exists(Location.parse(tmp_path / "test"))
    trained = begun(tmp_path / "test")
    trained.controller.next_step()
    trained.release()
    assert not leave_nothing(trained, is_refused=True)


def test_what_the_user_put_there_stays(tmp_path):
    session = failed(begun(tmp_path / "test"))
    (tmp_path / "test" / "notes.txt").write_text("mine")
    assert leave_nothing(session)
    assert [path.name for path in (tmp_path / "test").iterdir()] == ["notes.txt"]
    assert not sweep_exists(Location.parse(tmp_path / "test"))


def test_a_folder_that_holds_a_report_is_never_removed(tmp_path):
    session = failed(begun(tmp_path / "test"), reports=True)
    assert not leave_nothing(session)
    assert read_sweep(session.folder).trials[0].report_count == 1


def test_a_sweep_that_went_on_before_is_not_removed(tmp_path):
    folder = Location.parse(tmp_path / "test")
    failed(begun(tmp_path / "test"))
    again, _ = reopen(folder, make_plan(baseline_first=True), retry_failed=True)
    again.controller.next_step()
    again.controller.on_attempt_end(0, 1, Outcome.ERROR, "NameError: lr")
    again.close("brake")
    assert not leave_nothing(again)
    assert sweep_exists(folder)


def test_one_that_another_driver_took_over_meanwhile_is_not_removed(tmp_path):
    session = failed(begun(tmp_path / "test"))
    reopen(session.folder, make_plan(baseline_first=True))[0].release()
    assert not leave_nothing(session)


def test_without_the_first_run_all_stays(tmp_path):
    session = failed(create(Location.parse(tmp_path), make_plan(baseline_first=False), b""))
    assert not leave_nothing(session)


def test_what_is_there_is_said_before_it_goes(tmp_path):
    folder = Location.parse(tmp_path / "test")
    assert what_is_thrown_away(folder) is None
    failed(begun(tmp_path / "test"), reports=True)
    assert what_is_thrown_away(folder) == f"{folder} with its 1 trial, 0 CPU-hours"
    throw_away(folder)
    assert what_is_thrown_away(folder) is None
    assert not (tmp_path / "test").exists()


def test_a_damaged_sweep_can_be_thrown_away_too(tmp_path):
    folder = Location.parse(tmp_path / "test")
    failed(begun(tmp_path / "test"), reports=True)
    log = tmp_path / "test" / "journal" / "000001.jsonl"
    log.write_bytes(b"x" * 40 + log.read_bytes()[40:])
    assert "which is damaged" in (what_is_thrown_away(folder) or "")
    refuse_throwing_away(folder, tmp_path / "sweep.yaml")
    throw_away(folder)
    assert not (tmp_path / "test").exists()


def test_a_living_drivers_sweep_is_refused(tmp_path):
    session = begun(tmp_path / "test")
    with pytest.raises(UsageError, match=rf"process {os.getpid()} on .*; end it first: stepladder cancel {tmp_path}"):
        refuse_throwing_away(session.folder, tmp_path / "sweep.yaml")
    with pytest.raises(LeaseHeldError):
        throw_away(session.folder)
    assert sweep_exists(session.folder)
    session.release()


def test_a_sweep_of_another_person_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPLADDER_OWNER", "me")
    plan = make_plan(baseline_first=True)
    ground = plan.provenance.model_copy(update={"owner": "them"})
    folder = Location.parse(tmp_path / "test")
    create(folder, plan.model_copy(update={"provenance": ground}), b"").close("stop")
    with pytest.raises(UsageError, match="test is them's, and you are me, so --fresh leaves it alone; give another"):
        refuse_throwing_away(folder, tmp_path / "sweep.yaml")


def test_a_sweep_of_another_file_elsewhere_is_refused(tmp_path):
    mine, theirs = tmp_path / "mine" / "sweep.yaml", tmp_path / "theirs" / "sweep.yaml"
    for file in (mine, theirs):
        file.parent.mkdir()
        file.write_text("name: test\n")
    plan = make_plan(baseline_first=True)
    ground = plan.provenance.model_copy(update={"source": str(theirs)})
    folder = Location.parse(tmp_path / "shared" / "test")
    create(folder, plan.model_copy(update={"provenance": ground}), b"").close("stop")
    with pytest.raises(UsageError, match=f"was started from {theirs}, so --fresh leaves it alone"):
        refuse_throwing_away(folder, mine)
    refuse_throwing_away(folder, theirs)
    theirs.unlink()
    refuse_throwing_away(folder, mine)
