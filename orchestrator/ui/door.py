"""Who is let in: whoever has the token, by a name of this machine, to look.

- **A token.** It stands in the address that is printed once. A browser that opens it gets a cookie and is sent on to
  the same address without the token, so that it stays out of histories, bookmarks and what others see on a screen.
- **A name.** A page of anybody's can have a browser ask 127.0.0.1 under that page's own name (DNS rebinding). So a name
  that is not this machine's own, nor one that was allowed, is refused before anything else. The port is not looked at:
  that of a tunnel is another one.
- **To look.** Only GET and HEAD are answered, a policy lets a page load and ask nothing but this server, no other site
  may frame it or read what it says.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names of this machine that nobody else can have a browser take for their own."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of every answer. plotly.js writes styles into the page."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
TOKEN = "token"  # noqa: S105 - the name of the key in the address, not a token
"""DoorKey of the token in an address."""


@dataclass(frozen=True)
class DoorKey:
    """What opens one server's door; a new one for each start."""

    token: str
    """What the address holds."""
    cookie: str
    """Name of the cookie: browsers send it to every port of a host, so that two servers' are told apart by name."""

    @classmethod
    def cut(cls) -> DoorKey:
        """Return a new key, drawn from the system's randomness."""
        return cls(secrets.token_urlsafe(24), f"stepladder-{secrets.token_hex(4)}")

    def fits(self, said: str | None) -> bool:
        """Say whether somebody's token is the one, in a time that tells nothing of it."""
        return said is not None and secrets.compare_digest(said.encode(errors="replace"), self.token.encode())


class Door:
    """An ASGI application in front of another one."""

    def __init__(self, inside: ASGIApp, key: DoorKey, root_path: str = "", allowed: Collection[str] = ()) -> None:
        """Guard `inside`. `root_path` is the prefix under which a proxy has it, `allowed` are more names of it."""
        self._inside = inside
        self._key = key
        self._root_path = root_path
        self._names = OWN_NAMES | {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            return
        answer = self._refusal(Request(scope))
        if answer is None:
            await self._inside({**scope, "path": self._route(scope["path"])}, receive, _closing(send))
        else:
            await answer(scope, receive, _closing(send))

    def _refusal(self, request: Request) -> Response | None:
        """Return what is answered at the door; None for whoever may come in."""
        name = _without_port(request.headers.get("host", ""))
        if name not in self._names:
            said = "Invalid Host header: this server is reached as 127.0.0.1 or localhost"
            return PlainTextResponse(f"{said}; another name is allowed by --allow-host NAME.\n", 421)
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("This server only shows.\n", 405, {"Allow": "GET, HEAD"})
        if self._key.fits(request.query_params.get(TOKEN)):
            return self._welcome(request)
        if not self._key.fits(request.cookies.get(self._key.cookie)):
            return PlainTextResponse("Open the address that `stepladder ui` printed: its token opens this page.\n", 403)
        return None

    def _welcome(self, request: Request) -> Response:
        rest = [(key, value) for key, value in parse_qsl(request.url.query, keep_blank_values=True) if key != TOKEN]
        place = request.url.path.rpartition("/")[2]  # relative, as it reads under any prefix
        answer = RedirectResponse(f"./{place}" + (f"?{urlencode(rest)}" if rest else ""), 303)
        answer.set_cookie(self._key.cookie, self._key.token, path=self._root_path or "/", httponly=True, samesite="lax")
        return answer

    def _route(self, path: str) -> str:
        """Return a path without the prefix, which some proxies leave in front of it and others take away."""
        if self._root_path and (path == self._root_path or path.startswith(f"{self._root_path}/")):
            return path[len(self._root_path) :] or "/"
        return path


def _without_port(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdecimal() else host.lower()


def _closing(send: Send) -> Send:
    """Return `send` with the headers that every answer has."""

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return with_headers
