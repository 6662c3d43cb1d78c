from __future__ import annotations

from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.control import session as sessions
from orchestrator.control.answers import StartTrial, Wait
from orchestrator.errors import UsageError
from orchestrator.state.reading import read_sweep
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.lease import Holder, Lease, acquire
from orchestrator.storage.location import Location
from orchestrator.storage.marks import DurableMark
from orchestrator.storage.requests import DriverRequest, Requests, put_request, requested


def held(files: LocalFileSystem) -> Lease:
    return acquire(files, Holder.current(), 0.0, lambda _: None)


def test_a_request_reaches_the_driver_with_that_epoch_and_dies_with_it(tmp_path: Path):
    files = LocalFileSystem(tmp_path)
    first = held(files)
    requests = Requests(files, first.epoch)
    assert (requests.poll(), requested(files)) == (None, None)
    assert put_request(files, DriverRequest.STOP, 5.0) == 1
    assert (tmp_path / "requests/stop-000001.json").read_text() == '{"t":5.0}'
    assert put_request(files, DriverRequest.STOP, 6.0) == 1, "asking again changes nothing"
    assert (tmp_path / "requests/stop-000001.json").read_text() == '{"t":5.0}'
    assert requests.poll() is requested(files) is DriverRequest.STOP
    put_request(files, DriverRequest.CANCEL, 7.0)
    assert requests.poll() is requested(files) is DriverRequest.CANCEL, "cancel wins"

    first.release(DurableMark(0, "00000000"))
    assert requested(files) is None
    second = held(files)
    assert Requests(files, second.epoch).poll() is requested(files) is None
    assert put_request(files, DriverRequest.STOP, 8.0) == 2


def test_nobody_to_ask_is_said(tmp_path: Path):
    files = LocalFileSystem(tmp_path)
    with pytest.raises(UsageError, match="nobody drives this sweep now, so there is nothing to stop"):
        put_request(files, DriverRequest.STOP, 0.0)
    held(files).release(DurableMark(0, "00000000"))
    with pytest.raises(UsageError, match="nobody drives this sweep now, so there is nothing to cancel"):
        put_request(files, DriverRequest.CANCEL, 0.0)
    here = Holder.current()
    acquire(files, Holder(here.host, 2**22 + 1, here.kernel, "1"), 0.0, lambda _: None)
    with pytest.raises(UsageError, match="nobody drives"):
        put_request(files, DriverRequest.STOP, 0.0)
    assert not (tmp_path / "requests").exists()


def test_a_session_obeys_at_its_next_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog):
    session = sessions.create(Location.parse(tmp_path), make_plan(), b"")
    assert isinstance(session.controller.next_step(), StartTrial)
    put_request(session.files, DriverRequest.STOP, 0.0)
    session.on_step()
    assert session.controller.drain_requested is None, "it does not look at every step"
    monkeypatch.setattr(sessions, "POLL_S", 0.0)
    session.on_step()
    session.on_step()
    assert (session.controller.drain_requested, session.controller.stop_requested) == ("stop", None)
    assert isinstance(session.controller.next_step(), Wait)
    put_request(session.files, DriverRequest.CANCEL, 0.0)
    session.on_step()
    assert session.controller.stop_requested == "cancel"
    said = ["stop requested: no new trials, 1 running finish", "cancel requested: leaving now"]
    assert [record.message for record in caplog.records] == said
    session.close("cancel")
    assert read_sweep(Location.parse(tmp_path)).stopped == "cancel"
