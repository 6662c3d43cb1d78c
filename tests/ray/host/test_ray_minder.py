"""What ends the rest of a Ray whose driver is gone: the processes that it told of, and no others."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from orchestrator.ray.host import minder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def sleeping(stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start a process that would sleep for long."""
    process = subprocess.Popen(["sleep", "300"])
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def wait_for(condition) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_it_was_told_of_is_ended_once_its_driver_is_gone_and_nothing_else(stack):
    ours, other, reused = (sleeping(stack) for _ in range(3))
    driver = subprocess.Popen([sys.executable, "-I", "-S", minder.__file__, "0.1"], stdin=subprocess.PIPE)
    assert driver.wait(240) == 0, "it goes into the background at once"
    driver.stdin.write(f"{ours.pid} {minder.born(ours.pid)}\n{reused.pid} 17\n".encode())
    driver.stdin.flush()
    time.sleep(0.3)
    assert ours.poll() is None, "its driver lives"
    driver.stdin.close()
    wait_for(lambda: ours.poll() is not None)
    assert [process.poll() for process in (other, reused)] == [None] * 2


def test_what_has_ended_was_never_born(stack):
    process = sleeping(stack)
    assert minder.born(process.pid).isdecimal()
    process.kill()
    wait_for(lambda: minder.born(process.pid) == "")
    process.wait()
    assert minder.born(process.pid) == ""


NO_RAY = """
from orchestrator.ray.host import own_ray
with own_ray.minded() as tell:
    assert own_ray.processes() == []
    tell()
"""


def test_without_a_ray_of_our_own_there_is_nothing_to_tell():
    """In a process of its own: this one may have a Ray, of tests before it."""
    ran = subprocess.run([sys.executable, "-c", NO_RAY], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
