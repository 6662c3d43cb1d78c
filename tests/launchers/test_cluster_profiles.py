"""Clusters by name: what a profile says, how it is found, and that a gateway is asked as it says."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.launchers._profiles import find_profile, profile_of
from orchestrator.launchers.ray_job import RayJob
from orchestrator.project import sending

TOKEN = "f" * 64


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    folder = tmp_path / "stepladder" / "clusters"
    folder.mkdir(parents=True)
    return folder


def test_a_profile_names_a_cluster_and_brings_settings(profiles: Path):
    (profiles / "vision.yaml").write_text(
        "address: https://gateway.example/ray/vision\n"
        "settings: {storage: s3://vision/runs, resources: {priority: low, max_concurrent: 8},\n"
        "           kubernetes: {node_labels: {cloud.google.com/gke-accelerator: nvidia-l4}}}\n"
    )
    (profiles / "site.yaml").write_text("definition: slurm\nsettings: {slurm: {partition: gpu, time: 4h}}\n")
    assert sending.choose(None, "vision") == ("ray-job", "https://gateway.example/ray/vision")
    assert sending.settings_of("vision") == [
        "storage=s3://vision/runs",
        "resources.priority=low",
        "resources.max_concurrent=8",
        'kubernetes.node_labels={"cloud.google.com/gke-accelerator": "nvidia-l4"}',
    ]
    launcher, target = sending.choose(None, "site")
    assert (launcher, Path(target).name) == ("slurm", "slurm.sbatch")
    assert sending.settings_of("site") == ["slurm.partition=gpu", 'slurm.time="4h"']
    assert sending.settings_of("slurm") == sending.settings_of(None) == []
    assert find_profile("../vision") is None
    assert profile_of("https://gateway.example/ray/vision/") == find_profile("vision")
    assert profile_of("https://gateway.example/ray/other") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}\n", "a profile names an address or a definition, one of the two"),
        ("address: http://a\ndefinition: slurm\n", "a profile names an address or a definition, one of the two"),
        ("address: host:8265\n", "address: address 'host:8265' is no dashboard; write such as http://127.0.0.1:8265"),
        ("adress: http://a\n", "1: adress: unknown key; choose one of address, ca_file, definition, headers, settings, "
         "token_file (did you mean 'address'?)"),
        ("address: http://a\nheaders: {a b: c}\n", "2: headers: 'a b' is no header that can be sent"),
        ("address: [\n", "mine.yaml:2: not valid YAML: expected the node content"),
    ],
)  # fmt: skip
def test_a_profile_that_is_wrong_is_told_by_line(text: str, told: str, profiles: Path):
    (profiles / "mine.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        sending.choose(None, "mine")
    assert f"{profiles / 'mine.yaml'}:" in str(caught.value)
    assert told in str(caught.value)


def test_a_secret_in_a_profile_that_others_can_read_is_refused(profiles: Path):
    path = profiles / "mine.yaml"
    path.write_text("address: http://a\nheaders: {X-Api-Key: lovelace}\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match=r"others on this machine can read the header X-Api-Key; chmod 600") as caught:
        sending.choose(None, "mine")
    assert "lovelace" not in str(caught.value)
    path.chmod(0o600)
    assert sending.choose(None, "mine") == ("ray-job", "http://a")


@pytest.mark.parametrize("value", ["http://10.0.0.1:8265", "https://gateway.example/ray"])
def test_an_address_in_the_environment_is_never_taken_for_here(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_ADDRESS", value)
    with pytest.raises(UsageError, match=f"RAY_ADDRESS={value} names a cluster.*give --address {value}, or unset"):
        sending.choose(None, None)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert sending.choose(None, None) == ("local", "")


class _Gateway(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None, str | None]] = []  # noqa: RUF012 - one for the one test that uses it

    def do_GET(self) -> None:
        token = self.headers["Authorization"]
        self.seen.append((self.path, self.headers["X-Team"], token))
        body = json.dumps({"ray_version": "2.60.0"}).encode()
        self.send_response(200 if token == f"Bearer {TOKEN}" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_gateway_is_asked_under_its_prefix_with_its_headers_and_token(profiles: Path, tmp_path: Path):
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    server = http.server.HTTPServer(("127.0.0.1", 0), _Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/ray/vision"
    (profiles / "mine.yaml").write_text(f"address: {address}\ntoken_file: {token}\nheaders: {{X-Team: vision}}\n")
    try:
        _, target = sending.choose(None, "mine")
        assert RayJob(target).probe(insecure=False) == []
    finally:
        server.shutdown()
        server.server_close()
    assert _Gateway.seen == [
        ("/ray/vision/api/version", "vision", None), ("/ray/vision/api/version", "vision", f"Bearer {TOKEN}"),
    ]  # fmt: skip
