"""What a file leaves out of a hyperparameter, supplied: tier, scale and default, by the catalogue or by plain rules.

    tier       the catalogue's for the name (`orchestrator.sweepfile.known`); else 1
    scale      the catalogue's for the name, where the range can have it; else linear
    default    the catalogue's for the name, where the domain holds it; else the mean of normal draws, else the middle
               of the range on its scale, of ordered choices the middle one, of others the first
    low, high  of normal draws: three standard deviations from their mean

What was supplied, and by whom, is told by `plan` and `check` (`supplied` of the hyperparameter). A scale is told where
it is the catalogue's; that a range without one is linear is what everybody expects, and `plan` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.errors import SpecError
from orchestrator.sweep.bells import REACH, reach
from orchestrator.sweep.domains import Choice, Constant, Float, Hyperparameter
from orchestrator.sweep.values import Value, is_number
from orchestrator.sweepfile.known import SPACES, canonical
from orchestrator.sweepfile.messages import SPACE_FILE, Place, Problems
from orchestrator.sweepfile.spaces import Fields, FindSpace, expand

_DOMAIN: TypeAdapter[Hyperparameter] = TypeAdapter(Hyperparameter)


def supply(definitions: Mapping[str, Fields], find_space: FindSpace) -> dict[str, Fields]:
    """Return the definitions with what they leave out; what is wrong in them stays for whoever types them."""
    catalogue = _Catalogue(find_space, _optimizer(definitions))
    return {name: _supplied(name, fields, catalogue) for name, fields in definitions.items()}


class _Catalogue:
    """What the shipped spaces say of a name. Each is read when it is first asked for."""

    def __init__(self, find_space: FindSpace, optimizer: str | None) -> None:
        self._find_space = find_space
        self._optimizer = optimizer
        self._read: dict[str, dict[str, Fields]] = {}

    def about(self, name: str) -> tuple[Fields, str]:
        """Return what is known of a hyperparameter, and how the source is called; nothing of an unknown one."""
        known = canonical(name)
        if known is None:
            return {}, ""
        space = SPACES[known]
        if known == "learning_rate" and self._optimizer is not None and self._definitions(self._optimizer):
            space = self._optimizer
        fields = self._definitions(space).get(known, {})
        return fields, f"the catalogue's {known}, search space {space}" if fields else ""

    def _definitions(self, space: str) -> dict[str, Fields]:
        if space not in self._read:
            problems = Problems({(): Place(SPACE_FILE, space)}, {})
            found = expand({"extends": [space]}, self._find_space, problems).definitions
            self._read[space] = found if not problems else {}
        return self._read[space]


def _optimizer(definitions: Mapping[str, Fields]) -> str | None:
    """Return the search space of the optimizer that the baseline uses, as far as the file says which that is."""
    for name, fields in definitions.items():
        if canonical(name) == "optimizer":
            listed = fields.get("choices")
            first = listed[0] if isinstance(listed, list) and listed else None
            found = fields.get("value", fields.get("default", first))
            return found.lower().replace("_", "-") if isinstance(found, str) else None
    return None


def _supplied(name: str, fields: Fields, catalogue: _Catalogue) -> Fields:
    if fields.get("type") not in ("float", "int", "choice"):
        return fields
    fields, ends = _with_ends(fields)
    missing = [key for key in ("tier", "scale", "default") if key not in fields]
    if fields["type"] == "choice" and "scale" in missing:
        missing.remove("scale")
    if not missing and not ends:
        return fields
    about, source = catalogue.about(name)
    found, told = dict(fields), dict.fromkeys(ends, f"{REACH:g} standard deviations from the mean")
    if "tier" in missing:
        found["tier"] = about.get("tier", 1)
        told["tier"] = source or "the catalogue does not know the name"
    if "scale" in missing and about.get("scale") == "log" and is_number(found.get("low")) and found["low"] > 0:
        found["scale"], told["scale"] = "log", source
    if "default" in missing:
        found["default"], told["default"], is_known = _default(found, about, source)
        found["provenance"] = "catalogue" if is_known else "user"
    return {**found, "supplied": told}


def _with_ends(fields: Fields) -> tuple[Fields, list[str]]:
    """Return the fields with the ends of normal draws that are not written, and which these are."""
    mean, sd, scale = fields.get("mean", ""), fields.get("sd", ""), fields.get("scale", "linear")
    missing = [key for key in ("low", "high") if key not in fields]
    if fields["type"] != "float" or not (is_number(mean) and is_number(sd)):
        return fields, []
    if sd <= 0 or (scale == "log" and mean <= 0):  # which is told; that the ends are not written is no mistake
        default = fields.get("default", 1.0)
        end = float(default) if is_number(default) and default > 0.0 else 1.0
        return {"low": end, "high": end, **fields}, []
    ends = dict(zip(("low", "high"), (float(f"{end:.6g}") for end in reach(scale, mean, sd)), strict=True))
    return {**fields, **{key: ends[key] for key in missing}}, missing


def _default(fields: Fields, about: Fields, source: str) -> tuple[Value, str, bool]:
    """Return a default, where it comes from, and whether that is the catalogue."""
    advised = about.get("default")
    if advised is not None and (domain := _domain({**fields, "default": advised})) is not None:
        return domain.canonical(advised), source, True
    listed = fields.get("choices")
    bounds = [fields[key] for key in ("low", "high") if is_number(fields.get(key))]
    first = listed[0] if isinstance(listed, list) and listed else next(iter(bounds), 0)
    domain = _domain({**fields, "default": first})
    if domain is None or isinstance(domain, Constant):
        return first, "", False  # the definition is wrong, which is told without it
    outside = "" if advised is None else f"; the catalogue's {advised!r} is not in it"
    if isinstance(domain, Choice) and not domain.is_ordered:
        return first, f"the first of the choices{outside}", False
    mean = getattr(domain, "mean", None)
    if mean is not None and domain.contains(mean):
        return mean, f"the mean of the draws{outside}", False
    what = "choice" if isinstance(domain, Choice) else "value"
    return _middle(domain), f"the middle {what} of the range{outside}", False


def _middle(domain: Hyperparameter) -> Value:
    """Return the middle of a range on its scale, with no more digits than a person would write."""
    value = domain.from_unit(0.5)
    if isinstance(domain, Float) and domain.step is None and domain.contains(short := float(f"{value:.3g}")):
        return short
    return value


def _domain(fields: Mapping[str, Any]) -> Hyperparameter | None:
    """Return the domain that the fields make; None where they make none."""
    try:
        return _DOMAIN.validate_python(dict(fields))
    except (ValidationError, SpecError):
        return None
