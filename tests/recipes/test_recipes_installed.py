"""The recipes with what they say to install, and with the table of training codes all that `recipes` names."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import recipes

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
WANTED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["recipes"]


def install(python: Path, *wanted: str) -> None:
    small = [re.sub(r"^(xgboost|tensorflow)(?=>|$)", r"\1-cpu", line) for line in wanted]  # a tenth of the download
    command = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *small]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("page", recipes.pages())
def test_a_page_needs_no_more_than_it_says(tmp_path: Path, page: str):
    """In an environment of its own, as its reader has it, by the command line."""
    (said,) = re.findall(r"^    pip install (stepladder .*)$", (recipes.PAGES / f"{page}.md").read_text(), re.MULTILINE)
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    install(programs / "python", str(ROOT), *shlex.split(said)[1:])
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "WANDB_MODE": "offline",
        "HF_HUB_OFFLINE": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    for sweep in recipes.write(page, tmp_path / "page"):
        run = [programs / "stepladder", "run", sweep, "budget={trials: 2}", "confirm=none", "scheduler=none"]
        ran = subprocess.run(run, cwd=sweep.parent, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{sweep.name}: {ran.stdout[-3000:]}{ran.stderr[-3000:]}"
        listed = [programs / "stepladder", "trials", sweep, "--json"]
        told = subprocess.run(listed, cwd=sweep.parent, env=environment, capture_output=True, text=True, check=True)
        assert [row["state"] for row in json.loads(told.stdout)] == ["completed"] * 2


def test_they_all_run(tmp_path: Path):
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    outer = next(entry for entry in sys.path if entry.endswith("site-packages"))
    (site / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")  # what is installed here is there too
    install(python, *WANTED)
    environment = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run = [python, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", Path(__file__).parent, "-m", "ray"]
    answer = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "skipped" not in answer.stdout
