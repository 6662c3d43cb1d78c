from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest
from forgetful import ForgetfulFileSystem

from orchestrator.errors import LeaseHeldError, LeaseLostError
from orchestrator.storage.lease import TTL_S, Holder, acquire, current, describe_holder

ELSEWHERE = Holder("far-away", 4242, "another-kernel", "1")
NOW = 1_700_000_000.0


def refuse_to_sleep(_: float) -> None:
    pytest.fail("waited although the answer was known")


def test_the_first_driver_gets_epoch_one_and_the_next_after_a_release_epoch_two():
    files = ForgetfulFileSystem()
    first = acquire(files, Holder.current(), NOW, refuse_to_sleep)
    assert first.epoch == 1
    first.release()
    assert acquire(files, Holder.current(), NOW, refuse_to_sleep).epoch == 2


def test_a_living_holder_on_this_host_is_named_at_once():
    files = ForgetfulFileSystem()
    acquire(files, Holder.current(), NOW, refuse_to_sleep)
    message = rf"driven by process {os.getpid()} on \S+ since 2023-11-14 22:13:20 UTC \(epoch 1\)\. Watch it with"
    with pytest.raises(LeaseHeldError, match=message):
        acquire(files, Holder.current(), NOW + 5, refuse_to_sleep)


def test_a_dead_process_on_this_host_is_taken_over_at_once():
    files = ForgetfulFileSystem()
    script = (
        "import msgspec\nfrom orchestrator.storage.lease import Holder\n"
        "print(msgspec.json.encode(Holder.current()).decode())"
    )
    dead = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    acquire(files, msgspec.json.decode(dead, type=Holder), NOW, refuse_to_sleep)
    assert describe_holder(files) is None
    assert acquire(files, Holder.current(), NOW, refuse_to_sleep).epoch == 2


def test_a_silent_holder_elsewhere_is_taken_over_after_the_lease_ran_out():
    files = ForgetfulFileSystem()
    stale = acquire(files, ELSEWHERE, NOW, refuse_to_sleep)
    waited, told = [], []
    taken = acquire(files, Holder.current(), NOW, waited.append, told.append)
    assert taken.epoch == 2
    assert sum(waited) == TTL_S
    assert told == [
        "the sweep is driven by process 4242 on far-away since 2023-11-14 22:13:20 UTC (epoch 1); "
        "waiting up to 30 s to see whether it lives"
    ]
    with pytest.raises(LeaseLostError, match=rf"this driver was replaced: .* process {os.getpid()} .* \(epoch 2\)"):
        stale.check()
    with pytest.raises(LeaseLostError):
        stale.renew()
    stale.release()
    assert current(files).holder == Holder.current()
    assert not current(files).released


def test_a_living_holder_elsewhere_is_seen_by_its_renewals():
    files = ForgetfulFileSystem()
    far = acquire(files, ELSEWHERE, NOW, refuse_to_sleep)
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            far.renew()

    with pytest.raises(LeaseHeldError, match="process 4242 on far-away"):
        acquire(files, Holder.current(), NOW, sleep)
    assert len(naps) == 3


def test_of_two_drivers_at_once_one_wins_and_the_other_is_told_who():
    class Raced(ForgetfulFileSystem):
        def create(self, name: str, data: bytes) -> bool:
            rival = msgspec.json.encode({"epoch": 1, "holder": msgspec.to_builtins(ELSEWHERE), "since_t": NOW})
            super().create(name, rival)
            return super().create(name, data)

    with pytest.raises(LeaseHeldError, match="process 4242 on far-away"):
        acquire(Raced(), Holder.current(), NOW, refuse_to_sleep)


def test_a_reused_process_id_is_not_the_holder():
    files = ForgetfulFileSystem()
    me = Holder.current()
    acquire(files, Holder(me.host, me.pid, me.kernel, "1"), NOW, refuse_to_sleep)
    assert acquire(files, me, NOW, refuse_to_sleep).epoch == 2
