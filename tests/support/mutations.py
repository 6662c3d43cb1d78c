"""Seeded damage to sweep files, spaces and overrides: to their bytes, their lines and their values."""

from __future__ import annotations

import re
from random import Random

ODD = (
    "1e400", "-1e400", "1e-400", "5e-324", "1e308", "-1e308", "1.7976931348623157e308", "0", "-0.0", "-1", "1", "2",
    "99999999999999999", "-99999999999999999", "999999999999999999999", "1000000", "0x7fffffffffff", "0o17", "1e-12",
    "1e-300", "1.0000001", ".nan", ".inf", "-.inf", "nan", "true", "null", "~", "''", '"\\0"', '"\\uD800"',
    '"\\U7fffffff"', "[]", "{}", "[[1]]", "{a: 1}", "[1, 2]", "[a, 1, true, null]", "'\u202e'", "\u0430", "&a 1", "*a",
    "!!python/object:os.system x", "!x 1", "<<", "|", ">-", "$HOME", "~/x", "../x", "/", "s3:/bucket/x", "s3://",
    "s3://k:hunter2@b/x", "auto", "none", "log", "grid", "tpe", "asha", "median", "joint", "hard-stages", "manual",
    "a:b", "os:path", "momentum", "learning_rate", "optimizer", "x" * 5000, "1" * 400, "[" * 30, "- " * 30, "#x",
    "a #b",
)  # fmt: skip
"""Values that have tripped readers."""
KEYS = (
    "low", "high", "step", "scale", "default", "choices", "also", "when", "tier", "value", "type", "grid", "extends",
    "min", "max", "every", "reduction_factor", "trials", "wall", "gpus", "nodes", "processes", "stages", "share",
    "tune",
    "searcher", "scheduler", "search", "couple", "with", "rule", "reference", "storage", "seed", "ignore", "rules",
    "command", "trainable", "name", "points", "brackets", "options", "retry", "resources", "budget", "fidelity",
)  # fmt: skip
_BYTES = (
    b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\t", b"\r", b"\x80", b"\xed\xa0\x80", b"\xe2\x80\xa8", b":", b"- ", b"{",
    b"]", b'"', b"'", b"#", b"\n", b"&", b"*", b"%YAML 9\n", b"---\n", b"...\n", b"? ", b"|", b">", b"\\",
)  # fmt: skip
_VALUE = re.compile(r"(?<=[:\[,] )[^,\[\]{}\n#]+")
_KEY = re.compile(r"[A-Za-z_]+(?=:)")


def damaged(content: bytes, random: Random) -> bytes:
    """Return the text with one to four things wrong with it."""
    for _ in range(random.randint(1, 4)):
        kind = random.choices((_values, _keys, _lines, _bytes, _many), (8, 4, 5, 3, 1))[0]
        content = kind(content, random)
    return content


def odd_override(random: Random) -> str:
    """Return an override of a key that there is or may be, with an odd value."""
    path = random.choice(KEYS)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3, 30))):
        path += random.choice((".", "[", "..", ". ")) + random.choice((*KEYS, "learning_rate", "0", "7", "²", "9" * 30))
        path += "]" if "[" in path and random.random() < 0.9 else ""
    return path + random.choice(("=", "=", "=", "=", "", "==", ":")) + random.choice(ODD)


def _values(content: bytes, random: Random) -> bytes:
    return _replaced(_VALUE, ODD, content, random)


def _keys(content: bytes, random: Random) -> bytes:
    return _replaced(_KEY, KEYS, content, random)


def _replaced(pattern: re.Pattern[str], by: tuple[str, ...], content: bytes, random: Random) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    found = list(pattern.finditer(text))
    if not found:
        return content
    at = random.choice(found)
    return (text[: at.start()] + random.choice(by) + text[at.end() :]).encode("utf-8", "surrogatepass")


def _lines(content: bytes, random: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    at, other = random.randrange(len(lines) + 1), random.randrange(len(lines) + 1)
    kind = random.randrange(5)
    if kind == 0:
        del lines[at : at + random.randint(1, 5)]
    elif kind == 1:
        lines[other:other] = lines[at : at + random.randint(1, 5)]
    elif kind == 2:
        lines[at : at + 3] = [b" " * random.choice((1, 2, 4, 40)) + line for line in lines[at : at + 3]]
    elif kind == 3:
        lines[at : at + 3] = [line.lstrip() for line in lines[at : at + 3]]
    else:
        lines.insert(at, f"{random.choice(KEYS)}: {random.choice(ODD)}\n".encode("utf-8", "surrogatepass"))
    return b"".join(lines)


def _bytes(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    kind = random.randrange(4)
    if kind == 0:
        return content[:at] + random.choice(_BYTES) + content[at:]
    if kind == 1:
        return content[:at] + content[at + random.randint(1, 40) :]
    if kind == 2:
        return content[:at] + bytes([random.randrange(256)]) + content[at + 1 :]
    return content[:at]


def _many(content: bytes, random: Random) -> bytes:
    """Repeat one line so often that whatever grows with its square is felt."""
    lines = content.splitlines(keepends=True) or [b"\n"]
    at = random.randrange(len(lines))
    named = re.compile(rb"[A-Za-z_]+(?=:)")
    times = random.choice((3, 60, 900, 3000))
    copies = [named.sub(lambda found: found[0] + b"%d" % copy, lines[at], count=1) for copy in range(times)]  # noqa: B023 - used at once
    return b"".join([*lines[:at], *copies, *lines[at:]])
