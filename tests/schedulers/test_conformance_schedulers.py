import pytest

from orchestrator import members
from orchestrator.testing.scheduler_conformance import SchedulerConformance


class TestEveryScheduler(SchedulerConformance):
    @pytest.fixture(params=members.names("orchestrator.schedulers"))
    def member(self, request):
        return members.load("orchestrator.schedulers", request.param)
