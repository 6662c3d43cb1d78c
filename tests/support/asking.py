"""A browser's side of `stepladder ui`: of its application without a socket, or of the real server in its process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import httpx


class Client:
    """Follows no redirect, so that a test sees it."""

    def __init__(self, application, base_url: str = "http://127.0.0.1:8484") -> None:
        self._application = application
        self._base_url = base_url
        self._cookies = httpx.Cookies()

    def get(self, place: str, **more) -> httpx.Response:
        """GET an address; keywords as httpx's."""
        return self.ask("GET", place, **more)

    def ask(self, method: str, place: str, **more) -> httpx.Response:
        """Send one request."""
        return asyncio.run(self._ask(method, place, more))

    async def _ask(self, method: str, place: str, more) -> httpx.Response:
        transport = httpx.ASGITransport(self._application)
        async with httpx.AsyncClient(transport=transport, base_url=self._base_url, cookies=self._cookies) as client:
            answer = await client.request(method, place, **more)
            self._cookies = client.cookies
            return answer


@dataclass
class Server:
    """A `stepladder ui` in a process of its own."""

    process: subprocess.Popen[str]
    address: str

    def end(self) -> tuple[int, str, str]:
        """Press Ctrl-C, and return exit code, the rest of stdout, and stderr."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[Server]:
    """Start one, and leave none behind."""
    command = [sys.executable, "-m", "orchestrator", "ui", *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Server(process, process.stdout.readline().strip())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
