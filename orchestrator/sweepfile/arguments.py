"""A configuration as programs read it: arguments, Hydra's overrides, a file. Every value parses back to itself.

    --weight_decay=0.1 --nesterov      arguments, in the style that the sweep file asks for
    weight_decay=0.1 nesterov=true     overrides in Hydra's grammar
    {"model": {"lr": 0.1}}             a file in YAML or JSON

No shell is thought of here: an argument is what the program gets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orchestrator.sweep.program import Arguments

AS_WRITTEN = Arguments()
"""What a sweep file means that says nothing of its program's arguments."""

_AMBIGUOUS_KEYS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_PLAIN_KEY = re.compile(r"[A-Za-z][\w.-]*")
_UNPRINTABLE = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_HYDRA_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HYDRA_RESERVED = frozenset({"true", "false", "null", "nan", "inf"})


def plain(value: Any) -> str:
    """Return a value as it stands in an argument: text as it is, anything else as JSON has it."""
    return value if isinstance(value, str) else literal(value)


def literal(value: Any) -> str:
    """Return a value as JSON has it; numbers with all their digits."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def standing_alone(value: Any) -> str:
    """Return a value as an argument of its own: a negative number without an exponent.

    argparse, before Python 3.14, takes -1e-05 for an option; -0.00001 is the same number, to the last bit.
    """
    text = plain(value)
    is_odd = isinstance(value, float) and text.startswith("-") and "e" in text
    return format(Decimal(text), "f") if is_odd else text


def written(config: Mapping[str, Any], style: Arguments = AS_WRITTEN) -> list[str]:
    """Return a configuration as arguments, in the order of its names."""
    if style.style == "hydra":
        return [f"{name}={hydra_value(value)}" for name, value in config.items()]
    return [text for name, value in config.items() for text in _options(_spelt(name, style), value, style)]


def listed(value: list[Any], option: str | None, style: Arguments) -> list[str]:
    """Return a list that stands in place of an argument; `option` is the one before it, to be said again if need be."""
    items = [standing_alone(item) for item in value]
    if style.lists == "spaces":
        return items
    if style.lists == "repeat":
        between = [] if option is None else [option]
        return [part for number, item in enumerate(items) for part in (*(between if number else ()), item)]
    return [",".join(map(plain, value)) if style.lists == "commas" else literal(value)]


def config_file(config: Mapping[str, Any], style: Arguments) -> str:
    """Return the content of the file that `{config}` names, of a configuration as a training is given it."""
    if style.config == "json":
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return "".join(f"{yaml_key(name)}: {yaml_value(value)}\n" for name, value in config.items())


def yaml_key(name: str) -> str:
    """Return a name as a key of YAML that 1.1 and 1.2 read alike."""
    is_plain = _PLAIN_KEY.fullmatch(name) is not None and name.lower() not in _AMBIGUOUS_KEYS
    return name if is_plain else _yaml_text(name)


def yaml_value(value: Any) -> str:
    """Return a value in YAML, on one line, that 1.1 and 1.2 read alike."""
    if isinstance(value, str):
        return _yaml_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml_text(str(key))}: {yaml_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(yaml_value, value)) + "]"
    text = literal(value)
    mantissa, exponent, power = text.partition("e")
    lacks_dot = isinstance(value, float) and exponent and "." not in mantissa
    return f"{mantissa}.0e{power}" if lacks_dot else text  # YAML 1.1 needs the dot


def hydra_value(value: Any) -> str:
    """Return a value in the grammar of Hydra's overrides."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{hydra_value(str(key))}:{hydra_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(hydra_value, value)) + "]"
    if not isinstance(value, str):
        return literal(value)
    if _HYDRA_WORD.fullmatch(value) and value.lower() not in _HYDRA_RESERVED:
        return value
    # OmegaConf reads ${...} as an interpolation unless a backslash stands before it; Hydra's quoted strings double the
    # backslashes that stand before a quote, and only those.
    escaped = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", value)
    quoted = re.sub(r'(\\*)"', lambda found: found[1] * 2 + r"\"", escaped)
    trailing = len(quoted) - len(quoted.rstrip("\\"))
    return f'"{quoted}{quoted[len(quoted) - trailing :]}"'


def _spelt(name: str, style: Arguments) -> str:
    return name.replace("_", "-") if style.style == "dash" else name


def _options(name: str, value: Any, style: Arguments) -> Iterator[str]:
    if isinstance(value, bool) and style.booleans != "value":
        if value or style.booleans == "pair":
            yield f"--{name}" if value else f"--no-{name}"
    elif isinstance(value, list | tuple) and style.lists == "repeat":
        yield from (f"--{name}={plain(item)}" for item in value)
    elif isinstance(value, list | tuple) and style.lists == "spaces":
        yield from (f"--{name}", *listed(list(value), None, style))
    elif isinstance(value, list | tuple):
        yield f"--{name}={listed(list(value), None, style)[0]}"
    else:
        yield f"--{name}={plain(value)}"


def _yaml_text(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
