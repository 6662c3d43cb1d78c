"""What the attempts of a sweep printed, read from the sweep's folder, while they print it or after."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.storage.filesystem import FileSystem

FOLDER = "logs"
"""Where prints lie in the sweep's folder: `logs/<trial>/<attempt>/stdout.txt`."""


@dataclass(frozen=True, slots=True)
class PrintedText:
    """A piece of what one process of an attempt printed."""

    trial: int
    """Number of the trial."""
    attempt: int
    """Number of the attempt."""
    name: str
    """The file's name, `stdout.txt` or, of another rank than 0, `stdout.rank-1.txt`."""
    text: str
    """The text, whole characters."""


class AttemptLogs:
    """Reads on where it stopped."""

    def __init__(self, files: FileSystem, trial: int | None = None) -> None:
        """Read what the attempts of `trial` printed; None: those of all trials."""
        self._files = files
        self._trial = trial
        self._read: dict[str, int] = {}
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}

    def read_new(self) -> Iterator[PrintedText]:
        """Yield what is new, by trial, attempt and file. Raises StorageError."""
        trials = self._numbers(FOLDER) if self._trial is None else [self._trial]
        for trial in trials:
            for attempt in self._numbers(f"{FOLDER}/{trial}"):
                folder = f"{FOLDER}/{trial}/{attempt}"
                for name in sorted(self._files.names(folder)):
                    if name.endswith(".txt") and (text := self._new(f"{folder}/{name}")):
                        yield PrintedText(trial, attempt, name, text)

    def _numbers(self, folder: str) -> list[int]:
        return sorted(int(name) for name in self._files.names(folder) if name.isdecimal())

    def _new(self, path: str) -> str:
        """Return what came to a file; of one that was cut in its middle meanwhile all of its end that is there."""
        known = self._read.get(path, 0)
        content = self._files.read(path, max(known - 1, 0))
        if known and not content:
            known, content = 0, self._files.read(path)
        elif known:
            content = content[1:]
        self._read[path] = known + len(content)
        decoder = self._decoders.setdefault(path, codecs.getincrementaldecoder("utf-8")("replace"))
        return decoder.decode(content)


def headed(pieces: Iterable[PrintedText], last: list[tuple[int, int, str]]) -> Iterator[str]:
    """Yield the texts, each with a line above it that says whose it is, where that changes; `last` remembers."""
    for piece in pieces:
        key = piece.trial, piece.attempt, piece.name
        if last != [key]:
            begins = "\n" if last else ""
            last[:] = [key]
            yield f"{begins}==> trial {piece.trial}, attempt {piece.attempt}: {piece.name} <==\n"
        yield piece.text
