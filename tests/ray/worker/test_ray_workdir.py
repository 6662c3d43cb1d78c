"""Where a function runs: reads find the project, writes of two trials never meet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.ray.worker.given import TrialInfo
from orchestrator.ray.worker.workdir import enter


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a sweep in its folder `runs`; the process stands in a folder of the attempt's own."""
    for folder in ("project/data", "project/runs/digits", "attempt"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "project/data/rows.csv").write_text("1,2")
    (tmp_path / "project/config.yaml").write_text("lr: 1")
    monkeypatch.chdir(tmp_path / "attempt")
    return tmp_path / "project"


def trial(project, number=0, folder=None):
    told = {"trial_id": f"digits-{number}", "number": number}
    return TrialInfo.of({**told, "sweep_folder": folder or str(project / "runs/digits")})


def test_reads_find_the_project_and_writes_of_two_trials_never_meet(project):
    for number in (0, 1):
        enter("trial", trial(project, number), project)
        assert Path("data/rows.csv").read_text() == "1,2"
        assert Path("config.yaml").read_text() == "lr: 1"
        Path("model.pt").write_text(str(number))
        Path("runs/events").mkdir(parents=True)
    assert [path.read_text() for path in sorted(project.glob("runs/digits/work/*/model.pt"))] == ["0", "1"]
    assert sorted(path.name for path in project.iterdir()) == ["config.yaml", "data", "runs"]
    assert [path.name for path in (project / "runs").iterdir()] == ["digits"], "sweeps alone lie among sweeps"


def test_the_folder_is_kept_over_attempts_and_follows_the_project(project):
    enter("trial", trial(project), project)
    Path("model.pt").write_text("kept")
    Path("config.yaml").unlink()
    Path("config.yaml").write_text("the trial's own")
    (project / "later.txt").write_text("new")
    moved = project.with_name("moved")
    project.rename(moved)
    enter("trial", trial(moved), moved)
    assert Path.cwd() == moved / "runs/digits/work/digits-0"
    read = {name: Path(name).read_text() for name in ("model.pt", "config.yaml", "later.txt", "data/rows.csv")}
    assert read == {"model.pt": "kept", "config.yaml": "the trial's own", "later.txt": "new", "data/rows.csv": "1,2"}
    assert (moved / "config.yaml").read_text() == "lr: 1"


@pytest.mark.parametrize(
    ("workdir", "place"),
    [("project", "project"), ("attempt", "attempt"), ("trial", "project/runs/digits/work/digits-0")],
)
def test_it_runs_where_the_sweep_file_says(project, workdir, place):
    enter(workdir, trial(project), project)
    assert Path.cwd() == project.parent / place


def test_a_function_without_a_file_has_a_folder_too(project):
    enter("trial", trial(project), None)
    assert list(Path.cwd().iterdir()) == []
    enter("project", trial(project), None)
    assert Path.cwd() == project / "runs/digits/work/digits-0", "it stays where it was"


def test_a_storage_that_is_no_folder_leaves_it_on_the_node(project):
    enter("trial", trial(project, folder="s3://bucket/runs/digits"), project)
    assert (Path.cwd().name, Path("data/rows.csv").read_text()) == ("attempt", "1,2")


@pytest.mark.skipif(os.geteuid() == 0, reason="the root user may write everywhere")
def test_a_storage_that_takes_no_writes_leaves_it_on_the_node_and_says_so(project, caplog):
    (project / "runs/digits").chmod(0o500)
    enter("trial", trial(project), project)
    assert (Path.cwd().name, Path("data/rows.csv").read_text()) == ("attempt", "1,2")
    assert "trial 0 works in " in caplog.text


def test_a_file_in_the_place_of_the_folder_leaves_it_on_the_node_and_says_so(project, caplog):
    (project / "runs/digits/work").write_text("in the way")
    enter("trial", trial(project), project)
    assert (Path.cwd().name, Path("data/rows.csv").read_text()) == ("attempt", "1,2")
    assert f"trial 0 works in {Path.cwd()}: " in caplog.text
