"""`stepladder gc` as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from processes import stepladder

from orchestrator import wording
from orchestrator.results.audit import repair
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location

REAL = Path(__file__).parents[1] / "formats/format_1/real/old"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished sweep of 36 trials, all of whose newest checkpoints lie there."""
    shutil.copytree(REAL, tmp_path / "runs/old")
    location = Location.parse(tmp_path / "runs/old")
    repair(location)
    for trial in read_sweep(location).trials:
        if trial.checkpoint:
            place = tmp_path / "runs/old/checkpoints" / trial.checkpoint.rpartition("/checkpoints/")[2]
            (place / "model.pt").write_bytes(b"x" * 1024)
    (tmp_path / "runs/old/.best.json.0123456789abcdef.tmp").write_bytes(b"{")
    return tmp_path / "runs/old"


def size(folder: Path) -> str:
    return wording.size(sum(path.stat().st_size for path in (folder / "checkpoints").rglob("*/*/*") if path.is_file()))


@pytest.mark.thorough
def test_it_shows_and_removes_only_where_that_is_agreed_to(folder: Path, tmp_path: Path):
    before = sorted(folder.rglob("*"))
    held = len(list(folder.rglob("model.pt")))
    shown = stepladder("gc", "runs/old", cwd=tmp_path)
    assert (shown.returncode, shown.stdout) == (
        0,
        "     1      1 byte  temporary files\n"
        f"1 byte that nobody needs; {held} checkpoints ({size(folder)}) stay, by keep_checkpoints: last\n",
    ), shown.stderr
    assert shown.stderr == "nothing was removed; next: stepladder gc runs/old --yes\n"
    asked = stepladder("gc", "runs/old", "--keep", "needed", cwd=tmp_path)
    assert " stay, by keep_checkpoints: needed\n" in asked.stdout
    assert asked.stderr == "nothing was removed; next: stepladder gc runs/old --keep needed --yes\n"
    assert sorted(folder.rglob("*")) == before
    removed = stepladder("gc", "runs/old", "--keep", "needed", "--yes", "--json", cwd=tmp_path)
    document = json.loads(removed.stdout)
    assert (removed.returncode, document["is_removed"], document["holder"]) == (0, True, None), removed.stderr
    assert len(list(folder.rglob("model.pt"))) == document["checkpoints"] < held
    audited = stepladder("audit", "runs/old", cwd=tmp_path)
    assert audited.returncode == 0, audited.stdout
    again = stepladder("gc", "runs/old", "--keep", "needed", cwd=tmp_path)
    assert (again.stdout.startswith("0 bytes that nobody needs; "), again.stderr) == (True, "")


@pytest.mark.thorough
def test_another_keep_is_refused_with_what_there_is(folder: Path, tmp_path: Path):
    refused = stepladder("gc", folder, "--keep", "best", cwd=tmp_path)
    assert refused.returncode == 2
    assert "'best' is not one of 'needed', 'last', 'all'" in refused.stderr
