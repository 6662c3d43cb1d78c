"""Reading a sweep file from disk: what it names lies in its folder, and nothing of it is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import SpecError, UsageError
from orchestrator.project.spec_files import load_parsed, said_of_calling, space_finder, trainable_problem

ROOT = Path(__file__).parents[2]
SWEEP = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {max: 27}
search_space: {extends: [sgd, spaces/mine.yaml]}
budget: {trials: 60}
"""
MINE = "hyperparameters: {width: {low: 16, high: 64, default: 32, tier: 3}}\n"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "sweep"
    (folder / "spaces").mkdir(parents=True)
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "spaces" / "mine.yaml").write_text(MINE)
    (folder / "train.py").write_text("def train(config):\n    pass\n")
    return folder


def refusal(path: Path, error: type[Exception] = SpecError, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(error) as caught:
        load_parsed(path, overrides)
    return str(caught.value)


def test_a_sweep_file_is_read_with_what_it_names(folder):
    spec = load_parsed(folder / "sweep.yaml", ["budget.trials=9"]).spec
    assert set(spec.search_space) == {"optimizer", "learning_rate", "momentum", "width"}
    assert spec.search_space["learning_rate"].provenance == "catalogue"
    assert spec.search_space["width"].provenance == "user"
    assert spec.budget.trials == 9


def test_messages_call_files_as_the_user_did(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (folder / "spaces" / "mine.yaml").write_text("hyperparameters: {width: {low: 16, higg: 64}}\n")
    assert refusal(Path("sweep/sweep.yaml"), overrides=("seed=-1",)).splitlines() == [
        "sweep/spaces/mine.yaml:1: hyperparameters.width.higg: unknown key; choose one of advised, also, cautions, "
        "default, grid, high, low, mean, scale, sd, source, step, tier, type, unit, when (did you mean 'high'?)",
        "override seed=-1: seed: -1 is too small; choose 0 or more",
    ]


def test_a_path_without_a_sweep_file_says_what_lies_there(folder):
    assert refusal(folder / "swep.yaml", UsageError) == (
        f"{folder}/swep.yaml: there is no such file; `stepladder init` writes one to start from"
    )
    assert refusal(folder, UsageError) == f"{folder}: this is a folder; give the sweep file, e.g. {folder}/sweep.yaml"
    os.mkfifo(folder / "pipe.yaml")
    pipe = folder / "pipe.yaml"
    assert refusal(pipe, UsageError) == f"{pipe}: cannot be read: it is not an ordinary file"
    beyond = folder / "sweep.yaml" / "sweep.yaml"
    assert refusal(beyond, UsageError) == f"{beyond}: cannot be read: Not a directory"


def test_links_may_point_around_in_the_folder_but_not_out_of_it(folder, tmp_path):
    (folder / "linked.py").symlink_to("train.py")
    (folder / "spaces" / "linked.yaml").symlink_to("mine.yaml")
    sweep = folder / "sweep.yaml"
    text = SWEEP.replace("train.py", "linked.py").replace("mine.yaml", "linked.yaml")
    sweep.write_text(text)
    assert load_parsed(sweep).spec.trainable == "linked.py:train"
    for inside, outside in (("linked.py", "train.py"), ("spaces/linked.yaml", "mine.yaml")):
        (folder / inside).unlink()
        (tmp_path / outside).write_text("def train(config): ...\n" if outside.endswith("py") else MINE)
        (folder / inside).symlink_to(tmp_path / outside)
    assert refusal(sweep).splitlines() == [
        f"{sweep}:2: trainable: 'linked.py' leads out of the sweep file's folder through a symbolic link; "
        "keep the file in it",
        f"{sweep}:5: search_space.extends[1]: 'spaces/linked.yaml' leads out of the sweep file's folder "
        "through a symbolic link; keep the file in it",
    ]


def test_a_folder_that_is_itself_a_link_is_no_obstacle(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert load_parsed(tmp_path / "link" / "sweep.yaml").spec.name == "digits"


def test_a_search_space_too_large_is_not_read_to_its_end(folder):
    (folder / "spaces" / "mine.yaml").write_bytes(b"#" * 2_000_000)
    assert refusal(folder / "sweep.yaml") == (
        f"{folder}/spaces/mine.yaml:1: more than 300,000 bytes; is it the right file?"
    )


def test_a_search_space_that_is_a_folder_cannot_be_read(folder):
    with pytest.raises(SpecError, match=r"^'./spaces' cannot be read: it is not an ordinary file$"):
        space_finder(folder)("./spaces")


@pytest.mark.parametrize(
    "code",
    [
        "def train(config): ...",
        "def train(config, extra=1, *, more=2): ...",
        "def train(*args): ...",
        "def train(config=None): ...",
        "if True:\n    def train(config): ...\nelse:\n    train = None",
        "try:\n    from fast import train\nexcept ImportError:\n    def train(config): ...",
        "from elsewhere import training as train",
        "from elsewhere import *",
        "train = make()",
        "train: object = make()",
        "@decorated\ndef train(): ...",
        "def train(): ...\ndef train(config): ...",
        "raise SystemExit('never imported')\ndef train(config): ...",
        "x = '\\d'\ndef train(config): ...",
        "from ray import tune\nclass train(tune.Trainable): ...",
        "from ours import Base\nclass Net(Base): ...\nclass train(Net): ...",
        "from ours import trained\n@trained\nclass train: ...",
        "class train(train): ...  # of a name that nothing shows",
    ],
)
def test_a_training_function_may_be_bound_in_any_of_these_ways(tmp_path, code):
    (tmp_path / "train.py").write_text(code)
    assert trainable_problem(tmp_path, "train.py:train") is None


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "train.py defines no function 'train'; it defines no function at all"),
        ("def tarin(config): ...\nclass Net: ...",
         "train.py defines no function 'train'; choose one of tarin (did you mean 'tarin'?)"),
        ("class Trian(tune.Trainable): ...\nclass Net: ...",
         "train.py defines no function 'train'; choose one of Trian (did you mean 'Trian'?)"),
        ("class A:\n    def train(self): ...", "train.py defines no function 'train'; it defines no function at all"),
        ("class Base(object): ...\nclass train(Base): ...",
         "'train' in train.py is a class, and no ray.tune.Trainable; derive it from that, or write an ordinary "
         "function of one argument, the configuration"),
        ("async def train(config): ...",
         "'train' in train.py is an async function; write an ordinary function of one argument, the configuration"),
        ("\ndef train(): ...", "train.py:2 cannot be called with the configuration alone; write `def train(config):`"),
        ("def train(a, b): ...",
         "train.py:1 cannot be called with the configuration alone; write `def train(config):`"),
        ("def train(config, *, lr): ...",
         "train.py:1 cannot be called with the configuration alone; write `def train(config):`"),
        ("def train(*, config): ...",
         "train.py:1 cannot be called with the configuration alone; write `def train(config):`"),
        ("x = 1\ndef train(config)\n    pass", "train.py:2 is not valid Python: expected ':'; mend the file"),
    ],
)  # fmt: skip
def test_a_training_function_that_cannot_be_called_is_refused(tmp_path, code, problem):
    (tmp_path / "train.py").write_text(code)
    assert trainable_problem(tmp_path, "train.py:train") == problem


