"""What is asked of a Jobs API, against a real HTTP server on this machine that answers as it is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.errors import ClusterError, UsageError
from orchestrator.launchers import _jobs_api
from orchestrator.launchers._jobs_api import JobsAddress, JobsApi, NoAnswerError

TOKEN = "t0ken-never-to-be-seen"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class Server:
    """Answers each request with the next of `answers` (the last one for ever), and keeps what it was asked."""

    def __init__(self):
        self.answers = [(200, "{}", {})]
        self.seen = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers.items()), body))
                status, text, headers = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if status is None:
                    self.close_connection = True  # the connection ends without an answer
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        for method in ("GET", "POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.do_any)
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = JobsAddress("http", "127.0.0.1", self.http.server_port)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def api_of(server, said=None):
    return JobsApi(server.address, HEADERS, (said if said is not None else []).append)


def test_headers_path_and_body_arrive_and_the_answer_is_read(server):
    server.answers = [(200, '{"logs": "\\u00fc"}', {})]
    answer = api_of(server).ask("POST", "/api/jobs/", {"entrypoint": "stepladder"})
    assert answer.document() == {"logs": "ü"}
    method, path, headers, body = server.seen[0]
    assert (method, path, json.loads(body)) == ("POST", "/api/jobs/", {"entrypoint": "stepladder"})
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == str(server.address).removeprefix("http://")


def test_a_request_without_a_body_has_none(server):
    api_of(server).ask("POST", "/api/jobs/digits/stop")
    assert server.seen[0][3] == b""
    assert "Content-Type" not in server.seen[0][2]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_and_the_token_goes_nowhere_else(server, status):
    other = Server()
    thread = threading.Thread(target=other.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.answers = [(status, "elsewhere", {"Location": f"{other.address}/api/version"})]
    with pytest.raises(ClusterError, match=rf"GET /api/version was answered with HTTP {status}: elsewhere"):
        api_of(server).ask("GET", "/api/version")
    other.http.shutdown()
    thread.join()
    other.http.server_close()
    assert other.seen == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
def test_no_proxy_of_the_environment_is_asked(server, monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert api_of(server).ask("GET", "/api/version").status == 200


def test_no_password_of_a_netrc_file_replaces_the_token(server, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password lovelace\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api_of(server).ask("GET", "/api/version")
    assert server.seen[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_a_server_in_trouble_is_asked_again_and_it_is_said_once(server):
    server.answers = [(503, "", {}), (None, "", {}), (200, "{}", {})]
    said = []
    assert api_of(server, said).ask("GET", "/api/version", patience_s=20.0).status == 200
    assert said == [f"{server.address} does not answer (HTTP 503); trying again for up to 20 s"]
    assert len(server.seen) == 3


def test_what_changes_something_is_not_repeated_when_the_server_answered(server):
    server.answers = [(500, "broken", {}), (200, "{}", {})]
    with pytest.raises(ClusterError, match=r"POST /api/jobs/ was answered with HTTP 500: broken"):
        api_of(server).ask("POST", "/api/jobs/", {}, patience_s=20.0)
    assert len(server.seen) == 1


def test_nothing_at_the_address_is_said_with_the_address(server):
    with pytest.raises(NoAnswerError, match=r"http://127.0.0.1:9 does not answer: .*[Rr]efused"):
        JobsApi(JobsAddress("http", "127.0.0.1", 9), HEADERS, print).ask("GET", "/api/version")


def test_a_server_that_says_nothing_is_left_after_the_timeout(monkeypatch):
    import socket

    monkeypatch.setattr(_jobs_api, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = JobsAddress("http", "127.0.0.1", silent.getsockname()[1])
        with pytest.raises(NoAnswerError, match="does not answer: timed out"):
            JobsApi(address, HEADERS, print).ask("GET", "/api/version")


@pytest.mark.parametrize(("status", "told"), [(401, "it wants a token and none was sent"), (403, "is not its own")])
def test_a_refusal_is_told_in_words(server, status, told):
    server.answers = [(status, f"your token {TOKEN}", {})]
    with pytest.raises(ClusterError, match=rf"{server.address} refuses us \(HTTP {status}\): .*{told}") as caught:
        api_of(server).ask("GET", "/api/version")
    assert TOKEN not in str(caught.value)


def test_what_a_server_says_is_shown_without_the_token(server):
    server.answers = [(400, f"bad request\n  Authorization: Bearer {TOKEN}", {})]
    with pytest.raises(ClusterError, match=r"HTTP 400: bad request Authorization: \.\.\.") as caught:
        api_of(server).ask("GET", "/api/version")
    assert TOKEN not in str(caught.value)


def test_a_header_that_http_cannot_carry_is_refused_without_showing_it(server):
    with pytest.raises(NoAnswerError) as caught:
        JobsApi(server.address, {"Authorization": f"Bearer {TOKEN}\nx"}, print).ask("GET", "/api/version")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("host", ["xn--\u00fc", "\u00fc" * 80, "[::zz]"])
def test_a_name_that_no_host_can_have_is_a_mistake_in_the_address(host):
    with pytest.raises(UsageError, match="give the address of the cluster's dashboard"):
        JobsApi(JobsAddress("http", host, 8265), HEADERS, print).ask("GET", "/api/version")
