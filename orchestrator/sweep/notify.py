"""Whom to tell when something happens to a sweep that its owner wants to know: one program of the user's."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, Strict, field_validator

from orchestrator.secrecy import mask
from orchestrator.sweep.record import Record

OccasionName: TypeAlias = Literal["finished", "failed", "brake", "stalled", "better"]
"""What may be told; when each comes is said in `orchestrator.results.occasions`."""


class Notify(Record):
    """A program that is told, in JSON on its stdin; it has ten seconds."""

    command: tuple[Annotated[str, Strict()], ...] = Field(min_length=1)
    """The program and its arguments. It runs in the sweep file's folder, on the machine that drives the sweep."""
    on: tuple[OccasionName, ...] = Field(("finished", "failed", "brake", "stalled"), min_length=1)
    """What it is told of: that the sweep finished, failed, was stopped by the brake, that nothing is reported any more,
    that a trial is better than all before."""

    @field_validator("command")
    @classmethod
    def _without_secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        line = " ".join(value)
        if mask(line) != line:
            raise ValueError(
                "command holds a secret, and this file is copied into the sweep's folder; have the program read it "
                "from its environment"
            )
        return value

    @field_validator("on")
    @classmethod
    def _in_one_order(cls, value: tuple[OccasionName, ...]) -> tuple[OccasionName, ...]:
        return tuple(name for name in get_args(OccasionName) if name in value)
