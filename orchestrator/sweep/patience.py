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
    """How long is waited for what does not come: a sign of life, an end, a beginning, storage."""

    silence: Duration | None = Field(None, ge=0)
    """Seconds without a sign of life (a report, a print, a checkpoint, a process of it at work) after which a training
    that has reported is ended as hung. None: thirty times the slowest interval between two reports of this sweep, and
    never under an hour. 0: it is told of, and never ended."""
    trial: Duration | None = Field(None, gt=0)
    """Seconds that one trial may take on its workers, all attempts together: its next report is answered with STOP, and
    it is ended where none comes for a tenth longer. It is not repeated. None: as long as it takes."""
    start: Duration = Field(3600.0, ge=0)
    """Seconds from when the cluster has set a trial's place aside until its worker is ready, after which that is given
    up as lost. 0: it is waited for."""
    stop: Duration | None = Field(None, ge=0)
    """Seconds for which `stepladder stop` lets running trials go on to their ends; what still runs then goes on with
    the next driver, from its checkpoint. None: as long as they take."""

    storage: Duration = Field(600.0, ge=0, le=86_400)
    """Seconds for which storage that takes no writes (a full disk, a server that is away) is tried again before the
    driver leaves with exit code 75; decisions wait meanwhile. 0: it leaves at the first failed write."""
