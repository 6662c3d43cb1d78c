"""docs/recipes: what its pages show is valid and runs; what needs a package that is not installed is skipped."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import recipes

from orchestrator.project.spec_files import load_parsed
from orchestrator.sweepfile.lint import lint

SWEEPS = [(page, name) for page in recipes.pages() for name in recipes.shown_in(page) if name.startswith("sweep")]
INDEX = (recipes.PAGES / "README.md").read_text()


def packages_of(source: str) -> set[str]:
    """The packages outside the standard library that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


NEEDED = {"keras": "tensorflow"}
"""What Ray's callback for a package needs beside it."""


def code_of(page: str, sweep: str) -> str:
    """The Python file that a sweep file of a page names."""
    files = recipes.shown_in(page)
    (name,) = {name for name in re.findall(r"\w+\.py", files[sweep]) if name in files}
    return files[name]


def skip_without_its_packages(page: str, sweep: str) -> None:
    beside = {Path(name).stem for name in recipes.shown_in(page)}
    wanted = packages_of(code_of(page, sweep)) - beside
    for package in sorted(wanted | {NEEDED[name] for name in wanted & NEEDED.keys()}):
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:  # a folder of that name, as of the tests, is no package
            pytest.skip(f"{package} is not installed: pip install 'stepladder[recipes]'")


def test_every_page_is_in_the_index():
    named = re.findall(r"^\| \[[^\]]+\]\((\S+)\.md\) \|", INDEX, re.MULTILINE)
    assert sorted(named) == recipes.pages()
    assert len(named) == 9


@pytest.mark.parametrize("page", recipes.pages())
def test_it_begins_with_what_it_needs(page: str):
    lines = (recipes.PAGES / f"{page}.md").read_text().splitlines()
    assert lines[2].startswith("    pip install stepladder ")


@pytest.mark.parametrize("page", recipes.pages())
def test_each_block_of_code_is_a_file_that_is_run(page: str):
    text = (recipes.PAGES / f"{page}.md").read_text()
    assert len(re.findall(r"^```(?:python|yaml)$", text, re.MULTILINE)) == len(recipes.shown_in(page))
    assert {name for name in recipes.shown_in(page) if name.startswith("sweep")}


@pytest.mark.parametrize(("page", "sweep"), SWEEPS)
def test_its_sweep_file_is_valid_and_warned_of_nothing(tmp_path: Path, page: str, sweep: str):
    recipes.write(page, tmp_path)
    parsed = load_parsed(tmp_path / sweep)
    remarks = lint(parsed.spec, parsed.problems, parsed.shipped)
    assert [remark.message for remark in remarks if remark.rule.severity == "warning"] == []


@pytest.mark.ray
@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("page", "sweep"), SWEEPS)
def test_it_runs(tmp_path: Path, run_file, page: str, sweep: str):
    skip_without_its_packages(page, sweep)
    recipes.write(page, tmp_path)
    state = run_file(tmp_path / sweep)
    assert [trial.state.value for trial in state.trials] == ["completed"] * 2, [t.attempt.error for t in state.trials]
    assert all(trial.report_count for trial in state.trials)


LOST = """
import os, signal

from ray import tune

from {module} import train as whole

report = tune.report
count = 0


def train(config, trial):
    def once_more(*arguments, **keywords):
        global count
        count += 1
        if count == 3 and trial.attempt == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        report(*arguments, **keywords)

    tune.report = once_more
    whole(config{trial})
"""
"""A machine that is lost before the third report."""


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("page", "module", "trial"),
    [
        ("pytorch", "train", ""),
        ("lightning", "train", ""),
        ("keras", "train", ", trial"),
        ("xgboost-lightgbm", "boost", ", trial"),
    ],
)
def test_it_goes_on_from_its_checkpoint(tmp_path: Path, run_file, page: str, module: str, trial: str):
    skip_without_its_packages(page, "sweep.yaml")
    recipes.write(page, tmp_path)
    (tmp_path / "lost.py").write_text(LOST.format(module=module, trial=trial))
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(sweep.read_text().replace(f"{module}.py:train", "lost.py:train"))
    state = run_file(sweep)
    assert [trial.state.value for trial in state.trials] == ["completed"] * 2, [t.attempt.error for t in state.trials]
    assert [attempt.resumed_from for attempt in state.trials[0].attempts] == [0.0, 2.0]
    assert list(state.trials[0].values) == [float(number) for number in range(1, int(state.plan.spec.fidelity.max) + 1)]
