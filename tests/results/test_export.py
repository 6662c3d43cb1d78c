"""Whatever an export writes, the program it is meant for reads the same values back."""

from __future__ import annotations

import io
import json
import shlex
import subprocess

import pytest
from ruamel.yaml import YAML
from sweeps import SPACE, make_plan

from orchestrator.errors import UsageError
from orchestrator.results.export import FORMATS, export, is_split_by_shells
from orchestrator.state.fold import replay
from orchestrator.sweep import event as ev

HOSTILE = [
    "$(rm -rf ~)",
    "`id`",
    "two words",
    'say "hi"',
    "it's",
    "line\nbreak",
    "",
    "true",
    "null",
    "12",
    "1e5",
    "C:\\dir\\",
    'back\\"slash',
    "${x}",
    "é☃🎈",
    "\x07\x7f\x85\u2028\ufeff",
    "- a: b # c",
    "*&!%@",
]
NUMBERS = {"tiny": 1e-05, "third": 1 / 3, "huge": 1.5e300, "whole": 3.0, "many": 10**20, "no": True, "off": False}


def state_of(texts, **numbers):
    """A sweep of one complete trial for each text, best first."""
    kinds = {float: "float", int: "int"}
    space = {
        name: {"type": "choice", "choices": [True, False], "default": value}
        if isinstance(value, bool)
        else {"type": kinds[type(value)], "low": 0 * value, "high": value, "default": value}
        for name, value in numbers.items()
    }
    space["text"] = {"type": "choice", "choices": list(texts), "default": texts[0]}
    plan = make_plan(search_space=space, searcher={"name": "random"}, budget={"trials": 30})
    events = [ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))]
    for number, text in enumerate(texts):
        events += [
            ev.TrialProposed(1.0, number, numbers | {"text": text}, "tier-1", "uniform", [], None, 0),
            ev.AttemptStarted(1.0, number, 0),
            ev.Reported(2.0, number, 0, 27.0, {"score": -float(number)}, None, "full_fidelity"),
        ]
    return replay(events)


def typed(config):
    return {name: (type(value), value) for name, value in config.items()}


def test_json_and_yaml_give_the_configurations_back():
    state = state_of(HOSTILE, **NUMBERS)
    wanted = [typed(trial.config) for trial in state.trials]
    yaml = YAML(typ="safe")
    assert typed(json.loads(export(state, "json"))) == wanted[0]
    assert typed(yaml.load(export(state, "yaml"))) == wanted[0]
    assert [typed(config) for config in json.loads(export(state, "json", 99))] == wanted
    assert [typed(config) for config in yaml.load(export(state, "yaml", 99))] == wanted


def test_yaml_writes_what_yaml_1_1_reads_alike():
    text = export(state_of(["on"], **NUMBERS), "yaml")
    assert "tiny: 1.0e-05\n" in text
    assert '"no": true\n' in text
    assert 'text: "on"\n' in text
    loaded = YAML(typ="safe")
    loaded.version = (1, 1)
    assert typed(loaded.load(io.StringIO(text))) == typed(NUMBERS | {"text": "on"})


def literal(value):
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def test_args_are_split_by_a_shell_into_what_they_say():
    for trial in state_of(HOSTILE, **NUMBERS).trials:
        text = export(state_of([trial.config["text"]], **NUMBERS), "args")
        wanted = [f"--{name}={literal(value)}" for name, value in trial.config.items()]
        assert sorted(shlex.split(text)) == sorted(wanted)


def test_env_is_sourced_by_a_shell_into_what_it_says():
    texts = [text for text in HOSTILE if not text.endswith("\n")]
    for text in texts:
        exported = export(state_of([text], **NUMBERS), "env")
        script = "set -eu\n" + exported + 'printf \'%s|%s|%s\' "$TINY" "$OFF" "$TEXT"'
        said = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
        assert said.stdout == f"1e-05|false|{text}".encode()
        assert said.stderr == b""


def test_hydra_overrides_are_quoted_for_its_grammar():
    def override(text):
        return next(part for part in shlex.split(export(state_of([text]), "hydra")) if part.startswith("text="))

    # what Hydra 1.3's override parser and OmegaConf make of the right side is the left side
    quoted = {
        "sgd": "text=sgd",
        "": 'text=""',
        "true": 'text="true"',
        "NaN": 'text="NaN"',
        "12": 'text="12"',
        "two words": 'text="two words"',
        "it's": 'text="it\'s"',
        'say "hi"': 'text="say \\"hi\\""',
        "C:\\dir\\": 'text="C:\\dir\\\\"',
        'a\\"b': 'text="a\\\\\\"b"',
        "${x}": 'text="\\${x}"',
        "$(rm)": 'text="$(rm)"',
        "line\nbreak": 'text="line\nbreak"',
        "a,b=c": 'text="a,b=c"',
    }
    assert {text: override(text) for text in quoted} == quoted


