"""Splits: the articles' shares, each example once, classes in proportion, the same for the same seed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.training import held_out_share, split


@pytest.mark.parametrize(
    ("size", "share"),
    [(100, 0.3), (9_999, 0.3), (10_000, 0.2), (99_999, 0.2), (100_000, 0.2), (1_000_000, 0.01), (10**8, 0.01)],
)
def test_the_share_held_out_is_the_articles(size, share):
    assert held_out_share(size) == pytest.approx(share)


def test_between_a_hundred_thousand_and_a_million_it_falls_steadily():
    shares = [held_out_share(size) for size in range(100_000, 1_000_001, 50_000)]
    assert shares == sorted(shares, reverse=True)
    assert held_out_share(316_228) == pytest.approx((0.2 * 0.01) ** 0.5, rel=1e-3)


def test_what_is_held_out_is_halved_between_validation_and_test():
    parts = split(1_000)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [700, 150, 150]
    parts = split(20_000, held_out=0.3, test_share=0.0)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [14_000, 6_000, 0]


@pytest.mark.thorough
@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    held_out=st.floats(0.1, 0.6),
    test_share=st.sampled_from([0.0, 0.3, 0.5]),
    seed=st.integers(0, 2**31),
)
def test_each_example_once_and_each_class_in_proportion(counts, held_out, test_share, seed):
    labels = torch.tensor([7 * number for number, count in enumerate(counts) for _ in range(count)])
    size = len(labels)
    assume(size >= 40)  # fewer may be too few for three parts
    parts = split(size, labels=labels, held_out=held_out, test_share=test_share, seed=seed)
    assert torch.cat([parts.train, parts.validation, parts.test]).sort().values.equal(torch.arange(size))
    for part in (parts.train, parts.validation, parts.test):
        for number, count in enumerate(counts):
            share = (labels[part] == 7 * number).sum().item()
            assert abs(share - count * len(part) / size) <= 2


def test_a_seed_repeats_it_and_another_does_not():
    labels = torch.arange(1_000) % 3
    assert split(1_000, labels=labels, seed=4).test.equal(split(1_000, labels=labels, seed=4).test)
    assert not split(1_000, labels=labels, seed=4).test.equal(split(1_000, labels=labels, seed=5).test)


def test_unlabelled_examples_are_drawn_from_everywhere():
    parts = split(10_000, seed=3)
    assert parts.test.float().mean().item() == pytest.approx(5_000, rel=0.05)


@pytest.mark.thorough
def test_a_million_examples_take_seconds_at_most():
    parts = split(1_000_000, labels=torch.arange(1_000_000) % 1_000)
    assert len(parts.validation) == len(parts.test) == 5_000
    assert torch.bincount(torch.arange(1_000_000)[parts.test] % 1_000).max() <= 6


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"dataset_size": 2}, "2 examples are too few to hold out 0.3 of them; give more, or other shares"),
        ({"dataset_size": 100, "held_out": 1.0}, r"held_out 1.0 must lie in \(0, 1\)"),
        ({"dataset_size": 100, "test_share": 1.0}, r"test_share 1.0 in \[0, 1\)"),
        (
            {"dataset_size": 100, "labels": torch.zeros(99)},
            r"labels have the shape \(99,\), not \(100,\): give one class",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        split(**arguments)
