"""Reaching an object store through pyarrow, with credentials and endpoint from the environment and a bound on time.

Nothing here takes a key: pyarrow finds them where the store's own tools do (AWS_SHARED_CREDENTIALS_FILE, a node's
role), so that none travels by pickle to workers. What a store says when it refuses becomes a sentence on what to do.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from pyarrow.fs import AwsStandardS3RetryStrategy, FileSelector, FileType, S3FileSystem
from pyarrow.fs import FileSystem as ArrowFileSystem

from orchestrator.errors import StorageAwayError, StorageError
from orchestrator.secrecy import mask
from orchestrator.storage.under_way import under_way

CONNECT_S = 3.0
SILENCE_S = 5.0
"""How long a store may send nothing in the middle of a request."""
TRIES = 3
"""A store that is away for some seconds is waited for; one that is away for half a minute is an error."""
_REMEDIES = (
    (
        r"NO_SUCH_BUCKET|NoSuchBucket|ContainerNotFound|Bucket '.*' not found|bucket does not exist",
        "there is no such bucket; make it, or choose another storage",
        False,
    ),
    (
        r"NETWORK_CONNECTION|curlCode|resolve host|Failed to connect|Timeout was reached|UNAVAILABLE|Could not connect",
        "the store cannot be reached{endpoint}; check the network, AWS_ENDPOINT_URL and AWS_REGION",
        True,
    ),
    (
        r"SLOW_DOWN|SlowDown|REQUEST_TIMEOUT|RequestTimeout|THROTTLING|TooManyRequests|INTERNAL_FAILURE|InternalError"
        r"|ServerBusy|HTTP status (5\d\d|408|429)",
        "the store fails or is overloaded{endpoint}; look at its health",
        True,
    ),
    (
        r"EXPIRED|Expired",
        "the credentials of this node have expired; renew them (AWS_SHARED_CREDENTIALS_FILE, its role)",
        True,
    ),
    (
        r"INVALID_ACCESS_KEY|InvalidAccessKey|SIGNATURE|Signature|INVALID_CLIENT_TOKEN|UNAUTHENTICATED"
        r"|AuthenticationFailed|TOKEN|HTTP status 401",
        "the store does not accept the credentials of this node; renew them (AWS_SHARED_CREDENTIALS_FILE, its role)",
        False,
    ),
    (
        r"ACCESS_DENIED|AccessDenied|PERMISSION_DENIED|AuthorizationFailure|Forbidden|No response body|HTTP status 403",
        "permission is missing, or this node has no credentials; give it some that may list, read, write and delete "
        "there (AWS_SHARED_CREDENTIALS_FILE, or the node's role)",
        False,
    ),
)
"""What a store says, what to do then, and whether it may pass by itself. The first that fits counts."""
_REFUSED = re.compile(r"HTTP status 4\d\d")


def open_store(url: str) -> tuple[ArrowFileSystem, str]:
    """Return pyarrow's file system for a URL that `storage_problem` finds nothing wrong with, and the path on it.

    Raises StorageError where pyarrow was built without it, or the region of the bucket cannot be found.
    """
    with explained(url):
        limit = "?retry_limit_seconds=30" if url.startswith("gs://") else ""
        store, path = ArrowFileSystem.from_uri(url + limit)
        if isinstance(store, S3FileSystem):
            store = S3FileSystem(
                region=store.region or None,
                endpoint_override=_endpoint(),
                connect_timeout=CONNECT_S,
                request_timeout=SILENCE_S,
                retry_strategy=AwsStandardS3RetryStrategy(max_attempts=TRIES),
                allow_delayed_open=True,  # a small object is one request, not three
            )
    return store, path.rstrip("/")


def listed(store: ArrowFileSystem, path: str) -> list[tuple[str, int]]:
    """Return name below `path` and size in bytes of every object under it, at any depth; raises what pyarrow raises."""
    found = store.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    prefix = f"{path}/"
    return [(info.path.removeprefix(prefix), info.size or 0) for info in found if info.type is FileType.File]


@contextlib.contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what pyarrow raises within into a StorageError about `place`, a StorageAwayError for what may pass."""
    try:
        with under_way(place):
            yield
    except (OSError, ImportError, NotImplementedError, ValueError) as error:
        remedy, passes = _remedy(error)
        kind = StorageAwayError if passes else StorageError
        raise kind(
            f"{place}: {remedy}. Nothing acknowledged is lost: resume the sweep once it is mended"
        ) from None  # pyarrow's own text may quote a request with its signature


def _remedy(error: Exception) -> tuple[str, bool]:
    text = str(error)
    for pattern, remedy, passes in _REMEDIES:
        if re.search(pattern, text):
            endpoint = _endpoint()
            return remedy.format(endpoint=f" at {endpoint}" if endpoint else ""), passes
    passes = isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and not _REFUSED.search(text)
    return mask(text.partition("\n")[0].partition(" (Request ID")[0].rstrip(".")), passes


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None
