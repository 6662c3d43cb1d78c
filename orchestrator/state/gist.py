"""What an error comes down to, so that two failures of one cause are seen to be one.

The gist of an error is its exception type, the place where it was raised and its message, with everything blanked that
differs from trial to trial: numbers, hexadecimal addresses and ids, paths. It reads what a worker tells of an error:
frames as `train.py:12 in train: code`, or the traceback at the end of what a program printed.
"""

from __future__ import annotations

import re

NO_TEXT = "no error text"
"""The gist of an error that came without a word."""

MOST_CHARACTERS = 500
"""Of a message: what is longer says nothing more of its cause."""

_FRAMES = (
    re.compile(r"^(?P<file>\S[^:]*):(?P<line>\d+) in (?P<name>[\w<>.]+):"),
    re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$'),
)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Timeout|Expired|Failure)(?=:|$)")
_PATH = re.compile(r"(?:\b[A-Za-z][\w+.-]{0,15}://|\b[A-Za-z]:\\|~?/|\.{1,2}/)[^\s'\",;:)\]}>]*|\b[\w.-]+(?:/[\w.-]+)+")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b|\b(?=[0-9A-F]*\d)[0-9A-F]{8,}\b")
_WHOLE = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_SEVERAL = re.compile(r"#(?:\s*[,x*]\s*#)+")


def gist(error: str | None) -> str:
    """Return type, message and place of an error, numbers as `#` and paths as `PATH`; `NO_TEXT` without a text."""
    lines = [line.rstrip() for line in (error or "").splitlines() if line.strip()]
    if not lines:
        return NO_TEXT
    place, message = _split(lines)
    return f"{blanked(message)} at {place}" if place else blanked(message)


def message_of(error: str | None) -> str:
    """Return what an error says without its frames: the first line of its message; empty without a text."""
    lines = [line.rstrip() for line in (error or "").splitlines() if line.strip()]
    return _split(lines)[1] if lines else ""


def place_of(error: str | None) -> str | None:
    """Return where an error was raised, as `train.py:12 in train`; None where its text does not say."""
    lines = [line.rstrip() for line in (error or "").splitlines() if line.strip()]
    return _split(lines)[0] if lines else None


def blanked(text: str) -> str:
    """Return a text without what differs from one trial to the next."""
    text = _PATH.sub("PATH", text[:MOST_CHARACTERS])
    for pattern in (_WHOLE, _HEX, _NUMBER, _SEVERAL):  # whole numbers first: long ones look hexadecimal
        text = pattern.sub("#", text)
    return text


def _split(lines: list[str]) -> tuple[str | None, str]:
    """Return place and message. The message stands behind the last frame, where there are frames at all."""
    frames = [(number, found) for number, line in enumerate(lines) if (found := _frame(line)) is not None]
    if frames:
        last, found = frames[-1]
        behind = [line for line in lines[last + 1 :] if not line[0].isspace()]
        file = re.split(r"[\\/]", found["file"])[-1]
        place = f"{file}:{found['line']} in {found['name']}"
        return place, behind[0] if behind else lines[-1].strip()
    raised = [line for line in lines if _RAISED.match(line)]
    return None, (raised[-1] if raised else _head(lines))


def _head(lines: list[str]) -> str:
    """Return the first line and the last, where nothing is known to be an exception; an exit code stays in words."""
    first = re.sub(
        r"\b(exited with code|exit code|signal) (\d+)", lambda found: f"{found[1]} {_spelt(found[2])}", lines[0]
    )
    return first if len(lines) == 1 else f"{first} {lines[-1].strip()}"


def _spelt(digits: str) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in digits)


def _frame(line: str) -> re.Match[str] | None:
    return next((found for pattern in _FRAMES if (found := pattern.match(line))), None)
