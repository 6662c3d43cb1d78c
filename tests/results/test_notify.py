"""Telling a program what happens to a sweep: when, what, and that nothing comes of it where that fails."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from stories import DRIVER
from sweeps import make_spec

from orchestrator.results.follower import Follower
from orchestrator.results.notifier import Notifier, run
from orchestrator.sweep import event as ev
from orchestrator.sweep.notify import Notify
from orchestrator.sweep.trial import Outcome, StopReason

ALL = ("finished", "failed", "brake", "stalled", "better")
PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "notify.md").read_text()
WRITES = "import sys; open(sys.argv[1], 'a').write(sys.stdin.readline())"


class Told:
    """A sweep that is followed by drivers, each with a notifier whose program writes down what it is told."""

    def __init__(self, sweep, tmp_path, on=ALL):
        self.sweep, self.folder, self.on = sweep, tmp_path, on
        self.file = tmp_path / "told.jsonl"

    def follow(self, events, epoch=1, command=None, limit_s=60.0):
        notify = Notify(command=command or (sys.executable, "-c", WRITES, str(self.file)), on=self.on)
        notifier = Notifier(notify, self.sweep.location, self.folder, epoch, limit_s)
        follower = Follower(self.sweep.files, [notifier])
        while self.sweep.epoch < epoch:
            self.sweep.take_over()
        for event in events:
            self.sweep.write([event])
            follower.advance()
        follower.close()
        assert follower.problems == {}

    @property
    def documents(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    @property
    def events(self):
        return [told["event"] for told in self.documents]


@pytest.fixture
def told(sweep, tmp_path):
    return Told(sweep, tmp_path)


def stopped(story, reason, note=None):
    return ev.DriverStopped(story[-1].t + 1, reason, note)


def resumed(story, epoch, seconds=10):
    return msgspec.structs.replace(DRIVER, t=story[-1].t + seconds, epoch=epoch)


def completed(story, number, seconds, score):
    """A seventh trial and more, run to its end."""
    t = story[-1].t + seconds
    config = next(event.config for event in story if isinstance(event, ev.TrialProposed))
    return [
        ev.TrialProposed(t, number, config, "shape", "uniform", [], None, 0),
        ev.AttemptStarted(t, number, 0),
        ev.Reported(t, number, 0, 27.0, {"score": score}, None, StopReason.FULL_FIDELITY),
        ev.AttemptEnded(t, number, 0, Outcome.STOPPED),
    ]


def test_a_sweep_that_gets_better_and_finishes(told, story):
    end = [ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST), stopped(story, "finished")]
    told.follow([*story, *end])
    assert told.events == ["better", "finished"]
    better, finished = told.documents
    assert better["sentence"] == "trial 2 is the best so far: score 0.9, the baseline has 0.8"
    assert finished["sentence"] == "finished with 5 trials: trial 2 has score 0.9, the baseline 0.8"
    best = {"learning_rate": 0.05, "momentum": 0.9, "batch_size": 32, "optimizer": "sgd"}
    assert finished["best"] == {"trial": 2, "value": 0.9, "stage": "rate", "config": best}
    assert finished | {"best": None, "spend": None} == {
        "version": 1, "event": "finished", "sentence": finished["sentence"], "at": "2023-11-15T02:38:21+00:00",
        "sweep": {"id": "test-0123456789ab", "name": "test", "owner": None},
        "where": {"folder": str(told.sweep.folder), "driver": "host:17"},
        "trials": {"ended": 5, "failed": 2, "running": 0, "planned": 6},
        "spend": None, "metric": "score", "goal": "maximize", "best": None, "baseline": 0.8,
    }  # fmt: skip
    assert finished["spend"]["cpu_hours"] > 2 * finished["spend"]["gpu_hours"] - 1e-9 > 0
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert list(json.loads(example)) != []
    assert json.loads(example).keys() == finished.keys()


def test_after_a_resume_nothing_is_told_again(told, story):
    end = [ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST), stopped(story, "finished")]
    told.follow([*story, *end])
    told.follow([resumed(story, 2), stopped(story, "finished")], epoch=2)
    assert told.events == ["better", "finished"], "there was nothing to do"
    more = completed(story, 6, 20, 0.85) + completed(story, 7, 30, 0.97)
    told.follow([resumed(story, 3), *more, stopped(story, "finished")], epoch=3)
    assert told.events == ["better", "finished", "better", "finished"]
    assert told.documents[2]["best"]["trial"] == 7, "trial 6 is not better than the best of the driver before"


def test_a_driver_that_a_person_stopped_is_no_news(told, story):
    for epoch, reason in enumerate(["SIGINT", "SIGTERM", "stop", "cancel"], 1):
        events = [resumed(story, epoch)] if epoch > 1 else story
        told.follow([*events, stopped(story, reason)], epoch)
    assert told.events == ["better"]


@pytest.mark.parametrize(
    ("reason", "note", "event", "sentence"),
    [
        ("brake", "three trials failed alike", "brake", "stopped by the brake: three trials failed alike"),
        ("cluster", None, "failed", "its Ray cluster is gone; everything acknowledged is saved: resume it"),
        (None, None, "failed", "its driver ended by an error, see what it printed; everything acknowledged is saved: "),
    ],
)
def test_a_driver_that_fails(told, story, reason, note, event, sentence):
    told.follow([*story, *([stopped(story, reason, note)] if reason else [])])
    assert told.events == ["better", event]
    assert told.documents[-1]["sentence"].startswith(sentence)


def test_a_sweep_of_which_nothing_came(told, story):
    told.follow([*story[:2], stopped(story, "finished")])
    (failed,) = told.documents
    assert (failed["event"], failed["best"], failed["baseline"]) == ("failed", None, None)
    assert failed["sentence"] == "it ended, and no trial leads: see `stepladder status`"


def test_a_sweep_that_stalls_is_told_once_until_something_comes(told, story):
    t = story[-1].t
    beats = [ev.Heartbeat(t + 1200.0 * number, [(5, 0)]) for number in range(1, 26)]
    again = [ev.AttemptEnded(t + 30_000, 5, 0, Outcome.LOST), *[ev.Heartbeat(beat.t + 30_000, []) for beat in beats]]
    told.follow([*story, *beats, *again, stopped(story, "stop")])
    assert told.events == ["better", "stalled", "stalled"]
    stalled = told.documents[1]
    assert stalled["sentence"] == "nothing was reported for 6h 40m: 1 trial under way", "2400 s were seen"


def test_only_what_was_asked_for_is_told(sweep, story, tmp_path):
    told = Told(sweep, tmp_path, on=("finished",))
    told.follow([*story, ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST), stopped(story, "finished")])
    assert told.events == ["finished"]


def test_the_test_set_is_no_news(told, story):
    end = [ev.AttemptEnded(story[-1].t, 5, 0, Outcome.LOST), stopped(story, "finished")]
    told.follow([*story, *end])
    testing = msgspec.structs.replace(resumed(story, 2), tests=True)
    looked = [
        ev.WinnerTestBegun(story[-1].t, 2_000_000, 2),
        ev.AttemptStarted(story[-1].t, 2_000_000, 0),
        ev.WinnerTestMeasured(story[-1].t, 2_000_000, 0, 0.654321),
        ev.AttemptEnded(story[-1].t, 2_000_000, 0, Outcome.RETURNED),
        stopped(story, "finished"),
    ]
    told.follow([testing, *looked], epoch=2)
    assert told.events == ["better", "finished"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo no such host >&2; exit 7"), "exit code 7: no such host"),
        (("./not-there",), "it cannot be run in "),
        (("sh", "-c", "sleep 300 & sleep 300"), "it took more than 0.3 s and was ended"),
    ],
)
def test_a_program_that_fails_is_said_once_and_holds_up_nobody(told, story, caplog, command, said):
    with caplog.at_level(logging.WARNING, "stepladder"):
        told.follow([*story, stopped(story, "brake", "x")], command=command, limit_s=0.3)
    (warning,) = caplog.messages
    assert warning.startswith(f"notify: {command[0]} was not told that trial 2 is the best so far: score 0.9")
    assert said in warning


def test_what_a_program_leaves_running_holds_up_nobody(tmp_path):
    begun = time.monotonic()
    assert run(("sh", "-c", "sleep 300 & echo $! > pid"), {}, tmp_path, 60.0) is None
    assert time.monotonic() - begun < 240
    os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_large_document_reaches_a_program_that_reads_nothing(tmp_path):
    assert run(("true",), {"config": "x" * 1_000_000}, tmp_path, 60.0) is None


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ({"command": []}, "at least 1 item"),
        (
            {"command": ["true"], "on": ["finish"]},
            "Input should be 'finished', 'failed', 'brake', 'stalled' or 'better'",
        ),
        ({"command": ["true"], "on": []}, "at least 1 item"),
        ({"command": ["curl", "-H", "Authorization: Bearer abcdefgh"]}, "command holds a secret"),
        (
            {"command": ["curl", "https://ada:geheim@chat.example/hook"]},
            "have the program read it from its environment",
        ),
    ],
)
def test_what_a_sweep_file_may_not_say(notify, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make_spec(notify=notify)


def test_the_order_of_occasions_is_no_change():
    assert make_spec(notify={"command": ["true"], "on": ["better", "failed"]}).notify.on == ("failed", "better")


def shown(name: str) -> str:
    (text,) = re.findall(rf"```python\n# {name}\n(.*?)```", PAGE, re.DOTALL)
    return text


@pytest.fixture
def chat():
    """A webhook on this machine, and what it was sent."""
    sent = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", sent
    server.shutdown()
    thread.join()
    server.server_close()


TOLD = {
    "event": "finished",
    "sentence": "finished with 3 trials",
    "sweep": {"name": "digits"},
    "where": {"folder": "/runs"},
}


def test_the_recipe_for_a_chat(tmp_path, chat, monkeypatch):
    address, sent = chat
    monkeypatch.setenv("CHAT_WEBHOOK", address)
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "tell_chat.py").write_text(shown("tell_chat.py"))
    assert run((sys.executable, "tell_chat.py"), TOLD, tmp_path, 60.0) is None
    assert sent == [{"text": "digits: finished with 3 trials (/runs)"}]


def test_the_recipe_for_mail(tmp_path, monkeypatch):
    mails = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve_mail, args=(server, mails))
        thread.start()
        for name, value in {
            "MAIL_TO": "ada@example.org",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(server.getsockname()[1]),
        }.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "tell_mail.py").write_text(shown("tell_mail.py"))
        assert run((sys.executable, "tell_mail.py"), TOLD, tmp_path, 60.0) is None
        thread.join()
    (mail,) = mails
    assert "Subject: digits: finished" in mail
    assert "finished with 3 trials" in mail


def serve_mail(server: socket.socket, mails: list[str]) -> None:
    """Take one mail by SMTP."""
    connection, _ = server.accept()
    with connection, connection.makefile("rwb") as stream:

        def answer(text: str) -> None:
            stream.write(f"{text}\r\n".encode())
            stream.flush()

        answer("220 here")
        for line in stream:
            if line.upper().startswith(b"DATA"):
                answer("354 go on")
                lines = []
                while (part := stream.readline()).strip() != b".":
                    lines.append(part.decode())
                mails.append("".join(lines))
            if line.upper().startswith(b"QUIT"):
                answer("221 bye")
                return
            answer("250 ok")


def test_the_recipe_for_a_file(tmp_path):
    assert 'notify: { command: [sh, -c, "cat >> /shared/sweeps.jsonl"] }' in PAGE
    for _ in range(2):
        assert run(("sh", "-c", "cat >> sweeps.jsonl"), TOLD, tmp_path, 60.0) is None
    assert [json.loads(line) for line in (tmp_path / "sweeps.jsonl").read_text().splitlines()] == [TOLD, TOLD]
