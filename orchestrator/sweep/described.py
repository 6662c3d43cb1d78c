"""What every hyperparameter says of itself beside its values: importance, condition, unit, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

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

    def canonical(self, value: Value) -> Value:
        """Return a value of this domain as a draw would give it; here there is one way to write each."""
        return value

    def same(self, value: Value, other: Value) -> bool:
        """Say whether two values are one for this domain (True is not 1). Conditions, grids and lists ask this."""
        return is_same(value, other)
