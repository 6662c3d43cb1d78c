"""Which machines a trial may lie on: the keys of `resources` that say what a node must have, or must not be.

What is said of a place says the same at a stage and at `confirm`, whose own word counts for their trainings. Ray knows
what its nodes have by name: an accelerator as the resource `accelerator_type:A100`, memory in bytes, whatever a cluster
declares (`ray start --resources`), and labels (`ray start --labels`), of which `ray.io/market-type` says `spot`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Strict, field_validator

from orchestrator.sweep.domains import StrictFloat, StrictInt
from orchestrator.sweep.record import Record

ACCELERATORS = (
    "A100", "A100-40G", "A100-80G", "A10G", "AMD-Instinct-MI100", "AMD-Instinct-MI210", "AMD-Instinct-MI250X",
    "AMD-Instinct-MI250X-MI250", "AMD-Instinct-MI300A", "AMD-Instinct-MI300X-HF", "AMD-Instinct-MI300X-OAM",
    "AMD-Instinct-MI308X", "AMD-Instinct-MI325X-OAM", "AMD-Instinct-MI350X-OAM", "AMD-Instinct-MI355X-OAM",
    "AMD-Radeon-HD-7900", "AMD-Radeon-R9-200-HD-7900", "Apple-Silicon", "Ascend910B", "Ascend910B4", "B200", "B300",
    "FURIOSA_RNGD", "GB200", "GB300", "H100", "H20", "H200", "Intel-GAUDI", "Intel-GPU-Max-1100", "Intel-GPU-Max-1550",
    "K80", "L4", "L40S", "M1", "M1-Max", "M1-Pro", "M1-Ultra", "M2", "M2-Max", "M2-Pro", "M2-Ultra", "M3", "M3-Max",
    "M3-Pro", "MOBILINT_ARIES", "MOBILINT_REGULUS", "MXC500", "MXC550", "P100", "P4", "RTX-PRO-6000", "T4", "TPU-V2",
    "TPU-V3", "TPU-V4", "TPU-V5LITEPOD", "TPU-V5P", "TPU-V6E", "TPU-V7X", "V100", "aws-neuron-core",
)  # fmt: skip
"""Ray's own names of accelerators (`ray.util.accelerators`, 2.60). A test compares them with the Ray that is there."""

MARKET_TYPE = "ray.io/market-type"
"""Ray's label for how a node is paid for: `spot` may be taken back at any moment."""

_UNITS = {
    "": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
LABEL_PATTERN = rf"^(?:{_WORD}/)?{_WORD}$"
"""What Ray takes for the key of a label: `rack`, `ray.io/zone`."""
_SELECTOR = re.compile(rf"(!?)(?:in\(({_WORD}(?:, ?{_WORD})*)\)|({_WORD}))")
_OWN_KEYS = {
    "cpu": "write resources.cpus",
    "gpu": "write resources.gpus",
    "memory": "write resources.memory",
    "object_store_memory": "Ray sets none aside for a trial",
}
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not an amount of memory; write a number and KiB, MiB, GiB or TiB, e.g. 64GiB")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def _accelerator(value: Any) -> Any:
    if not isinstance(value, str) or value in (*ACCELERATORS, "any"):
        return value
    lower = {name.lower(): name for name in ACCELERATORS}
    close = difflib.get_close_matches(value.lower(), lower, n=1, cutoff=0.5)
    meant = f"did you mean {lower[close[0]]!r}? " if close else ""
    raise ValueError(
        f"{value!r} is no accelerator that Ray knows; {meant}Ray's names are such as T4, A100, H100; for another, give "
        "its nodes a label (`ray start --labels gpu=NAME`) and write labels: {gpu: NAME}"
    )


ByteCount: TypeAlias = Annotated[StrictInt, BeforeValidator(_bytes)]
"""Bytes; written as a number of them or as `512MiB`, `64GiB`, `1.5TB`."""


class Machines(Record):
    """What the nodes of a trial must have. What is not said here is as the sweep's `resources` say."""

    accelerator: Annotated[str, Strict(), BeforeValidator(_accelerator)] | None = None
    """The accelerator of its nodes, by Ray's name: T4, A100, H100. None, or `any`: whichever they have."""
    memory: ByteCount | None = None
    """Memory of one trial, on all its nodes together: bytes, or such as 64GiB. It is set aside for it by Ray, which
    counts, and ends nobody who uses more. None: nothing is set aside."""
    labels: Mapping[str, Annotated[str, Strict()]] | None = None
    """Labels of its nodes: `{region: eu}`, `{rack: "!r7"}`, `{gpu: "in(l4, l40s)"}`. None: whichever they have."""
    custom: Mapping[str, StrictFloat] | None = None
    """What it takes of resources that the cluster declares itself, on all its nodes together: `{license: 1}`."""
    spot: Literal["allow", "never"] | None = None
    """`never`: not on nodes that are labelled as spot (`ray.io/market-type: spot`). None, or `allow`: on any."""
    avoid: tuple[Annotated[str, Strict(), Field(min_length=1)], ...] | None = None
    """Nodes that take no trial, by host name, address or Ray's id: `[node7]`. A stage adds to those of the sweep."""

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, value: int | None) -> int | None:
        if value is not None and not 2**20 <= value <= 2**50:
            raise ValueError(f"{value} bytes are no training's; write an amount with its unit, as in 64GiB")
        return value

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, value: Mapping[str, str] | None) -> Mapping[str, str] | None:
        for key, selector in (value or {}).items():
            if re.fullmatch(LABEL_PATTERN, key) is None:
                raise ValueError(f"{key!r} cannot be a label; use letters, digits, '.', '-' and '_', as in region: eu")
            if _SELECTOR.fullmatch(selector) is None:
                raise ValueError(
                    f"{selector!r} selects nothing; write a value, '!value', 'in(one, other)' or '!in(one, other)'"
                )
        return value

    @field_validator("custom")
    @classmethod
    def _check_custom(cls, value: Mapping[str, float] | None) -> Mapping[str, float] | None:
        for key, amount in (value or {}).items():
            if key.lower() in _OWN_KEYS:
                raise ValueError(f"{key!r} is Ray's own; {_OWN_KEYS[key.lower()]}")
            if _RESOURCE.fullmatch(key) is None:
                raise ValueError(f"{key!r} cannot name a resource; use letters, digits, '_', '-', '.', ':' and '/'")
            if not 0.0001 <= amount <= 1e9:
                raise ValueError(f"{key} {amount:g} cannot be set aside; write an amount from 0.0001 on, as in 1")
        return value

    @property
    def accelerator_named(self) -> str | None:
        """The accelerator that is asked for; None where any will do."""
        return None if self.accelerator == "any" else self.accelerator

    @property
    def selectors(self) -> dict[str, str]:
        """Ray's selectors of the labels, with that for `spot`."""
        held = {key: re.sub(r", ", ",", value) for key, value in (self.labels or {}).items()}
        return held | ({MARKET_TYPE: "!spot"} if self.spot == "never" and MARKET_TYPE not in held else {})


def selects(selector: str, value: str | None) -> bool:
    """Say whether a node whose label has `value` is selected, as Ray does; None: it lacks the label.

    What is excluded (`!`) is not what is missing: a node without the label is none of those.
    """
    match = _SELECTOR.fullmatch(selector)
    assert match is not None, selector
    named = {part.strip() for part in (match[2] or match[3]).split(",")}
    return (value in named) != bool(match[1])
