"""How numbers, durations and configurations are written for people, the same in every table and line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from orchestrator.secrecy import masked_config
from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.domains import Value
from orchestrator.sweep.resources import Resources


def number(value: float | None, digits: int = 5) -> str:
    """Write a number with so many significant digits; `-` for None."""
    if value is None:
        return "-"
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """Write a span of time by its two largest units: `2d 4h`, `3h 05m`, `4m 09s`, `12s`."""
    whole = max(0, round(seconds))
    if whole >= 86400:
        return f"{whole // 86400}d {whole % 86400 // 3600}h"
    if whole >= 3600:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    if whole >= 60:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole}s"


def hours(value: float) -> str:
    """Write hours: `0.0042`, `3.1`, `412`; small ones keep two significant digits."""
    if value == 0:
        return "0"
    if value < 1:
        return f"{value:.2g}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 100 else f"{value:,.0f}"


def scalar(value: Value) -> str:
    """Write a hyperparameter's value: null, lists and mappings as JSON, and in quotes a text that is no plain word.

    So is one that reads like another value: "1", "null", "true".
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value, 4)
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    is_plain = value.isprintable() and value != "" and not any(character in value for character in " ,='\"\\")
    return value if is_plain and not _is_json(value) else json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def configuration(config: Mapping[str, Value]) -> str:
    """Write a configuration on one line, without secrets: `learning_rate 0.01, momentum 0.9`."""
    return ", ".join(f"{name} {scalar(value)}" for name, value in masked_config(config).items())


def size(count: float) -> str:
    """Write a number of bytes: `812 bytes`, `1.4 KiB`, `3.0 GiB`."""
    if count == 1:
        return "1 byte"
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def counted(amount: float, noun: str) -> str:
    """Write an amount with its noun: `1 epoch`, `1,034 epochs`; nouns that end in s keep their form."""
    plural = "" if amount == 1 or noun.endswith("s") else "s"
    return f"{number(float(amount))} {noun}{plural}"


def awaited_places(awaited: AwaitedPlaces) -> str:
    """Write what is waited for: `waiting for 3 places: the cluster is busy: ...`; empty where nothing is."""
    said = []
    if awaited.waiting:
        vain = ", in vain as the cluster is now" if awaited.is_hopeless else ""
        said.append(f"waiting for {counted(awaited.waiting, 'place')}{vain}: {awaited.why}")
    if awaited.starting:
        said.append(f"{counted(awaited.starting, 'worker')} starting")
    return "; ".join(said)


def machines(resources: Resources) -> str:
    """Write what a trial asks of its nodes beside CPUs and GPUs: `accelerator A100, 64 GiB of memory`."""
    parts = [
        f"accelerator {resources.accelerator_named}" if resources.accelerator_named else "",
        f"{resources.memory / 2**30:.3g} GiB of memory" if resources.memory else "",
        *(f"{amount:g} {name}" for name, amount in (resources.custom or {}).items()),
        *(f"label {key}: {selector}" for key, selector in (resources.labels or {}).items()),
        "no spot node" if resources.spot == "never" else "",
        f"not on {', '.join(resources.avoid)}" if resources.avoid else "",
        f"all its nodes alike in {resources.within}" if resources.within else "",
    ]
    return ", ".join(filter(None, parts))


def first_of(names: Sequence[str], most: int = 5) -> str:
    """Write names out; where there are more than `most`, the first of them and how many there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
