"""The RayJobs of cluster/: what Kubernetes would say of them, and what they promise."""

from __future__ import annotations

import copy
import dataclasses
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import problems

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._kubernetes import SPOT, SPOT_TAINTS
from orchestrator.launchers.kuberay import KubeRay
from orchestrator.members import definitions
from orchestrator.sweep.launching import KubernetesSettings
from orchestrator.sweep.resources import Resources

NAMES = ["kuberay", "kuberay-kueue", "kuberay-volcano"]
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"


@pytest.fixture
def sweep(tmp_path: Path) -> Submission:
    (tmp_path / "sweep.yaml").write_text("name: digits\n")
    return Submission(
        "digits", "digits-20261122-0312-5c1e", tmp_path, "sweep.yaml", (), "s3://bucket/runs",
        Resources(gpus=1, max_concurrent=8), files={"sweep.yaml": 13},
        kubernetes=KubernetesSettings(image="host/sweeps:1", queue="queue", secrets=("sweep-secrets",)),
    )  # fmt: skip


def filled(name: str, sweep: Submission) -> dict[str, Any]:
    launch = KubeRay(name).render(sweep)
    (text,) = launch.files.values()
    _, rayjob = yaml.safe_load_all(text)
    return rayjob


def pods(rayjob: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = rayjob["spec"]["rayClusterSpec"]
    return [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_kuberay_takes(name: str, sweep: Submission):
    assert problems(filled(name, sweep)) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("spec", "entryPoint"), "x", "spec: Additional properties are not allowed ('entryPoint' was unexpected)"),
        (("spec", "backoffLimit"), "3", "spec/backoffLimit: '3' is not of type 'integer'"),
        (("spec", "rayClusterSpec", "authOptions", "mode"), "tokens", "is not one of ['disabled', 'token'"),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"), 0, "0 is not of type 'string'"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0, "groupName"), None, "None is not of type 'string'"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0, "maxReplica"), 8, "('maxReplica' was unexpected)"),
        (("metadata", "labels", "queue"), 1, "metadata/labels/queue: 1 is not of type 'string'"),
    ],
)
def test_a_mistake_in_it_would_be_found(path: tuple[Any, ...], value: object, told: str, sweep: Submission):
    rayjob = copy.deepcopy(filled("kuberay-kueue", sweep))
    place: Any = rayjob
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found = problems(rayjob)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize("name", NAMES)
def test_what_it_promises(name: str, sweep: Submission):
    rayjob = filled(name, sweep)
    spec, cluster = rayjob["spec"], rayjob["spec"]["rayClusterSpec"]
    assert spec["entrypoint"] == "stepladder resume --auto /sweep/sweep.yaml"
    assert (spec["entrypointNumCpus"], spec["backoffLimit"], spec["preRunningDeadlineSeconds"]) == (0.5, 3, 3600)
    assert (cluster["authOptions"], cluster["rayVersion"]) == ({"mode": "token"}, version("ray"))
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    assert "gcsFaultToleranceOptions" not in cluster
    for pod in pods(rayjob):
        (container,) = pod["containers"]
        environment = {entry["name"]: entry["value"] for entry in container["env"]}
        assert pod["terminationGracePeriodSeconds"] > int(environment[DRAIN])
        assert container["image"] == "host/sweeps:1"
        assert container["envFrom"] == [{"secretRef": {"name": "sweep-secrets"}}]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert pod["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert not pod.keys() & {"serviceAccountName", "imagePullSecrets", "priorityClassName", "nodeSelector"}
        assert {"name": "code", "mountPath": "/sweep", "readOnly": True} in container["volumeMounts"]
        assert pod["volumes"][0]["configMap"] == {
            "name": rayjob["metadata"]["name"],
            "items": [{"key": "sweep.yaml", "path": "sweep.yaml"}],
            "defaultMode": 0o555,
        }


def trials_group(
    name: str, sweep: Submission, kubernetes: dict[str, Any] | None = None, **asked: Any
) -> dict[str, Any]:
    settings = sweep.kubernetes.model_copy(update=KubernetesSettings(**kubernetes or {}).model_dump(exclude_unset=True))
    changed = dataclasses.replace(sweep, resources=Resources(**asked), kubernetes=settings)
    rayjob = filled(name, changed)
    assert problems(rayjob) == []
    group: dict[str, Any] = rayjob["spec"]["rayClusterSpec"]["workerGroupSpecs"][1]
    return group


@pytest.mark.parametrize(
    ("asked", "pods_", "size"),
    [
        ({"gpus": 1, "max_concurrent": 8}, 8, {"cpu": "1", "memory": "6144Mi", "nvidia.com/gpu": "1"}),
        ({"gpus": 8, "cpus": 32, "nodes": 2, "max_concurrent": 3}, 6,
         {"cpu": "16", "memory": "67584Mi", "nvidia.com/gpu": "4"}),
        ({"gpus": 0.25, "max_concurrent": 8}, 2, {"cpu": "4", "memory": "18432Mi", "nvidia.com/gpu": "1"}),
        ({"gpus": 1, "memory": 64 * 2**30, "max_concurrent": 2}, 2,
         {"cpu": "1", "memory": "67584Mi", "nvidia.com/gpu": "1"}),
        ({"cpus": 2, "max_concurrent": 20}, 3, {"cpu": "16", "memory": "67584Mi"}),
    ],
)  # fmt: skip
def test_the_workers_follow_the_resources(asked: dict[str, Any], pods_: int, size: dict[str, str], sweep: Submission):
    group = trials_group("kuberay", sweep, **asked)
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (0, 0, pods_)
    assert group["template"]["spec"]["containers"][0]["resources"]["limits"] == size
    fixed = trials_group("kuberay-kueue", sweep, **asked)
    assert (fixed["replicas"], fixed["minReplicas"], fixed["maxReplicas"]) == (pods_, pods_, pods_)


def test_the_nodes_follow_what_is_asked_of_them(sweep: Submission):
    pod = trials_group("kuberay", sweep, gpus=1, max_concurrent=1)["template"]["spec"]
    taints = [toleration["key"] for toleration in pod["tolerations"]]
    assert taints == ["nvidia.com/gpu", *SPOT_TAINTS]
    assert "affinity" not in pod
    group = trials_group(
        "kuberay", sweep, {"node_labels": {"cloud.google.com/gke-accelerator": "nvidia-l4"}, "taints": ("team",)},
        gpus=1, max_concurrent=1, accelerator="L4", spot="never", avoid=("node7",),
    )  # fmt: skip
    pod = group["template"]["spec"]
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert [toleration["key"] for toleration in pod["tolerations"]] == ["nvidia.com/gpu", "team"]
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0] == {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node7"]}
    assert {"key": "karpenter.sh/capacity-type", "operator": "NotIn", "values": ["spot"]} in term["matchExpressions"]
    assert group["rayStartParams"] == {"resources": "'{\"accelerator_type:L4\": 1}'"}


def test_the_head_and_the_driver_are_on_no_spot_node(sweep: Submission):
    for pod in pods(filled("kuberay", sweep))[:2]:
        (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert {rule["key"] for rule in term["matchExpressions"]} == set(SPOT)
        assert {rule["operator"] for rule in term["matchExpressions"]} == {"NotIn"}


def test_what_a_site_wants_stands_in_every_pod(sweep: Submission):
    wanted = KubernetesSettings(
        image="host/sweeps:1", service_account="sweeper", image_pull_secrets=("registry",), priority_class="batch",
        queue="gpu-queue", queue_priority="low", redis="redis:6379", user=1234, wait=600,
    )  # fmt: skip
    rayjob = filled("kuberay-kueue", dataclasses.replace(sweep, kubernetes=wanted))
    assert problems(rayjob) == []
    assert rayjob["metadata"]["labels"] == {
        "kueue.x-k8s.io/queue-name": "gpu-queue", "kueue.x-k8s.io/priority-class": "low",
    }  # fmt: skip
    assert rayjob["spec"]["preRunningDeadlineSeconds"] == 600
    password = rayjob["spec"]["rayClusterSpec"]["gcsFaultToleranceOptions"]["redisPassword"]
    assert password == {"valueFrom": {"secretKeyRef": {"name": "sweep-redis", "key": "password"}}}
    for pod in pods(rayjob):
        assert pod["serviceAccountName"] == "sweeper"
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert pod["priorityClassName"] == "batch"
        assert pod["securityContext"]["runAsUser"] == 1234
        assert "envFrom" not in pod["containers"][0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kubernetes": KubernetesSettings()},
         "kubernetes.image is not set: name the image of the pods, e.g. kubernetes.image=HOST/sweeps:1"),
        ({"kubernetes": KubernetesSettings(image="a")},
         "kubernetes.queue is not set: name the queue, e.g. kubernetes.queue=gpu-queue"),
        ({"resources": Resources(gpus=1)},
         "resources.max_concurrent is not set, and machines are asked for by it: say how many trials run at once, e.g. "
         "resources.max_concurrent=8"),
        ({"resources": Resources(labels={"a": "b"}, max_concurrent=1)},
         "resources.labels: Kubernetes starts a Ray of the sweep's own, whose nodes have none; choose nodes by "
         "kubernetes.node_labels, or send the sweep to a Ray cluster that has it (--address)"),
        ({"resources": Resources(accelerator="L4", max_concurrent=1)},
         "resources.accelerator L4: Kubernetes knows it by the labels of its nodes; say which, e.g. "
         "'kubernetes.node_labels={cloud.google.com/gke-accelerator: nvidia-l4}' or "
         "'kubernetes.node_labels={nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB}'"),
        ({"other_kinds": ("stage first", "confirm")},
         "Kubernetes is asked for machines of one kind, and stage first and confirm asks for another; send the sweep "
         "to a Ray cluster that has both (--address), or remove that"),
    ],
)  # fmt: skip
def test_what_would_fail_late_is_refused(changes: dict[str, Any], told: str, sweep: Submission):
    with pytest.raises(UsageError) as caught:
        KubeRay("kuberay-kueue").render(dataclasses.replace(sweep, **changes))
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("name", "label"), [("kuberay-kueue", "kueue.x-k8s.io/queue-name"), ("kuberay-volcano", "volcano.sh/queue-name")]
)
def test_a_gang_is_the_same_with_a_queue_and_without_autoscaling(name: str, label: str, sweep: Submission):
    expected, found = filled("kuberay", sweep), filled(name, sweep)
    assert list(found["metadata"].pop("labels")) == [label]
    cluster = expected["spec"]["rayClusterSpec"]
    del cluster["enableInTreeAutoscaling"], cluster["autoscalerOptions"]
    cluster["workerGroupSpecs"][1] |= {"replicas": 8, "minReplicas": 8, "maxReplicas": 8}
    assert found == expected


def test_every_variant_is_tested():
    assert sorted(path.stem for path in definitions("cluster").glob("kuberay*.yaml")) == NAMES
