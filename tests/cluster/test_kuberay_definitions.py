"""The RayJobs of cluster/: what Kubernetes would say of them, and what they promise."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import problems

from orchestrator.launchers import Submission
from orchestrator.launchers.kuberay import KubeRay
from orchestrator.members import definitions
from orchestrator.sweep.resources import Resources

NAMES = ["kuberay", "kuberay-kueue", "kuberay-volcano"]
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"


@pytest.fixture
def sweep(tmp_path: Path) -> Submission:
    (tmp_path / "sweep.yaml").write_text("name: digits\n")
    return Submission(
        "digits", "digits-20261122-0312-5c1e", tmp_path, "sweep.yaml", (), "s3://bucket/runs", Resources(gpus=1),
        files={"sweep.yaml": 13},
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
    assert (spec["entrypointNumCpus"], spec["backoffLimit"]) == (0.5, 3)
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    assert "secretKeyRef" in cluster["gcsFaultToleranceOptions"]["redisPassword"]["valueFrom"]
    for pod in pods(rayjob):
        (container,) = pod["containers"]
        environment = {entry["name"]: entry["value"] for entry in container["env"]}
        assert pod["terminationGracePeriodSeconds"] > int(environment[DRAIN])
        assert container["envFrom"] == [{"secretRef": {"name": "sweep-secrets", "optional": True}}]
        assert {"name": "code", "mountPath": "/sweep", "readOnly": True} in container["volumeMounts"]
        assert pod["volumes"][0]["configMap"] == {
            "name": rayjob["metadata"]["name"],
            "items": [{"key": "sweep.yaml", "path": "sweep.yaml"}],
        }


def test_the_gpus_are_spot_machines_from_zero(sweep: Submission):
    cluster = filled("kuberay", sweep)["spec"]["rayClusterSpec"]
    assert cluster["enableInTreeAutoscaling"] is True
    driver, gpu = cluster["workerGroupSpecs"]
    assert (gpu["minReplicas"], gpu["replicas"]) == (0, 0)
    assert gpu["template"]["spec"]["nodeSelector"] == {"karpenter.sh/capacity-type": "spot"}
    assert gpu["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert (driver["minReplicas"], driver["template"]["spec"]["nodeSelector"]) == (
        1, {"karpenter.sh/capacity-type": "on-demand"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "label"), [("kuberay-kueue", "kueue.x-k8s.io/queue-name"), ("kuberay-volcano", "volcano.sh/queue-name")]
)
def test_a_gang_is_the_same_with_a_queue_and_without_autoscaling(name: str, label: str, sweep: Submission):
    expected, found = filled("kuberay", sweep), filled(name, sweep)
    assert list(found["metadata"].pop("labels")) == [label]
    cluster = expected["spec"]["rayClusterSpec"]
    del cluster["enableInTreeAutoscaling"], cluster["autoscalerOptions"]
    cluster["workerGroupSpecs"][1] |= {"replicas": 4, "minReplicas": 4, "maxReplicas": 4}
    assert found == expected


def test_every_variant_is_tested():
    assert sorted(path.stem for path in definitions("cluster").glob("kuberay*.yaml")) == NAMES
