"""The follower tells observers each record once, in order, with the state after it, whatever happens to the log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from orchestrator.control.recovery import ended_by_crash
from orchestrator.errors import JournalDamagedError, StorageError
from orchestrator.results.follower import Follower
from orchestrator.state.fold import replay
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import StopReason

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "formats" / "format_1"
OLD = sorted(path.parent for path in KEPT.rglob("journal"))


class Witness:
    """An observer that keeps what it is told, and fails where it is asked to."""

    def __init__(self, name="the witness", diary=None):
        self.name = name
        self.events, self.seen = [], []
        self.diary = [] if diary is None else diary
        self.take_fails = self.flush_fails = self.close_fails = None

    def take(self, event, state):
        if self.take_fails:
            raise self.take_fails
        self.events.append(event)
        self.seen.append((state.last_t, len(state.trials), len(state.open), sum(t.report_count for t in state.trials)))
        self.diary.append((self.name, "take", len(self.events)))

    def flush(self):
        self.diary.append((self.name, "flush", len(self.events)))
        if self.flush_fails:
            raise self.flush_fails

    def close(self):
        self.diary.append((self.name, "close", len(self.events)))
        if self.close_fails:
            raise self.close_fails


def states_after(events):
    """What a witness sees after each of these records."""
    state, seen = None, []
    for event in events:
        if state is None:
            state = replay([event])
        else:
            state.apply(event)
        seen.append((state.last_t, len(state.trials), len(state.open), sum(t.report_count for t in state.trials)))
    return seen


def test_a_log_that_grows_is_told_record_by_record_with_the_state_after_each(sweep, told):
    witness = Witness()
    follower = Follower(sweep.files, [witness])
    assert follower.advance() is False
    assert follower.state is None
    for batch in [told[i : i + 23] for i in range(0, len(told), 23)]:
        sweep.write(batch, frame=7)
        assert follower.advance() is True
        assert follower.advance() is False
    assert witness.events == told
    assert witness.seen == states_after(told)
    assert follower.state.winner().number == replay(told).winner().number
    assert witness.diary.count((witness.name, "flush", len(told))) == 1
    assert follower.problems == follower.errors == {}


def test_all_take_a_record_before_the_next_and_flush_at_the_end_of_the_log(sweep, told):
    diary = []
    follower = Follower(sweep.files, [Witness("first", diary), Witness("second", diary)])
    sweep.write(told[:3])
    follower.advance()
    follower.close()
    takes = [(name, "take", number) for number in (1, 2, 3) for name in ("first", "second")]
    assert diary == [*takes, *[(name, word, 3) for word in ("flush", "close") for name in ("first", "second")]]


def test_several_drivers_are_followed_across_their_files_and_seals(sweep, told):
    witness, events = Witness(), []
    follower = Follower(sweep.files, [witness])
    for epoch in (1, 2, 3):
        start = 0 if epoch == 1 else len(events)
        if epoch > 1:
            state, sealed = replay(events), sealed_now(sweep)
            sweep.take_over()
            t = state.last_t + 60
            added = [ev.DriverStarted(t, epoch, "host:18", "beef", {}, [], sealed), *ended_by_crash(state, t)]
        else:
            added = told[:90]
        events += added
        sweep.write(added)
        assert follower.advance() is True
        assert witness.events[start:] == added
    assert witness.seen == states_after(events)
    assert [session.epoch for session in follower.state.sessions] == [1, 2, 3]


def test_what_a_replaced_driver_wrote_behind_the_seal_is_never_told(sweep, told):
    sweep.write(told[:50])
    sealed, late = sealed_now(sweep), sweep.journal
    late.append(told[50])
    late.commit()
    sweep.take_over()
    started = ev.DriverStarted(told[49].t, 2, "host:18", "c0de", {}, [], sealed)
    sweep.write([started])
    witness = Witness()
    Follower(sweep.files, [witness]).advance()
    assert witness.events == [*told[:50], started]


def test_who_was_told_what_was_sealed_off_afterwards_is_told_to_begin_again(sweep, told):
    sweep.write(told[:50])
    sealed = sealed_now(sweep)
    sweep.write(told[50:51])
    follower = Follower(sweep.files, [Witness()])
    follower.advance()
    sweep.take_over()
    sweep.write([ev.DriverStarted(told[50].t, 2, "host:18", "c0de", {}, [], sealed)])
    with pytest.raises(JournalDamagedError, match=r"where a newer driver sealed it; read again"):
        follower.advance()


def test_a_torn_frame_is_told_once_it_is_whole(sweep, told):
    sweep.write(told[:40])
    journal = sweep.folder / "journal" / "000001.jsonl"
    before = journal.stat().st_size
    sweep.write(told[40:50])
    whole = journal.read_bytes()
    witness = Witness()
    follower = Follower(sweep.files, [witness])
    for size in (before, before + 1, before + 20, len(whole) - 1):
        journal.write_bytes(whole[:size])
        follower.advance()
        assert witness.events == told[:40]
    journal.write_bytes(whole)
    assert follower.advance() is True
    assert witness.events == told[:50]
    assert [entry for entry in witness.diary if entry[1] == "flush"] == [(witness.name, "flush", n) for n in (40, 50)]


@pytest.mark.parametrize("when", ["before it is read", "while it is read"])
def test_a_damaged_record_is_raised_at_every_call_and_nothing_is_flushed_behind_it(sweep, told, when):
    witness = Witness()
    follower = Follower(sweep.files, [witness])
    sweep.write(told[:40])
    journal = sweep.folder / "journal" / "000001.jsonl"
    at = journal.stat().st_size
    if when == "while it is read":
        follower.advance()
    flushed = [entry for entry in witness.diary if entry[1] == "flush"]
    sweep.write(told[40:80])
    data = bytearray(journal.read_bytes())
    data[at + 90] ^= 1
    journal.write_bytes(data)
    for _ in range(3):
        with pytest.raises(JournalDamagedError, match=rf"journal/000001\.jsonl: damaged at byte {at}"):
            follower.advance()
    assert witness.events == told[:40]
    assert [entry for entry in witness.diary if entry[1] == "flush"] == flushed


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (lambda told: told[1:3], r"^journal: it does not begin with a plan; restore its first file"),
        (lambda told: [*told[:3], told[0]], r"^journal: the log begins twice$"),
        (
            lambda told: [msgspec.structs.replace(told[0], format=ev.FORMAT + 1)],
            r"^journal: log format \d+ is newer than this version reads \(up to \d+\); upgrade$",
        ),
    ],
    ids=["no plan", "two plans", "newer format"],
)
def test_a_log_that_no_state_follows_from_is_told(sweep, told, events, said):
    sweep.write(events(told))
    follower = Follower(sweep.files, [Witness()])
    for _ in range(2):
        with pytest.raises(JournalDamagedError, match=said):
            follower.advance()


def test_storage_that_cannot_be_read_for_a_while_loses_no_record(sweep, told):
    sweep.write(told[:90])
    state, sealed = replay(told[:90]), sealed_now(sweep)
    sweep.take_over()
    later = [ev.DriverStarted(state.last_t, 2, "host:18", "c0de", {}, [], sealed), *ended_by_crash(state, state.last_t)]
    sweep.write(later)
    failures = 0
    for n in range(1, 9):
        witness = Witness()
        follower = Follower(AwayOnce(sweep.files, n), [witness])
        if (refusal := refused(follower)) is not None:
            failures += 1
            assert refusal == "the bucket cannot be reached"
            assert [entry for entry in witness.diary if entry[1] == "flush"] == [], "the end of the log was not reached"
            assert follower.advance() is True
        assert witness.events == [*told[:90], *later]
        assert witness.diary[-1] == (witness.name, "flush", len(witness.events))
    assert failures > 1


def refused(follower):
    """Advance; return what storage said where it refused."""
    try:
        follower.advance()
    except StorageError as error:
        return str(error)
    return None


def sealed_now(sweep):
    """How far the sweep's journal counts: what the next driver seals."""
    reader = JournalReader(sweep.files)
    reader.read_new()
    return reader.offsets


