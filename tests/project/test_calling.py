"""How a training function is called, ruled alike from its syntax and from the function itself."""

from __future__ import annotations

import ast
import functools
import inspect

import pytest

from orchestrator.project.calling import describe, read_calling, signature_in, signature_of

SPACE = ("lr", "momentum", "layers")
CONFIG = {"lr": 0.1, "momentum": 0.9}
"""`layers` does not apply in it."""


@pytest.mark.parametrize(
    ("parameters", "given"),
    [
        ("config", {"config": CONFIG}),
        ("config, /", {"config": CONFIG}),
        ("config=None", {"config": CONFIG}),
        ("config=None, momentum=0.5", {"config": CONFIG, "momentum": 0.5}),
        ("config, momentum=0.5, *, lr=3", {"config": CONFIG, "momentum": 0.5, "lr": 3}),
        ("config, **rest", {"config": CONFIG, "rest": {}}),
        ("*args", {"args": (CONFIG,)}),
        ("*args, **rest", {"args": (CONFIG,), "rest": {}}),
        ("trial", {"trial": CONFIG}),
        ("config, trial", {"config": CONFIG, "trial": "T"}),
        ("config, *, trial", {"config": CONFIG, "trial": "T"}),
        ("trial, config", {"config": CONFIG, "trial": "T"}),
        ("trial, config, /", {"config": CONFIG, "trial": "T"}),
        ("config, data=1, trial=None", {"config": CONFIG, "data": 1, "trial": "T"}),
        ("trial, *args", {"trial": "T", "args": (CONFIG,)}),
        ("lr", {"lr": 0.1}),
        ("lr, momentum=0.5", {"lr": 0.1, "momentum": 0.9}),
        ("lr=1, momentum=0.5", {"lr": 0.1, "momentum": 0.9}),
        ("lr, layers=2", {"lr": 0.1, "layers": 2}),
        ("lr, data='there'", {"lr": 0.1, "data": "there"}),
        ("epochs=10, lr=0.2, momentum=0.5", {"epochs": 10, "lr": 0.1, "momentum": 0.9}),
        ("data='there', *, lr", {"data": "there", "lr": 0.1}),
        ("seed=-1, **rest", {"seed": -1, "rest": CONFIG}),
        ("config={}, lr=0.2", {"config": CONFIG, "lr": 0.2}),
        ("verbose=False", {"verbose": CONFIG}),
        ("lr, trial", {"lr": 0.1, "trial": "T"}),
        ("trial, lr", {"lr": 0.1, "trial": "T"}),
        ("*, lr, momentum=0.5, trial", {"lr": 0.1, "momentum": 0.9, "trial": "T"}),
        ("*, trial, lr=3", {"lr": 0.1, "trial": "T"}),
        ("**all", {"all": CONFIG}),
        ("trial, **all", {"trial": "T", "all": CONFIG}),
        ("momentum, **rest", {"momentum": 0.9, "rest": {"lr": 0.1}}),
        ("lr, /, momentum=0.5", {"lr": 0.1, "momentum": 0.9}),
    ],
)
def test_a_function_is_given_what_its_parameters_ask_for(parameters, given):
    (defined,) = ast.parse(f"def train({parameters}): return locals()").body
    names: dict = {}
    exec(compile(ast.Module([defined], []), "train.py", "exec"), names)
    calling = read_calling(signature_of(names["train"]), SPACE)
    assert calling.call(names["train"], CONFIG, "T") == given
    seen = read_calling(signature_in(defined.args), SPACE)
    assert (seen.whole, seen.names, seen.takes_trial) == (calling.whole, calling.names, calling.takes_trial)


@pytest.mark.parametrize(
    "parameters", ["", "a, b", "*, config", "config, *, lr", "lr, data", "config, momentum", "lr, *, data", "*, trial"]
)
def test_a_function_that_nothing_can_call_is_known(parameters):
    (defined,) = ast.parse(f"def train({parameters}): ...").body
    assert read_calling(signature_in(defined.args), SPACE) is None


def test_a_hyperparameter_named_trial_is_one():
    def train(lr, trial):
        return lr, trial

    calling = read_calling(signature_of(train), ("lr", "trial"))
    assert calling.call(train, {"lr": 1, "trial": 2}, "T") == (1, 2)


def test_a_wrapper_is_called_as_it_takes_it_and_one_that_takes_anything_as_what_it_wraps():
    def train(lr, momentum=0.5):
        return lr, momentum

    @functools.wraps(train)
    def unpacking(config):
        return train(**config)

    @functools.wraps(train)
    def passing(*args, **keywords):
        return train(*args, **keywords)

    for function in (unpacking, passing, functools.partial(train, momentum=0.4)):
        calling = read_calling(signature_of(function), SPACE)
        assert calling.call(function, CONFIG, None) == (0.1, 0.9)


def test_what_does_not_tell_its_parameters_has_none():
    assert signature_of(dict.fromkeys) is not None
    assert signature_of(iter) is None


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("config", "takes the configuration, a dict, as config"),
        ("settings, trial", "takes the configuration, a dict, as settings; trial takes what is known of the trial"),
        ("lr, momentum=1", "takes hyperparameters by name, lr, momentum; it does not take layers"),
        (
            "*, trial, **all",
            "takes hyperparameters by name, lr, momentum, layers; trial takes what is known of the trial",
        ),
    ],
)
def test_how_is_said(parameters, said):
    (defined,) = ast.parse(f"def train({parameters}): ...").body
    assert describe(read_calling(signature_in(defined.args), SPACE), SPACE) == said


def test_syntax_and_function_agree_on_every_kind_of_parameter():
    (defined,) = ast.parse("def train(a, b=1, /, c=2, *d, e, f=3, **g): ...").body
    names: dict = {}
    exec(compile(ast.Module([defined], []), "train.py", "exec"), names)
    seen, known = signature_in(defined.args).parameters, inspect.signature(names["train"]).parameters
    assert [(p.name, p.kind, p.default is p.empty) for p in seen.values()] == [
        (p.name, p.kind, p.default is p.empty) for p in known.values()
    ]
