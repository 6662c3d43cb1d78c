"""The third demonstration: its corpus is what it says, it resumes exactly, the recurrence itself drops nothing."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from orchestrator.project.workspace import linted_plan, plan_from_file
from orchestrator.rules._inspection import inspect_target
from orchestrator.sweep.plan import Plan

SWEEP = Path(__file__).parents[2] / "orchestrator" / "demos" / "text" / "sweep.yaml"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_from_file(SWEEP)


@pytest.fixture
def short(text: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The training on a tenth of the sentences."""
    whole = text.load_corpus()
    parts = {name: (words[::10], labels[::10]) for name, (words, labels) in whole.parts.items()}
    monkeypatch.setattr(text, "load_corpus", lambda: dataclasses.replace(whole, parts=parts))
    return text


def corpus_of(text: ModuleType) -> ModuleType:
    return sys.modules[text.load_corpus.__module__]


def given_to(text: ModuleType, **changes: object) -> tuple[dict, dict]:
    """What a training is given: its configuration, and what it knows of its trial."""
    trial = {"seed": changes.pop("seed", 3), "max_fidelity": changes.pop("max_fidelity", 4.0)}
    trial["rungs"] = [2.0, trial["max_fidelity"]]
    return {**text.BY_HAND, **changes}, trial


def epochs(training: object, count: int) -> list[dict[str, float]]:
    reports = [training.train_epoch() for _ in range(count)]
    return [{name: value for name, value in report.items() if name != "seconds"} for report in reports]


def test_the_baseline_is_what_a_training_by_hand_takes(plan: Plan, text: ModuleType):
    assert plan.space.baseline == text.BY_HAND
    assert plan.spec.fidelity.max == text.EPOCHS


def test_dropout_lies_at_the_input_and_the_output_of_the_recurrence(text: ModuleType):
    network = text.build_network(given_to(text, input_dropout=0.3, dropout=0.4)[0])
    assert (network.at_input.p, network.at_output.p, network.recurrence.dropout) == (0.3, 0.4, 0.0)
    _, remarks = linted_plan(SWEEP, (), partial(inspect_target, "train:build_network", SWEEP.parent))
    assert remarks == []


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_padding_says_nothing(text: ModuleType, cell: str):
    network = text.build_network(given_to(text, cell=cell)[0]).eval()
    words = torch.tensor([[5, 9, 7, 2]])
    padded = torch.nn.functional.pad(words, (0, 6))
    assert torch.allclose(network(words), network(padded), atol=1e-6)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_loaded_training_goes_on_as_if_never_interrupted(short: ModuleType, tmp_path: Path, cell: str):
    given = given_to(short, cell=cell)
    whole = short.Training(*given)
    expected = epochs(whole, 1)
    whole.save(tmp_path)
    expected += epochs(whole, 2)  # past the rung at 2, where the schedule begins anew

    torch.manual_seed(99)  # another trial ran in this process meanwhile
    resumed = short.Training(*given)
    resumed.load(tmp_path)
    assert resumed.epoch == 1
    assert epochs(resumed, 2) == expected[1:]
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_another_corpus_is_said(short: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    training = short.Training(*given_to(short))
    training.save(tmp_path)
    another = dataclasses.replace(short.load_corpus(), digest="another")
    monkeypatch.setattr(short, "load_corpus", lambda: another)
    with pytest.raises(ValueError, match="was trained on the documentation of another Python than this one, 3"):
        training.load(tmp_path)


def test_no_sentence_is_in_two_parts_and_none_names_its_package(text: ModuleType):
    corpus = text.load_corpus()
    sizes = {name: len(labels) for name, (_, labels) in corpus.parts.items()}
    assert sizes["training"] > 2500
    assert min(sizes["validation"], sizes["test"]) > 300
    for words, labels in corpus.parts.values():
        assert set(labels.tolist()) == set(range(8))
        assert ((words != text.PADDING).sum(1) >= corpus_of(text).SHORTEST).all()
        assert words.max() < corpus.vocabulary
    sentences = [tuple(row) for words, _ in corpus.parts.values() for row in words.tolist()]
    known = [row for row in sentences if corpus_of(text).UNKNOWN not in row]
    assert len(known) == len(set(known)) > 1000


def test_a_text_becomes_sentences_in_words(text: ModuleType):
    found = corpus_of(text).sentences(
        "Parse an Email message, 2 parts.  Return a\nnew message. No.\n\nThe http_client is email."
    )
    assert found == [["parse", "an", "message", "parts"], ["return", "a", "new", "message"]]
    assert [len(words) for words in corpus_of(text).sentences("word " * 50)] == [32]


def test_a_python_without_sources_is_said(text: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(corpus_of(text).sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="asyncio has no source files: this Python came without them"):
        next(corpus_of(text).docstrings_of("asyncio"))


@pytest.mark.thorough
def test_it_learns(text: ModuleType):
    *_, last = epochs(text.Training(*given_to(text, learning_rate=0.005, batch_size=64, max_fidelity=2.0)), 2)
    assert last["val_accuracy"] > 0.35  # the largest package has a fifth of the sentences


def test_the_seed_decides_the_training(short: ModuleType):
    first, again, other = (short.Training(*given_to(short, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first.network.head.weight, again.network.head.weight)
    assert not torch.equal(first.network.head.weight, other.network.head.weight)


def test_it_trains_and_tests_by_hand(tmp_path: Path, by_hand: Callable[..., list[str]]):
    train = SWEEP.parent / "train.py"
    arguments = ["--batch_size=512", "--width=32", "--cell=lstm", "--epochs=1", "--save", tmp_path]
    assert [line.partition("  ")[0] for line in by_hand(train, *arguments)] == ["epoch 1"]
    (tested,) = by_hand(train, "--test", tmp_path)
    name, value = tested.split()
    assert name == "test_accuracy"
    assert 0 <= float(value) <= 1


def test_an_unknown_cell_is_said(short: ModuleType):
    with pytest.raises(ValueError, match="cell 'rnn' is unknown; choose gru or lstm"):
        short.Training(*given_to(short, cell="rnn"))
