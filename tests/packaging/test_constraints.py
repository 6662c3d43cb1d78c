"""The constraints file: exact, portable, complete, and inside the ranges of the project file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["demo"],
    *PROJECT["optional-dependencies"]["dev"],
    *PROJECT["optional-dependencies"]["docs"],
]


def pins() -> dict[str, Requirement]:
    requirements = [Requirement(line) for line in LINES]
    found = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    assert len(found) == len(requirements), "a package is pinned twice"
    return found


@pytest.mark.parametrize("line", LINES)
def test_a_pin_is_exact_and_portable(line: str):
    requirement = Requirement(line)
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    assert "*" not in specifier.version
    assert "+" not in specifier.version, "a local version exists on one machine's index only"
    assert requirement.url is None
    assert not requirement.extras


@pytest.mark.parametrize("wanted", WANTED)
def test_every_dependency_is_pinned_inside_its_range(wanted: str):
    requirement = Requirement(wanted)
    (pin,) = pins()[canonicalize_name(requirement.name)].specifier
    assert requirement.specifier.contains(pin.version), f"{pin} lies outside {requirement.specifier}"
