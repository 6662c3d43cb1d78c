"""What the pages of `stepladder ui` say, when it changes, and how much of it is kept."""

from __future__ import annotations

import json
import time

import pytest
from asking import Client
from msgspec.structs import replace

from orchestrator.storage.lease import Holder, acquire
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome
from orchestrator.ui.contents import MOST_KEPT, LiveContents
from orchestrator.ui.server import application
from orchestrator.ui.sweeps import MOST_STATES, SweepShelf, key_of

EVIL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def pages(sweep):
    """The pages of the storage in which `sweep` lies."""
    return Pages(SweepShelf([Location.parse(sweep.folder.parent)]), key_of(sweep.location))


class Pages:
    def __init__(self, shelf, key):
        self.shelf = shelf
        self.key = key
        self.contents = LiveContents(shelf)
        self.client = Client(application(self.contents))

    def at(self, place, since="", **query):
        """The content of a page; None while it is the one of version `since`."""
        asked = self.client.get(f"/{place}contents", params={"since": since, **query})
        return None if asked.status_code == 204 else asked.json()

    def sweep(self, place="", since="", **query):
        return self.at(f"sweeps/{self.key}/{place}", since, **query)


def finish(sweep, story):
    end = story[-1].t
    sweep.write([*story, ev.AttemptEnded(end, 5, 0, Outcome.RETURNED), ev.DriverStopped(end, "finished")])


def test_a_shell_is_there_at_once_whatever_its_sweep(pages):
    for place in ("/", f"/sweeps/{pages.key}/", f"/sweeps/{pages.key}/trials/", f"/sweeps/{pages.key}/trials/17"):
        found = pages.client.get(place)
        assert found.status_code == 200
        assert "reading the log" in found.text
        assert 'href="/' not in found.text, "an address that holds under no prefix"


def test_the_list_says_how_each_sweep_stands(sweep, story, pages, make_sweep, tmp_path):
    finish(sweep, story)
    assert f'href="sweeps/{pages.key}/">test-0123456789ab</a>' in pages.at("")["body"]
    assert "finished</span>" in pages.at("")["body"]
    assert "None with these words" in pages.at("", q="finished nobody")["body"]
    assert "1 of 1" in pages.at("", q="FINISHED test")["body"]


def test_places_may_be_a_storage_or_a_sweep(sweep, story):
    finish(sweep, story)
    for place in (sweep.folder, sweep.folder.parent, sweep.folder.parent.parent):
        assert [one.key for one in SweepShelf([Location.parse(place)]).readings()] == [key_of(sweep.location)]


def test_a_sweep_that_begins_later_appears(pages, sweep, story):
    assert "No sweep lies here yet" in pages.at("")["body"]
    assert pages.client.get(f"/sweeps/{pages.key}/contents").status_code == 404
    sweep.write(story)
    assert "1 of 1" in pages.at("")["body"]
    assert pages.sweep()["title"] == "test"


def test_it_answers_with_nothing_until_the_log_has_grown(pages, sweep, story):
    sweep.write(story[:12])
    for place in ("", "trials/"):
        first = pages.sweep(place)
        assert pages.sweep(place, first["version"]) is None
        sweep.write([ev.Heartbeat(story[12].t, [])] if place else [story[12]])
        assert pages.sweep(place, first["version"])["version"] != first["version"]


def test_a_driver_that_dies_is_news_without_a_record(pages, sweep, story):
    lease = acquire(sweep.files, Holder.current(), time.time(), lambda _: None)
    sweep.write(story)
    living = pages.sweep()
    assert "· running" in living["body"]
    assert "stepladder stop" in living["body"]
    lease.release(sweep.journal.mark)
    dead = pages.sweep(since=living["version"])
    assert "interrupted: its driver host:17 is gone without a word" in dead["body"]
    assert "stepladder stop" not in dead["body"]
    assert "stepladder resume" in dead["body"]


def test_it_draws_what_the_report_draws(pages, sweep, told):
    from orchestrator.views.page.contents import page_of
    from orchestrator.views.page.html import figures
    from orchestrator.views.page.making import read_source

    sweep.write(told)
    assert pages.sweep()["figures"] == json.loads(figures(page_of(read_source(sweep.location))))


def test_a_torn_record_is_left_out_and_a_damaged_log_is_said(pages, sweep, story):
    sweep.write(story)
    (part,) = (sweep.folder / "journal").glob("*.jsonl")
    whole = part.read_bytes()
    part.write_bytes(whole[:-7])
    assert pages.sweep()["title"] == "test"
    part.write_bytes(whole[:900] + b"x" + whole[901:])
    assert "damaged" in pages.sweep()["trouble"]
    assert "damaged" in Pages(SweepShelf([sweep.location]), pages.key).at("")["body"]
    part.write_bytes(whole)
    assert pages.sweep()["title"] == "test"


