from collections import Counter

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.random import RandomSearcher
from orchestrator.sweep.domains import Choice, Float
from orchestrator.sweep.space import Space

SPACE = Space(
    {
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "optimizer": Choice(choices=("sgd", "adam", "lion"), default="sgd"),
    }
)


def test_every_order_of_magnitude_and_every_choice_comes_equally_often():
    searcher = RandomSearcher(SPACE, "maximize", RandomSearcher.Options())
    drawn = [searcher.propose(ProposalRequest(n, SPACE.tunable, {}, f"7/{n}/0"), []) for n in range(2_000)]
    decades = Counter(sum(config["learning_rate"] >= bound for bound in (1e-3, 1e-2, 1e-1)) for config in drawn)
    choices = Counter(config["optimizer"] for config in drawn)
    assert all(abs(count - 500) < 80 for count in decades.values())  # 4 standard deviations
    assert all(abs(count - 667) < 85 for count in choices.values())
    assert len(decades) == 4
    assert len(choices) == 3
