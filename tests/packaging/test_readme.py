"""README's examples work as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.cli.verbs import PANELS
from orchestrator.control.controller import Controller
from orchestrator.control.fold import SweepState
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.project.workspace import plan_from_file
from orchestrator.ray.host.bridge import Bridge
from orchestrator.ray.worker.trainable import TRIAL_KEY
from orchestrator.sweep import event as ev

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_sweep_file_is_valid(tmp_path: Path):
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "sweep.yaml").write_text(text)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    plan = plan_from_file(tmp_path / "sweep.yaml")
    assert [stage.name for stage in plan.stages[:3]] == ["tier-1", "tier-2", "tier-3"]


def test_the_notebook_example_plans_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    (text,) = re.findall(r"```python\n(from orchestrator.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out == "['tier-1', 'tier-2', 'refinement']\n"


def test_every_command_and_script_that_it_names_is_there():
    known = {verb for verbs in PANELS.values() for verb in verbs}
    commands = set(re.findall(r"(?:^    |`|\()stepladder ([a-z]+)", README, re.MULTILINE))
    assert {"plan", "run", "resume", "export"} <= commands <= known
    scripts = set(re.findall(r"scripts/([a-z-]+)", README))
    assert {"quickstart", "test"} <= scripts
    assert all((ROOT / "scripts" / name).is_file() for name in scripts)


def test_its_links_into_the_repository_lead_somewhere():
    rooms = re.findall(r"^    ([a-z_]+)/ ", README, re.MULTILINE)
    assert {"orchestrator", "search_spaces", "cluster", "scripts"} <= set(rooms)
    assert all((ROOT / room).is_dir() for room in rooms if room not in {"runs"})


def test_its_table_has_what_a_training_function_is_told(tmp_path: Path):
    first = ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json"))
    bridge = Bridge(Controller(SweepState(first), MemoryJournal(), VirtualClock()), tmp_path, VirtualClock())
    attempt = bridge.next_attempt()
    assert attempt is not None
    told = attempt.config[TRIAL_KEY]
    (table,) = re.findall(r"^\| `trial` .*?\n\n", README, re.DOTALL | re.MULTILINE)
    first_column = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)[1:]
    keys = {key for cell in first_column for key in re.findall(r"`(\w+)`", cell)}
    assert keys == set(told)
