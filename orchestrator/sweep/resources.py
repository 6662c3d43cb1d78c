"""What one trial occupies, and which machines it may lie on: the key `resources`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Strict, model_validator

from orchestrator.sweep.domains import StrictFloat, StrictInt
from orchestrator.sweep.machines import LABEL_PATTERN, Machines


class Resources(Machines):
    """What one trial occupies, and which machines it may lie on."""

    cpus: StrictFloat = Field(1.0, ge=0, le=4096)
    """CPU cores of one trial, on all its nodes together."""
    gpus: StrictFloat = Field(0.0, ge=0, le=4096)
    """GPUs of one trial, on all its nodes together; below 1, several trials share one GPU."""
    nodes: StrictInt = Field(1, ge=1, le=4096)
    """Equal parts that one trial's CPUs and GPUs come in, each part on one node."""
    spread: Annotated[bool, Strict()] = False
    """Whether each part gets a node of its own. No: the parts lie on as few nodes as have room for them."""
    within: Annotated[str, Strict(), Field(pattern=LABEL_PATTERN)] | None = None
    """A label that all its nodes have alike: `rack` puts the parts of each trial into one rack. None: anywhere."""
    processes: StrictInt | None = Field(None, ge=1, le=32768)
    """Processes that run the training function, on all nodes together, under torch.distributed where there are
    several. None: one for each GPU or, without GPUs, for each node. 1: a single one, which sees all the GPUs."""
    max_concurrent: StrictInt | None = Field(None, ge=1)
    """Most trials at once. None: as many as the cluster holds; one more where an autoscaler may add nodes."""
    priority: Literal["low", "normal", "high"] = "normal"
    """Its turn where several sweeps share a cluster: high has twice the places of normal, and low half of them."""
    reuse_workers: Annotated[bool, Strict()] | None = None
    """Let a worker process run one trial after another. None: yes without GPUs, no with them (a leak or an
    out-of-memory must not reach the next trial)."""

    @model_validator(mode="after")
    def _check(self) -> Resources:
        if self.cpus == 0 and self.gpus == 0:
            raise ValueError("a trial needs some CPUs or GPUs; set cpus to 1, or gpus to 0.25, for example")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            whole = int(self.gpus) + 1
            raise ValueError(f"gpus {self.gpus:g}: above one GPU only whole numbers can be placed; use {whole}")
        if self.nodes > 1 and self.gpus % self.nodes:
            several = self.nodes * (int(self.gpus / self.nodes) + 1)
            raise ValueError(f"gpus {self.gpus:g}: cannot be dealt evenly over {self.nodes} nodes; use {several}")
        if self.within is not None and self.nodes == 1:
            raise ValueError("within says nothing of a trial on one node; set nodes, or remove it")
        if self.ranks % self.nodes:
            raise ValueError(
                f"processes {self.ranks}: cannot be dealt evenly over {self.nodes} nodes; "
                f"use {self.nodes * (self.ranks // self.nodes + 1)}"
            )
        if self.ranks > 1 and self.gpus % self.ranks:
            raise ValueError(
                f"processes {self.ranks}: {self.gpus:g} GPUs cannot be dealt evenly over them; "
                "use as many processes as GPUs, or a divisor of that number"
            )
        return self

    def under(self, own: Machines | None) -> Resources:
        """Return what a trial occupies for which a stage, or confirming, says its `own`; None where it says nothing."""
        if own is None:
            return self
        said = {name: value for name in Machines.model_fields if (value := getattr(own, name)) is not None}
        if own.avoid is not None:
            said["avoid"] = tuple(dict.fromkeys([*(self.avoid or ()), *own.avoid]))
        return self.model_copy(update=said)

    @property
    def machines(self) -> tuple[object, ...]:
        """What must be equal of two for the places of one to be those of the other, nodes to avoid apart."""
        return self.accelerator_named, self.memory, self.selectors, self.custom or {}, self.within

    @property
    def each(self) -> tuple[float, float]:
        """CPUs and GPUs of each part."""
        return self.cpus / self.nodes, self.gpus / self.nodes

    @property
    def ranks(self) -> int:
        """How many processes run the training function."""
        return self.processes or max(int(self.gpus) if self.gpus else self.nodes, 1)
