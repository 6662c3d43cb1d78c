"""README and the pages of docs: their commands parse, their sweep files plan, their examples work as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sweeps import make_plan
from typer.main import get_command

from orchestrator.cli.app import app
from orchestrator.cli.verbs import PANELS
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.project.workspace import plan_from_file
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.worker.trainable import TRIAL_KEY
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("**/*.md")))]
GUIDES = [page for page in PAGES if "/decisions/" not in page]


def page(name: str) -> str:
    return (ROOT / name).read_text()


def command_lines(name: str) -> list[str]:
    """Return the commands of a page's indented blocks and shell blocks, a continued one in one line."""
    whole = page(name).replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"```(?:sh|shell|bash|console)\n(.*?)```", whole, re.DOTALL))
    lines = [*re.findall(r"^    (\S.*)$", whole, re.MULTILINE), *blocks.splitlines()]
    return [line.strip().removeprefix("$ ") for line in lines if re.match(r"\s*(\$ )?(stepladder|scripts/)\b", line)]


def words(line: str) -> list[str]:
    """Return what the shell would hand to the first command of a line."""
    return shlex.split(re.split(r" [|>&] ?| && |\$\(", line)[0].replace("...", ""), comments=True)


COMMANDS = [(name, line) for name in GUIDES for line in command_lines(name)]


def test_pages_are_full_of_commands():
    assert len(COMMANDS) > 60


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=[f"{name}: {line[:60]}" for name, line in COMMANDS])
def test_every_command_of_a_page_is_understood(name: str, line: str, monkeypatch: pytest.MonkeyPatch):
    program, *arguments = words(line)
    if program.startswith("scripts/"):
        assert (ROOT / program).is_file()
        told = (ROOT / program).read_text()
        assert all(re.search(rf"{option}\b", told) for option in arguments if option.startswith("--"))
        return
    monkeypatch.delenv("STEPLADDER_OWNER", raising=False)
    group = get_command(app)
    with group.make_context("stepladder", arguments) as context:
        verb, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(verb, rest, parent=context)


@pytest.mark.parametrize("name", GUIDES)
def test_every_command_named_in_a_sentence_is_there(name: str):
    known = {verb for verbs in PANELS.values() for verb in verbs}
    assert set(re.findall(r"`stepladder ([a-z]+)", page(name))) <= known
    assert all((ROOT / "scripts" / script).is_file() for script in re.findall(r"`scripts/([a-z-]+)", page(name)))


@pytest.mark.parametrize("name", ["README.md", "docs/guides/sweep-file.md"])
def test_a_whole_sweep_file_is_valid(tmp_path: Path, name: str):
    (text,) = re.findall(r"```yaml\n(name:.*?)```", page(name), re.DOTALL)
    (tmp_path / "sweep.yaml").write_text(text)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    plan = plan_from_file(tmp_path / "sweep.yaml")
    assert [stage.name for stage in plan.stages[:3]] == ["tier-1", "tier-2", "tier-3"]


def test_the_notebook_example_plans_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (text,) = re.findall(r"```python\n(from orchestrator.*?)```", page("docs/guides/notebook.md"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "notebook.md", "exec"), {"__name__": "notebook"})
    assert capsys.readouterr().out == "['tier-1', 'tier-2', 'refinement']\n"


def test_readme_is_short_and_names_what_runs_on_a_fresh_machine():
    assert len(README.splitlines()) <= 110
    assert {"scripts/quickstart", "scripts/test"} <= {words(line)[0] for line in command_lines("README.md")}


def test_every_page_is_listed():
    listed = set(re.findall(r"\]\(([^)#]+\.md)\)", page("docs/README.md")))
    guides = {str(Path(name).relative_to("docs")) for name in GUIDES if name.startswith("docs/guides/")}
    assert guides | {"tutorial.md", "design.md", "recipes/README.md", "decisions/README.md"} <= listed


def test_its_table_has_what_a_training_function_is_told(tmp_path: Path):
    first = ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json"))
    bridge = Bridge(Controller(SweepState(first), MemoryJournal(), VirtualClock()), tmp_path, VirtualClock())
    attempt = bridge.next_attempt()
    assert attempt is not None
    told = attempt.config[TRIAL_KEY]
    (table,) = re.findall(r"^\| `trial` .*?\n\n", page("docs/guides/training.md"), re.DOTALL | re.MULTILINE)
    first_column = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]
    keys = {key for cell in first_column for key in re.findall(r"`(\w+)`", cell)}
    assert keys == set(told)


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_tutorial_does_what_it_says(tmp_path: Path):
    """Its own lines, in their order; only the trainings are shorter, and fewer."""
    fewer = {"budget.trials=16": "budget.trials=5", "+4": "+1"}
    ran = []
    for line in command_lines("docs/tutorial.md"):
        program, *arguments = words(line)
        if program != "stepladder":
            continue
        command = [sys.executable, "-m", "orchestrator", *(fewer.get(argument, argument) for argument in arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        ran.append(arguments[0])
        if arguments[0] == "init":
            sweep = tmp_path / "digits" / "sweep.yaml"
            shorter = re.sub(r"min: 3, max: 27", "min: 1, max: 3", sweep.read_text())
            assert shorter != sweep.read_text()
            sweep.write_text(shorter)
        if arguments[0] == "report":
            assert "<html" in (tmp_path / "digits" / "runs" / "digits" / "report.html").read_text()
    assert ran.count("resume") == 2
    assert {"init", "check", "plan", "run", "status", "trials", "show", "report", "export"} <= set(ran)
