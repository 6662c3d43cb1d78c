"""A sweep that begins with the winners of earlier ones: from their folders to its first trials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sweeps import make_plan, smooth

from orchestrator.control.session import create
from orchestrator.control.simulator import SimulatedCluster, resume_simulation, simulate_plan
from orchestrator.errors import SpecError, UsageError
from orchestrator.project.going_on import write_next
from orchestrator.project.warming import look_before_sending, warmed
from orchestrator.project.workspace import plan_from_file
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep.plan import Plan
from orchestrator.sweepfile.again import next_name

SWEEP = """\
# What I know of it
name: "a" # short
trainable: train.py:train
objective: { metric: score, goal: maximize }
fidelity: { metric: epoch, min: 3, max: 27 }
search_space:
  learning_rate: { low: 1.0e-4, high: 1.0, scale: log, default: 0.01 }
  momentum: { low: 0.5, high: 0.99, default: 0.9 }
  batch_size: { choices: [16, 32, 64], default: 32 }
  optimizer: { choices: [sgd, adam], default: sgd }
budget: { trials: 20 }
confirm: none
searcher: random
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sweep file and the sweep that was run from it, in runs/a."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    plan = plan_from_file(tmp_path / "sweep.yaml", ["budget.trials=12"])
    played(plan, tmp_path / "runs/a", (tmp_path / "sweep.yaml").read_bytes())
    return tmp_path


def played(plan: Plan, folder: Path, text: bytes = b"") -> SweepState:
    state, journal = simulate_plan(plan, smooth, SimulatedCluster(2))
    session = create(Location.parse(str(folder)), plan, text)
    writer = JournalWriter(session.files, session.lease.epoch + 1)
    for event in journal.events[1:]:
        writer.append(event)
    writer.commit()
    session.release()
    return state


def test_the_winner_is_the_first_trial_after_the_baseline(folder: Path):
    plan = make_plan(searcher="random", warm_start=["runs/a"], budget={"trials": 12})
    found, left_out = warmed(plan, folder)
    assert left_out == []
    state, journal = simulate_plan(found, smooth, SimulatedCluster(2))
    first = state.trials[1]
    assert (first.move, first.block, first.parent) == ("warm", (), None)
    assert first.notes[0].startswith("won runs/a, where it was trial ")
    assert first.value > state.baseline.value
    assert [trial.move for trial in state.trials[:3]] == ["baseline", "warm", "prior"]
    resumed, _ = resume_simulation(journal.events[:9], smooth, SimulatedCluster(2))
    assert resumed.trials[1].config == first.config
    assert replay(journal.events).plan.warm == found.warm


@pytest.mark.parametrize("search", ["soft-stages", "hard-stages", "screen-stages-joint", "joint", "random"])
@pytest.mark.parametrize("searcher", ["tpe", "gp", "quasirandom"])
def test_every_ladder_begins_with_it(folder: Path, search: str, searcher: str):
    found, _ = warmed(make_plan(search=search, searcher=searcher, warm_start=["runs/a"], budget={"trials": 9}), folder)
    state, _ = simulate_plan(found, smooth, SimulatedCluster(1))
    assert [trial.move for trial in state.trials].count("warm") == 1
    assert state.trials[1].config == found.warm[0].config


def test_a_sweep_that_is_not_there_is_told_with_its_place(folder: Path):
    plan = make_plan(warm_start=["runs/a", "runs/b"])
    with pytest.raises(SpecError, match=r"^warm_start\[1\]: .*/runs/b: there is no sweep; start one with"):
        warmed(plan, folder)


def test_one_without_a_winner_is_told(folder: Path):
    create(Location.parse(str(folder / "runs/empty")), make_plan(), b"").release()
    found, left_out = warmed(make_plan(warm_start=["runs/empty"]), folder)
    assert (found.warm, left_out) == ((), ["runs/empty: it has no winner yet"])


def test_the_next_sweep_file_is_the_old_one_with_another_name(folder: Path):
    file, notes = write_next(str(folder / "runs/a"), None)
    assert file == folder / "a-2.yaml"
    assert notes == ["its overrides are not part of the file: budget.trials=12"]
    text = file.read_text()
    assert "# What I know of it" in text
    assert "  # short" in text or "# short" in text
    plan = plan_from_file(file)
    assert (plan.spec.name, plan.spec.warm_start) == ("a-2", ("runs/a",))
    found, _ = warmed(plan, folder)
    assert len(found.warm) == 1
    with pytest.raises(UsageError, match=r"a-2.yaml exists already; move it, or give another folder with --to$"):
        write_next(str(folder / "runs/a"), None)


def test_elsewhere_the_earlier_sweep_is_named_in_full(folder: Path, tmp_path: Path):
    file, _ = write_next(str(folder / "runs/a"), tmp_path / "other")
    assert f"- {folder / 'runs/a'}" in file.read_text()


def test_a_sweep_built_in_python_asks_where_its_code_is(tmp_path: Path):
    create(Location.parse(str(tmp_path / "runs/p")), make_plan(), json.dumps({"name": "p"}).encode()).release()
    with pytest.raises(UsageError, match=r"runs/p: its sweep file is not where it was; say with --to which folder"):
        write_next(str(tmp_path / "runs/p"), None)


@pytest.mark.parametrize(("name", "following"), [("digits", "digits-2"), ("digits-2", "digits-3"), ("a-9", "a-10")])
def test_names_count_on(name: str, following: str):
    assert next_name(name) == following


class TestBeforeSending:
    """What is looked for before a sweep is sent off."""

    def test_a_path_that_only_this_machine_knows_is_refused(self, tmp_path):
        plan = make_plan(warm_start=["runs/earlier"])
        with pytest.raises(UsageError) as refused:
            look_before_sending(plan, tmp_path, "/shared/runs/test", is_seen=False)
        assert str(refused.value) == (
            "warm_start[0]: 'runs/earlier' lies beside the sweep file, on this machine, which the cluster does not "
            "see, and no sweep's results are sent along. Copy it to a folder that all its nodes see, or to a bucket, "
            "and name that"
        )

    def test_one_that_is_seen_and_holds_no_sweep_is_refused(self, tmp_path):
        (tmp_path / "earlier").mkdir()
        for is_seen, place in ((True, "earlier"), (False, str(tmp_path / "earlier"))):
            plan = make_plan(warm_start=[place])
            with pytest.raises(SpecError, match=rf"^warm_start\[0\]: {tmp_path}/earlier: there is no sweep"):
                look_before_sending(plan, tmp_path, str(tmp_path / "new"), is_seen=is_seen)

    def test_what_only_the_cluster_sees_is_left_to_it(self, tmp_path):
        plan = make_plan(warm_start=["/only/there/earlier"])
        assert look_before_sending(plan, tmp_path, "/only/there/test", is_seen=False) == []

    def test_what_there_is_to_say_is_said(self, tmp_path):
        create(Location.parse(tmp_path / "earlier"), make_plan(), b"").close("stop")
        plan = make_plan(warm_start=["earlier"])
        said = look_before_sending(plan, tmp_path, str(tmp_path / "new"), is_seen=True)
        assert said == ["warm_start: earlier: it has no winner yet"]

    def test_a_sweep_that_is_under_way_asks_for_none(self, tmp_path):
        create(Location.parse(tmp_path / "test"), make_plan(), b"").close("stop")
        plan = make_plan(warm_start=["gone"])
        assert look_before_sending(plan, tmp_path, str(tmp_path / "test"), is_seen=False) == []
