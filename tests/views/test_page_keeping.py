"""report.html beside a sweep that runs: made by another process as stages begin and at the end; a line if it fails."""

from __future__ import annotations

import msgspec
import pytest
from sweeps import make_plan

from orchestrator.results.follower import Follower
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.views.page.keeping import PageKeeper
from orchestrator.views.page.making import FILE, keep_page

pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def with_pages(monkeypatch):
    monkeypatch.delenv("STEPLADDER_PAGE")


def ended(story, reason="finished"):
    end = story[-1].t
    return [ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, reason)]


def following(sweep):
    return Follower(sweep.files, [PageKeeper(sweep.location)])


def test_a_page_is_made_as_a_stage_begins_and_at_the_end(sweep, story):
    follower = following(sweep)
    sweep.write(story)
    follower.advance()
    sweep.write(ended(story))
    follower.advance()
    follower.close()
    assert follower.problems == {}
    text = (sweep.folder / FILE).read_text()
    assert "<title>test · stepladder</title>" in text
    assert "finished: all trials of the budget are done" in text, "the last page is of the whole log"


def test_a_page_that_fails_is_a_line(sweep, story):
    follower = following(sweep)
    sweep.write([*story, *ended(story)])
    follower.advance()
    (sweep.folder / FILE).mkdir()
    follower.close()
    (problem,) = follower.problems.values()
    assert problem.startswith("the report page did not end in order: ")
    assert f"its page could not be made: {sweep.folder}/{FILE}" in problem


def test_a_page_that_failed_is_not_told_where_the_next_one_is_there(sweep, story):
    """Storage that was away for a while, say."""
    keeper = PageKeeper(sweep.location)
    follower = Follower(sweep.files, [keeper])
    sweep.write(story)
    (sweep.folder / FILE).mkdir()
    follower.advance()
    keeper._maker.wait()
    (sweep.folder / FILE).rmdir()
    sweep.write(ended(story))
    follower.advance()
    follower.close()
    assert follower.problems == {}
    assert "finished: all trials of the budget are done" in (sweep.folder / FILE).read_text()


@pytest.mark.parametrize("off", ["by the sweep file", "by the environment"])
def test_it_can_be_turned_off(sweep, story, monkeypatch, off):
    if off == "by the environment":
        monkeypatch.setenv("STEPLADDER_PAGE", "0")
    else:
        plan = make_plan(budget={"trials": 6}, page=False).model_dump(mode="json")
        story = [msgspec.structs.replace(story[0], plan=story[0].plan | {"spec": plan["spec"]}), *story[1:]]
    follower = following(sweep)
    sweep.write([*story, *ended(story)])
    follower.advance()
    follower.close()
    assert (follower.problems, (sweep.folder / FILE).exists()) == ({}, False)


def test_it_lies_on_a_store_like_everything_else(bucket, story):
    from orchestrator.storage.journal import JournalWriter

    files = bucket.files()
    journal = JournalWriter(files, 1)
    for event in [*story, *ended(story)]:
        journal.append(event)
    journal.commit()
    keep_page(bucket)
    assert b"all trials of the budget are done" in files.read(FILE)
    assert Location.parse(str(bucket)).is_remote
