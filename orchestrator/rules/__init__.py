"""The linter's rules: what is known to go wrong in a sweep that is valid. To add one is to write it in a file here.

A rule looks at a checked sweep, and at its model where `check --model` inspected one, and yields where it applies and
what it saw there; why that is a mistake, who says so and what to do instead are the rule's own. Rules are pure, and
never sure: whoever knows better writes `ignore: {rule-id: reason}`. Each file binds its rules to `MEMBER`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter, Int, Value
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.spec import SweepSpec

Where: TypeAlias = tuple[str | int, ...]
"""A key path of the sweep file."""
Applies: TypeAlias = Iterator[tuple[Where, str]]
"""Where a rule applies, and what it saw there."""
Severity: TypeAlias = Literal["warning", "info"]
"""`warning`: said by plan and run too. `info`: said by check alone."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the inspection of a model found; layers by their names in it."""

    target: str
    """What was inspected: `module:function`."""
    norms: tuple[str, ...]
    """Batch normalisations."""
    dropouts_before_norms: tuple[tuple[str, str], ...]
    """Each dropout that is followed directly by a batch normalisation, with it."""
    recurrent_dropouts: tuple[str, ...]
    """Dropouts on the state that a recurrent cell hands to its next step."""


@dataclass(frozen=True)
class Subject:
    """What rules look at."""

    spec: SweepSpec
    """The checked sweep file."""
    stages: tuple[StagePlan, ...]
    """The stages as compiled, without what the ladder adds of its own."""
    shipped: Mapping[str, tuple[Mapping[str, Any], ...]]
    """What shipped spaces define, by name, of what was taken over from them."""
    model: ModelFacts | None = None
    """What is known of the model; None where none was inspected."""

    @cached_property
    def tuned(self) -> dict[str, Hyperparameter]:
        """Everything that is not a constant, by name."""
        return {name: domain for name, domain in self.spec.search_space.items() if not isinstance(domain, Constant)}

    @cached_property
    def learning_rates(self) -> dict[str, Float | Int]:
        """The tuned learning rates."""
        found = {name: domain for name, domain in self.tuned.items() if has_word(name, "learning_rate", "lr")}
        return {name: domain for name, domain in found.items() if isinstance(domain, Float | Int)}

    @cached_property
    def batch_sizes(self) -> dict[str, Hyperparameter]:
        """The batch sizes, constant ones too."""
        return {
            name: domain for name, domain in self.spec.search_space.items() if has_word(name, "batch_size", "batch")
        }

    @cached_property
    def loss_parameters(self) -> dict[str, Hyperparameter]:
        """The tuned parameters that change the value of the loss itself."""
        words = ("loss_weight", "task_weight", "focal_gamma", "focal_alpha", "huber_delta", "label_smoothing")
        return {name: domain for name, domain in self.tuned.items() if has_word(name, *words)}

    def stage_of(self, name: str) -> int:
        """Return the position of the stage that opens `name`; -1 where none does."""
        return next((number for number, stage in enumerate(self.stages) if name in stage.tune), -1)

    def words(self, name: str) -> frozenset[str]:
        """Return the words that a choice or constant can be; none where it is absent."""
        domain = self.spec.search_space.get(name)
        return frozenset() if domain is None else frozenset(str(value) for value in listed(domain))


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that goes wrong."""

    id: str
    """What `ignore` names: words with dashes."""
    severity: Severity
    """Who hears of it."""
    reason: str
    """Why it is a mistake, one sentence."""
    source: str
    """Who says so: an article by its letter, or [F] with the name of what lies elsewhere, or ours."""
    fix: str
    """What to do instead, one sentence."""
    check: Callable[[Subject], Applies]
    """Yields where it applies and what it saw."""


def rule(
    id: str,  # noqa: A002 - it is what a rule's id is called wherever it is written
    severity: Severity,
    *,
    reason: str,
    source: str,
    fix: str,
) -> Callable[[Callable[[Subject], Applies]], Rule]:
    """Make a rule of the function that checks it."""
    return lambda check: Rule(id, severity, reason, source, fix, check)


def at(name: str, *keys: str | int) -> Where:
    """Return the key path of a hyperparameter."""
    return ("search_space", name, *keys)


def has_word(name: str, *wanted: str) -> bool:
    """Say whether a name is one of `wanted`, or holds one as whole words: `head_lr` holds `lr`, `color` does not."""
    padded = f"_{re.sub(r'[^a-z0-9]', '_', name.lower())}_"
    return any(f"_{word}_" in padded for word in wanted)


def listed(domain: Hyperparameter) -> tuple[Value, ...]:
    """Return the values of a choice or constant; none of a range."""
    if isinstance(domain, Choice):
        return domain.choices
    return (domain.value,) if isinstance(domain, Constant) else ()


def bounds(domain: Hyperparameter) -> tuple[float, float] | None:
    """Return the lowest and highest number of a domain; None where it holds something else."""
    if isinstance(domain, Float | Int):
        return domain.low, domain.high
    numbers = [value for value in listed(domain) if isinstance(value, int | float) and not isinstance(value, bool)]
    return (min(numbers), max(numbers)) if numbers else None
