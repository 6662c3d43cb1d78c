"""What `check --model` sees in real torch models, traced and untraceable."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.errors import UsageError
from orchestrator.rules._inspection import inspect_model, inspect_target


def pairs(model: nn.Module) -> tuple[tuple[str, str], ...]:
    return inspect_model(model, "m").dropouts_before_norms


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(functional.dropout(x, 0.5))


class Branching(nn.Module):
    """Cannot be traced: it branches on data."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.GELU(), nn.BatchNorm1d(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) if x.sum() > 0 else x


class Recurrent(nn.Module):
    """Holds a cell and dropouts at its input, its state and its output."""

    def __init__(self, cell: nn.RNNCellBase):
        super().__init__()
        self.cell = cell
        self.at_input, self.at_state, self.at_output = nn.Dropout(0.1), nn.Dropout(0.1), nn.Dropout(0.1)


class AtInputAndOutput(Recurrent):
    def forward(self, steps: Tensor) -> Tensor:
        state = torch.zeros(steps.shape[1], 8)
        for step in steps:
            state = self.cell(self.at_input(step), state)
        return self.at_output(state)


class AroundTheCell(Recurrent):
    def forward(self, steps: Tensor) -> Tensor:
        state = torch.zeros(steps.shape[1], 8)
        for step in steps:
            state = self.at_state(self.cell(self.at_input(step), state))
        return self.at_output(state)


class InTheArguments(Recurrent):
    def forward(self, steps: Tensor) -> Tensor:
        state = torch.zeros(steps.shape[1], 8)
        for step in steps:
            state = self.cell(self.at_input(step), self.at_state(state))
        return self.at_output(state)


class OfTwoStates(Recurrent):
    def forward(self, steps: Tensor) -> Tensor:
        state = memory = torch.zeros(steps.shape[1], 8)
        for step in steps:
            state, memory = self.cell(self.at_input(step), (state, memory))
            state = self.at_state(state)
        return self.at_output(state)


class Unrolled(Recurrent):
    """Traced: three steps written out."""

    def forward(self, step: Tensor, state: Tensor) -> Tensor:
        for _ in range(3):
            state = self.at_state(self.cell(self.at_input(step), state))
        return self.at_output(state)


class UnrolledAtInputAndOutput(Recurrent):
    def forward(self, step: Tensor, state: Tensor) -> Tensor:
        for _ in range(3):
            state = self.cell(self.at_input(step), state)
        return self.at_output(state)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.BatchNorm1d(8)), (("1", "2"),)),
        (nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout2d(0.2), nn.ReLU(), nn.BatchNorm2d(8)), (("1", "3"),)),
        (nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)), ()),
        (nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 8), nn.BatchNorm1d(8)), ()),
        (Functional(), (("dropout", "norm"),)),
        (Branching(), (("body.1", "body.3"),)),
    ],
)
def test_dropout_directly_before_batch_normalisation_is_named(model, found):
    assert pairs(model) == found


def test_batch_normalisations_are_named():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.LayerNorm(8))
    assert inspect_model(model, "m").norms == ("1",)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (AtInputAndOutput(nn.GRUCell(4, 8)), ()),
        (AroundTheCell(nn.GRUCell(4, 8)), ("at_state",)),
        (InTheArguments(nn.RNNCell(4, 8)), ("at_state",)),
        (OfTwoStates(nn.LSTMCell(4, 8)), ("at_state",)),
        (nn.Sequential(nn.Flatten(), AroundTheCell(nn.GRUCell(4, 8))), ("1.at_state",)),
        (Unrolled(nn.GRUCell(4, 8)), ("at_state",)),
        (UnrolledAtInputAndOutput(nn.GRUCell(4, 8)), ()),
        (nn.LSTM(4, 8, num_layers=2, dropout=0.2), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_dropout_inside_the_recurrence_is_named(model, found):
    assert inspect_model(model, "m").recurrent_dropouts == found


MODULE = """
from torch import nn
def build(config): return nn.Sequential(nn.Dropout(config["dropout"]), nn.BatchNorm1d(4))
def plain(): return nn.Linear(2, 2)
def number(): return 3
def broken(): raise ValueError("no data here")
"""


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, str]:
    name = "inspected_" + "".join(letter for letter in request.node.name if letter.isalnum())
    (tmp_path / f"{name}.py").write_text(MODULE)
    return tmp_path, name


def test_the_function_is_called_with_the_default_configuration_where_it_takes_one(folder):
    where, module = folder
    facts = inspect_target(f"{module}:build", where, {"dropout": 0.5})
    assert (facts.target, facts.dropouts_before_norms) == (f"{module}:build", (("0", "1"),))
    assert inspect_target(f"{module}.py:plain", where, {}).norms == ()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("number", "it returned int; return the torch.nn.Module"),
        ("broken", "it raised ValueError: no data here; mend it"),
        ("nothing", "has no function 'nothing'; name one that returns the model"),
        ("", "write module:function, e.g. train:build_model"),
    ],
)
def test_what_cannot_be_inspected_is_said(folder, function, message):
    where, module = folder
    with pytest.raises(UsageError) as caught:
        inspect_target(f"{module}:{function}", where, {})
    assert str(caught.value).endswith(message)


def test_a_module_that_is_not_there_is_said(tmp_path):
    with pytest.raises(
        UsageError, match="--model nowhere_at_all:x: nowhere_at_all cannot be imported: ModuleNotFoundError"
    ):
        inspect_target("nowhere_at_all:x", tmp_path, {})
