"""Many values on the unit interval at once: to the bit what they are one by one."""

from __future__ import annotations

from random import Random

import pytest

from orchestrator.searchers._axis import Axis
from orchestrator.sweep.domains import Choice, Float, Int

DOMAINS = {
    "log": Float(low=1e-5, high=0.3, scale="log", default=0.01),
    "linear": Float(low=-0.3, high=0.7, default=0.1),
    "widest": Float(low=-1.7e308, high=1.7e308, default=0.0),
    "one value": Float(low=0.5, high=0.5, default=0.5),
    "grid": Float(low=0.0, high=0.3, step=0.1, default=0.1),
    "bell": Float(low=1e-5, high=0.3, scale="log", default=0.01, mean=1e-3, sd=0.5),
    "beside": Float(low=1e-5, high=0.3, scale="log", default=0.01, also=(0.0,)),
    "whole": Int(low=-3, high=900, step=7, default=4),
    "whole log": Int(low=1, high=900, scale="log", default=4),
    "one whole": Int(low=4, high=4, default=4),
    "choice": Choice(choices=(1, 2, 4), default=2),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_many_at_once_are_what_they_are_one_by_one(name: str):
    domain, dice = DOMAINS[name], Random(name)
    units = [0.0, 1.0, *(dice.random() for _ in range(400))]
    values = [domain.from_unit(unit) for unit in units] + [domain.default]
    if isinstance(domain, Float | Int) and name not in ("widest", "beside"):
        values += [domain.low, domain.high, domain.low * 0.9 if name == "log" else domain.low, 1]  # an older range's
    cells = domain.cells
    for axis in (Axis(domain, cells), Axis(domain, None)):
        expected = [float(axis.encode(value)) for value in values]
        assert [float(place).hex() for place in axis.encode_all(values)] == [place.hex() for place in expected]
    if not isinstance(domain, Choice):
        assert [unit.hex() for unit in domain.to_units(values)] == [domain.to_unit(value).hex() for value in values]
    assert axis.encode_all([]) == []
