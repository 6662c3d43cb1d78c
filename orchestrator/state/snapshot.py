"""What a log has come to, kept beside it, so that a long sweep is not folded again by whoever opens it.

A snapshot is never trusted over the log: it counts where it is whole, was written by the very same code, and the
journal begins, byte for byte, with what it was made from. Anything else is no error: the log is folded. What follows in
the log is folded on top. The code is named by the package's version and a checksum of the modules that a state is made
by (`form`): whoever changes what the fold makes of records of old need not remember to say so here.

It is one piece of MessagePack, data of the types below and nothing that could be run; the values that a scheduler is
shown are columns (`LateScheduler`).
"""

from __future__ import annotations

import contextlib
import sys
import zlib
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from orchestrator import __version__
from orchestrator.errors import StorageError
from orchestrator.state.course import KeptCourse
from orchestrator.state.fold import SweepState
from orchestrator.state.late_scheduler import KeptReports
from orchestrator.state.never_read import ReadSoFar
from orchestrator.state.spend import Spend
from orchestrator.state.telling import KeptTelling
from orchestrator.state.wished import Wished
from orchestrator.storage.filesystem import FileSystem
from orchestrator.storage.journal_places import JournalPlaces
from orchestrator.storage.snapshot_file import NAME, opened, write_snapshot
from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.leaderboard import KeptBoard
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.tested import WinnerTest
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.trial_list import KeptTrials, TrialList

_ROOMS = ("planning", "state", "sweep")
"""Folders of the package in which lies what makes a state of records."""


class _Plain(msgspec.Struct, kw_only=True):
    """What is kept of a state as it is, under the state's own names."""

    format: int
    stages_entered: dict[str, ev.StageEntered]
    sessions: list[ev.DriverStarted]
    spend: Spend
    last_t: float
    last_m: float | None
    past_drivers_s: float
    driver_since_s: float
    stopped: str | None
    stopped_note: str | None
    slowest_s: float | None
    replicates: list[Trial]
    tests: list[WinnerTest]
    is_testing: bool
    is_aside: bool
    promoted: set[int]
    wished: Wished
    reading: ReadSoFar
    removed_checkpoints: int
    outages: list[ev.StorageWasAway]
    avoided: tuple[str, ...]
    awaited: AwaitedPlaces


class _Whole(msgspec.Struct, kw_only=True):
    """What is kept of a state."""

    planned: ev.SweepPlanned
    """The log's first record."""
    plan: dict[str, Any]
    """The plan in force."""
    dealings: list[dict[str, int]]
    """What it does not say of itself (`Plan.dealings`)."""
    plain: _Plain
    trials: list[memoryview]
    """Piece by piece, `_PIECE` in each but the last: what one has alike with others goes before the next is made."""
    count: int
    """How many trials lie in them."""
    board: KeptBoard
    open: list[int]
    """Numbers, in the state's order."""
    waiting: list[int]
    """Likewise."""
    unsaid: int | None
    """Number of the trial."""
    open_time: tuple[int, str, float, int]
    ended_time: list[str]
    course: KeptCourse
    telling: KeptTelling
    reports: KeptReports


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Whole)
_piece_decoder = msgspec.msgpack.Decoder(list[Trial])
_PIECE = 500
"""Trials."""


@cache
def form() -> str:
    """Name the code whose snapshots this process reads and writes."""
    return form_of(_ROOMS)


def form_of(rooms: Sequence[str]) -> str:
    """Name the code of these folders of the package: by its version, and a checksum of the modules in them."""
    package = Path(__file__).parent.parent
    crc = zlib.crc32(sys.byteorder.encode())
    for module in sorted(path for name in rooms for path in (package / name).rglob("*.py")):
        crc = zlib.crc32(module.read_bytes(), crc)
    return f"{__version__}-{crc:08x}"


def keep(files: FileSystem, state: SweepState, records: int, places: JournalPlaces) -> None:
    """Write the snapshot of a state that was made from so many records, up to `places`. Raises StorageError."""
    try:
        content = encoded(state)
    except (OverflowError, TypeError, ValueError) as error:  # a whole number beyond 64 bits in a configuration
        raise StorageError(f"{NAME}: this sweep holds what a snapshot cannot ({error})") from None
    write_snapshot(files, form(), records, places, content)


