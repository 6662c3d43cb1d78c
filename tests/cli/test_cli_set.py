"""`stepladder set`: what a running sweep asks of its cluster, changed from another terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import make_plan
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.control.session import create, read_events, reopen
from orchestrator.errors import UsageError
from orchestrator.state.reading import read_sweep
from orchestrator.storage import requests
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev


@pytest.fixture
def session(tmp_path: Path):
    """A sweep whose driver lives."""
    session = create(Location.parse(tmp_path / "runs" / "test"), make_plan(search="random", searcher="random"), b"")
    session.controller.next_step()
    yield session
    session.release()


def set_(session, *settings: str) -> str:
    return CliRunner().invoke(app, ["set", str(session.folder), *settings], catch_exceptions=False).stdout


def step(session) -> None:
    session._polled -= requests.REMOTE_POLL_S
    session.on_step()


def test_a_running_sweep_goes_on_under_what_is_set_and_records_it(session, caplog):
    said = set_(session, "max_concurrent=4", "resources.priority=low")
    changes = ["resources.max_concurrent: null -> 4", 'resources.priority: "normal" -> "low"']
    assert said == f"set, until the driver leaves: {'; '.join(changes)}; no running trial is ended for it\n"
    assert session.state.plan.spec.resources.max_concurrent is None, "its driver has not looked yet"
    running = dict(session.state.open)
    step(session)
    asked = session.state.plan.spec.resources
    assert (asked.max_concurrent, asked.priority) == (4, "low")
    assert session.state.open == running
    assert f"set: {'; '.join(changes)}" in caplog.messages
    (amended,) = [event for event in read_events(session.folder) if isinstance(event, ev.SpecAmended)]
    assert amended.changes == changes
    assert read_sweep(session.folder).plan.spec == session.state.plan.spec
    assert set_(session, "priority=low") == "nothing to set: that is how it runs\n"
    set_(session, "priority=high")
    set_(session, "max_concurrent=null")
    for _ in range(3):
        step(session)
    asked = session.state.plan.spec.resources
    assert (asked.max_concurrent, asked.priority) == (None, "high")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("gpus=2", "gpus: it cannot be set while a sweep runs; what can is max_concurrent, priority, avoid"),
        ("max_concurrent=0", "max_concurrent: Input should be greater than or equal to 1"),
        ("priority=urgent", "priority: Input should be 'low', 'normal' or 'high'"),
        ("max_concurrent", "max_concurrent: write KEY=VALUE, such as max_concurrent=4"),
    ],
)
def test_what_cannot_be_set_is_refused_before_anything_is_asked(session, setting, said):
    with pytest.raises(UsageError) as caught:
        set_(session, setting)
    assert str(caught.value) == said
    assert session.files.names("requests") == []


def test_what_is_put_there_by_hand_and_wrong_is_told_and_changes_nothing(session, caplog):
    requests.put_settings(session.files, {"cpus": 64}, 0.0)
    step(session)
    assert (
        "set: cpus: it cannot be set while a sweep runs; what can is max_concurrent, priority, avoid" in caplog.messages
    )
    assert not any(isinstance(event, ev.SpecAmended) for event in read_events(session.folder))


def test_nobody_is_asked_where_nobody_drives_and_the_next_driver_asks_its_file(session):
    set_(session, "priority=low")
    step(session)
    session.close("stop")
    with pytest.raises(UsageError, match=r"nobody drives this sweep now, so there is nothing to set; what its next"):
        set_(session, "priority=high")
    again, told = reopen(session.folder, make_plan(search="random", searcher="random"))
    assert 'resources.priority: "low" -> "normal"' in told
    again.release()