BY_NAME = {"lr": True, "momentum": False}
"""Whether each is in every configuration."""


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def train(lr, momentum=0.9, *, trial): ...", None),
        ("def train(config, trial): ...", None),
        ("\ndef train(lr, data): ...",
         "train.py:2 cannot be called by name: no hyperparameter and no default for data; give one, or write "
         "`def train(config):`"),
        ("def train(lr, data, *, path, trial): ...",
         "train.py:1 cannot be called by name: no hyperparameter and no default for data, path; give one, or write "
         "`def train(config):`"),
        ("def train(lr, momentum): ...",
         "train.py:1 cannot always be called: momentum does not apply in every configuration (`when`); "
         "give it a default"),
    ],
)  # fmt: skip
def test_a_training_function_may_take_hyperparameters_by_name(tmp_path, code, problem):
    (tmp_path / "train.py").write_text(code)
    assert trainable_problem(tmp_path, "train.py:train", BY_NAME) == problem


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def train(config): ...", "train.py:1: train takes the configuration, a dict, as config"),
        ("x = 1\ndef train(learning_rate, *, trial): ...",
         "train.py:2: train takes hyperparameters by name, learning_rate; trial takes what is known of the trial; "
         "it does not take optimizer, momentum, width"),
        ("x = 1\nclass train(Trainable): ...",
         "train.py:2: train is driven as a ray.tune.Trainable: each step() is a report, until one returns done: True, "
         "or to fidelity.max"),
        ("@wrapped\ndef train(config): ...", None),
        ("from elsewhere import train", None),
    ],
)  # fmt: skip
def test_how_a_training_function_is_called_can_be_said(folder, code, said):
    (folder / "train.py").write_text(code)
    assert said_of_calling(folder, load_parsed(folder / "sweep.yaml").spec) == said


