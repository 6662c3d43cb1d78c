"""What Slurm is asked for: it follows from the sweep's resources, and a definition's own lines go before it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._slurm_request import left_to_ask, slurm_request
from orchestrator.launchers.slurm import Slurm
from orchestrator.members import definitions
from orchestrator.sweep.launching import SlurmSettings
from orchestrator.sweep.resources import Resources

GIB = 2**30


def sent(slurm=None, **resources) -> Submission:
    settings = SlurmSettings.model_validate(slurm or {})
    asked = Resources.model_validate(resources)
    return Submission("s", "s-1", Path("/shared/s"), "sweep.yaml", (), "/runs", asked, slurm=settings)


@pytest.mark.parametrize(
    ("slurm", "resources", "options"),
    [
        ({}, {"gpus": 1, "max_concurrent": 4}, "--nodes=4 --cpus-per-task=1 --gpus-per-node=1"),
        ({"gpus_per_node": 8}, {"gpus": 2, "cpus": 8, "max_concurrent": 6},
         "--nodes=2 --cpus-per-task=32 --gpus-per-node=8"),
        ({"gpus_per_node": 4}, {"gpus": 8, "cpus": 32, "nodes": 2, "max_concurrent": 3},
         "--nodes=6 --cpus-per-task=16 --gpus-per-node=4"),
        ({"gpus_per_node": 8}, {"gpus": 4, "nodes": 2, "spread": True, "max_concurrent": 1},
         "--nodes=2 --cpus-per-task=1 --gpus-per-node=2"),
        ({}, {"gpus": 0.25, "max_concurrent": 8}, "--nodes=2 --cpus-per-task=4 --gpus-per-node=1"),
        ({}, {"cpus": 4, "max_concurrent": 8}, "--nodes=2 --cpus-per-task=16"),
        ({"cpus_per_node": 64}, {"cpus": 4, "max_concurrent": 8}, "--nodes=1 --cpus-per-task=32"),
        ({}, {"cpus": 48, "max_concurrent": 2}, "--nodes=2 --cpus-per-task=48"),
        ({"whole_nodes": True}, {"gpus": 1, "max_concurrent": 1, "memory": 64 * GIB},
         "--nodes=1 --cpus-per-task=1 --gpus-per-node=1 --mem=65536M --exclusive"),
        ({"gpu_type": "a100_80", "partition": "gpu", "account": "lab", "qos": "long", "constraint": "nvlink&a100"},
         {"gpus": 1, "max_concurrent": 1, "avoid": ["n7", "n8"]},
         "--nodes=1 --cpus-per-task=1 --gpus-per-node=a100_80:1 --partition=gpu --account=lab --qos=long "
         "--constraint=nvlink&a100 --exclude=n7,n8"),
        ({}, {"gpus": 4, "accelerator": "H100", "max_concurrent": 1},
         "--nodes=1 --cpus-per-task=1 --gpus-per-node=h100:4"),
    ],
)  # fmt: skip
def test_it_follows_from_the_resources(slurm, resources, options):
    asked = slurm_request(sent(slurm, **resources), is_elastic=False).options
    assert [option for option in asked if option not in ("--ntasks-per-node=1", "--time=480")] == options.split()
    assert "--time=480" in asked


def test_an_elastic_sweep_asks_for_a_small_job_and_tells_it_of_its_workers():
    slurm = {"mode": "elastic", "workers": "2..16", "partition": "gpu", "time": "4h", "idle": "5m"}
    asked = slurm_request(sent(slurm, gpus=4, cpus=8, max_concurrent=40), is_elastic=True)
    assert asked.options == ("--nodes=1", "--ntasks=1", "--cpus-per-task=2", "--time=240", "--partition=gpu")
    assert asked.values == {
        "STEPLADDER_WORKER": "--ntasks-per-node=1 --cpus-per-task=8 --gpus-per-node=4 --time=240 --partition=gpu",
        "STEPLADDER_FEWEST": "2", "STEPLADDER_MOST": "16", "STEPLADDER_EACH": "1", "STEPLADDER_IDLE_S": "300",
    }  # fmt: skip
    assert asked.told == "2 to 16 workers come and go, with 8 CPUs and 4 GPUs each"
    unbounded = slurm_request(sent({"mode": "elastic"}, gpus=1, max_concurrent=3), is_elastic=True)
    assert (unbounded.values["STEPLADDER_FEWEST"], unbounded.values["STEPLADDER_MOST"]) == ("0", "3")


@pytest.mark.parametrize(
    ("slurm", "resources", "told"),
    [
        ({}, {"gpus": 1}, "resources.max_concurrent is not set, and machines are asked for by it: say how many trials "
         "run at once, e.g. resources.max_concurrent=8"),
        ({"gpus_per_node": 4}, {"gpus": 8, "max_concurrent": 1},
         "slurm.gpus_per_node 4: a trial takes 8 GPUs on one node; lower that, or set "
         "resources.nodes: it then comes in parts"),
        ({"cpus_per_node": 4}, {"cpus": 8, "max_concurrent": 1},
         "slurm.cpus_per_node 4: a trial takes 8 CPUs on one node; lower that, or set "
         "resources.nodes: it then comes in parts"),
        ({}, {"labels": {"a": "b"}, "max_concurrent": 1},
         "resources.labels: Slurm starts a Ray of the sweep's own, whose nodes have none; choose nodes by "
         "slurm.constraint, or send the sweep to a Ray cluster that has it (--address)"),
        ({}, {"custom": {"license": 1}, "max_concurrent": 1},
         "resources.custom: Slurm starts a Ray of the sweep's own"),
        ({}, {"within": "rack", "nodes": 2, "max_concurrent": 1}, "resources.within: Slurm starts a Ray"),
        ({"mode": "elastic"}, {"max_concurrent": 1},
         "slurm.mode: elastic needs a definition that submits workers; take a copy of slurm-elastic.sbatch"),
    ],
)  # fmt: skip
def test_what_cannot_be_given_is_refused(slurm, resources, told):
    with pytest.raises(UsageError) as caught:
        slurm_request(sent(slurm, **resources), is_elastic=False)
    assert str(caught.value).startswith(told)


def test_a_stage_on_other_machines_is_refused():
    staged = dataclasses.replace(sent(gpus=1, max_concurrent=1), other_kinds=("stage first",))
    with pytest.raises(UsageError, match="Slurm is asked for machines of one kind, and stage first asks for another"):
        slurm_request(staged, is_elastic=False)


def test_what_a_definition_says_itself_is_not_asked_for_again():
    options = ("--nodes=4", "--ntasks-per-node=1", "--cpus-per-task=1", "--gpus-per-node=1", "--mem=5M", "--time=480")
    text = "#!/bin/bash\n#SBATCH -N 2 -t 60\n#SBATCH --gres=gpu:a100:2\n#SBATCH --mem-per-cpu=4G\n# SBATCH --qos=a\n"
    assert left_to_ask(options, text) == ["--ntasks-per-node=1", "--cpus-per-task=1"]
    assert left_to_ask(options, "echo --nodes=1\n") == list(options)


@pytest.mark.parametrize(
    "lines", ["-N 2\n#SBATCH --gpus-per-node=a100:1", "--nodes 2 --gres=gpu:1", "--nodes=2 --gpus-per-node=1"]
)
def test_a_definition_whose_own_nodes_hold_no_trial_is_refused(lines, tmp_path):
    mine = tmp_path / "mine.sbatch"
    mine.write_text(f"#SBATCH {lines}\nCOMMAND=(${{STEPLADDER_COMMAND}})\n")
    with pytest.raises(UsageError) as caught:
        Slurm(str(mine)).render(sent(gpus=8, nodes=2))
    assert str(caught.value) == (
        f"{mine}: its #SBATCH lines ask for 2 nodes with 1 GPU each, which hold no trial: it takes 2 times 4 GPUs; "
        "delete those lines, and it is asked for what the sweep needs"
    )
    assert "--nodes=2" not in Slurm(str(mine)).render(sent(gpus=2, nodes=2)).command


def test_the_mode_chooses_between_the_shipped_scripts_and_a_copy_is_taken_as_it_is(tmp_path):
    elastic = sent({"mode": "elastic"}, max_concurrent=1)
    for target in ("", "slurm.sbatch", str(definitions("cluster") / "slurm.sbatch")):
        (text,) = Slurm(target).render(elastic).files.values()
        assert "ray start --head" in text
        assert "FEWEST=0" in text
    mine = tmp_path / "mine.sbatch"
    mine.write_text("#SBATCH --nodes=3\nCOMMAND=(${STEPLADDER_COMMAND})\n")
    assert "--nodes=1" not in Slurm(str(mine)).render(sent(max_concurrent=1)).command
    with pytest.raises(UsageError, match="needs a definition that submits workers"):
        Slurm(str(mine)).render(elastic)


@pytest.mark.parametrize("value", ["4", "3..2", "0..0", "a..b", "-1..3"])
def test_a_range_of_workers_is_two_numbers(value):
    with pytest.raises(ValidationError, match="is no range of workers; write the fewest and the most, as in 0\\.\\.16"):
        SlurmSettings(mode="elastic", workers=value)
    with pytest.raises(ValidationError, match="workers are of mode: elastic; write that, or remove workers"):
        SlurmSettings(workers="0..16")


@pytest.mark.parametrize("value", ["--mem=1", "a b", "$(id)", "a;b", "`id`"])
def test_a_sites_names_are_words_that_no_shell_reads(value):
    for key in ("partition", "account", "qos", "gpu_type", "constraint"):
        with pytest.raises(ValidationError):
            SlurmSettings.model_validate({key: value})
