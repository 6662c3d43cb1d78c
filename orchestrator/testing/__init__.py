"""Conformance suites: what every member of an open set must do, shipped so that whoever adds one can run them.

A suite is a class of pytest tests that asks for one fixture, `member`, the member's class:

    class TestMySearcher(SearcherConformance):
        @pytest.fixture
        def member(self):
            return MySearcher

A member whose options have no default gives an example of each (`Field(examples=[...])`) that fits the suite's space.
"""