def test_hydra_numbers_are_exact():
    text = export(state_of(["x"], **NUMBERS), "hydra")
    assert set(shlex.split(text)) == {f"{name}={literal(value)}" for name, value in NUMBERS.items()} | {"text=x"}


def test_several_configurations_each_say_whose_they_are(story):
    state = replay(story)
    assert export(state, "args", 3) == (
        "# 1: trial 2, score 0.9 at epoch 27, completed\n"
        "--learning_rate=0.05 --batch_size=32 --momentum=0.9 --optimizer=sgd\n"
        "# 2: trial 0, score 0.8 at epoch 27, completed\n"
        "--learning_rate=0.01 --batch_size=32 --momentum=0.9 --optimizer=sgd\n"
        "# 3: trial 5, score 0.85 at epoch 9, running\n"
        "--learning_rate=0.01 --batch_size=32 --momentum=0.6 --optimizer=sgd\n"
    )
    assert export(state, "env", 2).splitlines()[:3] == [
        "# 1: trial 2, score 0.9 at epoch 27, completed",
        "LEARNING_RATE=0.05",
        "BATCH_SIZE=32",
    ]
    assert export(state, "yaml", 2).startswith(
        "# 1: trial 2, score 0.9 at epoch 27, completed\n- learning_rate: 0.05\n  "
    )


def test_what_cannot_be_exported_is_said(story):
    state = replay(story)
    with pytest.raises(
        UsageError, match=r"^--format 'toml' is not a format; choose one of json, yaml, args, argv0, env, hydra$"
    ):
        export(state, "toml")
    with pytest.raises(UsageError, match=r"^--top -1: export at least 1 configuration, or 0 for all of them$"):
        export(state, "json", -1)
    assert export(state, "json", 0) == export(state, "json", 50)
    with pytest.raises(UsageError, match=r"^no trial has reported a finite value yet: nothing to export; "):
        export(replay(story[:3]), "json")
    assert len(json.loads(export(state, "json", 50))) == 4


def test_names_that_make_one_variable_are_refused():
    space = {"lr": SPACE["momentum"], "LR": SPACE["momentum"], "beta": SPACE["momentum"]}
    plan = make_plan(search_space=space, searcher={"name": "random"})
    events = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.TrialProposed(1.0, 0, dict.fromkeys(space, 0.9), "tier-1", "baseline", [], None, 0),
        ev.AttemptStarted(1.0, 0, 0),
        ev.Reported(2.0, 0, 0, 3.0, {"score": 1.0}),
    ]
    state = replay(events)
    with pytest.raises(
        UsageError, match=r"^--format env: LR and lr would be the same variable LR; choose another format$"
    ):
        export(state, "env")
    assert export(state, "args") == "--LR=0.9 --beta=0.9 --lr=0.9\n"
    assert FORMATS == ("json", "yaml", "args", "argv0", "env", "hydra")


ANY = [None, [64, 64], {"a": 1, "b": [True, "x y"]}, [], {}, "null", [[1e-05]]]


def any_values():
    plan = make_plan(
        search_space={
            "model.net": {"type": "choice", "choices": ANY, "default": None},
            "model.lr": {"type": "float", "low": 0.0, "high": 1.0, "default": 1e-05},
        },
        searcher={"name": "random"},
    )
    events = [ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))]
    for number, value in enumerate(ANY):
        events += [
            ev.TrialProposed(1.0, number, {"model.net": value, "model.lr": 1e-05}, "tier-1", "uniform", [], None, 0),
            ev.AttemptStarted(1.0, number, 0),
            ev.Reported(2.0, number, 0, 27.0, {"score": -float(number)}, None, "full_fidelity"),
        ]
    return replay(events)