def test_trials_are_sorted_and_filtered_and_mistakes_said(pages, sweep, story):
    finish(sweep, story)

    def numbers(**query):
        body = pages.sweep("trials/", **query)["body"]
        return [
            int(part.partition('"')[0]) for part in body.partition("<tbody>")[2].split('<td class="n"><a href="')[1:]
        ]

    assert numbers() == [2, 5, 0, 1, 3, 4]
    assert numbers(state="failed") == [3, 4]
    assert numbers(stage="shape", sort="-trial") == [5, 4, 3]
    assert numbers(where="learning_rate>=0.05; stage=rate") == [2, 1]
    assert numbers(page="9", sort="trial") == [0, 1, 2, 3, 4, 5]
    assert numbers(page="x") == [2, 5, 0, 1, 3, 4]
    assert "did you mean learning_rate" in pages.sweep("trials/", where="learnin_rate=1")["body"]
    assert "write a column, a relation" in pages.sweep("trials/", where="nonsense")["body"]
    assert "there is no such state" in pages.sweep("trials/", state="alive")["body"]


def test_a_table_goes_over_pages(pages, sweep, told, monkeypatch):
    monkeypatch.setattr("orchestrator.ui.trial_list.ON_ONE_PAGE", 15)
    sweep.write(told)
    found = pages.sweep("trials/", page="3", sort="trial")["body"]
    assert "page 3 of 3" in found
    assert '<a href="30">30</a>' in found
    assert '<a href="?sort=trial&amp;page=2">earlier</a>' in found
    assert ">later</a>" not in found


def test_a_trial_tells_why_it_ended_and_what_acts_on_it(pages, sweep, story):
    sweep.write(story)
    (sweep.folder / "logs/4/0").mkdir(parents=True)
    (sweep.folder / "logs/4/0/stdout.txt").write_text("begun\nHF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz\n")
    body = pages.sweep("trials/4/")["body"]
    assert "ValueError: bad [bold]size[/bold]" in body
    assert "begun" in body
    assert "hf_abcdefgh" not in body
    assert f"stepladder retry {sweep.folder} --trial 4" in body
    running = pages.sweep("trials/5/")["body"]
    assert '<a href="2">' not in running
    assert list(pages.sweep("trials/5/")["figures"]) == ["curve"]
    assert pages.sweep("trials/winner/")["title"] == "Trial 2"
    assert "the sweep has no such trial; it has trials 0 to 5" in pages.sweep("trials/99/")["trouble"]


def test_what_a_trial_prints_is_news_though_its_log_is_not(pages, sweep, story, monkeypatch):
    sweep.write(story)
    (sweep.folder / "logs/5/0").mkdir(parents=True)
    first = pages.sweep("trials/5/")
    (sweep.folder / "logs/5/0/stdout.txt").write_text("epoch 1\n")
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 11)
    assert "epoch 1" in pages.sweep("trials/5/", first["version"])["body"]


def test_whatever_a_sweep_says_stays_text(pages, sweep, story):
    plan = json.loads(json.dumps(story[0].plan).replace('"score"', json.dumps(f"score {EVIL}")))
    evil = [
        replace(event, error=EVIL) if isinstance(event, ev.AttemptEnded) and event.error
        else replace(event, stage=EVIL, move=EVIL) if isinstance(event, ev.TrialProposed)
        else replace(event, metrics={f"score {EVIL}": event.metrics["score"]}) if isinstance(event, ev.Reported)
        else replace(event, node=EVIL) if isinstance(event, ev.AttemptPlaced)
        else event
        for event in story[1:]
    ]  # fmt: skip
    sweep.write([replace(story[0], plan=plan), *evil])
    for place in ("", "trials/", "trials/4/", "trials/5/"):
        body = pages.sweep(place, where=EVIL, sort=EVIL)["body"]
        assert "<img" not in body
        assert "</script" not in body
    assert "<img" not in pages.at("", q=EVIL)["body"]


def test_what_it_keeps_is_bounded(told, make_sweep, tmp_path):
    sweeps = [make_sweep(tmp_path / str(number)) for number in range(MOST_STATES + 2)]
    for one in sweeps:
        one.write(told)
    shelf = SweepShelf([one.location for one in sweeps])
    pages = Pages(shelf, "")
    for one in sweeps:
        pages.key = key_of(one.location)
        pages.sweep()
        for number in range(MOST_KEPT // 2):
            pages.sweep(f"trials/{number}/")
    assert sum(one.holds_state for one in shelf.readings()) == MOST_STATES
    assert len(pages.contents) == MOST_KEPT


def test_a_folder_whose_name_is_odd_has_an_address():
    keys = [key_of(Location.parse(f"/runs/{name}")) for name in ("a b", "a?b", "é☃", "..x", "x" * 300, "a%2Fb")]
    assert len(set(keys)) == len(keys)
    assert all(key.replace("-", "").replace("_", "").replace(".", "").isalnum() and len(key) < 80 for key in keys)


@pytest.mark.thorough
def test_it_shows_a_sweep_on_a_store(bucket, told):
    from orchestrator.storage.journal import JournalWriter

    folder = bucket / "far"
    files = folder.files()
    journal = JournalWriter(files, 1)
    for event in told[:-5]:
        journal.append(event)
    journal.commit()
    pages = Pages(SweepShelf([bucket]), key_of(folder))
    assert str(folder) in pages.at("")["body"]
    first = pages.sweep()
    assert first["again_s"] == 10
    assert pages.sweep(since=first["version"]) is None
    for event in told[-5:]:
        journal.append(event)
    journal.commit()
    assert pages.sweep(since=first["version"])["version"] != first["version"]
    assert pages.sweep("trials/7/")["title"] == "Trial 7"
