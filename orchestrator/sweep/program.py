"""How a program is told its hyperparameters, and where its metrics are read: the keys `args` and `metrics`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, model_validator

from orchestrator.sweep.record import Record


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[Annotated[str, Strict(), Field(min_length=1)], ...], BeforeValidator(_listed)]
"""Regular expressions; one may be written by itself."""
FileBelow = Annotated[str, Strict(), Field(min_length=1)]
"""A path below the attempt's folder, `*` and `**` in it for what is not known beforehand."""


class Arguments(Record):
    """How `{args}` and `{config}` of a command write a configuration."""

    style: Literal["underscore", "dash", "hydra"] = "underscore"
    """`underscore`: `--weight_decay=0.1`, names as they are; `dash`: `--weight-decay=0.1`; `hydra`: `weight_decay=0.1`,
    Hydra's overrides in its own grammar."""
    booleans: Literal["flag", "pair", "value"] = "flag"
    """`flag`: `--nesterov` where true, nothing where false; `pair`: `--nesterov` or `--no-nesterov`; `value`:
    `--nesterov=true` or `--nesterov=false`. Hydra's overrides are always values."""
    lists: Literal["json", "spaces", "commas", "repeat"] = "json"
    """`json`: `--widths=[64, 32]`; `spaces`: `--widths 64 32`; `commas`: `--widths=64,32`; `repeat`: `--widths=64
    --widths=32`. Also for `{name}` by itself. Hydra's overrides are always its own lists."""
    config: Literal["yaml", "json"] = "yaml"
    """What the file that `{config}` names is written in."""


class Metrics(Record):
    """Where a program's metrics are read that does not report them: one of these.

    Values are gathered until one is the objective's: that makes a report. How far the training is stays known.
    """

    stdout: Patterns | None = Field(None, min_length=1)
    r"""Patterns for the lines that it prints, a named group for each metric: `epoch (?P<epoch>\d+) .* acc
    (?P<val_accuracy>[\d.]+)`. Several where the metrics stand on several lines."""
    stderr: Patterns | None = Field(None, min_length=1)
    """The same of what it prints to stderr, where most loggers write."""
    jsonl: FileBelow | None = None
    """A file of JSON lines in the attempt's folder, which is `{trial.folder}` in the command: `logs/metrics.jsonl`."""
    csv: FileBelow | None = None
    """A CSV with a heading there: `**/metrics.csv`."""
    tensorboard: FileBelow | None = None
    """A folder there with TensorBoard's event files somewhere below it, `.` for all; `step` is the step of a value."""

    @model_validator(mode="after")
    def _check(self) -> Metrics:
        given = [name for name in Metrics.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            said = "none" if not given else " and ".join(given)
            keys = ", ".join(Metrics.model_fields)
            raise ValueError(f"metrics are read at one place, {said} is written; keep one of {keys}")
        return self

    @property
    def patterns(self) -> tuple[str, ...] | None:
        """The patterns for what is printed; None where a file is read."""
        return self.stdout or self.stderr

    @property
    def groups(self) -> set[str]:
        """The metrics that the patterns name. Raises re.error for a pattern that is none."""
        return {name for pattern in self.patterns or () for name in re.compile(pattern).groupindex}
