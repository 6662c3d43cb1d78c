"""What `storage` may be: a folder, or a URL of an object store that holds no secret. Pure: nothing is contacted."""

from __future__ import annotations

import os
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
_HALF_URL = re.compile(
    r"(s3a?|gs|gcs|abfss?|az|wasbs?|hdfs|https?|ftp|sftp|file):(?!//)|([A-Za-z][\w+.-]+):/(?!/)", re.I
)
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{\w+\})")
LONGEST_PATH = 4000
"""Bytes of a path, the sweep's name and its files not counted; Linux takes 4,096 with them."""
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
    if (found := _HALF_URL.match(text)) is not None:
        scheme = found[1] or found[2]
        meant = EXAMPLES.get(scheme.lower(), EXAMPLES["s3"])
        return f"{scheme}: is no folder and, without two slashes, no URL; write {meant}, or ./{scheme}:... for a folder"
    if not text.isprintable():
        return f"{text!r} has a character that no folder's name can have; remove it"
    if ".." in PurePosixPath(text).parts:
        return f"{text!r} climbs out with '..'; write the absolute path"
    if len(os.fsencode(text)) > LONGEST_PATH or any(len(os.fsencode(part)) > 255 for part in text.split("/")):
        return f"is longer than any file system takes ({len(text):,} characters); shorten it"
    return unexpanded(text)


def unexpanded(text: str) -> str | None:
    """Say that `~` and `$NAME` in a path mean what they say: no shell has seen them. None where there is neither.

    One notion for storage, the files that a sweep file names, and overrides. A folder whose name really is such is
    written with ./ before it.
    """
    if text.startswith("~"):
        return f"{text!r}: ~ is not expanded; write the absolute path"
    if not text.startswith("./") and (found := _VARIABLE.search(text)) is not None:
        return f"{text!r}: {found[0]} is not expanded; write the path out, or ./... for a folder of that name"
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
