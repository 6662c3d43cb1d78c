"""`stepladder import wandb`: twenty sweeps with every construct, imported, checked, planned; what is lost is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import SpecError, UsageError
from orchestrator.imports import ranges as ranges_of
from orchestrator.imports.foreign_yaml import read_foreign
from orchestrator.imports.wandb_sweep import import_wandb
from orchestrator.imports.writing import text_of
from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.plan import Plan
from orchestrator.sweepfile.placeholders import filled

FILES = Path(__file__).parent / "wandb"
LOST = {
    "bandit": ["early_terminate.strict"],
    "bells": ["metric.target"],
    "cells": [],
    "control": [],
    "federated": [],
    "flags": [],
    "hydra-app": [],
    "json": [
        "command: ${envvar:DATA_ROOT}",
        "command: ${args_json}",
        "command: ${unknown}",
    ],
    "language": ["line 3: project", "line 4: entity"],
    "launch": [
        "line 17: parameters.odd",
        "line 18: parameters.half",
        "line 19: parameters.spelt",
        "line 5: job",
        "line 6: image_uri",
        "line 7: queue",
        "line 8: controller",
        "line 9: runcap",
        "line 10: base",
    ],
    "nested": [],
    "probing": [],
    "proteins": [],
    "rarities": [],
    "scorer": [],
    "seeds": [],
    "segmentation": [],
    "symbolic": [],
    "verifier": [],
    "weighted": ["line 7: parameters.broken"],
}
"""What of each file has no counterpart, in the order in which it is told."""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for program in ("train.py", "src/run.py"):
        (tmp_path / program).write_text("")
    return tmp_path


def imported(name: str, folder: Path) -> Plan:
    source = folder / f"{name}.yaml"
    source.write_text((FILES / f"{name}.yaml").read_text())
    result = call("import", "wandb", source)
    assert result.exit_code == 0, result.output
    return plan_from_file(folder / "sweep.yaml")


def imported_again(name: str, folder: Path) -> Plan:
    (folder / "sweep.yaml").unlink()
    return imported(name, folder)


def test_every_file_is_in_the_table():
    assert sorted(LOST) == sorted(path.stem for path in FILES.iterdir())
    assert len(LOST) == 20


@pytest.mark.parametrize("name", LOST)
def test_a_file_is_imported_checked_and_planned(name: str, folder: Path):
    source = folder / f"{name}.yaml"
    source.write_text((FILES / f"{name}.yaml").read_text())
    result = call("import", "wandb", source)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"wrote {folder / 'sweep.yaml'}: ")
    lost = [line.removeprefix("could not be carried: ") for line in result.stderr.splitlines() if "could not" in line]
    assert [line.startswith(where + ": ") for line, where in zip(lost, LOST[name], strict=True)] == [True] * len(lost)
    comments = " ".join((folder / "sweep.yaml").read_text().replace("#", " ").split())
    assert [line for line in lost if " ".join(line.split()) not in comments] == []
    assert call("check", folder / "sweep.yaml").exit_code == 0
    assert "at most" in call("plan", folder / "sweep.yaml").stdout


@pytest.mark.parametrize("name", LOST)
def test_what_is_written_is_read_back_as_it_was_meant(name: str, folder: Path):
    (folder / "sweep.yaml").write_text(
        text_of(draft := import_wandb((FILES / f"{name}.yaml").read_bytes(), f"{name}.yaml", name))
    )
    spec = plan_from_file(folder / "sweep.yaml").spec
    assert sorted(spec.search_space) == sorted(draft.space)
    for hyperparameter, entry in draft.space.items():
        read = spec.search_space[hyperparameter].model_dump(mode="json")
        read |= {"weights": list(read["weights"])} if read.get("weights") else {}
        assert {key: read[key] for key in entry.value} == entry.value
    assert list(spec.command or ()) == draft.keys["command"].value


def ranges(plan: Plan) -> dict[str, tuple[float, float, str, float | None]]:
    space = plan.spec.search_space
    return {
        name: (domain.low, domain.high, domain.scale, domain.step)
        for name, domain in space.items()
        if domain.type in ("float", "int")
    }


def test_every_distribution_means_what_wandb_means(folder: Path):
    found = ranges(imported("rarities", folder))
    assert found["a"] == (pytest.approx(1e-3), pytest.approx(0.1), "log", None)  # exp(-6.9) to exp(-2.3)
    assert found["b"] == (0.001, 0.1, "log", None)
    assert found["c"] == (0.0, 1.0, "linear", None)
    assert found["d"] == (0.0, 1.0, "linear", 0.1)
    assert found["e"] == (0, 10, "linear", 2)
    assert found["f"] == (0.0, 1.0, "linear", 0.25)  # round(0.05 / 0.25) to round(0.9 / 0.25) quarters


def test_exponents_are_natural(folder: Path):
    found = ranges(imported("symbolic", folder))
    assert found["weightAddNode"] == (pytest.approx(math.exp(-4), rel=1e-5), pytest.approx(math.exp(2)), "log", None)
    assert found["populations"] == (10, 99, "log", 1)


def test_any_value_is_a_choice_or_a_constant(folder: Path):
    space = imported("control", folder).spec.search_space
    assert space["net_arch"].choices == ([32, 32], [400, 300])
    assert imported_again("seeds", folder).spec.search_space["seeds"].value == [123]
    assert imported_again("scorer", folder).spec.search_space["scheduler"].choices == ("linear", "cosine", None)
    assert imported_again("verifier", folder).spec.search_space["model"].choices[1] == {"kind": "cnn", "width": 32}


def test_probabilities_are_weights(folder: Path):
    space = imported("weighted", folder).spec.search_space
    assert (space["optimizer"].choices, space["optimizer"].weights) == (("adam", "sgd", "lion"), (0.6, 0.3, 0.1))


def test_repeated_values_are_one_with_their_weights_together():
    entry = ranges_of.choice([1, 2, 1], [0.2, 0.5, 0.3])
    assert entry.value == {"choices": [1, 2], "weights": [0.5, 0.5]}


def test_what_the_file_lacks_is_the_catalogues_by_name_and_told(folder: Path):
    space = imported("cells", folder).spec.search_space
    assert (space["learning_rate"].default, space["learning_rate"].tier) == (0.01, 1)
    assert (space["batch-size"].tier, space["weight_decay"].scale) == (2, "linear")
    comments = " ".join((folder / "sweep.yaml").read_text().replace("#", " ").split())
    assert "default 0.01 invented: the catalogue's learning_rate, search space sgd" in comments
    assert "tier 2 and default 32 invented: the catalogue's batch_size, search space batch" in comments
    assert "linear there; the catalogue's weight_decay, search space weight-decay advises log" in comments


def test_bell_curves_are_drawn_as_they_are(folder: Path):
    space = imported("bells", folder).spec.search_space
    assert (space["shift"].mean, space["shift"].sd, space["shift"].scale) == (0.5, 0.25, "linear")
    assert (space["offset"].mean, space["offset"].sd) == (1, 1)
    rate = space["rate"]
    assert (rate.mean, rate.sd, rate.scale) == (pytest.approx(math.exp(-6.9), rel=1e-4), 1.15, "log")
    steps = space["steps"]
    assert (steps.low, steps.high, steps.step, steps.mean, steps.sd) == (40.0, 160.0, 10.0, 100.0, 20.0)
    size = space["size"]
    assert (size.low, size.high, size.step, size.scale) == (16.0, 248.0, 8.0, "log")


def test_a_grid_asks_for_every_combination(folder: Path):
    plan = imported("probing", folder)
    assert plan.spec.budget.trials == 3 * 3 * 9
    assert plan.spec.searcher.name == "grid"
    assert plan.spec.searcher.options == {"points": 9}
    assert plan.spec.search.options == {"prior_trials": 0, "prior_probability": 0}


def test_names_keep_their_flags_where_our_names_have_other_letters(folder: Path):
    plan = imported("proteins", folder)
    assert plan.spec.command == ("python", "train.py", "{args}", "--9lives={p9lives}")
    config = {name: domain.default for name, domain in plan.spec.search_space.items()}
    assert sorted(filled(plan.spec.command, config, {}, plan.spec.args)[2:]) == [
        "--9lives=2",
        "--data/augment=true",
        "--model_config.depth=4",
        "--model_config.sigma-sample-density.min-value=0.01",
    ]


def test_the_command_is_what_wandb_would_run(folder: Path):
    assert imported("cells", folder).spec.command[:5] == ("python", "train.py", "train", "data.yml", "--epochs=64")


def test_a_command_without_hyphens_is_hydras(folder: Path):
    spec = imported("hydra-app", folder).spec
    assert spec.command == ("python", "src/run.py", "{args}", "hydra.run.dir={{dir}}")
    assert spec.args.style == "hydra"


def test_booleans_as_flags_and_a_configuration_file(folder: Path):
    assert imported("flags", folder).spec.args.booleans == "flag"
    spec = imported_again("json", folder).spec
    assert spec.command == ("python3", "train.py", "--root=DATA_ROOT", "--config", "{config}", "unknown")
    assert spec.args.config == "json"


def test_hyperband_is_the_fidelity(folder: Path):
    bandit = imported("bandit", folder).spec.fidelity
    assert (bandit.min, bandit.max, bandit.reduction_factor) == (3, 27, 3)


def test_an_epoch_constant_is_the_length_of_a_training(folder: Path):
    language = imported("language", folder)
    assert (language.spec.fidelity.min, language.spec.fidelity.max) == (5, 50)
    assert language.spec.scheduler.name == "asha"


def test_without_early_terminate_nothing_is_stopped_early(folder: Path):
    assert imported("segmentation", folder).spec.fidelity.once


def test_aliases_merges_tags_and_the_booleans_of_yaml_1_1(folder: Path):
    found = ranges(imported("launch", folder))
    assert (found["lr"][:2], found["lr_head"][:2]) == ((1e-4, 0.1), (1e-4, 1.0))
    assert read_foreign(b"[yes, No, on, 1_000, 1e-3, '1e-3', 0x1f, ~]", "a.yaml").data == [
        True, False, True, 1000, 0.001, "1e-3", "0x1f", None,
    ]  # fmt: skip


def test_aliases_that_grow_without_end_are_refused():
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(UsageError, match=r"bomb\.yaml:\d+: too large or too deeply nested"):
        read_foreign(text.encode(), "bomb.yaml")


class TestMistakes:
    def refused(self, folder: Path, text: str, tool: str = "wandb", name: str = "mine.yaml") -> str:
        (folder / name).write_text(text)
        with pytest.raises(UsageError) as caught:
            call("import", tool, folder / name)
        return str(caught.value).replace(str(folder), "")

    def test_no_such_file(self, folder: Path):
        with pytest.raises(UsageError, match=r"none\.yaml: there is no such file$"):
            call("import", "wandb", folder / "none.yaml")

    def test_a_folder(self, folder: Path):
        with pytest.raises(UsageError, match="this is a folder; give a file in it"):
            call("import", "wandb", folder)

    def test_no_wandb_sweep(self, folder: Path):
        assert self.refused(folder, "a: 1") == "/mine.yaml is not a W&B sweep: it has no mapping `parameters`"
        assert self.refused(folder, "") == "/mine.yaml is not a W&B sweep: it has no mapping `parameters`"

    def test_no_yaml(self, folder: Path):
        assert self.refused(folder, "a: [1\nb: 2").startswith("/mine.yaml:2: not valid YAML: ")

    def test_another_tools_file(self, folder: Path):
        hydra = "defaults: [_self_]\nhydra:\n  sweeper:\n    params: {a: 'choice(1, 2)'}\n"
        assert self.refused(folder, hydra) == (
            "/mine.yaml: this is a Hydra configuration with a sweeper: `stepladder import hydra /mine.yaml`"
        )
        assert "this is Python that asks an Optuna trial: `stepladder import optuna" in self.refused(
            folder, "import optuna\ndef f(trial): return trial.suggest_float('x', 0, 1)\n", name="mine.py"
        )

    def test_nothing_is_written_over(self, folder: Path):
        (folder / "out.yaml").write_text("mine")
        (folder / "wandb.yaml").write_text((FILES / "nested.yaml").read_text())
        with pytest.raises(UsageError, match=r"out\.yaml is there already and may hold your changes; .* -o"):
            call("import", "wandb", folder / "wandb.yaml", "-o", folder / "out.yaml")
        assert (folder / "out.yaml").read_text() == "mine"

    def test_a_program_that_is_not_there_does_not_check(self, folder: Path):
        (folder / "a.yaml").write_text("method: random\nparameters: {lr: {min: 0.1, max: 1.0}}\n")
        with pytest.raises(SpecError, match=r"there is no file 'gone\.py' beside the sweep file"):
            call("import", "wandb", folder / "a.yaml", "--program", "gone.py")
        assert (folder / "sweep.yaml").exists()

    def test_a_sweep_of_which_nothing_can_be_carried_does_not_check(self, folder: Path):
        (folder / "a.yaml").write_text("program: train.py\nmethod: random\nparameters: {lr: {min: 3}}\n")
        with pytest.raises(SpecError, match="search_space"):
            call("import", "wandb", folder / "a.yaml")


def test_a_wandb_file_named_sweep_yaml_is_not_written_over(folder: Path):
    (folder / "sweep.yaml").write_text((FILES / "nested.yaml").read_text())
    assert call("import", "wandb", folder / "sweep.yaml").exit_code == 0
    assert plan_from_file(folder / "stepladder.yaml").spec.name == folder.name[:64].strip("_.-")


def test_the_dict_of_a_python_file(folder: Path):
    (folder / "agent.py").write_text(
        "import wandb\nRATES = [0.1, 2 * 0.1]\n"
        "sweep = {'method': 'random', 'program': 'train.py', 'metric': {'name': 'acc', 'goal': 'maximize'},\n"
        "         'parameters': {'lr': {'values': RATES}, 'bs': {'min': 1, 'max': 2**3}}}\n"
        "wandb.agent(wandb.sweep(sweep, project='p'), count=3)\n"
    )
    assert call("import", "wandb", folder / "agent.py").exit_code == 0
    space = plan_from_file(folder / "sweep.yaml").spec.search_space
    assert (space["lr"].choices, space["bs"].high) == ((0.1, 0.2), 8)
    with pytest.raises(UsageError, match="this is a W&B sweep, no sweep file"):
        call("check", folder / "agent.py")


def test_a_python_file_without_a_sweep(folder: Path):
    (folder / "agent.py").write_text("import wandb\nwandb.sweep(load('parameters'))\n")
    with pytest.raises(UsageError, match=r"agent\.py holds no W&B sweep: no dict of it has `parameters` and `method`"):
        call("import", "wandb", folder / "agent.py")


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_foreign_file_is_told_with_the_command_that_takes_it(verb: str, folder: Path):
    file = folder / "launch.yaml"
    file.write_text((FILES / "launch.yaml").read_text())
    with pytest.raises(UsageError) as caught:
        call(verb, file)
    assert str(caught.value) == (
        f"{file}: this is a W&B sweep, no sweep file; `stepladder import wandb {file}` makes a sweep file of it"
    )