class AwayOnce:
    """A file system that fails the n-th time that a file is read."""

    def __init__(self, files, n):
        self._files, self._left = files, n

    def __getattr__(self, name):
        return getattr(self._files, name)

    def read(self, name, offset=0):
        self._left -= 1
        if not self._left:
            raise StorageError("the bucket cannot be reached")
        return self._files.read(name, offset)


def test_an_observer_that_cannot_take_a_record_is_ended_alone(sweep, told):
    broken, well = Witness("the broken"), Witness("the well")
    follower = Follower(sweep.files, [broken, well])
    sweep.write(told[:50])
    follower.advance()
    broken.take_fails = ZeroDivisionError("no rung")
    sweep.write(told[50:60])
    follower.advance()
    assert follower.problems == {
        "the broken": "the broken fell behind the journal and stays there, by an error: ZeroDivisionError('no rung')"
    }
    assert follower.errors == {"the broken": broken.take_fails}
    broken.take_fails = None
    sweep.write(told[60:])
    follower.advance()
    follower.close()
    assert broken.events == told[:50]
    assert [entry for entry in broken.diary if entry[1] != "take"] == [
        ("the broken", w, 50) for w in ("flush", "close")
    ]
    assert well.events == told
    assert well.seen == states_after(told)
    assert well.diary[-2:] == [("the well", word, len(told)) for word in ("flush", "close")]


