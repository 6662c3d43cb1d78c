"""What every hyperparameter says of itself beside its values: importance, condition, unit, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from orchestrator.sweep.record import Record, StrictInt
from orchestrator.sweep.values import JsonValue, Value, is_same

SET_BY_PARSER = frozenset({"provenance", "supplied"})
"""Keys of a hyperparameter that no file writes: they say where the others come from."""


class Described(Record):
    """A hyperparameter of any kind."""

    tier: StrictInt = Field(1, ge=1, le=9)
    """Importance, 1 first: `stages: auto` opens one tier a stage. In a file without it: the catalogue's, by name."""
    when: Mapping[str, tuple[JsonValue, ...]] = Field(default_factory=dict)
    """Active only where each named hyperparameter has one of these values, e.g. `{optimizer: [sgd]}`."""
    unit: str | None = None
    """What the number counts, e.g. `examples`; None for a pure number."""
    source: str | None = None
    """Where range and default come from."""
    advised: tuple[JsonValue, ...] | None = None
    """What the sources advise within it: [low, high] of a number, some of the choices. None: nothing in particular."""
    cautions: tuple[str, ...] = ()
    """What goes wrong with it, one sentence each."""
    provenance: Literal["catalogue", "user"] = "user"
    """Whether the default is a catalogue's recommendation or the user's own guess; set by the parser."""
    supplied: Mapping[str, str] = Field(default_factory=dict)
    """The keys among tier, scale and default that the file does not write, each with where its value comes from; set by
    the parser (`orchestrator.sweepfile.supply`)."""

    @model_validator(mode="wrap")
    @classmethod
    def _with_default(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Let a domain that is made in Python leave its default out: the middle of its range stands for it until then.

        It does not count as written, so that a sweep supplies it by the name, as for a file.
        """
        wants = "default" in cls.model_fields and isinstance(data, Mapping) and "default" not in data
        values = data.get("choices") if wants and "choices" in data else [data.get("low")] if wants else None
        if not isinstance(values, list | tuple) or not values or values[0] is None:
            return handler(data)
        made = handler({**data, "default": values[0]})
        made = handler({**data, "default": made.middle})
        made.__pydantic_fields_set__.discard("default")
        return made

    @property
    def middle(self) -> Value:
        """The middle of its range on its scale; of choices without an order the first. Overridden by each kind."""
        raise NotImplementedError

    def canonical(self, value: Value) -> Value:
        """Return a value of this domain as a draw would give it; here there is one way to write each."""
        return value

    def same(self, value: Value, other: Value) -> bool:
        """Say whether two values are one for this domain (True is not 1). Conditions, grids and lists ask this."""
        return is_same(value, other)
