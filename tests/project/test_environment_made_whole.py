"""The environment that a sweep file asks for: its files read, judged, hashed, and what of it applies where."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import SpecError, UsageError
from orchestrator.launchers._environment import refuse_ungiven, runtime_env
from orchestrator.launchers.kuberay import KubeRay
from orchestrator.launchers.local import Local
from orchestrator.launchers.ray_job import RayJob
from orchestrator.launchers.slurm import Slurm
from orchestrator.project.environment import environment_hash, said_here, whole
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.environment import NOTHING, Environment

SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("# for the encoder\neinops==0.8  # newest\n\ntorch\n")
    (tmp_path / "environment.yml").write_text("dependencies: [python=3.11, {pip: [einops]}]\n")
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    return tmp_path


def test_files_are_replaced_by_what_they_hold_and_become_one_environment_of_the_job(folder: Path):
    made = whole(Environment(pip="requirements.txt", env={"A": "1"}), folder)
    assert made.pip == ("einops==0.8", "torch")
    assert runtime_env(made) == {"pip": {"packages": ["einops==0.8", "torch"]}}
    conda = whole(Environment(conda="environment.yml"), folder)
    assert runtime_env(conda) == {"conda": {"dependencies": ["python=3.11", {"pip": ["einops"]}]}}
    assert runtime_env(whole(Environment(conda="base"), folder)) == {"conda": "base"}
    assert runtime_env(NOTHING) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-r more.txt", "'-r more.txt' means something of this machine, which no node has"),
        ("-e .", "'-e .' means something of this machine"),
        ("--index-url https://ada:hunter2@pypi.example", "a line for pip holds a secret"),
        ("# nothing", "requirements.txt names no package; leave pip out"),
    ],
)
def test_lines_that_no_node_can_take_are_refused(folder: Path, line: str, said: str):
    (folder / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(SpecError, match=r"^environment\.pip: ") as refused:
        whole(Environment(pip="requirements.txt"), folder)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there_is_told_with_its_line(folder: Path):
    (folder / "sweep.yaml").write_text(f"{SWEEP}environment: {{pip: requirement.txt}}\n")
    with pytest.raises(SpecError, match=r"sweep\.yaml:8: environment\.pip: there is no file 'requirement\.txt' beside"):
        plan_from_file(folder / "sweep.yaml")
    (folder / "sweep.yaml").write_text(f"{SWEEP}environment: {{env: {{HF_TOKEN: abc}}}}\n")
    with pytest.raises(SpecError, match=r"sweep\.yaml:8: environment\.env.*HF_TOKEN: looks like a secret"):
        plan_from_file(folder / "sweep.yaml")


def test_it_is_recorded_among_the_versions_and_is_no_part_of_what_the_sweep_is(folder: Path):
    (folder / "sweep.yaml").write_text(SWEEP)
    plain = plan_from_file(folder / "sweep.yaml")
    (folder / "sweep.yaml").write_text(f"{SWEEP}environment: {{pip: requirements.txt}}\n")
    asked = plan_from_file(folder / "sweep.yaml")
    assert asked.sweep_id == plain.sweep_id
    assert "environment" not in plain.provenance.versions
    before = asked.provenance.versions["environment"]
    assert before == environment_hash(asked.spec.environment, folder)
    (folder / "requirements.txt").write_text("einops==0.9\n")
    assert plan_from_file(folder / "sweep.yaml").provenance.versions["environment"] != before


def test_what_does_not_apply_here_is_said():
    asked = Environment(pip=("einops",), env={"A": "1"}, modules=("cuda/12.4",))
    assert said_here(asked, is_joined=False, environ={}) == [
        "environment.pip, environment.modules: not applied here; trials run with what this machine has; `submit` gives "
        "what a cluster can give"
    ]
    unloaded = ["environment.modules: not applied here; load them before Ray starts"]
    assert said_here(asked, is_joined=True, environ={}) == unloaded
    assert said_here(asked, is_joined=True, environ={"LOADEDMODULES": "gcc/13:cuda/12"}) == unloaded
    assert said_here(asked, is_joined=True, environ={"LOADEDMODULES": "gcc/13:cuda/12.4"}) == []
    short = Environment(modules=("cuda",))
    assert said_here(short, is_joined=True, environ={"LOADEDMODULES": "cuda/12.4"}) == []
    assert said_here(Environment(env={"A": "1"}), is_joined=False, environ={}) == []
    image = Environment(image="lab/train:3")
    assert said_here(image, is_joined=True, environ={}) == [
        "environment.image: not applied here; start the nodes from it"
    ]
    assert said_here(image, is_joined=True, environ={"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}) == [], "a job has it"


@pytest.mark.parametrize(
    ("launcher", "asked", "said"),
    [
        (RayJob, {"image": "lab/train:3"},
         "the launcher RayJob cannot give that; Ray starts containers without the sweep's code: start the cluster's "
         "nodes from that image, or send the sweep to Kubernetes (--cluster kuberay)"),
        (RayJob, {"modules": ("cuda",)}, "load them on its nodes before Ray starts there, and leave them out"),
        (Slurm, {"image": "lab/train:3"},
         "how a job gets into a container differs from site to site: put that into a copy of the definition, and leave "
         "it out"),
        (KubeRay, {"modules": ("cuda",)}, "put what they bring into the image, and leave them out"),
        (Local, {"uv": ("einops",)}, "trials run with what this machine has: install it here, and leave it out"),
    ],
)  # fmt: skip
def test_what_a_kind_of_cluster_cannot_give_is_refused_with_what_to_do(launcher, asked, said):
    environment = Environment(**asked)
    with pytest.raises(UsageError) as refused:
        refuse_ungiven(environment, launcher.gives, f"the launcher {launcher.__name__}", launcher.instead)
    assert str(refused.value).startswith(f"environment.{next(iter(asked))}: ")
    assert str(refused.value).endswith(said)


def test_a_cluster_that_cannot_give_it_refuses_it_by_name():
    with pytest.raises(UsageError, match=r"^environment\.modules: a Ray cluster cannot give that; it gives env, pip"):
        refuse_ungiven(Environment(modules=("cuda/12.4",)), {"pip", "env"}, "a Ray cluster")
    with pytest.raises(UsageError, match="put that into its definition, or leave it out"):
        refuse_ungiven(Environment(pip=("a",)), (), "this kind")
