"""Two people, one storage, one name: nobody's command touches the other's sweep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator import Sweep
from orchestrator.cli.app import app
from orchestrator.control.session import create
from orchestrator.errors import UsageError
from orchestrator.project.provenance import owner_here
from orchestrator.project.workspace import linted_plan, sweep_folder
from orchestrator.state.reading import read_sweep
from orchestrator.storage.requests import requested

SWEEP = """
name: gamma
trainable: train.py:train
objective: {{metric: score, goal: maximize}}
fidelity: {{min: 3, max: 9}}
search_space:
  a: {{low: 0.0, high: {high}, default: 0.5}}
budget: {{trials: 6}}
storage: {storage}
"""


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The folders of two people, each with a sweep `gamma` of its own in one storage; that of ada is driven."""
    for person, high in (("ada", 1.0), ("bob", 2.0)):
        (tmp_path / person).mkdir()
        (tmp_path / person / "train.py").write_text("def train(config):\n    return config['a']\n")
        text = SWEEP.format(high=high, storage=tmp_path / "shared")
        (tmp_path / person / "sweep.yaml").write_text(text)
    monkeypatch.setenv("STEPLADDER_OWNER", "ada")
    plan, _ = linted_plan(tmp_path / "ada" / "sweep.yaml")
    session = create(sweep_folder(plan, tmp_path / "ada"), plan, b"")
    yield tmp_path, session
    session.close("stop")


def typed(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


VERBS = [
    ["stop"], ["cancel"], ["resume", "--cpus", "1"], ["resume", "--auto", "--owner", "bob", "--cpus", "1"], ["confirm"],
    ["submit"], ["test"], ["try"], ["retry", "--trial", "0"], ["stop", "--trial", "0"], ["set"], ["gc", "--yes"],
]  # fmt: skip
"""Everything that acts on a sweep. The first sentence says whose it is, the last how to go on all the same."""


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.parametrize("place", ["file", "folder"])
def test_no_verb_of_one_touches_the_sweep_of_the_other(people, monkeypatch, verb: list[str], place: str):
    root, session = people
    monkeypatch.setenv("STEPLADDER_OWNER", "bob")
    before = (session.folder.path / "journal").stat().st_mtime_ns, len(session.state.sessions)
    more = {"try": ["a=0.1"], "set": ["max_concurrent=2"]}
    what = root / "bob" / "sweep.yaml" if place == "file" or verb == ["submit"] else session.folder
    with pytest.raises(UsageError, match=rf"{session.state.plan.sweep_id}, .*") as refused:
        typed(*verb[:1], what, *verb[1:], *more.get(verb[0], []))
    assert "ada's" in str(refused.value)
    assert "nothing was " in str(refused.value)
    assert requested(session.folder.files()) is None
    assert before == ((session.folder.path / "journal").stat().st_mtime_ns, len(read_sweep(session.folder).sessions))
    assert not (root / "bob" / ".stepladder").exists()


@pytest.mark.parametrize("verb", ["stop", "cancel"])
def test_who_gives_the_id_means_it(people, monkeypatch, verb: str):
    _, session = people
    monkeypatch.setenv("STEPLADDER_OWNER", "bob")
    found = session.state.plan.sweep_id
    with pytest.raises(UsageError, match=rf"holds the sweep {found}, not gamma-000000000000; nothing was done"):
        typed(verb, session.folder, "--id", "gamma-000000000000")
    assert requested(session.folder.files()) is None
    with pytest.raises(UsageError, match=rf"If you mean it: stepladder {verb} \S+ --id {found}$"):
        typed(verb, session.folder)
    typed(verb, session.folder, "--id", found)
    assert requested(session.folder.files()) == verb


def test_another_sweep_of_the_same_person_is_told_apart_by_its_file(people):
    root, session = people
    other = root / "bob" / "sweep.yaml"
    with pytest.raises(UsageError, match=rf"and {other} is another sweep of that name, gamma-\w+; nothing was done"):
        typed("cancel", other)
    with pytest.raises(UsageError, match=rf"is in use by the sweep {session.state.plan.sweep_id}, planned .* ago from"):
        typed("submit", other)
    assert requested(session.folder.files()) is None
    other.write_text("name: gamma\nstorage: %s\n: nonsense" % (root / "shared"))  # not even YAML: it may still end it
    own = root / "ada" / "sweep.yaml"
    own.write_text(own.read_text().replace("high: 1.0", "high: 3.0"))  # edited since it was started
    assert "cancel requested" in typed("cancel", own)


def test_looking_is_free_and_says_whose_it_is(people, monkeypatch):
    root, session = people
    monkeypatch.setenv("STEPLADDER_OWNER", "bob")
    assert " UTC by ada, last record " in typed("status", session.folder)
    shown = typed("ls", root / "shared")
    assert session.state.plan.sweep_id in shown
    assert " ada " in shown
    assert session.state.plan.sweep_id in typed("ls", root / "bob")  # by the storage that its sweep file names


def test_one_s_own_sweep_that_is_driven_is_not_sent_again(people):
    root, _ = people
    with pytest.raises(UsageError, match="nothing was sent; watch it: stepladder status "):
        typed("submit", root / "ada" / "sweep.yaml")


@pytest.mark.parametrize("verb", ["run", "submit"])
def test_a_name_that_another_uses_begins_nothing(people, monkeypatch, verb: str):
    root, session = people
    monkeypatch.setenv("STEPLADDER_OWNER", "ada")  # put back afterwards: --owner goes before it
    begun = "nothing was begun" if verb == "run" else "nothing was sent"
    with pytest.raises(
        UsageError, match=rf"is in use by ada's sweep gamma-\w+, planned .* ago; {begun}: give the sweep"
    ):
        typed(verb, root / "bob" / "sweep.yaml", "--owner", "bob")
    assert os.environ["STEPLADDER_OWNER"] == "bob"
    assert len(read_sweep(session.folder).sessions) == len(session.state.sessions)


def test_who_one_is(monkeypatch):
    assert owner_here({"STEPLADDER_OWNER": " ada "}) == "ada"
    monkeypatch.setenv("LOGNAME", "grace")
    assert owner_here({}) == "grace"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    assert owner_here({}).startswith("uid-")


def test_nor_does_a_notebook(people, monkeypatch):
    root, session = people
    mine = Sweep(
        name="gamma", trainable="train.py:train", objective={"metric": "score", "goal": "maximize"},
        fidelity={"min": 3, "max": 9}, search_space={"a": {"low": 0.0, "high": 1.0, "default": 0.5}},
        budget={"trials": 6}, storage=str(root / "shared"), folder=root / "ada",
    )  # fmt: skip
    monkeypatch.setenv("STEPLADDER_OWNER", "bob")
    for act in (mine.resume, mine.test):
        with pytest.raises(UsageError, match=rf"holds {session.state.plan.sweep_id}, which is ada's"):
            act()
    assert len(read_sweep(session.folder).sessions) == len(session.state.sessions)
