"""The page in a real browser, where there is one: everything is drawn, nothing complains, nobody is asked."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from browser import BROWSER, browser, needs_browser

from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.page.html import html

pytestmark = [pytest.mark.thorough, needs_browser]


def written(told, folder: Path):
    state = replay(told)
    page = page_of(Source(state, Location.parse("runs/test"), None, "name: test\n", state.last_t))
    file = folder / "page.html"
    file.write_text(html(page))
    return page, file


def test_everything_is_drawn_nothing_complains_and_nobody_is_asked(told, tmp_path: Path):
    page, file = written(told, tmp_path)
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


ALL_DRAWN = (
    "document.documentElement?.dataset.ready && [...document.querySelectorAll('.plot')].every(p => p.dataset.drawn)"
)
FILLING = "[...document.querySelectorAll('.plot')].every(plot => plot._fullLayout.width === plot.clientWidth)"
SHEET = 1040
"""Pixels that an A4 sheet is high between its margins, where it is 700 wide."""
STACKS = "[...document.querySelectorAll('.stack')]"
LEGENDS_BELOW = ("progress", "hours", "time")
WIDEST = "Math.max(...[...document.querySelectorAll('.plot .main-svg')].map(svg => svg.getBoundingClientRect().right))"


def below(name: str) -> str:
    """An expression that says whether a picture's legend lies below the name of its axis."""
    part = "document.getElementById('{}').querySelector('{}').getBoundingClientRect()"
    return f"{part.format(name, '.xtitle')}.bottom <= {part.format(name, 'g.legend')}.top"


def test_a_telephone_and_paper_cut_nothing_off(told, tmp_path: Path):
    _, file = written(told, tmp_path)
    with browser(tmp_path, width=390) as tab:
        tab.open(f"{file.as_uri()}#all")
        tab.until(ALL_DRAWN)
        plot = "document.getElementById('progress')"
        (winner,) = tab.value(f"{plot}.layout.annotations.filter(note => note.showarrow).map(note => note.text)")
        assert winner == "winner"
        assert [name for name in LEGENDS_BELOW if not tab.value(below(name))] == [], "a legend lies over an axis's name"
        assert tab.value("[...document.querySelectorAll('.stack')].length") == 3
        assert tab.value(f"{STACKS}.every(table => table.scrollWidth <= table.parentElement.clientWidth)")
        assert tab.value(f"{STACKS}.every(table => getComputedStyle(table).display === 'block')")
        tab.resize(1280, 900)
        tab.until(f"{WIDEST} > 900 && {FILLING}")
        tab.value("dispatchEvent(new Event('beforeprint'))")
        tab.until(f"{WIDEST} < 1000")
        assert tab.value("document.querySelector('main').getBoundingClientRect().width") == 700
        assert tab.value(f"{STACKS}.every(table => getComputedStyle(table).display === 'table')")
        assert tab.value("[...document.querySelectorAll('.plot')].every(plot => plot._fullLayout.width <= 700)")
        tab.value("dispatchEvent(new Event('afterprint'))")
        tab.until(f"{WIDEST} > 900 && {FILLING}")
        assert tab.complaints == []


def test_the_first_sheet_holds_the_first_picture(told, tmp_path: Path):
    """What stands together is not broken over two sheets, so a picture that is too high leaves half a sheet empty."""
    page, file = written(told, tmp_path)
    assert page.steps, "what to do next stands above it"
    with browser(tmp_path) as tab:
        tab.open(f"{file.as_uri()}#all")
        tab.until(ALL_DRAWN)
        tab.on_paper()
        tab.until(ALL_DRAWN)
        lead = "document.getElementById('progress').closest('.lead').getBoundingClientRect()"
        assert tab.value(f"{lead}.bottom + scrollY") < SHEET
        assert tab.complaints == []


def test_what_a_telephone_prints_covers_nothing_and_breaks_no_name(told, tmp_path: Path):
    _, file = written(told, tmp_path)
    with browser(tmp_path, width=390) as tab:
        tab.open(f"{file.as_uri()}#all")
        tab.until(ALL_DRAWN)
        tab.on_paper()
        tab.until(ALL_DRAWN)
        assert [name for name in LEGENDS_BELOW if not tab.value(below(name))] == []
        plot = "document.getElementById('timeline')"
        legend = f"{plot}.querySelector('g.legend').getBoundingClientRect().bottom"
        assert tab.value(f"{legend} <= {plot}.querySelector('.bglayer').getBoundingClientRect().top")
        small = "[...document.querySelectorAll('.small figcaption')].map(found => found.getBoundingClientRect())"
        assert tab.value(
            f"{small}.every((one, at, all) => !at || one.top !== all[at - 1].top || one.left > all[at - 1].right)"
        )
        assert tab.value("document.querySelectorAll('.turned').length") == 1
        sizes = "(cell => [cell.getBoundingClientRect().width, cell.getBoundingClientRect().height])"
        heads = tab.value(f"[...document.querySelectorAll('.turned thead th')].map({sizes})")
        assert max(height for _, height in heads) > 60, "they lie on their side, whole"
        rows = tab.value(
            "[...document.querySelectorAll('.turned tbody tr')].map(row => row.getBoundingClientRect().height)"
        )
        assert max(rows) < 30, "each in one line"
        assert tab.value("document.querySelector('.turned').getBoundingClientRect().width") <= 700
        assert tab.complaints == []
