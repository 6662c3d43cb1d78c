"""A repository with a src layout, packages and large data, sent from a subfolder: all of it is there, and no secret."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from heads import Head, ray_head

from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1500)]

DATA_BYTES = 300 * 2**20
SECRETS = {".env": "planted-in-env", "id_rsa": "planted-in-key", "exp/.netrc": "planted-in-netrc"}
TRAIN = """
import os
from pathlib import Path
import tiny_package
from lab.model import scored

def train(config):
    size = (Path(__file__).parents[1] / "data.bin").stat().st_size
    assert os.environ["LAB_LEVEL"] == "3"
    return scored(config["x"], size) + tiny_package.ONE
"""
SWEEP = """
name: sent
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: none
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 2}
confirm: none
code: {root: .., path: [src]}
environment: {KIND: ../requirements.txt, env: {LAB_LEVEL: 3}}
"""


def wheel(place: Path) -> Path:
    """Write the smallest wheel that pip takes."""
    path = place / "tiny_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_package.py", "ONE = 1.0\n")
        info = "tiny_package-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def repository(place: Path, kind: str) -> Path:
    files = {
        "src/lab/__init__.py": "",
        "src/lab/model.py": "def scored(x, size):\n    return x * size\n",
        "exp/train.py": TRAIN,
        "exp/sweep.yaml": SWEEP.replace("KIND", kind),
        "requirements.txt": f"tiny-package @ file://{wheel(place)}\n",
        ".gitignore": "runs/\n",
        **{name: f"SECRET={planted}\n" for name, planted in SECRETS.items()},
    }
    root = place / "repository"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    with (root / "data.bin").open("wb") as file:
        os.truncate(file.fileno(), DATA_BYTES)
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "src", "exp/train.py", "requirements.txt", ".gitignore"], check=True)
    return root


def typed(head: Head, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()", *map(str, arguments)],
        cwd=folder, env=head.environment | {"HOME": str(folder)}, capture_output=True, text=True, timeout=800,
        check=False,
    )  # fmt: skip


def found(planted: str, *places: Path) -> list[str]:
    """Name the files below these places that hold what was planted."""
    told = subprocess.run(
        ["grep", "-rlaF", "--exclude-dir=virtualenv", planted, *map(str, places)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.split()


@pytest.mark.parametrize("kind", ["pip", "uv"])
def test_a_repository_is_sent_from_a_subfolder_with_packages_and_data_and_no_secret(tmp_path, kind):
    """For uv Ray installs uv itself into the environment, by pip."""
    shared, root = tmp_path / "shared", repository(tmp_path, kind)
    shared.mkdir()
    with ray_head(tmp_path) as head:
        at = ("--address", head.address, f"storage={shared}", "--patience", "300")
        sent = typed(head, root / "exp", "submit", "sweep.yaml", *at)
        assert sent.returncode == 0, sent.stdout + sent.stderr
        assert f"300.0 MiB to {shared}/.packages, once for this content" in sent.stderr
        assert "left out, for it holds a secret: .env, exp/.netrc, id_rsa" in sent.stderr
        assert f"environment {kind} and env: set up here and on 1 node" in " ".join(sent.stderr.split())
        followed = typed(head, root / "exp", "logs", "-f", "sweep.yaml")
        assert followed.returncode == 0, followed.stderr
        state = read_sweep(Location.parse(shared / "sent"))
        assert state.stopped == "finished", followed.stdout
        assert state.trials[0].value == 0.5 * DATA_BYTES + 1
        assert "environment" in state.sessions[-1].versions
        assert len(list((shared / ".packages").iterdir())) == 1
        for planted in SECRETS.values():
            assert found(planted, root), "it is where it was planted"
            assert found(planted, head.temporary, shared) == []
        with zipfile.ZipFile(next((shared / ".packages").iterdir())) as package:
            assert set(SECRETS).isdisjoint(package.namelist())
