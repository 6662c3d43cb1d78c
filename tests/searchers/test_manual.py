import pytest
from pydantic import ValidationError

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.manual import ManualSearcher
from orchestrator.sweep.domains import Choice, Constant, Float
from orchestrator.sweep.space import Space

SPACE = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "momentum": Float(low=0.0, high=0.99, default=0.9, when={"optimizer": ("sgd",)}),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "classes": Constant(value=10),
    }
)


def problems(*configs, blocks=(("optimizer", "momentum", "learning_rate"),)):
    return ManualSearcher.problems(SPACE, blocks, ManualSearcher.Options(configs=configs))


def test_entries_are_tried_in_order_completed_from_held_values_and_defaults():
    options = ManualSearcher.Options(configs=[{"learning_rate": 1}, {"optimizer": "adam"}, {"momentum": 0.5}])
    searcher = ManualSearcher(SPACE, "maximize", options)
    held = {"learning_rate": 0.5}
    found = [searcher.propose(ProposalRequest(n, SPACE.tunable, held, "7/0/0", n), []) for n in range(4)]
    assert found == [
        {"optimizer": "sgd", "learning_rate": 1.0, "classes": 10, "momentum": 0.9},
        {"optimizer": "adam", "learning_rate": 0.5, "classes": 10},
        {"optimizer": "sgd", "learning_rate": 0.5, "classes": 10, "momentum": 0.5},
        None,
    ]
    assert type(found[0]["learning_rate"]) is float


def test_of_an_entry_the_block_is_taken():
    options = ManualSearcher.Options(configs=[{"learning_rate": 0.1, "momentum": 0.5}])
    searcher = ManualSearcher(SPACE, "maximize", options)
    config = searcher.propose(ProposalRequest(0, ("momentum",), SPACE.baseline, "7/0/0"), [])
    assert config == {**SPACE.baseline, "momentum": 0.5}


def test_a_good_list_has_no_problems():
    assert problems({"learning_rate": 1}, {"optimizer": "adam", "learning_rate": 0.5}, {"momentum": 0.1}) == []


def test_entries_that_cannot_be_are_named_with_their_place():
    assert problems(
        {"learning_rate": 0.1},
        {"learning_rate": 3.0},
        {"depth": 2},
        {"optimizer": "adam", "momentum": 0.5},
        {"classes": 10},
    ) == [
        "configs.1: 'learning_rate' cannot be 3.0",
        "configs.2: 'depth' is not in the search space",
        "configs.3: 'momentum' is inactive here (its condition: {'optimizer': ('sgd',)})",
        "configs.4: 'classes' is a constant; leave it out",
    ]
    assert problems({"momentum": 0.5}, blocks=[("learning_rate",), ("optimizer",)]) == [
        "configs.0: 'momentum' is opened by no stage; add it to one, or leave it out"
    ]


def test_an_empty_list_is_refused():
    for configs in ([], [{}]):
        with pytest.raises(ValidationError, match="at least 1 item"):
            ManualSearcher.Options(configs=configs)
