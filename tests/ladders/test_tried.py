"""Which configurations were tried: those that are written alike, and no others."""

from __future__ import annotations

from random import Random

import pytest

from orchestrator.ladders._tried import TriedConfigs
from orchestrator.sweep.domains import Choice, Constant, Float
from orchestrator.sweep.space import Space
from orchestrator.sweep.values import exact

RATE = Float(low=0, high=4, default=1.0)
SPACES = {
    "a number and choices": {"rate": RATE, "size": Choice(choices=(1, "1", True, None), default="1")},
    "nothing but lists": {"layers": Choice(choices=([1, 2], [2, 1], {"a": [1]}), default=[1, 2])},
    "a constant beside": {"rate": RATE, "fixed": Constant(value={"a": 1})},
    "conditions": {
        "size": Choice(choices=(1, 2), default=1),
        "rate": Float(low=0, high=4, default=1.0, when={"size": (2,)}),
    },
}


@pytest.mark.parametrize("name", SPACES)
def test_tried_is_what_was_written_alike(name: str):
    space, dice, plain = Space(SPACES[name]), Random(name), set()
    tried = TriedConfigs(space)
    values = {
        "rate": (0, 0.0, -0.0, 1, 1.0, True, 2.5),
        "size": (1, 1.0, True, "1", None, 2),
        "layers": ([1, 2], [1.0, 2], [2, 1], {"a": [1]}, [True, 2]),
        "fixed": ({"a": 1}, {"a": 1.0}),
    }
    for _ in range(300):
        names = [name for name in space if dice.random() < 0.8]
        dice.shuffle(names)
        config = {name: dice.choice(values[name]) for name in names}
        assert (config in tried) == (exact(config) in plain)
        if dice.random() < 0.5:
            tried.add([config])
            plain.add(exact(config))
