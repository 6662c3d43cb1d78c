import pytest

from orchestrator import members
from orchestrator.testing.ladder_conformance import LadderConformance

LADDERS = members.names("orchestrator.ladders")


class TestEveryLadder(LadderConformance):
    @pytest.fixture(params=LADDERS)
    def member(self, request):
        return members.load("orchestrator.ladders", request.param)


def test_the_five_ladders_are_found():
    assert set(LADDERS) >= {"hard-stages", "joint", "random", "screen-stages-joint", "soft-stages"}