def test_values_of_every_kind_and_names_with_dots_read_back():
    state, top = any_values(), len(ANY)
    nested = [{"model": {"lr": 1e-05, "net": value}} for value in ANY]
    assert json.loads(export(state, "json", top)) == nested
    assert YAML(typ="safe").load(export(state, "yaml", top)) == nested
    for version in ((1, 1), (1, 2)):
        reader = YAML(typ="safe")
        reader.version = version
        assert reader.load(export(state, "yaml", top)) == nested
    lines = [line for line in export(state, "args", top).splitlines() if not line.startswith("#")]
    for line, value in zip(lines, ANY, strict=True):
        arguments = dict(argument.removeprefix("--").split("=", 1) for argument in shlex.split(line))
        assert arguments["model.lr"] == "1e-05"
        assert (arguments["model.net"] if isinstance(value, str) else json.loads(arguments["model.net"])) == value
    assert export(state, "env").splitlines() == ["MODEL_LR=1e-05", "MODEL_NET=null"]
    assert export(state, "hydra", 3).splitlines()[1::2] == [
        "model.lr=1e-05 model.net=null",
        "model.lr=1e-05 'model.net=[64,64]'",
        "model.lr=1e-05 'model.net={a:1,b:[true,\"x y\"]}'",
    ]


SHOW = "import sys; print(*map(ascii, sys.argv[1:]), sep=chr(10))"
"""A program that says what arguments it got."""


def test_the_lines_of_the_readme_hand_each_value_over_unchanged(tmp_path):
    states = [state_of([text]) for text in HOSTILE]
    (tmp_path / "show.py").write_text(SHOW)
    (tmp_path / "args").write_bytes(" ".join(export(state, "args").removesuffix("\n") for state in states).encode())
    (tmp_path / "argv0").write_bytes("".join(export(state, "argv0") for state in states).encode())
    for line in ('eval "python show.py $(cat args)"', "cat argv0 | xargs -0 python show.py"):
        said = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=True, text=True)
        assert said.stdout.splitlines() == [ascii(f"--text={text}") for text in HOSTILE]


def test_values_that_a_bare_substitution_would_tear_apart_are_known():
    assert [is_split_by_shells(state_of([text])) for text in ("cosine", "a,b=1", "cosine annealing", "*")] == [
        False, False, True, True,
    ]  # fmt: skip


def exported(command, form="args", **args):
    plan = make_plan(
        search_space={name: SPACE[name] for name in ("learning_rate", "momentum")},
        trainable=None, command=command, args=args or None, searcher={"name": "random"}, search={"name": "random"},
    )  # fmt: skip
    events = [
        ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json")),
        ev.TrialProposed(1.0, 0, {"learning_rate": 0.05, "momentum": 0.9}, "tier-1", "baseline", [], None, 0),
        ev.AttemptStarted(1.0, 0, 0),
        ev.Reported(2.0, 0, 0, 27.0, {"score": 1.0}, None, "full_fidelity"),
    ]
    return export(replay(events), form)


@pytest.mark.parametrize(
    ("command", "args", "arguments"),
    [
        (["python", "t.py", "--epochs", "3", "--lr", "{learning_rate}", "--seed", "{trial.seed}"], {}, "--lr 0.05\n"),
        (["python", "t.py", "model.optimizer.lr={learning_rate}"], {}, "model.optimizer.lr=0.05\n"),
        (["python", "t.py", "{args}"], {"style": "dash"}, "--learning-rate=0.05 --momentum=0.9\n"),
        (["python", "t.py", "{args}"], {"style": "hydra"}, "learning_rate=0.05 momentum=0.9\n"),
        (["python", "t.py"], {}, "--learning_rate=0.05 --momentum=0.9\n"),
    ],
)
def test_a_command_gets_its_own_arguments_back(command, args, arguments):
    assert exported(command, **args) == arguments
    assert exported(command, "argv0", **args) == arguments.replace(" ", "\0").replace("\n", "\0")


def test_a_command_that_reads_a_file_is_told_to_write_one():
    said = (
        r"^this sweep's command takes its hyperparameters from a file, \{config\}, not as arguments; "
        r"write one: --format yaml -o config\.yaml$"
    )
    with pytest.raises(UsageError, match=said):
        exported(["python", "t.py", "{config}"])
    assert exported(["python", "t.py", "{config}"], "yaml") == "learning_rate: 0.05\nmomentum: 0.9\n"


def test_one_list_of_arguments_is_of_one_program(story):
    with pytest.raises(UsageError, match=r"^--format argv0 holds the arguments of one program; leave out --top$"):
        export(replay(story), "argv0", 2)
    with pytest.raises(UsageError, match=r"^--format argv0: '--text=a\\x00b' has a NUL in it, which no argument can"):
        export(state_of(["a\0b"]), "argv0")
