"""Who is let in by `stepladder ui`, and under which names; that its token stays out of everything."""

from __future__ import annotations

import socket

import httpx
import pytest
from asking import Client, served
from starlette.responses import PlainTextResponse
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.ui.door import HEADERS, Door, DoorKey
from orchestrator.ui.server import listen

KEY = DoorKey("right", "stepladder-1")


async def inside(scope, receive, send):
    await PlainTextResponse(f"inside at {scope['path']}")(scope, receive, send)


def at_door(root_path="", allowed=()):
    return Client(Door(inside, KEY, root_path, allowed))


@pytest.fixture
def let_in():
    client = at_door()
    client.get("/?token=right")
    return client


def test_without_the_token_nobody_is_let_in():
    for place in ("/", "/?token=wrong", "/?token=", "/sweeps/x/contents", "/asset/x", "/?token=%F0%9F%8E%88"):
        found = at_door().get(place)
        assert (found.status_code, found.text) == (
            403,
            "Open the address that `stepladder ui` printed: its token opens this page.\n",
        )


@pytest.mark.parametrize("said", ["wrong", "", "right2", "é"])
def test_a_cookie_that_is_not_the_token_opens_nothing(said):
    cookie = f"{KEY.cookie}={said}".encode()
    assert at_door().get("/", headers={b"cookie": cookie}).status_code == 403


def test_the_token_is_changed_for_a_cookie_and_leaves_the_address():
    client = at_door()
    found = client.get("/sweeps/digits-1/trials/?state=failed&token=right&where=lr%3E%3D1")
    assert found.status_code == 303
    assert found.headers["location"] == "./?state=failed&where=lr%3E%3D1"
    said = found.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Path=/" in said
    assert client.get("/sweeps/digits-1/trials/").text == "inside at /sweeps/digits-1/trials/"


@pytest.mark.parametrize("place", ["//evil.example/?token=right", "/\\evil.example?token=right"])
def test_it_sends_nobody_elsewhere(place):
    found = at_door().get(f"http://127.0.0.1{place}")
    assert found.headers["location"].startswith("./")


@pytest.mark.parametrize(
    "name", ["127.0.0.1:8484", "localhost:8484", "localhost:9999", "LOCALHOST", "[::1]:80", "[::1]"]
)
def test_a_tunnel_may_have_any_port(let_in, name):
    assert let_in.get("/", headers={"host": name}).status_code == 200


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8484", "localhost.evil.example", "127.0.0.1.nip.io", "", "localhost:x"]
)
def test_another_name_is_refused_with_the_token_too(let_in, name):
    for place in ("/", "/?token=right"):
        found = let_in.get(place, headers={"host": name})
        assert found.status_code == 421
        assert found.text.startswith("Invalid Host header: this server is reached as 127.0.0.1 or localhost")
        assert "set-cookie" not in found.headers


def test_a_name_can_be_allowed():
    client = at_door(allowed=("Hub.example.org",))
    assert client.get("/?token=right", headers={"host": "hub.example.org:443"}).status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_shows(let_in, method):
    assert (let_in.ask(method, "/").status_code, let_in.ask("HEAD", "/").status_code) == (405, 200)


def test_every_answer_says_what_a_page_may_do(let_in):
    for found in (let_in.get("/"), at_door().get("/"), let_in.get("/", headers={"host": "x"}), let_in.ask("POST", "/")):
        assert {name: found.headers.get(name) for name in HEADERS} == HEADERS
        assert found.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in found.headers["content-security-policy"]


@pytest.mark.parametrize("prefix", ["", "/user/me/proxy/8484"])
def test_a_proxy_may_keep_the_prefix_or_take_it_away(prefix):
    client = at_door("/user/me/proxy/8484")
    said = client.get(f"{prefix}/sweeps/a/?token=right")
    assert "Path=/user/me/proxy/8484" in said.headers["set-cookie"]
    headers = {"cookie": said.headers["set-cookie"].partition(";")[0]}
    assert client.get(f"{prefix}/sweeps/a/", headers=headers).text == "inside at /sweeps/a/"


def test_two_keys_have_nothing_in_common():
    one, other = DoorKey.cut(), DoorKey.cut()
    assert len(one.token) >= 32
    assert one.token != other.token
    assert one.cookie != other.cookie


def test_a_port_that_is_taken_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = CliRunner().invoke(app, ["ui", "--port", str(port)])
        assert f"--port {port}: Address already in use; --port 0 takes one that is free" in str(found.exception)


def test_it_listens_on_this_machine_alone():
    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_what_is_not_there_is_a_sentence(tmp_path):
    found = CliRunner().invoke(app, ["ui", str(tmp_path / "nothing")])
    assert "nothing: there is no such folder, and no such sweep file" in str(found.exception)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else real(name, *rest)
    )
    found = CliRunner().invoke(app, ["ui", "--port", "0"])
    assert "stepladder ui needs uvicorn, not installed here: pip install 'stepladder[ui]'" in str(found.exception)


@pytest.mark.thorough
def test_ctrl_c_ends_it_in_order_and_the_token_is_in_its_address_alone(tmp_path):
    with served(tmp_path, "--root-path", "hub/me") as server:
        address = httpx.URL(server.address)
        token = address.params["token"]
        assert address.host == "127.0.0.1"
        assert address.path == "/hub/me/"
        with httpx.Client(follow_redirects=True) as client:
            shown = client.get(address)
            assert shown.status_code == 200
            assert "token" not in str(shown.url)
            assert client.get(address, headers={"host": "evil.example"}).status_code == 421
            assert client.get(shown.url.join(f"{token}")).status_code == 404
            assert client.get(shown.url.join("sweeps/x/contents")).status_code == 404
        with socket.create_connection(("127.0.0.1", address.port)) as raw:
            raw.sendall(f"GET /?token={token} HTTP/9.9\r\nnonsense\r\n\r\n".encode())
            raw.recv(1000)
        code, out, err = server.end()
    assert (code, out) == (0, "")
    assert token not in err
    assert "Traceback" not in err
