"""The page in a real browser, where there is one: everything is drawn, nothing complains, nobody is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.control.fold import replay
from orchestrator.storage.location import Location
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.page.html import html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed here: apt-get install chromium"),
]


def test_everything_is_drawn_nothing_complains_and_nobody_is_asked(told, tmp_path: Path):
    state = replay(told)
    page = page_of(Source(state, Location.parse("runs/test"), None, "name: test\n", state.last_t))
    file = tmp_path / "page.html"
    file.write_text(html(page))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--no-first-run"]
    shown = subprocess.run(
        [BROWSER, *options, "--dump-dom", f"{file.as_uri()}#all"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    drawings = [drawing for section in page.sections for drawing in section.drawings]
    assert 'data-ready="' in shown.stdout
    for drawing in drawings:
        drawn = re.search(rf'id="{drawing.name}"[^>]*data-drawn="yes"', shown.stdout)
        assert drawn, f"{drawing.name} is not drawn"
    assert shown.stdout.count("main-svg") >= len(drawings)
    # Whatever a page would ask for its policy refuses, and says so on the console.
    assert "CONSOLE" not in shown.stderr, shown.stderr
