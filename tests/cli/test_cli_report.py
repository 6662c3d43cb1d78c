"""`stepladder report`: from a finished, a dead, a torn sweep; where it goes, and what it refuses."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome


def run(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture
def finished(sweep, story):
    end = story[-1].t
    sweep.write([*story, ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, "finished")])
    (sweep.folder / "sweep.yaml").write_text("name: test\n")
    return sweep


def test_it_lies_in_the_sweeps_folder_and_says_where(finished):
    found = run(finished.folder)
    assert found.exit_code == 0, found.output
    assert found.stdout == f"{finished.folder / 'report.html'}\n"
    assert "All trials: " in (finished.folder / "report.html").read_text()


def test_a_dead_sweep_with_a_torn_record_has_a_page(sweep, story, tmp_path):
    sweep.write(story)
    (part,) = (sweep.folder / "journal").iterdir()
    part.write_bytes(part.read_bytes()[:-7])
    found = run(sweep.folder, "-o", tmp_path / "page.html")
    assert found.exit_code == 0, found.output
    assert "Nobody works on it" in (tmp_path / "page.html").read_text()
    assert not (sweep.folder / "report.html").exists()


def test_to_be_shared_it_is_a_file_of_its_own(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(finished.folder, "--share")
    assert (found.exit_code, found.stdout) == (0, "test-report.html\n")
    text = (tmp_path / "test-report.html").read_text()
    assert "node-1" not in text
    assert str(finished.folder) not in text
    assert "stepladder export" not in text


def test_markdown_goes_to_stdout(finished):
    found = run(finished.folder, "--markdown")
    assert found.exit_code == 0
    assert found.stdout.startswith("## test\n")
    assert "| winner | 0.9 | trial 2 |" in found.stdout


def test_watching_a_sweep_that_nobody_drives_writes_it_once_more_and_ends(finished):
    found = run(finished.folder, "--watch")
    assert found.exit_code == 0, found.output
    assert "is kept up to date" in found.stderr
    assert "data-reload" not in (finished.folder / "report.html").read_text()


def test_what_it_refuses(finished, tmp_path):
    assert "--markdown is text" in str(run(finished.folder, "--markdown", "--open").exception)
    assert "is a folder; name a file in it" in str(run(finished.folder, "-o", tmp_path).exception)
    assert "nothing: there is no such file" in str(run(tmp_path / "nothing").exception)
