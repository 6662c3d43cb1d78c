import pytest

from orchestrator import members
from orchestrator.testing.searcher_conformance import SearcherConformance

# They fit a model at every step: seconds for the whole suite.
COSTLY = {"gp", "auto", "coarse-to-fine"}
SEARCHERS = [
    pytest.param(name, marks=[pytest.mark.thorough] if name in COSTLY else [])
    for name in members.names("orchestrator.searchers")
]


class TestEverySearcher(SearcherConformance):
    @pytest.fixture(params=SEARCHERS)
    def member(self, request):
        return members.load("orchestrator.searchers", request.param)
