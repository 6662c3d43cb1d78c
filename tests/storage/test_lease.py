from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest
from forgetful import ForgetfulFileSystem

from orchestrator.errors import FolderLostError, JournalDamagedError, LeaseHeldError, LeaseLostError
from orchestrator.storage.lease import TTL_S, Holder, acquire, current, describe_holder
from orchestrator.storage.marks import DurableMark

ELSEWHERE = Holder("far-away", 4242, "another-kernel", "1")
NOTHING = DurableMark(0, "00000000")
NOW = 1_700_000_000.0


def refuse_to_sleep(_: float) -> None:
    pytest.fail("waited although the answer was known")


def test_the_first_driver_gets_epoch_one_and_the_next_after_a_release_epoch_two():
    files = ForgetfulFileSystem()
    first = acquire(files, Holder.current(), NOW, refuse_to_sleep)
    assert first.epoch == 1
    first.release(NOTHING)
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
        stale.renew(NOTHING)
    stale.release(NOTHING)
    assert current(files).holder == Holder.current()
    assert not current(files).released


def test_a_living_holder_elsewhere_is_seen_by_its_renewals():
    files = ForgetfulFileSystem()
    far = acquire(files, ELSEWHERE, NOW, refuse_to_sleep)
    naps = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            far.renew(NOTHING)

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


def test_a_renewal_says_how_much_is_durable():
    files = ForgetfulFileSystem()
    held = acquire(files, Holder.current(), NOW, refuse_to_sleep)
    assert current(files).mark is None
    held.renew(DurableMark(812, "5b2f00aa"))
    assert current(files).mark == DurableMark(812, "5b2f00aa")
    held.release(DurableMark(900, "00ff00ff"))
    assert (current(files).mark, current(files).released) == (DurableMark(900, "00ff00ff"), True)


def test_a_lease_that_is_gone_or_was_rewritten_is_not_renewed():
    files = ForgetfulFileSystem()
    held = acquire(files, Holder.current(), NOW, refuse_to_sleep)
    kept = dict(files.volatile)
    held.renew(NOTHING)
    files.volatile.update(kept)  # an older copy was put in its place
    for _ in range(2):
        with pytest.raises(
            FolderLostError, match=r"lease-000001\.json is not there any more, or something else wrote it"
        ):
            held.renew(NOTHING)
        before = dict(files.volatile)
        held.release(NOTHING)
        assert files.volatile == before
        files.volatile.clear()


def test_a_damaged_lease_is_named_with_what_to_do():
    files = ForgetfulFileSystem({"journal/lease-000002.json": b'{"epoch":2,"hold\xff'})
    for look in (current, describe_holder, lambda files: acquire(files, Holder.current(), NOW, refuse_to_sleep)):
        with pytest.raises(
            JournalDamagedError, match=r"journal/lease-000002\.json: this lease is damaged .* remove the"
        ):
            look(files)


def test_an_epoch_of_which_only_the_journal_is_left_is_not_given_again():
    holder = msgspec.to_builtins(ELSEWHERE)
    lease = msgspec.json.encode({"epoch": 2, "holder": holder, "since_t": NOW, "released": True})
    files = ForgetfulFileSystem({"journal/000003.jsonl": b"...", "journal/lease-000002.json": lease})
    assert acquire(files, Holder.current(), NOW, refuse_to_sleep).epoch == 4
