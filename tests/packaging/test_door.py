"""What the pages for contributors name is there: commands, files, fixtures, markers, rooms, decisions."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from architecture import FLOORS, modules, room_of
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
GONE_OR_WRITTEN = re.compile(r"(dist|journal|runtime)/")
"""Folders that a build or a sweep writes, and those of the past that a decision tells of."""
PAGES = ["CONTRIBUTING.md", "TESTING.md", "SECURITY.md", "docs/design.md"]
PAGES += [f"docs/decisions/{path.name}" for path in DECISIONS]
READ = [
    "README.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("**/*.md")) if path not in DECISIONS),
]
SECTIONS = ["Context", "Decision", "Consequences", "What would change our mind"]
MARKERS = [
    marker.partition(":")[0]
    for marker in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
]


def text(page: str) -> str:
    return (ROOT / page).read_text()


def commands(page: str) -> list[list[str]]:
    """The commands of the page's indented lines and of its code spans."""
    found = re.findall(r"^    (scripts/.*?)(?:  +#.*)?$|`(scripts/[^`]+)`", text(page), re.MULTILINE)
    return [shlex.split(indented or span) for indented, span in found]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "TESTING.md"])
def test_every_command_is_there_and_knows_its_options(page: str):
    assert len(commands(page)) >= 4
    for script, *arguments in commands(page):
        path = ROOT / script
        assert path.is_file(), script
        assert path.stat().st_mode & 0o111, f"{script} cannot be executed"
        for option in (argument for argument in arguments if argument.startswith("--")):
            assert re.search(rf"{option}\b", path.read_text()), f"{script} has no {option}"
        for folder in (argument for argument in arguments if argument.startswith("tests/")):
            assert (ROOT / folder).is_dir(), folder


def test_four_commands_are_enough():
    block = text("CONTRIBUTING.md").split("\n\n")[2]
    assert [line.split()[0] for line in block.splitlines()] == [
        "scripts/setup-env", "scripts/test", "scripts/test", "scripts/quickstart",
    ]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page: str):
    for name in re.findall(r"`([\w./-]+/[\w./-]*|[A-Z]+\.md)`", text(page)):
        places = [
            ROOT / name,
            ROOT / "orchestrator" / name,
            ROOT / "orchestrator" / "ray" / name,
            ROOT / "tests" / name,
        ]
        assert GONE_OR_WRITTEN.match(name) or any(place.exists() for place in places), f"{page} names {name}"


@pytest.mark.parametrize("page", [*PAGES, "docs/decisions/README.md", *READ])
def test_every_link_leads_somewhere(page: str):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text(page)):
        assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_what_would_change_our_mind(path: Path):
    assert re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE) == SECTIONS
    number, title = re.match(r"# (\d+)\. (.+)\n", path.read_text()).groups()
    assert path.name.startswith(f"{int(number):02d}-")
    assert f"| [{number}]({path.name}) | {title} |" in text("docs/decisions/README.md")
    assert all(len(part.strip()) > 40 for part in re.split(r"^## .+$", path.read_text(), flags=re.MULTILINE)[1:])


def test_the_index_lists_every_decision():
    listed = re.findall(r"\]\((\d\d-[\w-]+\.md)\)", text("docs/decisions/README.md"))
    assert listed == [path.name for path in DECISIONS]
    assert len(listed) >= 11


def test_the_map_shows_the_floors_and_every_room():
    (block,) = re.findall(r"From the roof to the ground:\n\n(.*?)\n\n", text("docs/design.md"), re.DOTALL)
    assert tuple(tuple(line.split()) for line in block.splitlines()) == FLOORS
    (table,) = re.findall(r"^\| room \|.*?\n\n", text("docs/design.md"), re.MULTILINE | re.DOTALL)
    named = {name.rstrip("/").replace("/", ".").removesuffix(".py") for name in re.findall(r"`([\w/.]+)`", table)}
    rooms = {room_of(module) for module in modules()} - {"__init__", "errors", "exitcodes", "members", "wording", "ray"}
    assert rooms <= named


def test_the_markers_are_those_of_the_project():
    (table,) = re.findall(r"^\| marker \|.*?\n\n", text("TESTING.md"), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(MARKERS)
    fast = re.search(r"--fast\) selection=\(-m \"(.+?)\"\)", text("scripts/test"))
    assert set(re.findall(r"not (\w+)", fast[1])) == set(MARKERS)


def test_the_support_modules_are_all_spoken_of():
    modules_there = {path.stem for path in (ROOT / "tests" / "support").glob("*.py")}
    page = text("TESTING.md")
    assert {name for name in modules_there if not re.search(rf"`{name}(\.py)?`", page)} == set()


def test_the_fixtures_that_are_named_are_there():
    sources = [*(ROOT / "tests").rglob("conftest.py"), *(ROOT / "tests" / "support").glob("*.py")]
    fixtures = {name for path in sources for name in re.findall(r"@pytest.fixture.*\ndef (\w+)", path.read_text())}
    page = text("TESTING.md")
    sentences = re.findall(r"the fixtures? ((?:`\w+`(?: \([^)]*\))?(?:, | and )?)+)", page)
    named = {name for sentence in sentences for name in re.findall(r"`(\w+)`", sentence)}
    assert len(named) >= 9
    assert named <= fixtures


def test_the_hooks_are_the_projects_own():
    config = YAML(typ="safe", pure=True).load(text(".pre-commit-config.yaml"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    assert {hook["entry"].split()[0] for hook in repository["hooks"]} == {".venv/bin/ruff", ".venv/bin/mypy"}
    assert all(hook["language"] == "system" for hook in repository["hooks"])


@pytest.mark.parametrize(
    "path", [*(ROOT / ".github").rglob("*.yml"), ROOT / "CITATION.cff"], ids=lambda path: path.name
)
def test_the_forms_are_yaml(path: Path):
    form = YAML(typ="safe", pure=True).load(path.read_text())
    if path.parent.name == "ISSUE_TEMPLATE" and path.name != "config.yml":
        assert {"name", "description", "body"} <= set(form)
        ids = [entry["id"] for entry in form["body"]]
        assert len(ids) == len(set(ids))
        assert all(entry["attributes"]["label"] for entry in form["body"])


def test_nobody_is_named_by_mail():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("*.cff"), *(ROOT / ".github").rglob("*.*"), *(ROOT / "docs").rglob("*.md")]
    mail = re.compile(r"[\w.]+@[\w-]+\.[a-z]{2,}")
    assert [path.name for path in pages if mail.search(path.read_text().replace("container@account.dfs", ""))] == []