def encoded(state: SweepState) -> bytes:
    """Return everything that a state is, but for what it works out when it is asked."""
    kept = _Whole(
        planned=state.planned,
        plan=state.plan.model_dump(mode="json"),
        dealings=[dealing.model_dump() for dealing in state.plan.dealings],
        plain=_Plain(**{name: getattr(state, name) for name in _Plain.__struct_fields__}),
        trials=[memoryview(piece) for piece in _pieces(state.trials)],
        count=len(state.trials),
        board=state.board.kept,
        open=list(state.open),
        waiting=list(state.waiting),
        unsaid=None if state.unsaid is None else state.unsaid.number,
        open_time=state.open_time.kept,
        ended_time=state.ended_time.kept,
        course=state.course.kept,
        telling=state.telling.kept,
        reports=state.late.kept,
    )
    return _encoder.encode(kept)


def _pieces(trials: Sequence[Trial]) -> Iterator[bytes]:
    for first in range(0, len(trials), _PIECE):
        yield _encoder.encode(trials[first : first + _PIECE])


def decoded(content: memoryview | bytes, *, stays: bool = True) -> SweepState:
    """Return the state that was encoded; with `stays` its trials are all made, and what they have alike is there once.

    Raises ValueError, LookupError, AssertionError where it was none.
    """
    kept = _decoder.decode(content)
    state = SweepState(kept.planned)
    state.plan = Plan.model_validate({**kept.plan, "dealings": kept.dealings})
    for name in _Plain.__struct_fields__:
        setattr(state, name, getattr(kept.plain, name))
    state.trials = _trials_for_long(kept) if stays else KeptTrials(kept.count, _PIECE, partial(_made, kept))
    state.go_on_from_board(kept.board)
    state.open = {number: state.trial(number) for number in kept.open}
    state.waiting = {number: state.trial(number) for number in kept.waiting}
    state.unsaid = None if kept.unsaid is None else state.trial(kept.unsaid)
    state.open_time.go_on_from(kept.open_time)
    state.ended_time.go_on_from(kept.ended_time)
    state.course.go_on_from(kept.course)
    state.telling.go_on_from(kept.telling, state.trials)
    state.late.go_on_from(kept.reports)
    return state


def _trials_for_long(kept: _Whole) -> TrialList:
    found = TrialList()
    for piece in kept.trials:
        trials = _piece_decoder.decode(piece)
        for trial in trials:
            found.share(trial)
        found.extend(trials)
    return found


def _made(kept: _Whole, piece: int) -> list[Trial]:
    """Make the trials of a piece. Raises StorageError where another's work lies there, which no checksum tells."""
    with contextlib.suppress(ValueError, msgspec.MsgspecError):
        made = _piece_decoder.decode(kept.trials[piece])
        if len(made) == min(_PIECE, kept.count - piece * _PIECE):
            return made
    raise StorageError(f"{NAME} does not hold what its head says: delete it, and the log is read instead")


class Kept(NamedTuple):
    """What a sweep's snapshot held."""

    state: SweepState
    """After `records` records."""
    records: int
    """How many."""
    places: JournalPlaces
    """Where in the journal these end: whoever goes on from there holds it against the journal first."""


def kept_state(files: FileSystem, *, stays: bool = True) -> Kept | str | None:
    """Return the state that is kept beside a log, or why what lies there is of no use; None where nothing lies there.

    `stays` is for `decoded`. The journal is not looked at (`JournalReader.begin_at`). Raises StorageError.
    """
    data = files.read(NAME)
    if not data:
        return None
    found = opened(data)
    if found is None:
        return "it is damaged, or of another version"
    head, content = found
    if head.form != form():
        return "another version wrote it"
    try:
        return Kept(decoded(content, stays=stays), head.records, head.places)
    except (ValueError, LookupError, AssertionError, TypeError, StorageError):  # another's work, and no error
        return "it does not hold what its head says"
