"""The pages of docs/recipes: the files that they show, and a short run of their sweeps."""

from __future__ import annotations

import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "recipes"
_FILE = re.compile(r"^```(?:python|yaml)\n# (\S+\.(?:py|yaml))\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def pages() -> list[str]:
    """Return the names of the pages, the overview left out."""
    return sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README")


def shown_in(page: str) -> dict[str, str]:
    """Return the files that a page shows, by the name in their first line."""
    text = (PAGES / f"{page}.md").read_text()
    return {name: f"# {name}\n{content}" for name, content in _FILE.findall(text)}


def write(page: str, folder: Path) -> list[Path]:
    """Write a page's files into a folder; return its sweep files."""
    files = shown_in(page)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return [folder / name for name in files if name.startswith("sweep")]
