"""A real S3 server on this machine (SeaweedFS) that checks signatures, for tests of storage on an object store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BUCKET = "sweeps"
ABSENT = "absent"
"""A bucket that is not there, and that the credentials would be allowed to use."""
ACCESS_KEY = "AKIAST3PLADD3RT3STS0"
SECRET_KEY = "n0t-A-r3al-s3cret-0f-anyb0dy-but-th1s-test"
OWNER = ("AKIAOWN3R0FBUCK3T000", "may-make-buckets")
WEED = Path(sys.executable).parent / "weed"


@dataclass(frozen=True)
class S3Server:
    """A server that runs."""

    endpoint: str
    """Its URL."""
    credentials: Path
    """A shared-credentials file that it accepts."""
    pid: int
    """Its process, which leads a group of its own."""

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let it answer nothing inside the block: connections are taken, and that is all."""
        os.killpg(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    @property
    def environment(self) -> dict[str, str]:
        """What a node that may use the server has in its environment; the keys are in the file."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run a server with its data in `folder`, and one empty bucket."""
    credentials = folder / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text(f"[default]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n")
    rights = [f"{action}:{name}" for action in ("Read", "Write", "List") for name in (BUCKET, ABSENT)]
    identities = [_identity("sweeps", ACCESS_KEY, SECRET_KEY, rights), _identity("owner", *OWNER, ["Admin"])]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    (folder / "data" / "buckets").mkdir(parents=True)
    port, command = _command(folder)
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    server = S3Server(f"http://127.0.0.1:{port}", credentials, process.pid)
    try:
        _await(process, server, folder / "weed.log")
        _make_bucket(server)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _identity(name: str, access_key: str, secret_key: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": access_key, "secretKey": secret_key}], "actions": actions}


def _command(folder: Path) -> tuple[int, list[str]]:
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    names += ["s3.port.grpc", "s3.port"]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    fixed = {
        "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": folder / "data", "filer.localSocket": folder / "f",
        "s3.config": folder / "s3.json", "s3.autoCreateBucket": "false", "s3.localSocket": folder / "s",
        "s3.port.iceberg": 0, "s3.port.lance": 0, "master.telemetry": "false", "volume.max": 50,
        "master.volumeSizeLimitMB": 64,
    }  # fmt: skip
    options = [f"-{name}={value}" for name, value in (fixed | ports).items()]
    return ports["s3.port"], [str(WEED), "server", "-filer", "-s3", *options]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _await(process: subprocess.Popen[bytes], server: S3Server, log: Path) -> None:
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.endpoint}/healthz", timeout=2):
            return
        time.sleep(0.1)
    raise AssertionError(f"the S3 server did not come up:\n{log.read_text()[-4000:]}")


def _make_bucket(server: S3Server) -> None:
    from pyarrow.fs import S3FileSystem

    host = server.endpoint.removeprefix("http://")
    options = {"endpoint_override": host, "scheme": "http", "region": "us-east-1", "allow_bucket_creation": True}
    store = S3FileSystem(access_key=OWNER[0], secret_key=OWNER[1], **options)
    deadline = time.monotonic() + 240
    while True:
        try:
            store.create_dir(BUCKET)
            with store.open_output_stream(f"{BUCKET}/ready") as file:
                file.write(b"yes")
            store.delete_file(f"{BUCKET}/ready")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
