"""A headless Chromium that a test drives: it clicks, types, prints, and tells what a page complained of and asked for.

It is spoken to in its DevTools' protocol over two pipes, so that nothing beside the browser is needed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_S = 120.0
"""For what must come; a loaded machine is no failure."""

# The browser reads what it is told from descriptor 3 and answers on 4.
_START = """
import fcntl, os, sys
told, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(told, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed here: apt-get install chromium")


class Tab:
    """One tab of a browser of its own."""

    def __init__(self, profile: Path, *, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        """What was said on the console, and scripts' errors that nobody caught."""
        self.requests: list[str] = []
        """Every address that was asked for."""
        self._number = 0
        self._left = b""
        self._is_down = False
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--hide-scrollbars"]  # a telephone has none that takes width, and pictures are of the whole page
        options += [f"--user-data-dir={profile}", "--remote-debugging-pipe", "--disable-background-networking"]
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        command = [sys.executable, "-c", _START, str(to_read), str(to_write), str(BROWSER), *options, "about:blank"]
        self.process = subprocess.Popen(
            command, pass_fds=(to_read, to_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        pages = [t for t in self._ask("Target.getTargets", session=None)["targetInfos"] if t["type"] == "page"]
        target = pages[0]["targetId"]
        attached = self._ask("Target.attachToTarget", session=None, targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        self.resize(width, height)
        self.colours(scheme)

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError, AssertionError):
            self._ask("Browser.close", session=None)
        try:
            self.process.wait(240)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._read)
        os.close(self._write)

    def resize(self, width: int, height: int) -> None:
        """Take another size."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def on_paper(self) -> None:
        """Lay the page out as it is printed, and leave it so."""
        self._ask("Emulation.setEmulatedMedia", media="print")
        self.value("dispatchEvent(new Event('beforeprint'))")

    def open(self, address: str) -> None:
        """Go to an address."""
        self._ask("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript comes to, promises awaited."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, patience_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true, and return it."""
        deadline = time.monotonic() + patience_s
        while not (found := self._tried(expression)):
            assert time.monotonic() < deadline, f"never: {expression}; complaints: {self.complaints}"
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        """Press the left button in the middle of the element, which must be there, and not covered."""
        self.press(f"document.querySelector({json.dumps(selector)})")

    def press(self, element: str) -> None:
        """Press the left button in the middle of what an expression finds."""
        self.until(f"!!{element}")
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        box = self.value(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({element}.getBoundingClientRect())")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, *box)

    def drag(self, element: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag the mouse over what an expression finds, between two places in it, each in parts of its size."""
        self.value(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y, width, height = self.value(f"(b => [b.x, b.y, b.width, b.height])({element}.getBoundingClientRect())")
        at = [(x + part * width, y + other * height) for part, other in (start, start, end, end)]
        for kind, place in zip(("mouseMoved", "mousePressed", "mouseMoved", "mouseReleased"), at, strict=True):
            self.mouse(kind, *place)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Have the mouse do something: mouseMoved, mousePressed, mouseReleased."""
        self._is_down = kind == "mousePressed" or (kind == "mouseMoved" and self._is_down)
        button = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {"buttons": int(self._is_down)}
        self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self._ask("Input.insertText", text=text)

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Write what is seen as a PNG; `whole`: all of the page."""
        found = self._ask("Page.captureScreenshot", captureBeyondViewport=whole, **(self._clip() if whole else {}))
        file.write_bytes(base64.b64decode(found["data"]))

    def printed(self, file: Path) -> None:
        """Write the page as it is printed, as a PDF."""
        found = self._ask("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
        file.write_bytes(base64.b64decode(found["data"]))

    def _clip(self) -> dict[str, Any]:
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def _tried(self, expression: str) -> Any:
        try:
            return self.value(expression)
        except AssertionError:  # between two pages nothing is there to be asked
            return None

    def _ask(self, method: str, session: str | None = "", **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
        raise AssertionError(f"{method}: the browser ended")

    def _messages(self) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" in self._left:
                text, self._left = self._left.split(b"\0", 1)
                message = json.loads(text)
                self._note(message.get("method"), message.get("params", {}))
                yield message
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                return
            self._left += data

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(" ".join(str(each.get("value")) for each in params["args"]))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])


@contextlib.contextmanager
def browser(folder: Path, **look: Any) -> Iterator[Tab]:
    """Start a browser that keeps its things in `folder`, and end it; keywords as `Tab`'s."""
    tab = Tab(folder / "profile", **look)
    try:
        yield tab
    finally:
        tab.close()
