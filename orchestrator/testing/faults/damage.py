"""Damage to the log of a sweep that is over: whoever reads it is told which part, or reads what was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random

from orchestrator.control.session import read_events
from orchestrator.errors import JournalDamagedError
from orchestrator.state.fold import replay
from orchestrator.state.reading import read_sweep
from orchestrator.storage.lease import current
from orchestrator.storage.marks import FOLDER, journal_name
from orchestrator.sweep import event as ev
from orchestrator.testing.faults.ground import Ground
from orchestrator.testing.faults.kinds import FaultKind
from orchestrator.testing.same_state import differences

TRIES = 3
"""Damages of one sweep, each mended before the next."""


def damaged(ground: Ground, events: Sequence[ev.Event], random: Random, struck: Counter[FaultKind]) -> Iterator[str]:
    """Damage one part after the other, count that in `struck`, and yield what is not as it should be.

    The last driver has left in order, so every byte of the log is sealed, or promised by its lease: but for a newest
    lease that could not be given back, whose driver's newest records nobody has promised.
    """
    for _ in range(TRIES):
        kind, name = (
            random.choice((FaultKind.PART_GONE, FaultKind.PART_FLIPPED, FaultKind.PART_CUT)),
            random.choice(ground.parts()),
        )
        before = ground.change(name, None)
        if kind is not FaultKind.PART_GONE:
            ground.change(name, _changed(before, random) if kind is FaultKind.PART_FLIPPED else _cut(before, random))
        struck[kind] += 1
        problem = _problem(ground, name, events)
        ground.change(name, before)
        if problem is not None:
            yield f"{kind}, {name}: {problem}"


def _problem(ground: Ground, name: str, events: Sequence[ev.Event]) -> str | None:
    try:
        found = read_events(ground.calm())
        state = read_sweep(ground.calm()) if found else None
    except JournalDamagedError as error:
        if (other := _refused(ground)) != str(error):
            return f"is refused as {error}, and with its snapshot as {other}"
        part = name.split("/")[1].removeprefix(".").removeprefix("lease-")[:6]
        return None if part in str(error) or "journal is missing" in str(error) else f"is refused as {error}"
    if state is not None and (unlike := differences(state, replay(found))):
        return f"with its snapshot it comes to something else: {unlike[0]}"
    is_less = found != list(events)
    if is_less and found == list(events[: len(found)]) and _is_unpromised(ground, name):
        return None
    return f"{len(found)} of {len(events)} records are read, and nothing is said" if is_less else None


def _refused(ground: Ground) -> str:
    try:
        read_sweep(ground.calm())
    except JournalDamagedError as error:
        return str(error)
    return "nothing"


def _is_unpromised(ground: Ground, name: str) -> bool:
    newest = current(ground.calm().files())
    return newest is not None and not newest.released and name.startswith(f"{FOLDER}/{journal_name(newest.epoch)}")


def _changed(content: bytes, random: Random) -> bytes:
    if not content:
        return b"x"
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(max(1, len(content)))]
