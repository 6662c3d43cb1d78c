"""How one hyperparameter follows another, as the sweep file says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, Strict, model_serializer

from orchestrator.sweep.record import Record, StrictFloat


class Coupling(Record):
    """A hyperparameter that follows another one: where the other moves and this one is held, this one is re-scaled."""

    with_: Annotated[str, Strict()] = Field(alias="with")
    """The hyperparameter that it follows, e.g. `batch_size`."""
    rule: Literal["auto", "linear", "sqrt", "effective-rate"] = "auto"
    """`linear` (held in proportion, Goyal et al. 2017), `sqrt` (to the square root, Malladi et al. 2022), or
    `effective-rate` (learning_rate / (1 - momentum) is held). `auto`: effective-rate with `momentum`, else by the
    hyperparameter `optimizer`: linear for SGD kinds, sqrt for those that normalise the gradient, as Adam does."""
    reference: StrictFloat | None = Field(None)
    """The value of `with` that the file's default is meant for: it counts wherever a proposal takes that default rather
    than an earlier trial's value. None: the default of `with`."""

    @model_serializer(mode="wrap")
    def _as_written(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"with" if name == "with_" else name: value for name, value in fields(self).items()}
