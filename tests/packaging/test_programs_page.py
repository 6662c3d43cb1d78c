"""docs/guides/programs.md: its examples are what the code does with them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.project.workspace import plan_from_file
from orchestrator.sweep.program import Arguments, Metrics
from orchestrator.sweepfile.arguments import written
from orchestrator.sweepfile.placeholders import TRIAL_FIELDS, filled

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "programs.md").read_text()
SWEEP, ARGS, METRICS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("more", ["", ARGS, METRICS], ids=["as it is", "with args", "with metrics"])
def test_its_sweep_file_is_valid_and_argparse_takes_what_it_writes(tmp_path: Path, more: str):
    (tmp_path / "sweep.yaml").write_text(SWEEP + more)
    (tmp_path / "train.py").write_text("")
    plan = plan_from_file(tmp_path / "sweep.yaml")
    assert plan.spec.command is not None
    parser = argparse.ArgumentParser()
    dash = "-" if more == ARGS else "_"
    parser.add_argument(f"--learning{dash}rate", type=float)
    flag = argparse.BooleanOptionalAction if more == ARGS else "store_true"
    parser.add_argument(f"--use{dash}nesterov", action=flag)
    given = filled(plan.spec.command, plan.space.baseline, {}, plan.spec.args or Arguments())
    assert vars(parser.parse_args(given[2:])) == {"learning_rate": 0.01, "use_nesterov": True}


def test_its_table_names_every_way_to_write_arguments():
    (table,) = re.findall(r"^\| key \| \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    key, shown = "", set()
    values = {"style": {"weight_decay": 0.1}, "booleans": {"nesterov": True}, "lists": {"widths": [64, 32]}}
    for line in table.strip().splitlines()[2:]:
        named, ways, read = (cell.strip() for cell in line.split("|")[1:4])
        key = named.strip("` ") or key
        found = re.findall(r"`(\w+)`", ways)
        shown |= {(key, way) for way in found}
        if key in values:
            (example,) = re.findall(r"^`([^`]+)`", read)
            assert " ".join(written(values[key], Arguments(**{key: found[0]}))) == example
    fields = Arguments.model_json_schema()["properties"]
    assert shown == {(name, way) for name, field in fields.items() for way in field["enum"]}


def test_it_names_everything_that_braces_may_hold():
    named = set(re.findall(r"\{trial\.(\w+)\}", PAGE))
    assert named | {"sweep_folder"} == set(TRIAL_FIELDS)


def test_readme_hands_the_winner_over_as_this_page_does():
    readme = (ROOT / "README.md").read_text()
    assert re.search(
        r"^    stepladder export \S+ --format argv0 \| xargs -0 python \S+ --seed 3$", readme, re.MULTILINE
    )
    assert YAML(typ="safe").load(ARGS) == {"args": {"style": "dash", "booleans": "pair", "lists": "spaces"}}


def test_its_table_names_every_place_where_metrics_are_read():
    (table,) = re.findall(r"^\| `metrics` \|.*?\n\n", PAGE, re.DOTALL | re.MULTILINE)
    named = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)[:`]", row.split("|")[1])}
    assert named == set(Metrics.model_fields)
