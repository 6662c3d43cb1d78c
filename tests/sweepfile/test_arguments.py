"""What a configuration is written as, the program's own reader reads back as the same values."""

from __future__ import annotations

import argparse
import json
import math
import struct
from random import Random

import pytest
from ruamel.yaml import YAML
from sweeps import make_spec

from orchestrator.errors import SpecError
from orchestrator.sweep.nesting import nested
from orchestrator.sweep.program import Arguments
from orchestrator.sweepfile.arguments import config_file, hydra_value, standing_alone, written
from orchestrator.sweepfile.parse import parse
from orchestrator.sweepfile.placeholders import filled

TEXTS = ["two words", "it's", 'say "hi"', "line\nbreak", "", "*", "-1e-05", "--x", "$(id)", "é☃", "null"]
CONFIG = {
    "weight_decay": 1e-05, "shift": -1e-05, "layers": 3, "nesterov": True, "amsgrad": False, "schedule": "it's a step",
    "model.lr": 0.1, "model.widths": [64, -32], "clip": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("style", "arguments"),
    [
        (
            {},
            ["--weight_decay=1e-05", "--shift=-1e-05", "--layers=3", "--nesterov", "--schedule=it's a step",
             "--model.lr=0.1", "--model.widths=[64, -32]", "--clip=null"],
        ),
        (
            {"style": "dash", "booleans": "pair", "lists": "spaces"},
            ["--weight-decay=1e-05", "--shift=-1e-05", "--layers=3", "--nesterov", "--no-amsgrad",
             "--schedule=it's a step", "--model.lr=0.1", "--model.widths", "64", "-32", "--clip=null"],
        ),
        (
            {"booleans": "value", "lists": "commas"},
            ["--weight_decay=1e-05", "--shift=-1e-05", "--layers=3", "--nesterov=true", "--amsgrad=false",
             "--schedule=it's a step", "--model.lr=0.1", "--model.widths=64,-32", "--clip=null"],
        ),
        (
            {"lists": "repeat"},
            ["--weight_decay=1e-05", "--shift=-1e-05", "--layers=3", "--nesterov", "--schedule=it's a step",
             "--model.lr=0.1", "--model.widths=64", "--model.widths=-32", "--clip=null"],
        ),
        (
            {"style": "hydra"},
            ["weight_decay=1e-05", "shift=-1e-05", "layers=3", "nesterov=true", "amsgrad=false",
             'schedule="it\'s a step"', "model.lr=0.1", "model.widths=[64,-32]", "clip=null"],
        ),
    ],
)  # fmt: skip
def test_every_style(style, arguments):
    assert written(CONFIG, Arguments(**style)) == arguments


@pytest.mark.parametrize("text", TEXTS)
def test_argparse_gets_each_text_as_it_is(text):
    parser = argparse.ArgumentParser()
    parser.add_argument("--a_text")
    assert parser.parse_args(written({"a_text": text})).a_text == text


def test_argparse_reads_flags_pairs_and_lists():
    parser = argparse.ArgumentParser()
    parser.add_argument("--use-ema", action=argparse.BooleanOptionalAction)
    parser.add_argument("--fp16", action="store_true")
    parser.add_argument("--widths", nargs="+", type=int)
    style = Arguments(style="dash", booleans="pair", lists="spaces")
    read = parser.parse_args(written({"widths": [64, -32], "use_ema": False}, style))
    assert (read.widths, read.use_ema) == ([64, -32], False)
    assert [parser.parse_args(written({"fp16": value})).fp16 for value in (True, False)] == [True, False]


def test_a_negative_number_reaches_argparse_in_every_form_of_a_command():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shift", type=float, required=True)
    random = Random(1)
    values = [-1e-05, -2.5e-300, -1e22, -0.5, *(-random.random() * 10 ** random.uniform(-12, 12) for _ in range(200))]
    for command in (["t", "--shift", "{shift}"], ["t", "--shift={shift}"], ["t", "{args}"]):
        for value in values:
            arguments = filled(command, {"shift": value}, {})[1:]
            assert parser.parse_args(arguments).shift == value


def test_a_number_by_itself_is_the_same_to_the_last_bit():
    random = Random(2)
    for _ in range(2000):
        (value,) = struct.unpack("<d", random.randbytes(8))
        if not math.isnan(value):
            assert float(standing_alone(value)) == value


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_file_of_a_configuration_has_a_level_for_each_dot(form):
    config = CONFIG | {f"t{number}": text for number, text in enumerate(TEXTS)} | {"on": 1, "tree": {"a b": [1, None]}}
    text = config_file(nested(config), Arguments(config=form))
    read = json.loads(text) if form == "json" else YAML(typ="safe").load(text)
    assert read == nested(config)
    assert read["model"] == {"lr": 0.1, "widths": [64, -32]}
    assert type(read["weight_decay"]) is float
    if form == "yaml":
        loader = YAML(typ="safe")
        loader.version = (1, 1)
        assert loader.load(text) == nested(config)


def test_hydra_has_its_own_lists_and_words():
    assert hydra_value([1, "two words", None, True, {"a": "b"}]) == '[1,"two words",null,true,{a:b}]'


TRAINS = """
name: t
command: [python, train.py, "{args}"]
args: {ARGS}
objective: {metric: score, goal: maximize}
fidelity: {max: 3}
search_space: {lr: {low: 0.1, high: 1.0, default: 0.5}}
budget: {trials: 2}
"""


@pytest.mark.parametrize(
    ("written_as", "complaint"),
    [
        ("{style: dashes}", "sweep.yaml:4: args.style: 'dashes' is not allowed; choose underscore, dash or hydra "
                            "(did you mean 'dash'?)"),
        ("{booleens: flag}", "sweep.yaml:4: args.booleens: unknown key; choose one of booleans, config, lists, style "
                             "(did you mean 'booleans'?)"),
        ("dash", "sweep.yaml:4: args: 'dash' is not a mapping; write one such as {key: value}"),
    ],
)  # fmt: skip
def test_a_mistake_in_args_is_told(written_as, complaint):
    with pytest.raises(SpecError) as raised:
        parse(TRAINS.replace("{ARGS}", written_as).encode(), "sweep.yaml")
    assert str(raised.value) == complaint


def test_args_without_a_command_are_refused():
    text = TRAINS.replace("{ARGS}", "{style: dash}").replace(
        'command: [python, train.py, "{args}"]', "trainable: t.py:t"
    )
    with pytest.raises(
        SpecError, match=r"sweep\.yaml:4: args: says how a command is written, and there is none; remove"
    ):
        parse(text.encode(), "sweep.yaml")


def test_a_style_is_part_of_the_search_and_none_changes_no_id():
    from orchestrator.planning.compile import differences, sweep_id

    plain, dashed = (
        make_spec(command=["python", "t.py", "{args}"], trainable=None, args=args) for args in (None, {"style": "dash"})
    )
    assert sweep_id(plain) != sweep_id(dashed)
    assert differences(plain, dashed)[1] == [
        'args.style: (nothing) -> "dash"', 'args.booleans: (nothing) -> "flag"', 'args.lists: (nothing) -> "json"',
        'args.config: (nothing) -> "yaml"',
    ]  # fmt: skip
