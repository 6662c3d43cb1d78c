"""What every test stands on: no telemetry, an explicit Ray authentication mode, long tests only when asked for.

It is imported for each test that is run, so what it offers is imported by the fixture that needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from s3_server import S3Server

    from orchestrator.storage.location import Location

pytest_plugins = ["stories"]
collect_ignore = ["outside/my_lab"]  # a repository of its own, whose tests run where it is installed

settings.register_profile("stepladder", deadline=None, derandomize=True)  # a busy machine is no failure
settings.load_profile("stepladder")

os.environ.pop("COLUMNS", None)  # what is written to a pipe is 100 columns wide where nothing says otherwise
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["STEPLADDER_PAGE"] = "0"  # a second for each sweep that is driven; tests of the page turn it on


@pytest.hookimpl(tryfirst=True)  # before the marks are selected by
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what waits for the S3 server, try what starts a Ray once more, and run the files with long tests first.

    Two processes run them, and neither is to end alone.
    """
    repeats = config.pluginmanager.hasplugin("rerunfailures")
    for item in items:
        if repeats and item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.flaky(reruns=1))  # Ray may starve on a busy machine; both tries are shown
        if "s3" in getattr(item, "fixturenames", ()):  # its start takes seconds
            item.add_marker("thorough")
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server for the whole run."""
    from s3_server import s3_server

    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Location:
    """An empty prefix on it, and an environment from which it can be reached."""
    from s3_server import BUCKET

    from orchestrator.storage.location import Location

    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return Location.parse(f"s3://{BUCKET}/{uuid4().hex[:8]}")
