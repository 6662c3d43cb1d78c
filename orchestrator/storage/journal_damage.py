"""What is refused of a journal, in words: a part of it that is damaged, replaced, or not to be read by this version."""

from __future__ import annotations

import msgspec

from orchestrator.errors import JournalDamagedError
from orchestrator.storage.marks import FOLDER, REMEDY, DurableMark, journal_name
from orchestrator.sweep import event as ev

_decoder: msgspec.json.Decoder[ev.Event] = msgspec.json.Decoder(ev.Event)


def refuse_foreign(name: str, epoch: int) -> None:
    """Raise where a file was written by the driver of another epoch than its name says."""
    if epoch != int(name[:6]):
        raise JournalDamagedError(
            f"{FOLDER}/{name}: holds what belongs into {journal_name(epoch)}: it was put in place of another file. "
            f"{REMEDY}"
        )


def refuse_replaced(name: str, mark: DurableMark, offset: int, crc: int) -> None:
    """Raise where the frames up to the first one that reaches a mark are not those that its driver committed."""
    if (offset, f"{crc:08x}") != (mark.bytes, mark.crc):
        raise JournalDamagedError(
            f"{FOLDER}/{name}: its first {mark.bytes} bytes are not those that its driver committed: it was replaced, "
            f"or its lease was. {REMEDY}"
        )


def decoded(name: str, offset: int, line: bytes) -> ev.Event:
    """Return a record. Raises JournalDamagedError where this version cannot read it."""
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise JournalDamagedError(
            f"{FOLDER}/{name}: the frame at byte {offset} holds a record this version cannot read ({error}); "
            "use the version that wrote it, or a newer one"
        ) from error


def damaged(name: str, offset: int) -> JournalDamagedError:
    """Return what is raised where a file is damaged before its end."""
    return JournalDamagedError(f"{FOLDER}/{name}: damaged at byte {offset}, and intact records follow. {REMEDY}")
