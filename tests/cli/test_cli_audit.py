"""`stepladder audit` as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from processes import stepladder

from orchestrator.results.audit import repair
from orchestrator.storage.location import Location

REAL = Path(__file__).parents[1] / "formats/format_1/real/old"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(REAL, tmp_path / "runs/old")
    repair(Location.parse(tmp_path / "runs/old"))
    (tmp_path / "runs/old/best.json").write_text("[1")
    return tmp_path / "runs/old"


@pytest.mark.thorough
def test_findings_are_lines_and_repair_leaves_none(folder: Path, tmp_path: Path):
    (folder / "plan.json").unlink()
    found = stepladder("audit", "runs/old", cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (
        1,
        "plan.json: is missing\nbest.json: cannot be read\n",
        "next: stepladder audit runs/old --repair\n",
    )
    repaired = stepladder("audit", "runs/old", "--repair", cwd=tmp_path)
    whole = (
        "nothing is wrong with the log (36 trials, 2 drivers), plan.json, sweep.yaml, checkpoints, tables, best.json\n"
    )
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert repaired.stdout == f"plan.json: made again from the log\nbest.json: made again from the log\n{whole}"
    again = stepladder("audit", "runs/old", cwd=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, whole, "")


@pytest.mark.thorough
def test_a_damaged_log_is_a_finding_for_programs_too(folder: Path, tmp_path: Path):
    (folder / "journal/000001.jsonl").unlink()
    found = stepladder("audit", folder, "--repair", "--json", cwd=tmp_path)
    document = json.loads(found.stdout)
    assert (found.returncode, found.stderr, document["rebuilt"]) == (1, "", [])
    missing = f"{folder}/journal/000001.jsonl: this file is missing, and a newer driver went on from it. "
    assert [finding["problem"][: len(missing)] for finding in document["findings"]] == [missing]
    for command in (("status", folder), ("resume", folder), ("export", folder), ("stop", folder)):
        refused = stepladder(*command, cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"error: {missing}Nothing is skipped in silence: restore it from a copy, or ")


@pytest.mark.thorough
def test_no_sweep_is_a_usage_error(tmp_path: Path):
    found = stepladder("audit", tmp_path, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert f"error: {tmp_path}: there is no sweep; start one with" in found.stderr
