"""What a record of the log can hold of what comes from outside: names, texts and numbers of trainings and machines.

A name or a value that Python takes is not always one that JSON, Parquet or a terminal takes. What cannot be held is
refused (a name: two that are cleaned alike would become one) or cleaned (a text for people, a number out of range). It
is asked where a report is made, in the worker, and again where the controller takes it: nothing that a training says
may end the sweep.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from numbers import Complex, Real
from typing import Any

COUNTED = "training_iteration"
"""Metric that is the number of a report in its training: Ray Tune's name for it. Whoever reports it is believed."""
TEXT_SUFFIX = ".text"
"""Ends the name of a text's column, so that a number of that name has its own, whichever came first."""
MOST_METRICS = 5_000
"""Metrics of one report."""
LONGEST_NAME = 250
"""Characters of a metric's name."""
LONGEST_TEXT = 10_000
"""Characters of a text for people, or of one that a training reports; the middle of a longer one is left out."""
_SHOWN = 60
_UNHOLDABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # tab and line end are text


@lru_cache(maxsize=16_384)
def name_problem(name: str) -> str | None:
    """Say why the log and the tables cannot hold a metric of this name; None where they can."""
    if len(name) > LONGEST_NAME:
        return f"the metric {shown(name)} has a name of {len(name):,} characters; {LONGEST_NAME} are the most"
    if _UNHOLDABLE.search(name):
        return f"the metric {shown(name)} has a control character, or half of a surrogate pair, in its name; rename it"
    return None


def report_problem(metrics: Mapping[str, float], texts: Mapping[str, str] | None = None) -> str | None:
    """Say why the log cannot hold a report's metrics and texts; None where it can."""
    count = len(metrics) + len(texts or ())
    if count > MOST_METRICS:
        return f"a report holds {count:,} metrics; {MOST_METRICS:,} are the most: report sums or means of them"
    for name, text in (texts or {}).items():
        if (problem := name_problem(name)) is not None:
            return problem
        if not isinstance(text, str) or _UNPRINTABLE.search(text) or len(text) > 10 * LONGEST_TEXT:
            return f"the text of {shown(name)} is too long, or has characters that no log can hold"
    for name, value in metrics.items():
        if not isinstance(name, str):
            return f"the name of the metric {shown(str(name))} is no text"
        if (problem := name_problem(name)) is not None:
            return problem
        if type(value) is not float and not _fits(value):
            return f"the metric {shown(name)} is no number that a float can hold"
    return None


def _fits(value: Any) -> bool:
    number = as_number(value)
    return number is not None and (math.isfinite(number) or isinstance(value, float))


def as_number(value: Any) -> float | None:
    """Return a reported value as a float, beyond a float's range as infinite; None for what is no number.

    A number is what has `__float__` or `__index__`, holds one value and is no text: array and tensor scalars are.
    """
    if type(value) is float:
        return value
    if isinstance(value, str | bytes | bytearray) or getattr(value, "ndim", 0) != 0:
        return None
    if not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        return None
    if isinstance(value, Complex) and not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf
    except Exception:  # noqa: BLE001 - a user's own class, or a library's: whatever it raises, it gives no number
        return None


def cleaned(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text for people as the log, the tables and a terminal can hold it: odd characters as escapes, cut.

    What only begins a line anew ends it here. To clean a text twice changes nothing more.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}\n...\n{text[-longest // 2 :]}"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def shown(name: str) -> str:
    """Quote a name for a message, shortened, odd characters as escapes."""
    return ascii(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!a}..."
