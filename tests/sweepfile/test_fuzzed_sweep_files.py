"""Whatever is written in a sweep file, a search space or an override: a plan, or sentences. Never a traceback.

`python tests/sweepfile/test_fuzzed_sweep_files.py 5000` runs as many seeds and says what became of them.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from mutations import damaged, odd_override

import orchestrator.demos
from orchestrator.errors import StepladderError
from orchestrator.project.spec_files import shipped_spaces
from orchestrator.project.workspace import linted_plan
from orchestrator.sweepfile.heading import read_heading
from orchestrator.views.plan import plan_answer, plan_document

DEMOS = sorted(Path(orchestrator.demos.__file__).parent.glob("*/sweep.yaml"))
EXTENDING = b"""\
name: fuzzed
trainable: train.py:train
objective: {metric: val_loss, goal: minimize}
fidelity: {metric: epoch, max: 9}
search_space:
  extends: [./space.yaml]
budget: {trials: 20}
"""
MOST_KIB = 500 * 1024
"""Memory that one file may add to the process."""
MOST_SECONDS = 5.0
"""Processor time of one file, for the run by hand."""


def fuzz(seed: int, folder: Path) -> str:
    """Damage one thing in `folder` by `seed`, read and plan it; returns what became of it."""
    random = Random(seed)
    sweep, overrides = EXTENDING, []
    kind = random.choice(("demo", "space", "override"))
    if kind == "space":
        source = random.choice(list(shipped_spaces().values()))
        (folder / "space.yaml").write_bytes(damaged(source.read_bytes(), random))
    else:
        sweep = random.choice(DEMOS).read_bytes()
        if kind == "demo":
            sweep = damaged(sweep, random)
        else:
            overrides = [odd_override(random) for _ in range(random.randint(1, 3))]
    file = folder / "sweep.yaml"
    file.write_bytes(sweep)
    read_heading(sweep, str(file), overrides)
    try:
        plan, _ = linted_plan(file, overrides)
    except StepladderError as error:
        said = str(error)
        assert said
        assert "hunter2" not in said
        assert len(said) < 60_000
        return f"{kind} refused"
    plan_answer(plan, 8, None)
    plan_document(plan, 8, None)
    for draw in range(3):
        config = plan.space.draw(plan.space.tunable, {}, Random(draw))
        assert plan.space.problems(config) == []
    return f"{kind} planned"


def make_folder(folder: Path) -> Path:
    for file in DEMOS[0].parent.glob("*.py"):
        shutil.copyfile(file, folder / file.name)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


def fuzz_all(seeds: range, folder: Path) -> Counter[str]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: Counter[str] = Counter()
    for seed in seeds:
        try:
            found[fuzz(seed, folder)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_KIB
    return found


@pytest.mark.thorough
def test_hundreds_of_damaged_files_end_in_a_plan_or_in_sentences(folder: Path):
    found = fuzz_all(range(200), folder)
    assert set(found) >= {"demo planned", "demo refused", "space planned", "space refused", "override refused"}


@pytest.mark.nightly
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(20))
def test_twenty_thousand_damaged_files_end_in_a_plan_or_in_sentences(part: int, folder: Path):
    fuzz_all(range(1000 * (part + 1), 1000 * (part + 2)), folder)


def main(first: int, count: int) -> None:
    """Run so many seeds, go on behind every failure, and print what was seen."""
    import traceback

    found: Counter[str] = Counter()
    slowest, folder = (0.0, -1), make_folder(Path(tempfile.mkdtemp()))
    for seed in range(first, first + count):
        began = time.process_time()
        try:
            found[fuzz(seed, folder)] += 1
        except Exception as error:  # noqa: BLE001 - this is what is being counted
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} {Path(place.filename).name}:{place.lineno}"
            found[f"!!! {what}"] += 1
            sys.stdout.write(f"seed {seed}: {what}: {str(error)[:200]}\n")
        slowest = max(slowest, (time.process_time() - began, seed))
        if time.process_time() - began > MOST_SECONDS:
            found["slow"] += 1
            sys.stdout.write(f"seed {seed}: {time.process_time() - began:.1f} s\n")
        sys.stdout.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"{dict(found)}; slowest {slowest[0]:.1f} s (seed {slowest[1]}); peak {peak} MiB\n")


if __name__ == "__main__":
    main(int(sys.argv[2]) if len(sys.argv) > 2 else 0, int(sys.argv[1]))
