"""What a record says of its fields: docstrings, read when the JSON Schema is asked for and not before."""

from __future__ import annotations

import inspect

import pytest
from pydantic import Field

from orchestrator.sweep.record import Record


class Tower(Record):
    """A tower."""

    height: int = 1
    """In metres,
    from the ground."""
    name: str = "none"
    bells: int = Field(0, alias="rings", description="Written here.")
    """And below."""


class Spire(Tower):
    """A tower with a spire."""

    height: int = 2
    tip: Tower = Tower()
    """What it ends in."""


def texts(record: type[Record]) -> dict[str, str | None]:
    return {key: schema.get("description") for key, schema in record.model_json_schema()["properties"].items()}


def test_a_docstring_below_a_field_is_its_description():
    assert texts(Tower) == {"height": "In metres,\nfrom the ground.", "name": None, "rings": "Written here."}


def test_a_field_that_is_declared_anew_says_what_it_says_there():
    assert texts(Spire) == {"height": None, "name": None, "rings": "Written here.", "tip": "What it ends in."}


def test_no_source_is_read_before_the_schema_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    def read(_: object) -> str:
        raise AssertionError("read")

    monkeypatch.setattr(inspect, "getsource", read)
    monkeypatch.setattr(inspect, "findsource", read)

    class Shed(Record):
        """A shed."""

        width: int = 1
        """In metres."""

    assert Shed(width=2).width == 2
    with pytest.raises(AssertionError, match="read"):
        texts(Shed)


def test_a_record_without_source_has_no_descriptions():
    found: dict[str, type[Record]] = {}
    exec("class Hut(Record):\n    width: int = 1\n    'In metres.'\n", {"Record": Record, "__name__": __name__}, found)
    assert texts(found["Hut"]) == {"width": None}
