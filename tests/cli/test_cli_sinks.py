"""The command line over whole sweeps as other tools' data."""

from __future__ import annotations

import pytest
from processes import stepladder


@pytest.fixture
def folder(sweep, story, tmp_path):
    sweep.write(story)
    return tmp_path


@pytest.mark.parametrize(
    ("form", "place", "shown_by"),
    [
        ("tensorboard", "test-tensorboard", "tensorboard --logdir test-tensorboard"),
        ("optuna", "test-optuna.journal", "optuna-dashboard test-optuna.journal"),
    ],
)
def test_a_whole_sweep_is_written_and_its_viewer_named(folder, form, place, shown_by):
    for _ in range(2):
        ran = stepladder("export", "runs/test", "--format", form, cwd=folder)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{place}\n", f"next: {shown_by}\n")
    assert (folder / place).exists()


def test_a_table_goes_to_stdout(folder):
    ran = stepladder("export", "runs/test", "--format", "csv", cwd=folder)
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[0].startswith('"sweep_id","trial"')
    assert len(ran.stdout.splitlines()) >= 7
    written = stepladder("export", "runs/test", "--format", "csv", "-o", "all.csv", cwd=folder)
    assert (written.stdout, (folder / "all.csv").read_text()) == ("all.csv\n", ran.stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--format", "tensorbord"), "error: --format 'tensorbord' is not a format; choose one of json, yaml, "),
        (("--format", "optuna", "--top", "3"), "error: --format optuna is the whole sweep; leave out --top"),
        (("--format", "optuna", "-o", "no/where"), "error: no is no folder; make it, or write elsewhere"),
        (("--format", "my_lab:Sink"), "error: there is no module 'my_lab', neither beside the sweep file"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(folder, options, said):
    ran = stepladder("export", "runs/test", *options, cwd=folder)
    assert ran.returncode == 2
    assert ran.stderr.startswith(said)
