import pytest

from orchestrator import members
from orchestrator.testing import ladder_conformance

LADDERS = members.names("orchestrator.ladders")


@pytest.mark.parametrize("check", ladder_conformance.CHECKS)
@pytest.mark.parametrize("name", LADDERS)
def test_every_ladder_conforms(name, check):
    check(members.load("orchestrator.ladders", name))


def test_the_five_ladders_are_found():
    assert set(LADDERS) >= {"hard-stages", "joint", "random", "screen-stages-joint", "soft-stages"}
