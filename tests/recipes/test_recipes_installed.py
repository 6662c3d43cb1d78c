"""The recipes and the table of training codes with every package that they need, installed for the purpose."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
WANTED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["recipes"]


def test_they_all_run(tmp_path: Path):
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    outer = next(entry for entry in sys.path if entry.endswith("site-packages"))
    (site / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")  # what is installed here is there too
    wanted = [re.sub(r"^(xgboost|tensorflow)(?=>)", r"\1-cpu", line) for line in WANTED]  # a tenth of the download
    install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", *wanted]
    subprocess.run(install, check=True)
    environment = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    run = [python, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", Path(__file__).parent, "-m", "ray"]
    answer = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    assert "skipped" not in answer.stdout
