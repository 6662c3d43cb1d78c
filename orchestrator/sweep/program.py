"""How a program is told its hyperparameters, and where its metrics are read: the keys `args` and `metrics`."""

from __future__ import annotations

from typing import Literal

from orchestrator.sweep.record import Record


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
