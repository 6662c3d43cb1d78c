"""What every test stands on: no telemetry, an explicit Ray authentication mode, long tests only when asked for."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("stepladder", deadline=None, derandomize=True)  # a busy machine is no failure
settings.load_profile("stepladder")

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the long tests last: a quick one fails first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is not None)
