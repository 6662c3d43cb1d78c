"""The documentation builds as a site: every link leads somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import orchestrator
from orchestrator.cli.verbs import PANELS

ROOT = Path(__file__).parents[2]
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}


class Loaded(HTMLParser):
    """What a browser would load for a page by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        is_link_only = tag == "link" and told.get("rel") in {"canonical", "next", "prev"}
        if tag in LOADED and not is_link_only:
            self.places.append(told.get(LOADED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'stepladder[docs]'")
    folder = tmp_path_factory.mktemp("site")
    config = ROOT / "docs" / "site" / "mkdocs.yml"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", config, "-d", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.mark.long
def test_every_page_is_there_and_loads_nothing_from_elsewhere(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        away = [place for place in Loaded(page.read_text()).places if re.match(r"(https?:)?//", place)]
        assert away == [], f"{page} loads {away}"


@pytest.mark.long
def test_the_reference_tells_of_every_verb_key_and_name(site: Path):
    commands = (site / "reference" / "commands.html").read_text()
    assert all(f"stepladder {verb}" in commands for verbs in PANELS.values() for verb in verbs)
    keys = (site / "reference" / "sweep-file.html").read_text()
    assert all(f">{key}</code>" in keys for key in ("search_space", "warm_start", "confirm", "limits"))
    python = (site / "reference" / "python.html").read_text()
    assert all(f">{name}<" in python for name in orchestrator.__all__ if name != "__version__")
