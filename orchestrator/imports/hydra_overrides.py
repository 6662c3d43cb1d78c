"""Hydra's sweep syntax, as written on its command line and under `hydra.sweeper.params`: text to what is swept.

The grammar is that of Hydra 1.3's overrides: `a,b,c`, `choice(..)`, `range(..)`, `interval(..)`, `glob(..)`, the
functions `tag`, `sort` and `shuffle` around them, the casts `int`, `float`, `str` and `bool`, lists, mappings, quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.imports.draft import CannotCarryError

_NUMBER = re.compile(r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_]\w*")
_WORDS = {"null": None, "true": True, "false": False}
_ENDS = ",()[]{}"
_MOST = 10_000
"""Most values of a range that are written out."""


@dataclass(frozen=True, slots=True)
class Sweeping:
    """What one override sweeps over."""

    values: tuple[Any, ...] | None = None
    """The values, of a choice or of a range that is written out; None for an interval and a glob."""
    ends: tuple[Any, Any] | None = None
    """Both ends of an interval; start and stop of a range."""
    step: Any = None
    """Of a range; None for an interval."""
    glob: tuple[str, ...] = ()
    """Patterns of a glob: what is included."""
    tags: frozenset[str] = frozenset()
    """What `tag(..)` says: the Optuna sweeper reads `log`."""
    shuffled: bool = False
    """Whether the order is drawn."""


def parse_override(text: str) -> Any:
    """Return a Sweeping, or the plain value where nothing is swept. Raises CannotCarryError where it is no override."""
    reader = _Reader(text)
    elements = [reader.element()]
    while reader.take(","):
        elements.append(reader.element())
    if not reader.done:
        raise CannotCarryError(f"{text!r} goes on after a value: {reader.rest!r}; mend it there")
    return elements[0] if len(elements) == 1 else _choice(*elements)


class _Reader:
    """Recursive descent over one override's value."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def rest(self) -> str:
        return self.text[self.at :].lstrip()

    @property
    def done(self) -> bool:
        return not self.rest

    def take(self, sign: str) -> bool:
        """Go past a sign if it comes next."""
        if not self.rest.startswith(sign):
            return False
        self.at = self.text.index(sign, self.at) + 1
        return True

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise CannotCarryError(f"{self.text!r} lacks a {sign!r}; mend it there")

    def element(self) -> Any:
        rest = self.rest
        if rest[:1] in ("'", '"'):
            return self.quoted(rest[0])
        if self.take("["):
            return self.several("]", self.element)
        if self.take("{"):
            return dict(self.several("}", self.pair))
        name = _NAME.match(rest)
        if name and rest[name.end() :].startswith("("):
            self.at = len(self.text) - len(rest) + name.end()
            self.need("(")
            return self.call(name[0])
        return self.primitive()

    def several(self, end: str, read: Callable[[], Any]) -> list[Any]:
        """Read what stands between commas up to the closing bracket."""
        found: list[Any] = []
        while not self.take(end):
            if found:
                self.need(",")
            found.append(read())
        return found

    def pair(self) -> tuple[str, Any]:
        key, colon, _ = self.rest.partition(":")
        if not colon:
            raise CannotCarryError(f"{self.text!r} lacks a ':' in a mapping; mend it there")
        self.at = self.text.index(":", self.at) + 1
        return key.strip().strip("'\""), self.element()

    def argument(self) -> tuple[str | None, Any]:
        named = re.match(r"([A-Za-z_]\w*)\s*=", self.rest)
        if named:
            self.at = self.text.index("=", self.at) + 1
        return (named[1] if named else None), self.element()

    def quoted(self, quote: str) -> str:
        start = self.text.index(quote, self.at) + 1
        closing = re.compile(rf"(?<!\\){quote}").search(self.text, start)
        if closing is None:
            raise CannotCarryError(f"{self.text!r} lacks a closing quote; mend it there")
        self.at = closing.end()
        return self.text[start : closing.start()].replace(f"\\{quote}", quote)

    def primitive(self) -> Any:
        """Read up to the next comma or bracket; an interpolation `${..}` is read whole."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in _ENDS:
            if self.text.startswith("${", self.at):
                self.at = self.text.find("}", self.at)
                if self.at < 0:
                    raise CannotCarryError(f"{self.text!r} lacks a closing brace; mend it there")
            self.at += 1
        return _plain(self.text[start : self.at].strip())

    def call(self, name: str) -> Any:
        arguments = self.several(")", self.argument)
        positional = [value for key, value in arguments if key is None]
        named = {key: value for key, value in arguments if key is not None}
        if name not in _FUNCTIONS:
            raise CannotCarryError(f"{name}(..) is no function of Hydra's that sweeps; write the values out")
        try:
            return _FUNCTIONS[name](*positional, **named)
        except (TypeError, ValueError):
            raise CannotCarryError(f"{self.text!r}: {name}(..) is not written so; mend it there") from None


def _plain(text: str) -> Any:
    if "${" in text:
        raise CannotCarryError(f"{text!r} is filled in by Hydra, from elsewhere; write its value")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        bare = text.replace("_", "")
        return int(bare) if re.fullmatch(r"[-+]?[0-9]+", bare) else float(bare)
    return re.sub(r"\\(.)", r"\1", text)


def _choice(*values: Any) -> Sweeping:
    return Sweeping(values=tuple(values))


def _range(start: Any, stop: Any = None, step: Any = 1) -> Sweeping:
    """Return a range as Hydra's: without `stop` from 0, the stop excluded. Raises ValueError for no direction."""
    if stop is None:
        start, stop = 0, start
    count = (stop - start) / step if step else 0
    whole = int(count) + (count > int(count)) if count > 0 else 0
    if not 0 < whole <= _MOST:
        raise ValueError
    return Sweeping(values=tuple(start + step * position for position in range(whole)), ends=(start, stop), step=step)


