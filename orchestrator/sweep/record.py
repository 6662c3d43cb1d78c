"""What the records of a sweep file have in common: frozen, strict, documented field by field."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

StrictInt = Annotated[int, Strict()]
StrictFloat = Annotated[float, Strict()]


class Record(BaseModel):
    """A frozen record of the sweep file: unknown keys are refused, field docstrings become the JSON Schema's text.

    They are read when that schema is asked for. Pydantic's own `use_attribute_docstrings` reads the source of every
    record whenever it is imported, which takes half of the time of all of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        properties: dict[str, Any] = handler.resolve_ref_schema(schema).get("properties", {})
        texts = _texts(cls)
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if name in texts and key in properties:
                properties[key].setdefault("description", texts[name])
        return schema


def _texts(record: type[Record]) -> dict[str, str]:
    """Return the docstring of each field that has one, in whichever class it was last declared."""
    found: dict[str, str] = {}
    for declared in reversed(record.__mro__):
        if issubclass(declared, Record) and declared is not Record:
            own = dict(_field_docstrings(declared))
            found = {name: text for name, text in found.items() if name not in inspect.get_annotations(declared)} | own
    return found


def _field_docstrings(record: type[Record]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a class declares with a string below them; none where its source is not at hand."""
    try:
        source = textwrap.dedent(inspect.getsource(record))
    except (OSError, TypeError):
        return
    written = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for field, below in zip(written.body, written.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
