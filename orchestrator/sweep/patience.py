"""How patient a sweep is: how often a trial is started again, and how long what is away is waited for."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from orchestrator.sweep.domains import Record, StrictFloat, StrictInt

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a duration; write a number and s, m, h or d, e.g. 8h")
        return float(match[1]) * _SECONDS[match[2]]
    return value


Duration = Annotated[StrictFloat, BeforeValidator(_seconds)]
"""Seconds; written as a number of seconds or as `90s`, `15m`, `8h`, `2d`."""


class Retry(Record):
    """How often a trial is started again, by what ended its attempt. Its own mistakes are not repeated."""

    lost: StrictInt = Field(3, ge=0, le=99)
    """After its machine, process or connection was lost: nobody's fault. 0: never, the first loss fails it."""
    error: StrictInt = Field(1, ge=0, le=99)
    """After an error that looks transient: a stale file handle, a connection, NCCL, a GPU's memory errors, a killed
    DataLoader. Any other error is never repeated."""
    hung: StrictInt = Field(1, ge=0, le=99)
    """After it was ended for giving no sign of life."""


class Limits(Record):
    """How long what is away is waited for."""

    storage: Duration = Field(600.0, ge=0, le=86_400)
    """Seconds for which storage that takes no writes (a full disk, a server that is away) is tried again before the
    driver leaves with exit code 75; decisions wait meanwhile. 0: it leaves at the first failed write."""
