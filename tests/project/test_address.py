"""`--address` means one thing: by its form a Ray to join or a dashboard, and who cannot take a form says so."""

from __future__ import annotations

import pytest

from orchestrator.errors import UsageError
from orchestrator.project.address import FORMS, ClusterAddress, to_join, to_send


@pytest.mark.parametrize("text", ["auto", "10.0.0.1:6379", "head:6379", "[fe80::1]:6379", "fe80::1:6379"])
def test_a_running_ray_is_joined_and_never_sent_to(text: str):
    address = ClusterAddress.parse(text)
    assert not address.is_dashboard
    assert to_join(address, "run") == text
    with pytest.raises(UsageError) as caught:
        to_send(address, "submit")
    host = {"auto": "HOST"}.get(text, text.rpartition(":")[0])
    assert str(caught.value) == (
        f"--address {text} is a running Ray to join from inside it, and `stepladder submit` asks a cluster's "
        f"dashboard; give that, e.g. http://{host}:8265"
    )


@pytest.mark.parametrize("text", ["http://127.0.0.1:8265", "https://ray.example", "http://[::1]:8265"])
def test_a_dashboard_is_sent_to_and_never_joined(text: str):
    address = ClusterAddress.parse(text)
    assert address.is_dashboard
    assert to_send(address, "submit") == text
    with pytest.raises(UsageError) as caught:
        to_join(address, "run")
    assert str(caught.value) == (
        f"--address {text} is a cluster's dashboard, and `stepladder run` joins a running Ray from inside it (auto or "
        f"HOST:PORT); send the sweep there instead: stepladder submit SWEEP_FILE --address {text}"
    )


def test_none_is_none():
    assert to_join(None, "run") is None
    assert to_send(None, "submit") is None


@pytest.mark.parametrize(
    "text", ["", "head", "head:", ":6379", "6379", "ftp://head:21", "http://", "head:6379/x", "a b:1"]
)
def test_another_form_is_refused_with_those_that_there_are(text: str):
    with pytest.raises(UsageError) as caught:
        ClusterAddress.parse(text)
    assert str(caught.value) == f"--address {text}: no address of a cluster; write {FORMS}"


def test_a_ray_client_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="driven from inside the cluster, never through a Ray client; write auto or"):
        ClusterAddress.parse("ray://10.0.0.1:10001")


@pytest.mark.parametrize("text", ["http://me:hunter2@head:8265", "ray://hunter2@head:1"])
def test_a_password_is_refused_and_not_repeated(text: str):
    with pytest.raises(UsageError, match="a password on a command line") as caught:
        ClusterAddress.parse(text)
    assert "hunter2" not in str(caught.value)


def test_a_secret_in_an_address_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        to_join(ClusterAddress.parse("http://head:8265/?token=hunter2"), "run")
    assert "hunter2" not in str(caught.value)