def test_a_flush_that_storage_refuses_is_tried_again_though_nothing_is_new(sweep, told):
    full, well = Witness("the full"), Witness("the well")
    follower = Follower(sweep.files, [full, well])
    full.flush_fails = StorageError("the disk is full; free some space")
    sweep.write(told[:50])
    assert follower.advance() is True
    assert follower.advance() is False
    assert follower.problems == {"the full": "the full fell behind the journal: the disk is full; free some space"}
    assert follower.errors == {}
    full.flush_fails = None
    assert follower.advance() is False
    assert follower.problems == {}
    assert follower.advance() is False
    assert full.diary.count(("the full", "flush", 50)) == 3
    assert well.diary.count(("the well", "flush", 50)) == 1


def test_a_flush_or_a_close_that_fails_otherwise_ends_that_observer(sweep, told):
    broken, rude, well = Witness("the broken"), Witness("the rude"), Witness("the well")
    broken.flush_fails, rude.close_fails = RuntimeError("404"), OSError("still open")
    follower = Follower(sweep.files, [broken, rude, well])
    sweep.write(told[:50])
    follower.advance()
    sweep.write(told[50:60])
    follower.advance()
    follower.close()
    assert follower.problems == {
        "the broken": "the broken fell behind the journal and stays there, by an error: RuntimeError('404')",
        "the rude": "the rude did not end in order: OSError('still open')",
    }
    assert broken.events == told[:50]
    assert rude.events == well.events == told[:60]
    assert well.diary[-1] == ("the well", "close", 60)


def test_two_observers_of_one_name_are_refused(sweep):
    with pytest.raises(ValueError, match="two observers share a name: the witness, the witness"):
        Follower(sweep.files, [Witness(), Witness()])


@pytest.mark.parametrize("folder", OLD, ids=lambda folder: str(folder.relative_to(KEPT)))
def test_old_logs_are_followed_from_the_start(folder: Path):
    witness = Witness()
    Follower(Location.parse(folder).files(), [witness]).advance()
    events = JournalReader(Location.parse(folder).files()).read_new()
    assert witness.events == events
    assert witness.seen == states_after(events)


def test_a_log_on_an_object_store_is_followed_as_it_grows(bucket, told):
    writer, witness = JournalWriter(bucket.files(), 1), Witness()
    follower = Follower(bucket.files(), [witness])
    assert follower.advance() is False
    for batch in (told[:20], told[20:45], told[45:50]):
        for event in batch:
            writer.append(event)
        writer.commit()
        assert follower.advance() is True
    assert follower.advance() is False
    assert witness.events == told[:50]
    assert witness.seen == states_after(told[:50])


@pytest.mark.thorough
def test_the_example_of_the_design_notes_runs(sweep, told):
    """It stands in docs as a whole program, and counts what the log holds, of a living sweep and a finished one."""
    texts = [path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))]
    (example,) = [
        block for text in texts for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "Follower(" in block
    ]
    (place,) = re.findall(r'Location\.parse\("([^"]+)"\)', example)
    assert 15 <= len(example.splitlines()) <= 30
    program = example.replace(place, str(sweep.folder))
    for count in (150, len(told)):
        sweep.restore()
        (sweep.folder / "journal" / "000001.jsonl").unlink(missing_ok=True)
        sweep.write(told[:count])
        weak = [e.fidelity for e in told[:count] if isinstance(e, ev.Reported) and e.stop is StopReason.WEAK]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert weak
        assert done.stdout == "".join(f"{n} stopped at {rung:g}\n" for rung, n in sorted(Counter(weak).items()))
