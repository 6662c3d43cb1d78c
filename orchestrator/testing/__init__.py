"""Conformance suites: what every member of an open set must do, shipped for whoever writes one, here or elsewhere.

A suite is a class of pytest tests that asks for one fixture, `member`, the member's class:

    from orchestrator.testing.searcher_conformance import SearcherConformance

    class TestMySearcher(SearcherConformance):
        @pytest.fixture
        def member(self):
            return MySearcher

`SchedulerConformance` and `LadderConformance` likewise; `LauncherConformance` asks for a fixture `target` too, a
cluster that the launcher takes. A member whose options have no default gives an example of each
(`Field(examples=[...])`) that fits the suite's space.
"""
