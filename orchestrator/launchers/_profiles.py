"""Clusters by name: what is always said of one, in ~/.config/stepladder/clusters/NAME.yaml, for `--cluster NAME`.

    address: https://gateway.example/ray/vision     # a dashboard, its path prefix with it
    token_file: ~/.ray/vision_token                 # mode 0600
    ca_file: /etc/ssl/company.pem
    headers: {X-Team: vision}
    settings: {storage: s3://vision/runs, slurm: {partition: gpu}}

or `definition: slurm` in place of the address: a file, or a name in cluster/. `settings` are keys of the sweep file:
what is typed on the command line counts before them, and they before the file. What is said of an address counts for
that address however it is named, also by `--address`, and for a sweep that was sent there before.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, Strict, field_validator, model_validator

from orchestrator.errors import SpecError, UsageError
from orchestrator.secrecy import is_secret_name, mask
from orchestrator.sweep.record import Record
from orchestrator.sweepfile.messages import Problems
from orchestrator.sweepfile.typed import typed
from orchestrator.sweepfile.yaml_source import UnreadableError, read

Text = Annotated[str, Strict(), Field(min_length=1)]
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class ClusterProfile(Record):
    """What is always said of one cluster."""

    address: Text | None = None
    """Its dashboard, as `--address` takes it."""
    definition: Text | None = None
    """The definition that starts it, as `--cluster` takes it."""
    token_file: Text | None = None
    """File that holds its token; only its owner may read it."""
    ca_file: Text | None = None
    """Certificates of who signs for it, where that is nobody whom this machine trusts anyway."""
    headers: Mapping[str, Text] = Field(default_factory=dict)
    """Headers that a gateway wants with every request. A secret among them: the profile's own mode must be 0600."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Keys of the sweep file with what holds on this cluster: its storage, a partition, an image."""

    @model_validator(mode="after")
    def _check_where(self) -> ClusterProfile:
        if (self.address is None) == (self.definition is None):
            raise ValueError("a profile names an address or a definition, one of the two")
        if self.address is not None and not re.match(r"https?://", self.address):
            raise ValueError(f"address {mask(self.address)!r} is no dashboard; write such as http://127.0.0.1:8265")
        return self

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, held in value.items():
            if _HEADER.fullmatch(name) is None or not held.isprintable() or not held.isascii():
                raise ValueError(f"{name!r} is no header that can be sent; write NAME: VALUE, both plain text")
        return value

    @property
    def ca_path(self) -> str | None:
        """The file of certificates, `~` written out; None without one."""
        return None if self.ca_file is None else str(Path(self.ca_file).expanduser())

    def token_environ(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """Return the variables by which the token is found: the file that is named here goes before all of them."""
        if self.token_file is None:
            return environ
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(Path(self.token_file).expanduser())}

    @property
    def overrides(self) -> list[str]:
        """The settings as `key=value` overrides, in YAML's own words."""
        return [f"{path}={value}" for path, value in _flat(self.settings)]


def folder() -> Path:
    """Return where profiles lie: below XDG_CONFIG_HOME, or ~/.config."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "stepladder" / "clusters"


def find_profile(name: str) -> ClusterProfile | None:
    """Read the profile of that name; None where there is none. Raises UsageError for one that is wrong, by line."""
    path = folder() / f"{name}.yaml"
    if "/" in name or name.startswith(".") or not path.is_file():
        return None
    return _read(path)


def profile_of(address: str) -> ClusterProfile | None:
    """Return what is always said of the cluster at an address; None where nothing is. Raises UsageError as above."""
    for path in sorted(folder().glob("*.yaml")):
        found = _read(path)
        if found.address is not None and found.address.rstrip("/") == address.rstrip("/"):
            return found
    return None


def _read(path: Path) -> ClusterProfile:
    try:
        tree = read(path.read_bytes(), str(path))
    except UnreadableError as error:
        raise UsageError(str(error.message)) from None
    problems = Problems(tree.places, tree.messages)
    found = typed(ClusterProfile, tree.data if isinstance(tree.data, dict) else {}, problems)
    try:
        problems.raise_any()
    except SpecError as error:
        raise UsageError(str(error)) from None
    assert found is not None
    secret = next((name for name in found.headers if is_secret_name(name) or name.lower() == "authorization"), None)
    if secret is not None and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError(f"{path}: others on this machine can read the header {secret}; chmod 600 {path}")
    return found


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield key paths and values; inside a part, mappings are whole values: their keys may have dots."""
    for key, held in value.items():
        if isinstance(held, Mapping) and not before:
            yield from _flat(held, f"{key}.")
        else:
            yield f"{before}{key}", _spelled(held)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z/][\w:/.@+-]*", value) else json.dumps(value)
