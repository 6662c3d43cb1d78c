"""What `gc` finds in a sweep's folder and removes: nothing that a record still names as needed."""

from __future__ import annotations

import shutil

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report
from orchestrator.control.session import Session, create, read_events, reopen
from orchestrator.errors import LeaseHeldError
from orchestrator.project import clearing
from orchestrator.results.audit import audit, repair
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome

ENDED = "checkpoints of trials that nobody can need any more"
UNNAMED = "checkpoints that no record names, or that newer ones replaced"


def put(folder: Location, name: str, size: int = 100) -> str:
    (folder / name).files().replace("model.pt", b"x" * size)
    return str(folder / name)


def train(session: Session, score: float, outcome: Outcome = Outcome.RETURNED) -> str:
    """Run the next trial, a checkpoint at 3 and at 27; returns its id."""
    step = session.controller.next_step()
    at = f"checkpoints/test-{session.lease.epoch:06d}/{step.trial_id}.{step.attempt}"
    session.controller.on_placed(step.trial, step.attempt, "node")
    for number, fidelity in enumerate((3.0, 27.0)):
        where = put(session.folder, f"{at}/checkpoint_{number:06d}")
        if fidelity == 3.0 or outcome is Outcome.RETURNED:
            report = Report(step.trial, step.attempt, fidelity, {"score": score}, checkpoint=where)
            session.controller.on_report(report)
    session.controller.on_attempt_end(step.trial, step.attempt, outcome, None)
    if session.folder.is_remote:
        return step.trial_id  # trials work on their nodes
    work = session.folder.path / "work" / step.trial_id
    work.mkdir(parents=True)
    (work / "train.py").symlink_to(session.folder.path / "sweep.yaml")
    if step.trial % 2:
        (work / "curve.png").write_bytes(b"12345")
    return step.trial_id


def left_over(folder: Location, keep: str) -> list[str]:
    """Leave the sweep of `swept`; returns the ids of its trials."""
    plan = make_plan(
        searcher="random", search="random", scheduler="none", budget={"trials": 30},
        confirm={"share": 0.2, "top": 1}, keep_checkpoints=keep,
    )  # fmt: skip
    session = create(folder, plan, b"name: test\n")
    ids = [train(session, score) for score in (0.5, 0.4, 0.9, 0.8)]
    ids.append(train(session, 0.1, Outcome.LOST))
    session.close("stop")
    repair(folder)
    return ids


@pytest.fixture(params=["last", "all"])
def swept(tmp_path, request) -> tuple[Location, list[str]]:
    """A sweep of five trials, the third of which leads and the fifth of which was lost under a driver that died."""
    folder = Location.parse(tmp_path / "test")
    ids = left_over(folder, request.param)
    for name in ("journal/.lease-000001.json.0123456789abcdef.tmp", "code/0123456789ab/train.py"):
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / name).write_text("abc")
    return folder, ids


def names(cleared: clearing.Cleared) -> dict[str, list[str]]:
    return {clutter.kind: [name.replace("checkpoints/", "") for name in clutter.names] for clutter in cleared.clutter}


def test_a_look_says_what_could_go_and_removes_nothing(swept):
    folder, ids = swept
    before = sorted(folder.entries())
    found = clearing.look(folder, "needed")
    assert sorted(folder.entries()) == before
    assert read_sweep(folder).sessions[-1].epoch == 1
    ended = [f"test-000001/{ids[n]}.0/checkpoint_000001" for n in (1, 3)]
    replaced = [f"test-000001/{ids[n]}.0/checkpoint_000000" for n in range(4)]
    unnamed = f"test-000001/{ids[4]}.0/checkpoint_000001"
    told = names(found)
    assert told[ENDED] == ended
    assert told[UNNAMED] == [*replaced, unnamed]
    assert (found.checkpoints, found.size, found.holder) == (3, 300, None)
    assert {kind: size for kind, size in ((c.kind, c.size) for c in found.clutter) if "checkpoint" in kind} == {
        ENDED: 200,
        UNNAMED: 500,
    }
    assert told["temporary files"] == ["journal/.lease-000001.json.0123456789abcdef.tmp"]
    assert told["copies of code that no driver ran"] == ["code/0123456789ab"]
    own = next(clutter for clutter in found.clutter if clutter.is_own)
    assert own.names == (f"work/{ids[1]}", f"work/{ids[3]}"), "3 did not win, 4 goes on, 0 and 2 are what was found"


def test_all_and_last_keep_what_they_say(swept):
    folder, ids = swept
    unnamed = f"test-000001/{ids[4]}.0/checkpoint_000001"
    assert names(clearing.look(folder, "all"))[UNNAMED] == [unnamed]
    last = names(clearing.look(folder, "last"))
    assert (ENDED in last, len(last[UNNAMED])) == (False, 5)
    assert clearing.look(folder).keep == read_sweep(folder).plan.spec.keep_checkpoints


