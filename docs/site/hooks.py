"""The site's pages that are made from the code, and the links that lead out of docs/.

The reference is never written by hand: commands from what each verb says of itself, the sweep file's keys from its JSON
Schema, Python from its docstrings (by mkdocstrings).
"""

from __future__ import annotations

import html
import inspect
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import orchestrator
from orchestrator.cli.verbs import PANELS, command
from orchestrator.sweepfile.schema import json_schema

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the guides, in README's order, all recipes and all decisions into the navigation: no second list of them."""
    guides = dict.fromkeys(re.findall(r"\]\((guides/[^)#]+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    config.nav.insert(2, {"Guides": list(guides)})
    for heading, folder in (("Recipes", "recipes"), ("Decisions", "decisions")):
        pages = sorted(path.name for path in (ROOT / "docs" / folder).glob("*.md") if path.name != "README.md")
        config.nav.append({heading: [f"{folder}/README.md", *(f"{folder}/{name}" for name in pages)]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code, and those of the project that lie beside docs/."""
    made = {
        "reference/commands.md": commands(),
        "reference/sweep-file.md": sweep_file(),
        "reference/python.md": python(),
    }
    for schema in sorted((ROOT / "orchestrator" / "schemas").glob("*.json")):
        made[f"reference/schemas/{schema.name}"] = schema.read_text()
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def commands() -> str:
    """Return the page of the commands, in the order of their use."""
    parts = ["# Commands\n\n`stepladder VERB --help` says the same on a terminal.\n"]
    for panel, verbs in PANELS.items():
        parts.append(f"## {panel}\n")
        for name in verbs:
            parts += [f"### stepladder {name}\n", *_command(command(name), f"stepladder {name}"), *_schemas(name)]
    return "\n".join(parts)


def _schemas(verb: str) -> list[str]:
    """Return where the schemas of a verb's `--json` are; a verb that has verbs has one of each."""
    found = sorted((ROOT / "orchestrator" / "schemas").glob(f"{verb}*.json"))
    names = [file.name for file in found if file.stem == verb or file.stem.startswith(f"{verb}-")]
    return [f"Answer with `--json`: [{name}](schemas/{name})\n" for name in names]


def _command(told: Any, name: str) -> list[str]:
    """Return what one verb says of itself; of a verb that has verbs, what each of them does."""
    with told.make_context(name, [], resilient_parsing=True) as context:
        parts = [_text(told.help or ""), ""]
        for own in sorted(getattr(told, "commands", {})):
            parts += [f"**{name} {own}**", "", *_command(told.commands[own], f"{name} {own}")]
        rows = [record for parameter in told.get_params(context) if (record := parameter.get_help_record(context))]
    if rows:
        parts += [
            "| | what it does |",
            "|---|---|",
            *(f"| {_code(left)} | {_cell(right)} |" for left, right in rows),
            "",
        ]
    return parts


def sweep_file() -> str:
    """Return the page of the sweep file's keys."""
    schema = json_schema()
    parts = [
        "# Keys of the sweep file\n\nFrom the JSON Schema that `stepladder schema` prints.\n",
        _text(schema["description"]),
    ]
    parts += ["", *_keys(schema["properties"])]
    for name, told in sorted(schema["$defs"].items()):
        if told.get("properties"):
            parts += [f"\n## {name}\n", _text(told.get("description", "")), "", *_keys(told["properties"])]
    return "\n".join(parts) + "\n"


def _keys(properties: dict[str, Any]) -> list[str]:
    rows = ["| key | value | if left out | what it is |", "|---|---|---|---|"]
    for key, told in properties.items():
        default = f"`{_cell(json.dumps(told['default']))}`" if "default" in told else ""
        rows.append(f"| {_code(key)} | {_cell(_values(told))} | {default} | {_cell(told.get('description', ''))} |")
    return rows


def _values(told: dict[str, Any]) -> str:
    """Return in a few words what a key takes."""
    if "$ref" in told:
        return told["$ref"].rpartition("/")[2]
    if "enum" in told or "const" in told:
        return ", ".join(f"`{value}`" for value in told.get("enum", [told.get("const")]))
    for key in ("anyOf", "oneOf"):
        if key in told:
            return " or ".join(dict.fromkeys(_values(one) for one in told[key]))
    kind = told.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def python() -> str:
    """Return the page of what `import orchestrator` hands on; mkdocstrings fills it in."""
    parts = ["# Python\n\nWhat `import orchestrator` hands on.\n"]
    for name in orchestrator.__all__:
        found = getattr(orchestrator, name)
        if hasattr(found, "__qualname__"):  # a class or a function; the version is neither
            parts.append(f"::: {found.__module__}.{found.__qualname__}\n")
    return "\n".join(parts)


def _text(told: str) -> str:
    return inspect.cleandoc(told).replace("\b", "")


def _code(told: str) -> str:
    """Return what is typed for a cell of a table; in Markdown's own ticks a bar would show its backslash."""
    return f'<code style="white-space: nowrap">{html.escape(" ".join(told.split())).replace("|", "&#124;")}</code>'


def _cell(told: str) -> str:
    """Return a text for a cell of a table, in one line."""
    return " ".join(told.split()).replace("|", "\\|")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave the words of a link that leads out of docs/, into the repository; the site has no such page."""

    def within(found: re.Match[str]) -> str:
        words, target, _ = found.groups()
        if re.match(r"[a-z]+:", target):
            return found[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), target))
        if files.get_file_from_path(place) is not None:
            return found[0]
        if (ROOT / "docs" / place).exists():
            return f"{words} (`{posixpath.normpath(posixpath.join('docs', place))}` in the repository)"
        return found[0]  # leads nowhere: MkDocs says so

    return _LINK.sub(within, markdown)
