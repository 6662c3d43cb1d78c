"""How a launcher asks for machines: the keys `slurm` and `kubernetes`, which count where a sweep is sent there.

How many machines, and of what size, follows from `resources`; what a site wants beside that is said here. Whoever sends
all their sweeps to one site writes it into a profile (`orchestrator.project.profiles`) and leaves the file without.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, Strict, field_validator, model_validator

from orchestrator.sweep.patience import Duration
from orchestrator.sweep.record import Record, StrictInt

SiteName: TypeAlias = Annotated[str, Strict(), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:@-]{0,252}$")]
"""A name as sites give them: no space, no sign that a shell or YAML knows."""
NodeConstraint: TypeAlias = Annotated[str, Strict(), Field(pattern=r"^[A-Za-z0-9(\[][A-Za-z0-9_,.&|()*\[\]-]{0,252}$")]
"""A constraint, as Slurm writes them: `a100&nvlink`."""


class SlurmSettings(Record):
    """What Slurm is asked for beside `resources`."""

    mode: Literal["one", "elastic"] = "one"
    """`one`: one job with all the nodes. `elastic`: a small job drives the sweep, and workers, an array of jobs of one
    node each, join and leave as places are wanted; resources.max_concurrent says how many trials there may be."""
    workers: Annotated[str, Strict()] | None = None
    """Of `elastic`: fewest and most workers, as `0..16`. None: none, and as many as `max_concurrent` fills."""
    time: Duration = Field(28_800.0, ge=60)
    """Time limit of a job; before it is over the driver saves, and the job is queued again."""
    idle: Duration = Field(600.0, ge=10)
    """Of `elastic`: how long a worker stays without a trial."""
    gpus_per_node: StrictInt | None = Field(None, ge=1, le=64)
    """GPUs that a node has, for trials that share nodes. None: each part of a trial is a node's share of its own."""
    cpus_per_node: StrictInt | None = Field(None, ge=1, le=4096)
    """CPUs that a node has, for trials without GPUs. None: 16 are taken of one."""
    gpu_type: SiteName | None = None
    """The site's word for the accelerator, as in --gpus-per-node=a100:4. None: `resources.accelerator` in small
    letters."""
    partition: SiteName | None = None
    """--partition."""
    account: SiteName | None = None
    """--account."""
    qos: SiteName | None = None
    """--qos."""
    constraint: NodeConstraint | None = None
    """--constraint."""
    whole_nodes: Annotated[bool, Strict()] = False
    """Whether nobody else may be on the nodes (--exclusive)."""

    @field_validator("workers")
    @classmethod
    def _check_workers(cls, value: str | None) -> str | None:
        found = None if value is None else re.fullmatch(r"(\d{1,4})\.\.(\d{1,4})", value)
        if value is not None and (found is None or int(found[1]) > int(found[2]) or not int(found[2])):
            raise ValueError(f"{value!r} is no range of workers; write the fewest and the most, as in 0..16")
        return value

    @model_validator(mode="after")
    def _check_mode(self) -> SlurmSettings:
        if self.workers is not None and self.mode != "elastic":
            raise ValueError("workers are of mode: elastic; write that, or remove workers")
        return self

    @property
    def range(self) -> tuple[int, int | None]:
        """Fewest and most workers; None: as many as are wanted."""
        if self.workers is None:
            return 0, None
        fewest, _, most = self.workers.partition("..")
        return int(fewest), int(most)


class KubernetesSettings(Record):
    """What Kubernetes is asked for beside `resources`."""

    image: SiteName | None = None
    """The image of all pods: Python, Ray, Stepladder and what the training imports. It must be named somewhere."""
    ray: Annotated[str, Strict(), Field(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    """The image's version of Ray. None: that of this machine."""
    service_account: SiteName | None = None
    """Service account of the pods: who may read and write the bucket."""
    image_pull_secrets: tuple[SiteName, ...] = ()
    """Secrets for the image's registry."""
    secrets: tuple[SiteName, ...] = ()
    """Secrets whose keys are environment variables of the pods; each must be there."""
    priority_class: SiteName | None = None
    """Priority class of the pods."""
    queue: SiteName | None = None
    """A LocalQueue of Kueue's, or Volcano's queue; must be named for those definitions."""
    queue_priority: SiteName | None = None
    """Kueue's workload priority class."""
    node_labels: Mapping[Annotated[str, Strict()], Annotated[str, Strict()]] = Field(default_factory=dict)
    """Labels of the nodes that trials lie on, such as `{cloud.google.com/gke-accelerator: nvidia-l4}`."""
    taints: tuple[SiteName, ...] = ()
    """Keys of more taints that trials tolerate."""
    redis: SiteName | None = None
    """Redis for the head's state, as HOST:PORT, with which a sweep outlives the head pod; its password is the key
    `password` of the secret `sweep-redis`. None: a lost head costs a retry, which goes on from storage."""
    wait: Duration = Field(3600.0, ge=60)
    """How long the cluster may take to be ready before the job is given up: an image that cannot be pulled, a secret
    that is not there."""
    user: StrictInt = Field(1000, ge=1)
    """User id that the pods run under; 1000 is the user of Ray's images."""

    @field_validator("node_labels")
    @classmethod
    def _check_labels(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key, held in value.items():
            if re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", key) is None:
                raise ValueError(f"{key!r} cannot be a label; write such as cloud.google.com/gke-accelerator")
            if re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?", held) is None:
                raise ValueError(f"{held!r} cannot be a label's value; use letters, digits, '.', '-' and '_'")
        return value