def test_what_is_removed_is_recorded_and_the_sweep_goes_on_as_it_would_have(swept):
    folder, ids = swept
    before, found = read_sweep(folder), clearing.look(folder, "needed")
    cleared = clearing.clear(folder, "needed")
    assert [c for c in found.clutter if not c.is_own] == list(cleared.clutter)
    state, events = read_sweep(folder), read_events(folder)
    removed = [event.trial for event in events if isinstance(event, ev.CheckpointRemoved)]
    assert removed == [1, 3]
    assert [bool(trial.checkpoint) for trial in state.trials] == [True, False, True, False, True]
    assert (state.stopped, state.sessions[-1].clears) == (before.stopped, True)
    assert state.sessions[-1].code_hash == before.sessions[-1].code_hash
    assert state.winner().checkpoint == before.winner().checkpoint
    assert audit(folder).findings == (), "the tables and best.json follow"
    assert sorted(path.name for path in (folder.path / "work").iterdir()) == sorted(ids)
    assert not list(folder.path.rglob("*.tmp"))
    left = sorted(path.parent.name for path in (folder.path / "checkpoints").rglob("checkpoint_*"))
    assert left == sorted(f"{ids[n]}.0" for n in (0, 2, 4)), "attempts without a checkpoint have no folder either"
    again = clearing.look(folder, "needed")
    assert [clutter.is_own for clutter in again.clutter] == [True]
    session, told = reopen(folder, state.plan)
    step = session.controller.next_step()
    assert (step.trial, step.checkpoint, told) == (4, state.trials[4].checkpoint, [])
    session.release()


def test_what_trials_wrote_goes_where_that_is_asked_for(swept):
    folder, ids = swept
    clearing.clear(folder, "needed", work=True)
    assert sorted(path.name for path in (folder.path / "work").iterdir()) == sorted(ids[n] for n in (0, 2, 4))


def test_nothing_is_removed_under_a_driver(swept):
    folder, _ = swept
    session, _ = reopen(folder, read_sweep(folder).plan)
    assert clearing.look(folder).holder is not None
    before = sorted(folder.entries())
    with pytest.raises(LeaseHeldError):
        clearing.clear(folder, "needed")
    assert sorted(folder.entries()) == before
    session.release()


def test_a_copy_of_a_sweep_is_cleared_and_the_sweep_itself_is_not(swept, tmp_path):
    folder, _ = swept
    copy = Location.parse(tmp_path / "copy" / "test")
    copy.path.parent.mkdir()
    folder.path.rename(tmp_path / "there")
    shutil.copytree(tmp_path / "there", copy.path, symlinks=True)
    (tmp_path / "there").rename(folder.path)
    before = sorted(folder.entries())
    clearing.clear(copy, "needed")
    assert sorted(folder.entries()) == before
    assert clearing.look(copy, "needed").checkpoints == 3


@pytest.mark.thorough
def test_a_sweep_on_a_store_is_cleared_as_one_in_a_folder(bucket: Location):
    folder = bucket / "test"
    ids = left_over(folder, "last")
    found = clearing.look(folder, "needed")
    told = names(found)
    assert told == {
        ENDED: [f"test-000001/{ids[n]}.0/checkpoint_000001" for n in (1, 3)],
        UNNAMED: [*(f"test-000001/{ids[n]}.0/checkpoint_000000" for n in range(4)),
                  f"test-000001/{ids[4]}.0/checkpoint_000001"],
    }  # fmt: skip
    assert (found.checkpoints, found.size, found.holder) == (3, 300, None)
    other = put(bucket / "other", "checkpoints/test-000001/x.0/checkpoint_000000")
    cleared = clearing.clear(folder, "needed")
    assert names(cleared) == told
    left = sorted(entry.name for entry in folder.entries() if entry.name.startswith("checkpoints/"))
    kept = [f"test-000001/{ids[n]}.0/checkpoint_00000{k}" for n, k in ((0, 1), (2, 1), (4, 0))]
    assert left == sorted(f"checkpoints/{name}/model.pt" for name in kept)
    assert Location.parse(other).is_folder(), "another sweep's"
    state = read_sweep(folder)
    assert [bool(trial.checkpoint) for trial in state.trials] == [True, False, True, False, True]
    assert audit(folder).findings == ()
    assert clearing.look(folder, "needed").clutter == ()
    session, told_again = reopen(folder, state.plan)
    step = session.controller.next_step()
    assert (step.trial, step.checkpoint, told_again) == (4, state.trials[4].checkpoint, [])
    with pytest.raises(LeaseHeldError):
        clearing.clear(folder)
    session.release()
