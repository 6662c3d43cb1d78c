"""README's examples work as they stand."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator import cli
from orchestrator.runtime.workspace import plan_from_file

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_sweep_file_is_valid(tmp_path: Path):
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "sweep.yaml").write_text(text)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    plan = plan_from_file(tmp_path / "sweep.yaml")
    assert [stage.name for stage in plan.stages[:3]] == ["tier-1", "tier-2", "tier-3"]


def test_every_command_and_script_that_it_names_is_there():
    known = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    known |= {group.name for group in cli.app.registered_groups}
    commands = set(re.findall(r"(?:^    |`|\()stepladder ([a-z]+)", README, re.MULTILINE))
    assert {"plan", "run", "resume", "export"} <= commands <= known
    scripts = set(re.findall(r"scripts/([a-z-]+)", README))
    assert {"quickstart", "test"} <= scripts
    assert all((ROOT / "scripts" / name).is_file() for name in scripts)


def test_its_links_into_the_repository_lead_somewhere():
    rooms = re.findall(r"^    ([a-z_]+)/ ", README, re.MULTILINE)
    assert {"orchestrator", "search_spaces", "cluster", "scripts"} <= set(rooms)
    assert all((ROOT / room).is_dir() for room in rooms if room not in {"runs"})
