"""The lab's members do what Stepladder asks of every searcher and scheduler."""

import pytest
from my_lab.antithetic import Antithetic
from my_lab.patience import Patience

from orchestrator.testing.scheduler_conformance import SchedulerConformance
from orchestrator.testing.searcher_conformance import SearcherConformance


class TestAntithetic(SearcherConformance):
    @pytest.fixture
    def member(self):
        return Antithetic


class TestPatience(SchedulerConformance):
    @pytest.fixture
    def member(self):
        return Patience
