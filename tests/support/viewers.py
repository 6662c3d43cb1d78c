"""Other tools' own viewers, started on a free port and asked over HTTP: what a person would see in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 120.0
"""Reached by a failure alone: a viewer takes seconds to begin."""


def program(name: str) -> str:
    """Return the path of a viewer of this environment; skips the test where it is not installed."""
    found = Path(sys.executable).with_name(name)
    if not found.exists():
        pytest.skip(f"{name} is not installed here: pip install '.[viewers]'")
    return str(found)


@contextlib.contextmanager
def viewer(*command: str, folder: Path) -> Iterator[str]:
    """Start a viewer whose command ends in its port, and yield its address once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    said = folder / "viewer.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*command, str(port)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | {"NO_PROXY": "*"}
        )
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + PATIENCE_S
        while True:
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=60):
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def ask(address: str, question: Any = None) -> Any:
    """Ask for JSON; with a question, which is sent as JSON."""
    body = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)
