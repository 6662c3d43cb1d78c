"""The catalogue for a person: what search spaces there are, and what one of them says of each hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import ConsoleRenderable, Group
from rich.text import Text

from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter, Int
from orchestrator.sweepfile.catalogue import CatalogueSpace
from orchestrator.views.render import listing, pairs
from orchestrator.wording import number, scalar

SOURCES = (
    "[A] importance and ranges, [B] kinds and search, [C] schedules, optimizers, L2 and batch size, [D] optimizer "
    "parameters, [E] learning rate, mini-batch and validation: five articles. [F] is from elsewhere."
)
"""What the letters of sources stand for."""


def spaces_answer(spaces: Sequence[tuple[str, str]]) -> ConsoleRenderable:
    """Return the list of all spaces with what they are for."""
    table = listing("space", "what it is")
    for name, description in spaces:
        table.add_row(name, Text(description))
    return table


def space_answer(space: CatalogueSpace) -> ConsoleRenderable:
    """Return one space: a table of values, then source and cautions of each hyperparameter."""
    table = listing(
        "hyperparameter", "tier", "values", "scale", "default", "advised", "unit", numeric=frozenset({"tier"})
    )
    for name, domain in space.hyperparameters.items():
        unit = domain.unit or "-"
        advised = advised_text(domain)
        table.add_row(name, str(domain.tier), values_text(domain), scale_text(domain), _plain(domain), advised, unit)
    parts: list[ConsoleRenderable] = [Text(f"{space.name}: {space.description}"), Text(""), table]
    for name, domain in space.hyperparameters.items():
        parts += [Text(""), Text(name, style="bold"), _prose(domain)]
    if space.couplings:
        parts += [Text(""), Text(f"couple: {_couplings(space.couplings)}")]
    return Group(*parts, Text(""), Text(SOURCES, style="dim"))


def space_document(space: CatalogueSpace) -> dict[str, Any]:
    """Return one space as data: each hyperparameter as a sweep file writes it, with what is told of it."""
    found = {
        name: domain.model_dump(mode="json", exclude=set(SET_BY_PARSER), exclude_none=True)
        for name, domain in space.hyperparameters.items()
    }
    return {
        "space": space.name, "description": space.description, "hyperparameters": found,
        "couple": dict(space.couplings),
    }  # fmt: skip


def values_text(domain: Hyperparameter) -> str:
    """Write which values a hyperparameter may take: `1e-6..0.01 or 0`, `16, 32, 64`, `always adam`."""
    if isinstance(domain, Float | Int):
        step = f" by {number(domain.step)}" if domain.step not in (None, 1) else ""
        also = "".join(f" or {number(value)}" for value in (domain.also if isinstance(domain, Float) else ()))
        return f"{number(domain.low)}..{number(domain.high)}{step}{also}"
    return ", ".join(map(scalar, domain.choices)) if isinstance(domain, Choice) else f"always {scalar(domain.value)}"


def scale_text(domain: Hyperparameter) -> str:
    """Write the scale on which values are drawn; `-` where they have no order."""
    return domain.scale if isinstance(domain, Float | Int) else "-"


def advised_text(domain: Hyperparameter) -> str:
    """Write the part that the sources advise; `-` for none."""
    if not domain.advised:
        return "-"
    return ("..".join if isinstance(domain, Float | Int) else ", ".join)([_value(value) for value in domain.advised])


def _plain(domain: Hyperparameter) -> str:
    return "-" if isinstance(domain, Constant) else _value(domain.default)


def _value(value: bool | float | str) -> str:
    return number(value) if isinstance(value, float) else scalar(value)


def _prose(domain: Hyperparameter) -> Group:
    when = [("only when", f"{name} is {' or '.join(map(str, values))}") for name, values in domain.when.items()]
    source = [("source", domain.source)] if domain.source else []
    rows = [*when, *source, *(("caution", caution) for caution in domain.cautions)]
    return pairs([(f"  {label}", text) for label, text in rows])


def _couplings(couplings: Mapping[str, str]) -> str:
    return ", ".join(f"{name} follows {other}" for name, other in couplings.items())
