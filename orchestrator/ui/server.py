"""The server: which address shows what, and how it begins and ends.

Every page is a shell of a few lines and is there at once; what stands on it the browser asks for, and asks for again
while it is looked at. Addresses inside pages are relative, so that they hold under any prefix.
"""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio
import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.errors import StepladderError, UsageError
from orchestrator.ui.contents import LiveContents, PageAnswer, trouble
from orchestrator.ui.door import TOKEN, Door, DoorKey
from orchestrator.ui.listing import HERE
from orchestrator.ui.sweeps import SweepShelf
from orchestrator.views.page.html import CSS, DRAWING, library, template

if TYPE_CHECKING:
    from orchestrator.storage.location import Location

HOST = "127.0.0.1"
"""The only address that it listens on."""
MOST_AT_ONCE = 16
"""Requests that are worked on at once; others wait."""
FOR_EVER = "private, max-age=31536000, immutable"
"""For files whose name changes with their content."""


@dataclass(frozen=True)
class Reached:
    """How a server is reached, beside its port."""

    root_path: str = ""
    """Prefix under which a proxy has it, as `/user/me/proxy/8484`; empty without one."""
    allowed: tuple[str, ...] = ()
    """Names by which it is reached, beside those of this machine."""


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone; port 0 is a free one. Raises UsageError: it is taken."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
    except OSError as error:
        taken.close()
        raise UsageError(f"--port {port}: {error.strerror}; --port 0 takes one that is free") from error
    taken.listen(128)
    return taken


def address_of(listening: socket.socket, key: DoorKey, reached: Reached) -> str:
    """Return the address to open: with its token, which is nowhere else."""
    return f"http://{HOST}:{listening.getsockname()[1]}{reached.root_path}/?{TOKEN}={key.token}"


def serve(places: Sequence[Location], listening: socket.socket, key: DoorKey, reached: Reached) -> None:
    """Show the sweeps of some places until Ctrl-C or SIGTERM."""
    config = uvicorn.Config(
        Door(application(LiveContents(SweepShelf(places))), key, reached.root_path, reached.allowed),
        lifespan="off", ws="none", http="h11", loop="asyncio", interface="asgi3",
        access_log=False, log_level="warning",  # an address holds the token once
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def application(contents: LiveContents) -> Starlette:
    """Return the pages, without the door."""
    pages = _Pages(contents)
    limiter = anyio.CapacityLimiter(MOST_AT_ONCE)

    def off_the_loop(make: Callable[[Request], Response]) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            return await anyio.to_thread.run_sync(make, request, limiter=limiter, abandon_on_cancel=True)

        return answer

    addresses: dict[str, Callable[[Request], Response]] = {
        "/": pages.sweeps,
        "/contents": pages.sweeps_contents,
        "/asset/{name}": pages.asset,
        "/sweeps/{key}/": pages.sweep,
        "/sweeps/{key}/contents": pages.sweep_contents,
        "/sweeps/{key}/trials/": pages.trials,
        "/sweeps/{key}/trials/contents": pages.trials_contents,
        "/sweeps/{key}/trials/{number}": pages.trial,
        "/sweeps/{key}/trials/{number}/contents": pages.trial_contents,
    }
    routes = [Route(path, off_the_loop(make), methods=["GET"]) for path, make in addresses.items()]
    made = Starlette(routes=routes)
    made.router.redirect_slashes = False  # to an absolute address, which holds under no prefix
    return made


class _Pages:
    """What each address answers."""

    def __init__(self, contents: LiveContents) -> None:
        self._contents = contents

    def sweeps(self, _: Request) -> Response:
        return _shell("", "contents", [("Sweeps", None)])

    def sweep(self, request: Request) -> Response:
        return _shell("../../", "contents", [("Sweeps", "../../"), (_name(request), None), ("Trials", "trials/")])

    def trials(self, request: Request) -> Response:
        trail = [("Sweeps", "../../../"), (_name(request), "../"), ("Trials", None)]
        return _shell("../../../", "contents", trail)

    def trial(self, request: Request) -> Response:
        number = request.path_params["number"]
        trail = [("Sweeps", "../../../"), (_name(request), "../"), ("Trials", "./"), (f"Trial {number}", None)]
        return _shell("../../../", f"{quote(number)}/contents", trail)

    def sweeps_contents(self, request: Request) -> Response:
        return _told(request, lambda since: self._contents.sweeps(request.query_params, since))

    def sweep_contents(self, request: Request) -> Response:
        return _told(request, lambda since: self._contents.sweep(request.path_params["key"], since))

    def trials_contents(self, request: Request) -> Response:
        key = request.path_params["key"]
        return _told(request, lambda since: self._contents.trials(key, request.query_params, since))

    def trial_contents(self, request: Request) -> Response:
        key, number = request.path_params["key"], request.path_params["number"]
        return _told(request, lambda since: self._contents.trial(key, number, since))

    def asset(self, request: Request) -> Response:
        found = _assets().get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such file.\n", 404)
        kind, content = found
        return _packed(request, content, kind, {"Cache-Control": FOR_EVER})


def _shell(up: str, contents: str, trail: list[tuple[str, str | None]]) -> Response:
    trials = "trials/" if trail[-1][0] == "Trials" and trail[-1][1] is not None else ""
    assets = {name.partition("-")[2]: name for name in _assets()}
    page = template("shell.html.jinja", HERE)
    return HTMLResponse(page.render(up=up, contents=contents, trials=trials, trail=trail, assets=assets))


def _told(request: Request, make: Callable[[str], PageAnswer | None]) -> Response:
    try:
        answer = make(request.query_params.get("since", ""))
    except StepladderError as error:
        answer = trouble(error)
    if answer is None:
        return PlainTextResponse("There is no such sweep any more.\n", 404)
    if not answer.content:
        return Response(status_code=204)
    return _packed(request, answer.content, "application/json", {})


def _packed(request: Request, content: bytes, kind: str, headers: dict[str, str]) -> Response:
    """Answer with what is compressed already, to whoever takes that."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(content), media_type=kind, headers=headers)
    return Response(
        content, media_type=kind, headers={**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    )


def _name(request: Request) -> str:
    return str(request.path_params["key"]).rpartition("-")[0]


@cache
def _assets() -> dict[str, tuple[str, bytes]]:
    """Return the files that pages load, by a name that changes with their content; compressed."""
    style = CSS.read_text() + (HERE / "ui.css").read_text()
    script = DRAWING.read_text() + (HERE / "live.js").read_text()
    texts = {"page.css": ("text/css", style), "live.js": ("text/javascript", script)}
    texts["plotly.js"] = ("text/javascript", library())
    found = {}
    for name, (kind, text) in texts.items():
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        found[f"{digest}-{name}"] = (kind, gzip.compress(text.encode(), 6, mtime=0))
    return found
