import pytest

from orchestrator import members
from orchestrator.testing.searcher_conformance import SearcherConformance


class TestEverySearcher(SearcherConformance):
    @pytest.fixture(params=members.names("orchestrator.searchers"))
    def member(self, request):
        return members.load("orchestrator.searchers", request.param)