def _interval(start: Any, end: Any) -> Sweeping:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (start, end)):
        raise ValueError
    return Sweeping(ends=(start, end))


def _glob(include: Any, exclude: Any = None) -> Sweeping:
    patterns = include if isinstance(include, list) else [include]
    return Sweeping(glob=(*map(str, patterns), *([f"without {exclude}"] if exclude else [])))


def _tag(*arguments: Any, sweep: Any = None, tags: Any = ()) -> Any:
    *words, last = [*arguments, *([] if sweep is None else [sweep])]
    named = [*map(str, words), *(tags if isinstance(tags, list) else [])]
    return replace(_swept(last), tags=frozenset(named))


def _sort(*arguments: Any, reverse: bool = False, **named: Any) -> Any:
    swept = _gathered(*arguments, **named)
    if swept.values is None:
        raise ValueError
    return replace(swept, values=tuple(sorted(swept.values, reverse=reverse)), ends=None)


def _shuffle(*arguments: Any, **named: Any) -> Any:
    return replace(_gathered(*arguments, **named), shuffled=True)


def _gathered(*arguments: Any, sweep: Any = None, list: Any = None) -> Sweeping:  # noqa: A002 - Hydra's own name
    arguments = (*arguments, *(value for value in (sweep, list) if value is not None))
    if len(arguments) == 1:
        return arguments[0] if isinstance(arguments[0], Sweeping) else _choice(*arguments[0])
    return _choice(*arguments)


def _swept(value: Any) -> Sweeping:
    return value if isinstance(value, Sweeping) else _choice(value)


def _cast(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def cast(*arguments: Any) -> Any:
        value = arguments[0] if len(arguments) == 1 else _choice(*arguments)
        if not isinstance(value, Sweeping):
            return [kind(item) for item in value] if isinstance(value, list) else kind(value)
        if value.ends is not None and kind not in (int, float):
            raise ValueError
        return replace(
            value,
            values=None if value.values is None else tuple(map(kind, value.values)),
            ends=None if value.ends is None else (kind(value.ends[0]), kind(value.ends[1])),
            step=None if value.step is None else kind(value.step),
        )

    return cast


def _truth(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "choice": _choice, "range": _range, "interval": _interval, "glob": _glob, "tag": _tag, "sort": _sort,
    "shuffle": _shuffle, "int": _cast(int), "float": _cast(float), "str": _cast(str), "bool": _cast(_truth),
}  # fmt: skip
"""Hydra's functions that make or wrap a sweep."""
