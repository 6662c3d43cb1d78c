"""Who else can read a sweep: the umask decides, and the folder above gives its group."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.control.session import create, reopen
from orchestrator.project.code_in_force import code_to_begin
from orchestrator.project.workspace import plan_from_file, sweep_folder
from orchestrator.results.audit import repair

FILE = """\
name: test
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {a: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 6}
"""


@pytest.fixture(params=[0o002, 0o022, 0o027, 0o077], ids="umask {:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_the_umask_decides_and_a_set_gid_folder_gives_its_group(umask: int, tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(FILE)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chown(shared, -1, next((group for group in os.getgroups() if group != os.getgid()), os.getgid()))
    shared.chmod(0o2777)
    plan = plan_from_file(tmp_path / "sweep.yaml", [f"storage={shared}"])
    place, force = sweep_folder(plan, tmp_path), code_to_begin(plan, tmp_path, 0.0)
    create(place, force.plan, FILE.encode(), force.taken).close("stop")
    reopen(place, force.plan, code=force.taken)[0].close("stop")
    repair(place)
    found = [path for path in place.path.rglob("*") if not path.is_symlink()]
    assert {"000002.jsonl", "lease-000002.json", "plan.json", "train.py", "best.json"} <= {path.name for path in found}
    for path in [place.path, *found]:
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = 0o2777 if path.is_dir() else 0o666
        assert (oct(mode), path.stat().st_gid) == (oct(wanted & ~umask), shared.stat().st_gid), path
