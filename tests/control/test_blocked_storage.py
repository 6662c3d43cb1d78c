"""Storage whose calls never return: told by another thread, and left after the limit."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orchestrator.control.blocked_storage import BlockedStorage
from orchestrator.control.outage import Outages
from orchestrator.errors import StorageAwayError


class Blocked:
    """A driver's dealings with a folder in which a file is a pipe without a writer: reading it never returns."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self.now_s, self.is_leaving = 0.0, False
        self.told: list[str] = []
        self.left: list[StorageAwayError] = []
        self._pipe = folder / "lease"
        os.mkfifo(self._pipe)
        self.outages = Outages(
            lambda: limit_s, lambda: None, lambda: self.is_leaving, self.told.append, lambda: self.now_s, lambda _: None
        )
        self.watch = BlockedStorage(str(folder), self.outages, self.told.append, self.left.append)
        self.raised: list[StorageAwayError] = []
        self.thread = threading.Thread(target=self._call)
        self.thread.start()
        while self.outages.pending_s() is None:
            pass

    def _call(self) -> None:
        try:
            self.outages.through(self._pipe.read_bytes)
        except StorageAwayError as error:
            self.raised.append(error)

    def look_at(self, now_s: float) -> None:
        self.now_s = now_s
        self.watch.look()

    def answer(self) -> None:
        """Let the call return."""
        with self._pipe.open("wb"):
            pass
        self.thread.join()


@pytest.mark.parametrize(("limit_s", "until"), [(600.0, "10m 00s"), (0.0, "1m 00s")])
def test_a_call_that_does_not_return_is_told_and_left_after_the_limit(tmp_path: Path, limit_s: float, until: str):
    blocked, limit_s = Blocked(tmp_path, limit_s), max(limit_s, 60.0)
    blocked.look_at(29.0)
    assert not blocked.told
    for now_s in (30.0, 31.0, limit_s - 1):
        blocked.look_at(now_s)
    assert blocked.told == [
        f"storage does not answer: a call at {tmp_path} has not returned for 30s; it is waited for, {until} at most "
        "(limits.storage)"
    ]
    assert not blocked.left
    for now_s in (limit_s, limit_s + 1):
        blocked.look_at(now_s)
    (error,) = blocked.left
    assert error.exit_code == 75
    assert str(error) == (
        f"storage does not answer: a call at {tmp_path} has not returned for {until}. Nothing acknowledged is lost: "
        f"run `stepladder resume {tmp_path}` once it answers."
    )
    blocked.answer()
    assert blocked.raised == [error], "a process that lives on leaves as well, once the call returns"
    assert blocked.outages.called(lambda: "closed") == "closed", "in order, with storage that is back"


def test_a_call_that_returns_is_waited_for_no_more_and_another_is_told_again(tmp_path: Path):
    blocked = Blocked(tmp_path, 600.0)
    blocked.look_at(400.0)
    blocked.answer()
    assert blocked.outages.pending_s() is None
    blocked.look_at(1000.0)
    assert (len(blocked.told), blocked.left) == (1, [])
    with pytest.raises(ZeroDivisionError):
        blocked.outages.called(lambda: 1 / 0)
    assert blocked.outages.pending_s() is None


def test_a_driver_that_is_asked_to_leave_leaves_sooner(tmp_path: Path):
    blocked = Blocked(tmp_path, 600.0)
    blocked.is_leaving = True
    blocked.look_at(39.0)
    assert not blocked.left
    blocked.look_at(40.0)
    assert len(blocked.left) == 1
    blocked.answer()


def test_the_thread_looks_by_itself_and_ends_with_its_block(tmp_path: Path):
    blocked, has_left = Blocked(tmp_path, 0.0), threading.Event()
    watch = BlockedStorage(str(tmp_path), blocked.outages, blocked.told.append, lambda _: has_left.set())
    blocked.now_s = 60.0
    with watch:
        assert has_left.wait(240)
    blocked.answer()
