"""The page as a file: one that asks for nothing, in which whatever a sweep says stays text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from sweeps import SPACE, make_plan, smooth

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.results.export import export
from orchestrator.state.fold import replay
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.views.comparison import compared, comparison_answer
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.page.html import html
from orchestrator.views.page.markdown import markdown
from orchestrator.views.page.one_trial import trial_page
from orchestrator.views.page.parts import DataTable, Page, Section
from orchestrator.views.render import make_console, show
from orchestrator.views.status import status_answer

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._is_script = tag == "script"
        if self._is_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._is_script = False

    def handle_data(self, data):
        if self._is_script:
            self.scripts[-1] += data


def hostile(story):
    """A sweep that says ugly things wherever it may say something."""
    end = story[-1].t
    plan = json.loads(json.dumps(story[0].plan).replace('"score"', json.dumps(f"score {EVIL}")))
    plan["spec"]["search_space"]["optimizer"] |= {"choices": ["sgd", "adam", EVIL], "default": "sgd"}
    events = [ev.SweepPlanned(story[0].t, ev.FORMAT, plan)]
    for event in story[1:]:
        if isinstance(event, ev.TrialProposed):
            config = event.config | {"optimizer": EVIL if event.trial else "sgd"}
            event = replace(event, move=EVIL, config=config)
        if isinstance(event, ev.Reported):
            event = replace(event, metrics={f"score {EVIL}": event.metrics["score"]})
        if isinstance(event, ev.AttemptPlaced):
            event = ev.AttemptPlaced(event.t, event.trial, event.attempt, f"node {EVIL}", f"0 {EVIL}")
        if isinstance(event, ev.AttemptEnded):
            error = f"ValueError: {EVIL}" if event.error else None
            event = ev.AttemptEnded(event.t, event.trial, event.attempt, event.outcome, error)
        events.append(event)
    events += [ev.AttemptEnded(end, 5, 0, Outcome.ERROR, f"{EVIL}: {EVIL}"), ev.DriverStopped(end, f"{EVIL}")]
    return replay(events)


def made(state, **more):
    source = Source(state, Location.parse(f"runs/{EVIL.replace('/', '')}"), None, f"name: {EVIL}", state.last_t)
    return html(page_of(source, **more))


@pytest.fixture(scope="module")
def text(story):
    return made(hostile(story))


def test_the_page_is_small_and_asks_for_nothing(text):
    assert len(text) < 3_000_000
    asking = {"src", "href", "action", "data", "srcset", "poster", "background", "formaction"}
    assert [(tag, a) for tag, a in Tags(text).tags if asking & a.keys() or tag in {"link", "iframe", "base"}] == []


def test_its_policy_allows_its_own_two_scripts_and_no_connection(text):
    found = Tags(text)
    (policy,) = [a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert "unsafe-eval" not in policy
    figures, library, own = found.scripts
    assert [a.get("type") for tag, a in found.tags if tag == "script"] == ["text/plain", "text/plain", None]
    for script in (own, gzip.decompress(base64.b64decode(library)).decode()):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert json.loads(gzip.decompress(base64.b64decode(figures)))["progress"]["data"]


def test_hostile_text_stays_text(text):
    found = Tags(text)
    assert len(found.scripts) == 3
    assert [a for _, a in found.tags if any(name.startswith("on") for name in a)] == []
    assert "img" not in {tag for tag, _ in found.tags}
    assert text.count("&lt;/script&gt;&lt;script&gt;alert(1)") > 5, "it is shown, and shown as text"


def test_hostile_text_is_no_tag_in_a_picture_either(text):
    figures = json.loads(gzip.decompress(base64.b64decode(Tags(text).scripts[0])))
    own = re.compile(r"<extra></extra>")
    assert "<" not in own.sub("", json.dumps(figures)), "plotly.js takes some tags of what it writes"
    assert "&lt;/script&gt;" in json.dumps(figures)


def test_every_picture_can_be_heard_and_every_table_reached(text):
    found = Tags(text)
    plots = [a for _, a in found.tags if a.get("class") == "plot"]
    assert len(plots) > 5
    assert all(a["role"] == "img" and a["aria-label"] for a in plots)
    wide = [a for _, a in found.tags if a.get("class") == "wide"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in wide)
    headings = [tag for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert ("html", {"lang": "en"}) in found.tags


def test_a_watched_page_loads_itself_anew(story):
    state = replay(story)
    assert ("html", {"lang": "en", "data-reload": "10"}) in Tags(made(state, reload_s=10)).tags


@pytest.mark.parametrize(
    ("columns", "letters", "on_paper"), [(8, 40, ""), (9, 13, "turned"), (9, 14, "listed"), (30, 5, "listed")]
)
def test_a_table_that_no_sheet_is_wide_enough_for_is_listed_row_by_row(columns, letters, on_paper):
    heads = tuple(f"the_name_of_column_{number}" for number in range(columns))
    table = DataTable(heads, [("x" * letters,) * columns, ("x",) * columns])
    assert table.on_paper == on_paper
    shown = html(Page("test", "", "", (), (), (Section("best", "Best trials", "", grid=table),)))
    assert ('<table class="listed">' in shown, shown.count('data-head="the')) == (
        (True, 2 * columns) if on_paper == "listed" else (False, 0)
    )


def test_constants_that_are_secrets_are_masked_wherever_a_configuration_is_shown():
    """Of a sweep that began with some, before they were refused."""
    secrets = {"api_key": "hunter2secret", "model.db_password": "hunter2secret", "url": "postgres://me:hunter2@db/x"}
    constants = {name: {"type": "constant", "value": value} for name, value in secrets.items()}
    plan = make_plan(budget={"trials": 3}, search_space={**SPACE, **constants})
    state = simulate_plan(plan, smooth, SimulatedCluster(workers=1))[0]
    place = Location.parse("runs/test")
    page = page_of(Source(state, place, None, "", state.last_t))
    stream = io.StringIO()
    show(make_console(stream), status_answer(state, place, None))
    show(make_console(stream), comparison_answer([compared(state, name, None, state.last_t) for name in "ab"]))
    shown = (html(page), markdown(page), html(trial_page(state, 0, [], state.last_t)), stream.getvalue())
    for text in shown:
        assert "hunter2" not in text
    assert "--api_key=..." in shown[0]
    assert "hunter2secret" in export(state, "args"), "who asks for them gets what trains"


def test_secrets_are_masked(story):
    end = story[-1].t
    state = replay([*story, ev.AttemptEnded(end, 5, 0, Outcome.ERROR, "IOError: password=hunter2 was refused")])
    source = Source(state, Location.parse("runs/test"), None, "token: hunter2\n", end)
    for text in (html(page_of(source)), markdown(page_of(source))):
        assert "hunter2" not in text
        assert "password=..." in text


def test_markdown_says_the_same_in_a_screenful(story):
    state = hostile(story)
    text = markdown(page_of(Source(state, Location.parse("runs/test"), None, "", state.last_t)))
    assert text.startswith("## test\n")
    assert "<script" not in text.replace("&lt;script", "")
    assert "**What to do next**" in text
    assert "**What failed, and where**" in text
    assert len(text.splitlines()) < 60
    for row in text.splitlines():
        if row.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", row)) in {4, 5, 6}, row
