"""Which sweep file a sweep goes on with: that of the folder it lies in, the recorded one, or what its log says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.control.session import create
from orchestrator.demos import write_demo
from orchestrator.errors import SpecError, UsageError
from orchestrator.planning.compile import differences
from orchestrator.project.code_in_force import code_to_begin
from orchestrator.project.places import locate, source_of, started_from
from orchestrator.project.workspace import linted_plan, plan_from_file, plan_to_resume, sweep_folder
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location

FILE = """\
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {a: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 6}
"""


def project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.yaml").write_text(FILE)
    (folder / "train.py").write_text("def train(config): ...\n")
    return folder / "sweep.yaml"


def begin(file: Path, *overrides: str) -> Location:
    plan = plan_from_file(file, overrides)
    place = sweep_folder(plan, file.parent)
    force = code_to_begin(plan, file.parent, 0.0)
    create(place, force.plan, file.read_bytes(), force.taken).close("stop")
    return place


def source(place: Location) -> Path | None:
    return source_of(place, read_sweep(place).plan)


def test_a_linked_file_means_the_folder_that_the_link_lies_in(tmp_path: Path):
    target = project(tmp_path / "configs")
    file = project(tmp_path / "a")
    file.unlink()
    file.symlink_to(target)
    place = begin(file)
    assert source(place) == file
    assert started_from(file, None) == [place]
    assert started_from(target, None) == []
    assert plan_to_resume(locate(str(place)))[1] == tmp_path / "a"


def test_a_copied_project_means_its_own_file_and_a_moved_sweep_the_recorded_one(tmp_path: Path):
    file = project(tmp_path / "v1")
    place = begin(file)
    shutil.copytree(tmp_path / "v1", tmp_path / "v2")
    copied = Location.parse(tmp_path / "v2" / "runs" / "test")
    assert source(copied) == tmp_path / "v2" / "sweep.yaml"
    (tmp_path / "v2" / "sweep.yaml").unlink()
    assert source(copied) == file
    moved = tmp_path / "archive" / "test"
    shutil.copytree(place.path, moved)
    assert source(Location.parse(moved)) == file
    elsewhere = begin(project(tmp_path / "v3"), f"storage={tmp_path}/shared")
    assert source(elsewhere) == tmp_path / "v3" / "sweep.yaml"


def test_a_file_below_a_linked_folder_is_the_same_file(tmp_path: Path):
    place = begin(project(tmp_path / "real"))
    (tmp_path / "link").symlink_to("real")
    assert len(started_from(tmp_path / "link" / "sweep.yaml", None)) == 1
    assert source(place) == tmp_path / "real" / "sweep.yaml"


@pytest.mark.parametrize("demo", ["digits", "fashion", "text"])
def test_with_its_code_pinned_a_sweep_goes_on_as_recorded_where_its_file_is_gone(tmp_path: Path, demo: str):
    folder = tmp_path / demo
    write_demo(demo, folder)
    plan = plan_from_file(folder / "sweep.yaml", ["budget.trials=7"])
    begin(folder / "sweep.yaml", "budget.trials=7")
    moved = tmp_path / "moved"
    shutil.move(folder / "runs" / demo, moved)
    shutil.rmtree(folder)
    again, beside = plan_to_resume(locate(str(moved), ["resources.cpus=2"]), "+3")
    assert again.sweep_id == plan.sweep_id
    assert differences(plan.spec, again.spec) == (["budget.trials: 7 -> 10", "resources.cpus: 1.0 -> 2.0"], [])
    assert again.provenance.overrides == ("budget.trials=7", "resources.cpus=2", "budget.trials=10")
    assert beside == folder
    with pytest.raises(SpecError, match=r"override budget\.trialz=1: budget\.trialz: unknown key"):
        plan_to_resume(locate(str(moved), ["budget.trialz=1"]))


def test_with_its_code_pinned_the_code_beside_the_file_is_not_judged_unless_it_is_to_be_taken(tmp_path: Path):
    file = project(tmp_path / "project")
    place = begin(file)
    (tmp_path / "project" / "train.py").write_text("def (")
    assert plan_to_resume(locate(str(file)), "+1")[0].spec.budget.trials == 7
    (tmp_path / "project" / "train.py").unlink()
    for target in (locate(str(file)), locate(str(place))):
        assert plan_to_resume(target, "+1")[0].spec.budget.trials == 7
        with pytest.raises(SpecError, match=r"trainable: there is no file 'train\.py' beside the sweep file"):
            plan_to_resume(target, takes_code=True)


def test_without_pinned_code_the_file_is_asked_for(tmp_path: Path):
    file = project(tmp_path / "project")
    place = begin(file, "code.pin=false")
    file.unlink()
    with pytest.raises(UsageError) as refused:
        plan_to_resume(locate(str(place)))
    assert str(refused.value) == (
        f"{place}: its sweep file is not where it was ({place}/sweep.yaml is a copy of what it was started with); give "
        "it: `stepladder resume SWEEP_FILE`"
    )


def test_what_begins_a_sweep_refuses_a_credential_and_what_goes_on_does_not(tmp_path: Path):
    file = project(tmp_path)
    file.write_text(FILE.replace("trainable: train.py:train", "command: [python, train.py, --password, hunter2]"))
    with pytest.raises(SpecError, match=r"^command\[3\]: holds a credential") as refused:
        linted_plan(file)
    assert "hunter2" not in str(refused.value)
    assert plan_from_file(file).spec.program == "python train.py --password ..."
