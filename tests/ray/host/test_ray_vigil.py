"""The vigil over Ray's processes: what counts as gone, and who leaves then."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.errors import ClusterLostError
from orchestrator.ray.host import vigil
from orchestrator.ray.host.vigil import Knock, Vigil, knock, lost


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"KNOCK_S": 0.01, "GONE_S": 0.1, "LEAVE_S": 0.1, "ANSWER_S": 0.05, "SILENT_S": 0.3}.items():
        monkeypatch.setattr(vigil, name, seconds)


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


class Told:
    """Keeps what the vigil calls for."""

    def __init__(self) -> None:
        self.lost: list[ClusterLostError] = []
        self.left = threading.Event()

    def leave(self, error: ClusterLostError) -> None:
        assert error is self.lost[0]
        self.left.set()


def test_while_a_door_opens_nobody_leaves(door: socket.socket):
    told = Told()
    with Vigil(told.lost.append, told.leave) as watch:
        watch.begin({"raylet": door.getsockname()})
        assert not told.left.wait(0.5)
    assert told.lost == []


def test_a_door_that_stays_shut_is_told_once_and_then_the_sweep_is_left(door: socket.socket):
    told, address = Told(), door.getsockname()
    with Vigil(told.lost.append, told.leave) as watch:
        door.close()
        watch.begin({"raylet": address, "other": address})
        assert told.left.wait(240)
        time.sleep(0.3)
    said = f"Ray is gone: its raylet at 127.0.0.1:{address[1]} does not answer any more. Nothing acknowledged is lost: "
    remedy = "resume it, on a cluster that was joined once that is there again"
    assert [str(error) for error in told.lost] == [said + remedy]
    assert told.lost[0].exit_code == 75


def test_a_loop_that_leaves_by_itself_is_left_alone(door: socket.socket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vigil, "LEAVE_S", 30.0)
    told = Told()
    with Vigil(told.lost.append, told.leave) as watch:
        watch.begin({"raylet": door.getsockname()})
        door.close()
        deadline = time.monotonic() + 240
        while not told.lost:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not told.left.wait(0.3)


def test_a_door_that_opens_again_in_time_was_not_shut(door: socket.socket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vigil, "GONE_S", 1.0)
    told, shut = Told(), {"now": False}
    monkeypatch.setattr(vigil, "knock", lambda address: Knock.SHUT if shut["now"] else Knock.OPENED)
    with Vigil(told.lost.append, told.leave) as watch:
        watch.begin({"raylet": door.getsockname()})
        for _ in range(4):
            shut["now"] = not shut["now"]
            time.sleep(0.4)
        assert told.lost == []


def test_a_block_that_ends_before_it_began_to_knock_starts_nothing():
    told = Told()
    with Vigil(told.lost.append, told.leave):
        pass
    assert told.lost == []


def test_a_closed_port_is_shut_and_an_open_one_is_not(door: socket.socket):
    address = door.getsockname()
    assert knock(address) is Knock.OPENED
    door.close()
    assert knock(address) is Knock.SHUT
    assert "127.0.0.1" in str(lost("raylet", address))


class Speaker:
    """Answers whoever greets it, until it hangs: the kernel still opens its door then."""

    def __init__(self, door: socket.socket) -> None:
        self.hangs = threading.Event()
        self._door = door
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while not self.hangs.is_set():
            try:
                connection, _ = self._door.accept()
            except OSError:
                return
            with connection:
                if connection.recv(64) and not self.hangs.is_set():
                    connection.sendall(bytes(9))


def test_whoever_answered_and_hangs_is_told_although_the_door_opens(door: socket.socket):
    told, speaker = Told(), Speaker(door)
    with Vigil(told.lost.append, told.leave) as watch:
        watch.begin({"control store (GCS)": door.getsockname()})
        assert not told.left.wait(1.0)
        assert told.lost == []
        speaker.hangs.set()
        assert told.left.wait(240)
        assert knock(door.getsockname()) is Knock.OPENED
    assert str(told.lost[0]).startswith("Ray is gone: its control store (GCS) at 127.0.0.1:")


def test_a_grpc_server_answers_the_greeting():
    """As Ray's do: what the vigil rests on."""
    grpc = pytest.importorskip("grpc")
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        deadline = time.monotonic() + 240
        while knock(("127.0.0.1", port)) is not Knock.ANSWERED:  # it takes the time that this machine has for it
            assert time.monotonic() < deadline
    finally:
        server.stop(None)
