"""`stepladder ui` in a real browser, where there is one: it is clicked through, filtered, watched, and outlived."""

from __future__ import annotations

import json
import time

import pytest
from asking import served
from browser import browser, needs_browser

from orchestrator.storage.lease import Holder, acquire
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.ui.sweeps import key_of

pytestmark = [pytest.mark.thorough, needs_browser]

RANGE = "document.getElementById('progress').layout.xaxis.range"
SHOWN = "!!document.body?.dataset.version"


def test_a_sweep_is_watched_from_the_list_to_the_death_of_its_driver(sweep, story, tmp_path):
    lease = acquire(sweep.files, Holder.current(), time.time(), lambda _: None)
    sweep.write(story[:-6])
    with served(sweep.folder.parent) as server, browser(tmp_path) as tab:
        tab.open(server.address)
        tab.until(SHOWN)
        assert "token" not in tab.value("location.href")
        tab.click(f"a[href*='{key_of(sweep.location)}']")
        tab.until(f"location.pathname.startsWith('/sweeps/') && {SHOWN}")
        tab.until("!!document.querySelector('.plot[data-drawn]')")
        assert "3 done" not in tab.value("document.body.textContent")
        watched(tab, sweep, story)
        tab.open(tab.value("location.href.replace(/[^/]*$/, '') + 'trials/'"))
        tab.until(SHOWN)
        filtered(tab)
        tab.click("td a[href='2']")
        tab.until(f"location.pathname.endsWith('/trials/2') && {SHOWN}")
        tab.until("!!document.querySelector('#curve[data-drawn]')")
        tab.press("[...document.querySelectorAll('nav a')].find(a => a.textContent === 'test')")
        tab.until(f"location.pathname.endsWith('{key_of(sweep.location)}/') && {SHOWN}")
        lease.release(sweep.journal.mark)
        tab.until("document.body.textContent.includes('gone without a word')")
        assert tab.value("document.body.textContent").count("stepladder resume") >= 1
        assert tab.complaints == []
        code, _, said = server.end()
        tab.until("document.getElementById('trouble').textContent.includes('The server of this page does not answer')")
    assert (code, "Traceback" in said) == (0, False)
    own = server.address.partition("/?")[0]
    assert {asked for asked in tab.requests if not asked.startswith(own)} <= {"data:,", "about:blank"}


def watched(tab, sweep, story):
    """What a reader opened and zoomed stays, and what is new appears."""
    tab.click("#d-progress summary")
    tab.until("document.getElementById('d-progress').open")
    whole = tab.value(RANGE)
    tab.drag("document.querySelector('#progress .nsewdrag')", (0.2, 0.3), (0.6, 0.7))
    tab.until(f"JSON.stringify({RANGE}) !== {json.dumps(json.dumps(whole, separators=(',', ':')))}")
    zoomed = tab.value(RANGE)
    tab.value("document.getElementById('progress').mark = 'the same'")
    version = tab.value("document.body.dataset.version")
    sweep.write([*story[-6:], ev.AttemptEnded(story[-1].t, 5, 0, Outcome.RETURNED)])
    tab.until(f"document.body.dataset.version !== {version!r}")
    tab.until("document.querySelector('.tiles').textContent.includes('3 done')")
    assert tab.value("document.getElementById('d-progress').open")
    assert tab.value("document.getElementById('progress').mark") == "the same"
    assert tab.value(RANGE) == zoomed
    assert tab.value("document.getElementById('progress').data.flatMap(trace => trace.text || []).join()").count(
        "trial 5"
    )


def filtered(tab):
    """A word typed and a head clicked change the table, and stand in the address."""
    rows = "[...document.querySelectorAll('tbody tr')].map(row => row.firstChild.textContent).join()"
    assert tab.value(rows) == "2,5,0,1,3,4"
    tab.click("input[name=where]")
    tab.type("learning_rate>=0.05")
    tab.until(f"{rows} === '2,1'")
    assert tab.value("document.activeElement.name") == "where"
    tab.press("[...document.querySelectorAll('th a')].find(a => a.textContent === 'trial')")
    tab.until(f"{rows} === '1,2'")
    assert tab.value("document.querySelector('th').getAttribute('aria-sort')") == "ascending"
    assert tab.value("new URLSearchParams(location.search).get('where')") == "learning_rate>=0.05"
    tab.open(tab.value("location.href"))
    tab.until(f"{rows} === '1,2'")
