"""The token of a Ray cluster: where it is kept on this machine, and nothing that would let it out.

It is read from a file or, as Ray does, from RAY_AUTH_TOKEN, and travels in a header alone: never in an argument, a
runtime environment, a log or a message. Ray's client reads a misspelt RAY_AUTH_MODE as "off" and sends no token unless
the mode says so, even where the token's file is there; so both are looked at here.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import UsageError

MODES = ("token", "disabled")
REMEDY = (
    "put the cluster's token into a file that only you can read (chmod 600) and set "
    "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/path/to/that/file"
)
"""How to give a token."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it came from."""

    value: str = field(repr=False)
    """The secret."""
    source: str
    """The file or the variable that holds it."""
    warning: str | None = None
    """What is wrong with the way it is kept; None where nothing is."""

    @property
    def headers(self) -> dict[str, str]:
        """The header that carries it."""
        return {"Authorization": f"Bearer {self.value}"}


def auth_mode(environ: Mapping[str, str]) -> str | None:
    """Return RAY_AUTH_MODE, None where it is unset. Raises UsageError for a value that Ray would take for "off"."""
    mode = environ.get("RAY_AUTH_MODE", "").strip().lower()
    if mode and mode not in MODES:
        raise UsageError(f"RAY_AUTH_MODE={environ['RAY_AUTH_MODE']!r} is not a mode of Ray's; use token or disabled")
    return mode or None


def find_token(environ: Mapping[str, str], home: Path) -> Token | None:
    """Find the token as Ray does: RAY_AUTH_TOKEN, the file RAY_AUTH_TOKEN_PATH names, ~/.ray/auth_token; None without.

    Raises UsageError for a bad RAY_AUTH_MODE, for a RAY_AUTH_TOKEN_PATH that cannot be read, and for what no header can
    carry.
    """
    if auth_mode(environ) == "disabled":
        return None
    if value := environ.get("RAY_AUTH_TOKEN", "").strip():
        return Token(_checked(value, "RAY_AUTH_TOKEN"), "RAY_AUTH_TOKEN")
    named = environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named).expanduser() if named else home / ".ray" / "auth_token"
    try:
        value = path.read_text().strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        if named is None:
            return None
        raise UsageError(f"RAY_AUTH_TOKEN_PATH={named}: {error.strerror}; {REMEDY}") from error
    if not value:
        raise UsageError(f"{path} is empty, though it should hold the cluster's token; {REMEDY}")
    _checked(value, str(path))
    loose = f"{path} has mode {mode:04o}: others on this machine can read the token; chmod 600 {path}"
    return Token(value, str(path), loose if mode & 0o077 else None)


def _checked(value: str, source: str) -> str:
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise UsageError(f"{source} holds a space, a line break or another character that no token has; {REMEDY}")
    return value