def test_a_class_that_trains_to_one_score_must_say_when_it_is_done(folder):
    (folder / "train.py").write_text("class train(Trainable): ...")
    spec = load_parsed(folder / "sweep.yaml", ["fidelity=none"]).spec
    assert said_of_calling(folder, spec).endswith("each step() is a report, until one returns done: True")


def test_a_class_is_refused_several_processes(folder):
    (folder / "train.py").write_text("class train(Trainable): ...")
    assert load_parsed(folder / "sweep.yaml", ["resources={gpus: 2, processes: 1}"]).spec.resources.ranks == 1
    with pytest.raises(SpecError) as caught:
        load_parsed(folder / "sweep.yaml", ["resources={gpus: 2}"])
    assert (
        "resources: a ray.tune.Trainable trains in one process, and these are 2; set processes: 1, or name a "
        in str(caught.value)
    )


def test_a_training_file_that_is_no_file_is_refused(tmp_path):
    (tmp_path / "train.py").mkdir()
    assert trainable_problem(tmp_path, "train.py:train") == "'train.py' cannot be read: Is a directory"
    (tmp_path / "data.py").write_bytes(b"\x00\x01")
    assert trainable_problem(tmp_path, "data.py:train").startswith("data.py")
    assert "is not valid Python: source code" in trainable_problem(tmp_path, "data.py:train")


def test_a_script_of_setup_that_is_not_there_or_may_not_run_is_told_with_its_line(folder):
    (folder / "sweep.yaml").write_text(SWEEP + "setup: [./stage.sh /local]\n")
    assert refusal(folder / "sweep.yaml") == (
        f"{folder}/sweep.yaml:7: setup[0]: there is no file './stage.sh' beside the sweep file; give its path from "
        "that folder"
    )
    (folder / "stage.sh").write_text("exit 0\n")
    assert refusal(folder / "sweep.yaml").endswith(
        "setup[0]: './stage.sh' may not be executed; chmod +x it, or write the program that runs it first"
    )
    (folder / "stage.sh").chmod(0o755)
    assert load_parsed(folder / "sweep.yaml").spec.setup == ("./stage.sh /local",)


def test_planning_from_a_file_imports_nothing_heavy_in_a_fresh_process(folder):
    script = (
        "import sys; from pathlib import Path\n"
        "from orchestrator.project.spec_files import load_parsed\n"
        "from orchestrator.project.provenance import provenance\n"
        "from orchestrator.planning.compile import compile_plan\n"
        "from orchestrator.planning.estimate import estimate\n"
        "path = Path(sys.argv[1]); spec = load_parsed(path).spec\n"
        "plan = compile_plan(spec, provenance(path.parent, spec))\n"
        "assert estimate(plan, 8, 1.0).stages\n"
        "print(*sys.modules)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(folder / "sweep.yaml")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(answer.stdout.split())
    assert "orchestrator.sweepfile.parse" in loaded
    assert loaded & {"ray", "torch", "pandas", "optuna", "numpy", "scipy", "pyarrow", "rich", "typer", "train"} == set()
