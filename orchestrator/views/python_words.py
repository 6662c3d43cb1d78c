"""Messages for whoever runs a sweep from Python: the call of a method where a terminal is told a command.

A command without a method (`cancel`, `set`) keeps its words behind a `!`, by which a notebook hands it to a shell.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator

from orchestrator.errors import StepladderError

VERBS = frozenset({
    "audit", "cancel", "check", "compare", "confirm", "export", "gc", "import", "init", "logs", "ls", "plan", "report",
    "resume", "retry", "run", "schema", "set", "show", "simulate", "spaces", "status", "stop", "submit", "test",
    "trials", "try", "ui",
})  # fmt: skip
"""What may follow the program's name; anything else is a sentence that speaks of it."""
_METHODS = ("run", "resume", "test", "report", "trials", "check", "plan", "state")
_FLAGS = {"--retry-failed": "retry_failed=True", "--again": "again=True", "--fresh": "fresh=True"}
"""What options are as keywords. One that is not here has none, and its command stays one."""
_TICKED = re.compile(r"`stepladder ([a-z]+)([^`]*)`")
_PLAIN = re.compile(r"(?<![`!\w])stepladder ([a-z]+)((?: (?:'[^']*'|[^\s',;]+))*)")


def in_python(text: str) -> str:
    """Return a message with the calls of `Sweep` in it in place of commands."""
    ticked = _TICKED.sub(lambda found: f"`{_call(found[1], found[2])}`", text)
    return _PLAIN.sub(lambda found: _call(found[1], found[2]) if found[1] in VERBS else found[0], ticked)


@contextlib.contextmanager
def told_in_python() -> Iterator[None]:
    """Have errors say what to call, where they say what to type."""
    try:
        yield
    except StepladderError as error:
        error.args = tuple(in_python(part) if isinstance(part, str) else part for part in error.args)
        raise


def _call(verb: str, rest: str) -> str:
    method = "state" if verb == "status" else verb
    try:
        options = [word for word in shlex.split(rest) if word.startswith("--")]
    except ValueError:  # a quotation mark of a sentence
        options = []
    if method not in _METHODS or any(option not in _FLAGS for option in options):
        return f"!stepladder {verb}{rest}"
    return f"sweep.{method}({', '.join(_FLAGS[option] for option in options)})"
