"""What `storage` may be: a folder, or a URL of an object store that holds no secret. Pure: nothing is contacted."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from orchestrator.secrecy import has_credentials

EXAMPLES = {
    "s3": "s3://bucket/runs",
    "gs": "gs://bucket/runs",
    "abfs": "abfs://container@account.dfs.core.windows.net/runs",
}
"""The object stores there are, by scheme, with a URL of each."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NODE = "the environment of every node, or a shared-credentials file there"


def is_url(text: str) -> bool:
    """Say whether a place is written as a URL rather than as a path."""
    return _SCHEME.match(text) is not None


def storage_problem(text: str) -> str | None:
    """Return what is wrong with a place for sweeps, and what to write instead; None where nothing is.

    The answer repeats nothing of a URL that may hold a secret.
    """
    if is_url(text):
        return _url_problem(text)
    if not text.isprintable():
        return f"{text!r} has a character that no folder's name can have; remove it"
    if ".." in PurePosixPath(text).parts:
        return f"{text!r} climbs out with '..'; write the absolute path"
    if text.startswith("~"):
        return f"{text!r}: ~ is not expanded; write the absolute path"
    return None


def _url_problem(text: str) -> str | None:
    scheme = text.partition("://")[0]
    if scheme not in EXAMPLES:
        schemes = ", ".join(f"{known}://" for known in EXAMPLES)
        return f"{scheme}:// is not a storage; choose a folder, or one of {schemes} (e.g. {EXAMPLES['s3']})"
    rest = text.removeprefix(f"{scheme}://")
    if has_credentials(text) or rest.startswith("@"):
        return f"the URL holds credentials before its '@'; they belong into {_NODE}. Write {EXAMPLES[scheme]}"
    if "?" in rest or "#" in rest:
        return (
            f"the URL holds more than a place: what follows '?' or '#' belongs into {_NODE} "
            f"(AWS_ENDPOINT_URL and AWS_REGION, say). Write {EXAMPLES[scheme]}"
        )
    if not text.isprintable() or any(character in text for character in " \\%"):
        return f"the {scheme}:// URL has a space, '%', '\\' or an unprintable character; remove it"
    bucket, _, path = rest.partition("/")
    if not bucket or not _has_host(text):
        return f"the URL names no bucket; write {EXAMPLES[scheme]}"
    if any(part in {"", ".", ".."} for part in path.rstrip("/").split("/")) and path:
        return "the URL has an empty part, '.' or '..' in its path; write the path out"
    return None


def _has_host(text: str) -> bool:
    try:
        return bool(urlsplit(text).hostname)
    except ValueError:  # brackets that do not close
        return False
