"""What `--address` names: one option, whose form says what it means.

`auto` and HOST:PORT are a running Ray that a driver joins from inside; http://HOST:8265 is a cluster's dashboard, which
a sweep is sent to and asked about. A command that has no use for one of the two says so, and what to do instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.secrecy import mask

FORMS = "auto or HOST:PORT for a running Ray to join from inside it, http://HOST:8265 for a dashboard to send to"
"""What may be written, in the words of every message and help page."""
_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9_.-]+|[0-9A-Fa-f:]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """A cluster, as it was named."""

    text: str
    """As it was typed."""
    is_dashboard: bool
    """Whether it is a dashboard to send to; else a running Ray to join."""

    @classmethod
    def parse(cls, text: str) -> ClusterAddress:
        """Tell by its form what an address is. Raises UsageError for a form that means neither."""
        scheme, slashes, host = text.partition("://")
        if slashes and "@" in text:
            raise UsageError("--address: a password on a command line can be read by everybody; leave it out")
        if host and scheme in ("http", "https"):
            return cls(text, is_dashboard=True)
        if slashes and scheme == "ray":
            raise UsageError(
                f"--address {mask(text)}: a sweep is driven from inside the cluster, never through a Ray client; "
                f"write {FORMS}"
            )
        if text != "auto" and _HOST_AND_PORT.fullmatch(text) is None:
            raise UsageError(f"--address {mask(text)}: no address of a cluster; write {FORMS}")
        return cls(text, is_dashboard=False)


def to_join(address: ClusterAddress | None, command: str) -> str | None:
    """Return the running Ray that `command` joins, None where none is named. Raises UsageError for a dashboard."""
    if address is not None and address.is_dashboard:
        raise UsageError(
            f"--address {mask(address.text)} is a cluster's dashboard, and `stepladder {command}` joins a running Ray "
            "from inside it (auto or HOST:PORT); send the sweep there instead: "
            f"stepladder submit SWEEP_FILE --address {mask(address.text)}"
        )
    return address.text if address is not None else None


def to_send(address: ClusterAddress | None, command: str) -> str | None:
    """Return the dashboard that `command` asks, None where none is named. Raises UsageError for a Ray to join."""
    if address is not None and not address.is_dashboard:
        host = address.text.rpartition(":")[0] or "HOST"
        raise UsageError(
            f"--address {mask(address.text)} is a running Ray to join from inside it, and `stepladder {command}` "
            f"asks a cluster's dashboard; give that, e.g. http://{host}:8265"
        )
    return address.text if address is not None else None
