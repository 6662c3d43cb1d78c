"""Ray's Jobs API over HTTP: what is asked of a running cluster, without importing Ray.

A connection goes to the address that was named and nowhere else: no redirect is followed, no proxy of the environment
is asked, and neither RAY_ADDRESS nor RAY_API_SERVER_ADDRESS is looked at, which Ray's own client lets override its
argument. A question that meets no answer is repeated for up to `patience_s`: a head node may be away for a moment.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import ClusterError, UsageError
from orchestrator.secrecy import has_credentials, mask

DEFAULT_PORT = 8265
TIMEOUT_S = 20.0
"""How long one request may take."""
_REDIRECTING = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]*)*")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0


class NoAnswerError(ClusterError):
    """Nothing answered at the address, however often it was asked."""


@dataclass(frozen=True, slots=True)
class JobsAddress:
    """Where a Jobs API listens."""

    scheme: str
    """http or https."""
    host: str
    """Name or IP address."""
    port: int
    """Port of Ray's dashboard."""
    prefix: str = ""
    """Path in front of everything that is asked, where a gateway puts the dashboard: `/ray/vision`."""

    @classmethod
    def parse(cls, text: str) -> JobsAddress:
        """Read `http://127.0.0.1:8265`; the scheme may be missing. Raises UsageError for what is no such address."""
        url = text if "://" in text else f"http://{text}"
        if has_credentials(url):
            raise UsageError("--address: a password on a command line can be read by everybody; leave it out")
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else DEFAULT_PORT)
        except ValueError:
            raise _no_dashboard(text) from None
        is_odd = parts.query or parts.fragment or _PREFIX.fullmatch(parts.path) is None
        if parts.scheme not in ("http", "https") or not parts.hostname or is_odd:
            raise _no_dashboard(text)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    @property
    def is_loopback(self) -> bool:
        """Say whether it is on this machine, or the near end of a tunnel."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    """The HTTP status."""
    text: str
    """The body."""

    def document(self) -> Any:
        """Return the body, read as JSON; None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def ray_version(self) -> str | None:
        """Return the version of Ray that answered; None where it was something else."""
        document = self.document()
        return document.get("ray_version") if isinstance(document, dict) else None


class JobsApi:
    """Asks one cluster.

    `headers` are sent along with every request, `say` is told when an answer takes long, `ca_file` holds who else may
    sign for it.
    """

    def __init__(
        self, address: JobsAddress, headers: Mapping[str, str], say: Callable[[str], None], ca_file: str | None = None
    ) -> None:
        self.address = address
        self._ca_file = ca_file
        self._headers = dict(headers)
        self._say = say

    def ask(
        self, method: str, path: str, body: Any = None, *, patience_s: float = 0.0, accept: tuple[int, ...] = (200,)
    ) -> Answer:
        """Send one request, again and again for `patience_s` while nothing answers or the server is in trouble.

        Asking twice must change nothing more than asking once. Raises NoAnswerError where nothing answered,
        ClusterError where the answer's status is not among `accept`.
        """
        answer = self._patient(method, path, body, patience_s)
        if answer.status in accept:
            return answer
        if answer.status in (401, 403):
            raise ClusterError(f"{self.address} refuses us (HTTP {answer.status}): {REFUSED[answer.status]}")
        said = mask(" ".join(answer.text.split()))[-300:]
        raise ClusterError(f"{self.address}: {method} {path} was answered with HTTP {answer.status}: {said}")

    def _patient(self, method: str, path: str, body: Any, patience_s: float) -> Answer:
        import httpx  # here, because importing it takes a fifth of a second

        start, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            try:
                answer = self._once(method, path, body)
                if answer.status < 500 or method != "GET":
                    return answer
                trouble = f"HTTP {answer.status}"
            except httpx.InvalidURL:
                raise _no_dashboard(str(self.address)) from None
            except httpx.RequestError as error:
                answer, trouble = None, mask(str(error)) or type(error).__name__
            if time.monotonic() - start + pause > patience_s:
                if answer is not None:
                    return answer
                raise NoAnswerError(f"{self.address} does not answer: {trouble}")
            if pause == _FIRST_PAUSE_S:
                self._say(f"{self.address} does not answer ({trouble}); trying again for up to {patience_s:.0f} s")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _once(self, method: str, path: str, body: Any) -> Answer:
        import httpx

        with httpx.Client(
            base_url=str(self.address),
            headers=self._headers,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,  # neither proxies nor a netrc file
            verify=_trusted(self._ca_file),
        ) as client:
            response = client.request(method, path, json=body)
        return Answer(response.status_code, response.content.decode(errors="replace"))


@functools.cache
def _trusted(ca_file: str | None) -> ssl.SSLContext:
    """Return whom this machine trusts, SSL_CERT_FILE included, and `ca_file`; httpx would bring a list of its own."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # an SSLError is one
            raise UsageError(f"ca_file {ca_file}: {error.strerror or 'it holds no certificate'}") from error
    return context


def _no_dashboard(text: str) -> UsageError:
    example = f"http://127.0.0.1:{DEFAULT_PORT}"
    return UsageError(f"--address {mask(text)}: give the address of the cluster's dashboard, e.g. {example}")


REFUSED = {
    401: "it wants a token and none was sent",
    403: "the token that was sent is not its own",
}
"""What Ray means by a status."""


def refuse_redirection(address: JobsAddress, environ: Mapping[str, str]) -> None:
    """Raise UsageError where a variable would send the submission elsewhere: Ray's client prefers it to an address."""
    for name in _REDIRECTING:
        value = environ.get(name, "").strip()
        if not value:
            continue
        try:
            if JobsAddress.parse(value) == address:
                return
        except UsageError:
            pass
        raise UsageError(
            f"{name}={mask(value)} is set, and Ray would send the sweep there rather than to {address}; "
            f"unset {name}, or give that cluster's dashboard as --address"
        )


def open_to_everybody(address: JobsAddress, *, insecure: bool) -> list[str]:
    """Warn of a cluster that asks for no token; raises ClusterError off this machine, unless `insecure`."""
    text = f"{address} answers without a token: whoever reaches it can run anything on the cluster"
    if not address.is_loopback and not insecure:
        raise ClusterError(
            f"{text}. Start it with RAY_AUTH_MODE=token, or reach it through a tunnel (ssh -L 8265:localhost:8265); "
            "--insecure sends the sweep all the same"
        )
    return [f"WARNING: {text}; start it with RAY_AUTH_MODE=token"]
