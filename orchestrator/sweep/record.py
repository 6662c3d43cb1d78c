"""What the records of a sweep file have in common: frozen, strict, documented field by field."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict

StrictInt = Annotated[int, Strict()]
StrictFloat = Annotated[float, Strict()]


class Record(BaseModel):
    """A frozen record of the sweep file: unknown keys are refused, field docstrings become the JSON Schema's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
