"""What a RayJob's placeholders stand for: its pods, their sizes and places, from `resources` and `kubernetes`.

A value that is None takes its line out of the definition. What Kubernetes would only tell late, as pods that wait for
ever, is refused here.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._environment import runtime_env
from orchestrator.launchers._shape import MachineShape, refuse_unknown, shape_of
from orchestrator.sweep.environment import Environment

SPOT = {
    "karpenter.sh/capacity-type": "spot", "eks.amazonaws.com/capacityType": "SPOT", "cloud.google.com/gke-spot": "true",
    "kubernetes.azure.com/scalesetpriority": "spot",
}  # fmt: skip
"""Labels of spot nodes, by who makes them."""
SPOT_TAINTS = ("cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority", "karpenter.sh/capacity-type")
"""Keys of the taints that keep pods off spot nodes."""
GPU_TAINT = "nvidia.com/gpu"
STOP_WAIT_S = "60"
"""Seconds that a driver which is stopped has to save; less than the pods have to end."""
_MIB = 2**20
_PER_CPU, _PER_POD = 4 * 2**30, 2 * 2**30
"""Memory of a worker for each CPU where nobody asks for any, and for Ray in each pod."""


def values_of(submission: Submission, needs_queue: bool) -> dict[str, Any]:
    """Return the values of a RayJob's placeholders but for its name, command and files; None leaves a line out.

    Raises UsageError where something is not named that the definition needs, or is asked for that it cannot give.
    """
    settings, resources = submission.kubernetes, submission.resources
    refuse_unknown(submission, "Kubernetes", places_by="choose nodes by kubernetes.node_labels")
    if resources.accelerator_named and not settings.node_labels:
        raise UsageError(
            f"resources.accelerator {resources.accelerator_named}: Kubernetes knows it by the labels of its nodes; say "
            "which, e.g. 'kubernetes.node_labels={cloud.google.com/gke-accelerator: nvidia-l4}' or "
            "'kubernetes.node_labels={nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}'"
        )
    image = submission.environment.image or settings.image
    if image is None:
        raise UsageError("kubernetes.image is not set: name the image of the pods, e.g. kubernetes.image=HOST/sweeps:1")
    if needs_queue and settings.queue is None:
        raise UsageError("kubernetes.queue is not set: name the queue, e.g. kubernetes.queue=gpu-queue")
    shape = shape_of(resources, "kubernetes", None, None)
    return {
        "STEPLADDER_IMAGE": image,
        "STEPLADDER_RUNTIME_ENV": _runtime_env(submission.environment),
        "STEPLADDER_RAY": settings.ray or version("ray"),
        "STEPLADDER_SERVICE_ACCOUNT": settings.service_account,
        "STEPLADDER_IMAGE_PULL_SECRETS": [{"name": name} for name in settings.image_pull_secrets] or None,
        "STEPLADDER_SECRETS": [{"secretRef": {"name": name}} for name in settings.secrets] or None,
        "STEPLADDER_PRIORITY_CLASS": settings.priority_class,
        "STEPLADDER_QUEUE": settings.queue,
        "STEPLADDER_QUEUE_PRIORITY": settings.queue_priority,
        "STEPLADDER_WAIT_S": round(settings.wait),
        "STEPLADDER_USER": settings.user,
        "STEPLADDER_REDIS": _redis(settings.redis),
        "STEPLADDER_WORKERS": shape.nodes,
        "STEPLADDER_SIZE": _size(shape),
        "STEPLADDER_START": _start(resources.accelerator_named),
        "STEPLADDER_NODE_LABELS": dict(settings.node_labels) or None,
        "STEPLADDER_TOLERATIONS": _tolerations(submission, shape),
        "STEPLADDER_AFFINITY": _affinity(resources.avoid or (), no_spot=resources.spot == "never"),
        "STEPLADDER_STEADY": _affinity((), no_spot=True),
    }


def _runtime_env(environment: Environment) -> str:
    """Return what Ray is told of the job, as YAML within the manifest's own: packages and variables for all of it."""
    variables = {**environment.env, "RAY_JOB_STOP_WAIT_TIME_S": STOP_WAIT_S}
    return json.dumps({"env_vars": variables, **runtime_env(environment)})


def _size(shape: MachineShape) -> dict[str, Any]:
    memory = (shape.memory or shape.cpus * _PER_CPU) + _PER_POD
    held: dict[str, str] = {"cpu": str(shape.cpus), "memory": f"{-(-memory // _MIB)}Mi"}
    if shape.gpus:
        held["nvidia.com/gpu"] = str(shape.gpus)
    return {"requests": held, "limits": held}


def _start(accelerator: str | None) -> dict[str, str]:
    """Return what a worker's Ray is told: an autoscaler without a worker knows its accelerator from here alone."""
    return {} if accelerator is None else {"resources": f"'{{\"accelerator_type:{accelerator}\": 1}}'"}


def _redis(address: str | None) -> dict[str, Any] | None:
    if address is None:
        return None
    password = {"valueFrom": {"secretKeyRef": {"name": "sweep-redis", "key": "password"}}}
    return {"redisAddress": address, "redisPassword": password}


def _tolerations(submission: Submission, shape: MachineShape) -> list[dict[str, str]] | None:
    keys = [GPU_TAINT] if shape.gpus else []
    keys += [] if submission.resources.spot == "never" else SPOT_TAINTS
    keys += submission.kubernetes.taints
    return [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in keys] or None


def _affinity(avoid: tuple[str, ...], *, no_spot: bool) -> dict[str, Any] | None:
    away = [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(avoid)}] if avoid else []
    if no_spot:
        away += [{"key": key, "operator": "NotIn", "values": [value]} for key, value in SPOT.items()]
    if not away:
        return None
    terms = {"nodeSelectorTerms": [{"matchExpressions": away}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
