"""Sinks beside a sweep that runs: in processes of their own, which never cost the driver more than a line."""

from __future__ import annotations

import time

import pytest
from sweeps import make_spec

from orchestrator.errors import SpecError
from orchestrator.members import outside
from orchestrator.results.follower import Follower
from orchestrator.results.sink_export import fill, sink_at
from orchestrator.results.sink_keeping import sink_keepers
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

pytestmark = pytest.mark.thorough
PATIENCE_S = 120.0


def following(sweep, *sinks):
    spec = make_spec(sinks=list(sinks))
    return Follower(sweep.files, sink_keepers(sweep.location, spec.sinks))


def wait_until(holds, what):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def content(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Sinks of somebody's own, beside a sweep file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "own_sinks.py").write_text(
        "import os, time\nfrom orchestrator import Sink\n\n\n"
        "class Notes(Sink):\n    file = 'notes.txt'\n    opened_by = ''\n    count = 0\n\n"
        "    def take(self, event, state):\n        self.count += 1\n\n"
        "    def flush(self):\n        path = self.place.path\n        path.parent.mkdir(exist_ok=True)\n"
        "        path.write_text(str(self.count))\n\n\n"
        "class Broken(Notes):\n    def take(self, event, state):\n        raise KeyError('mine')\n\n\n"
        "class Dies(Notes):\n    def flush(self):\n        os._exit(3)\n\n\n"
        "class Hangs(Notes):\n    def flush(self):\n        time.sleep(3600)\n"
    )
    outside.look_beside(folder)
    yield folder
    outside.forget()


def test_they_follow_a_sweep_that_runs_and_go_on_after_a_resume(sweep, story, tmp_path):
    first = following(sweep, "tensorboard")
    sweep.write(story[:20])
    first.advance()
    kept = sweep.folder / "sinks"
    wait_until(lambda: any(kept.rglob("events.*")), "nothing is kept while it runs")
    first.close()
    assert first.problems == {}
    second = following(sweep, "tensorboard")
    sweep.write(
        [*story[20:], ev.AttemptEnded(story[-1].t, 5, 0, Outcome.RETURNED), ev.DriverStopped(story[-1].t, "finished")]
    )
    second.advance()
    second.close()
    assert second.problems == {}
    before = content(kept)
    fill(sink_at("tensorboard", sweep.location / "sinks" / "tensorboard", "test"), sweep.location)
    assert content(kept) == before, "everything was there, once"
    fill(sink_at("tensorboard", Location.parse(tmp_path / "tensorboard"), "test"), sweep.location)
    assert content(tmp_path / "tensorboard") == content(kept / "tensorboard")


def test_one_of_somebodys_own_is_kept_like_the_others(sweep, story, own):
    follower = following(sweep, "own_sinks:Notes")
    sweep.write(story)
    follower.advance()
    follower.close()
    assert follower.problems == {}
    assert (sweep.folder / "sinks" / "notes.txt").read_text() == str(len(story))


@pytest.mark.parametrize(
    ("name", "said"),
    [("own_sinks:Broken", "it has stopped, by an error: KeyError('mine')"), ("own_sinks:Dies", "exit code 3")],
)
def test_one_that_fails_is_a_line_and_the_others_go_on(sweep, story, own, name, said):
    follower = following(sweep, name, "own_sinks:Notes")
    sweep.write(story)
    follower.advance()
    follower.close()
    (problem,) = follower.problems.values()
    assert problem.startswith(f"the sink {name} ")
    assert said in problem
    assert (sweep.folder / "sinks" / "notes.txt").read_text() == str(len(story))


def test_one_that_hangs_does_not_hold_up_whoever_follows(sweep, story, own, monkeypatch):
    monkeypatch.setattr("orchestrator.results.sink_keeping.PATIENCE_S", 0.5)
    follower = following(sweep, "own_sinks:Hangs")
    for event in story:
        sweep.write([event])
        follower.advance()
    follower.close()
    (problem,) = follower.problems.values()
    assert "it did not take in the rest of the log within 0.5 s; `stepladder export` does" in problem


def test_one_that_cannot_begin_says_why(sweep, story):
    (sweep.folder / "sinks").mkdir(parents=True)
    (sweep.folder / "sinks" / "optuna.journal").write_text("my notes\n")
    follower = following(sweep, "optuna")
    sweep.write(story)
    follower.advance()
    follower.close()
    (problem,) = follower.problems.values()
    assert "what lies there is no journal of Optuna's; name another file (line 1)" in problem


def test_a_sweep_file_names_them(own):
    assert make_spec(sinks=["own_sinks:Notes"]).members["sinks[0]"] == "own_sinks:Notes"
    from orchestrator import Sweep

    keys = {"objective": {"metric": "m", "goal": "minimize"}, "fidelity": {"max": 3}, "budget": {"trials": 2}}
    with pytest.raises(SpecError, match="'tensorbord' is not a sink; choose one of csv"):
        Sweep(name="a", trainable="t.py:t", search_space={"a": {"low": 0, "high": 9}}, sinks=["tensorbord"], **keys)
    with pytest.raises(SpecError, match=r"sinks\[1\]: csv is named twice; name each sink once"):
        Sweep(name="a", trainable="t.py:t", search_space={"a": {"low": 0, "high": 9}}, sinks=["csv", "csv"], **keys)
