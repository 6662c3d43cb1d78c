"""What stands on each page of the server: made from logs, outside the server's loop, and kept as long as it holds.

A browser asks with the version that it shows. While nothing changed the answer is empty; else it is the page's content
and its pictures, compressed. `MOST_KEPT` of these are kept, so that a second look costs nothing.
"""

from __future__ import annotations

import gzip
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from orchestrator.errors import StepladderError, StorageError
from orchestrator.storage.lease import describe_holder
from orchestrator.ui.acts import acts_on_sweep, acts_on_trial
from orchestrator.ui.listing import sweeps_body, unread
from orchestrator.ui.sweeps import SweepReading, SweepShelf
from orchestrator.ui.trial_list import Asked, KeptRows, trials_body
from orchestrator.views.page.contents import page_of
from orchestrator.views.page.html import body, figures
from orchestrator.views.page.making import source_of
from orchestrator.views.page.one_trial import trial_page
from orchestrator.views.page.parts import Page
from orchestrator.views.trial import find_trial, last_printed, trial_meant

MOST_KEPT = 24
"""Contents that are kept, compressed; the largest, of a whole sweep, take some 300 kB."""
LOOK_S, REMOTE_LOOK_S = 2.0, 10.0
"""After how many seconds a browser asks again, of a folder and of an object store."""
LIST_S = 1.0
"""How long the list may read logs before it is shown as it is; the rest follows with the browser's next questions."""
PART = 0.2
"""Part of the time that making one page anew, again and again, may take."""


@dataclass(frozen=True)
class PageAnswer:
    """What a browser is told."""

    content: bytes
    """JSON, compressed: version, title, body, figures, again_s; empty where nothing changed."""


@dataclass(frozen=True)
class _Kept:
    version: str
    content: bytes


@dataclass(frozen=True)
class _Made:
    title: str
    body: str
    figures: str = "{}"


class LiveContents:
    """Makes them. Called from several threads."""

    def __init__(self, shelf: SweepShelf) -> None:
        self._shelf = shelf
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()
        self._lists = KeptRows()

    def __len__(self) -> int:
        """Return how many contents are kept."""
        return len(self._kept)

    def sweeps(self, query: Mapping[str, str], since: str) -> PageAnswer:
        """Return the list of all sweeps. Raises StorageError where a store does not answer."""
        readings, begun = self._shelf.readings(), time.monotonic()
        rows = [(one, one.known_line if time.monotonic() - begun > LIST_S else one.line()) for one in readings]
        made = sweeps_body(
            [(one.key, line or unread(one.folder)) for one, line in rows], query.get("q", ""), time.time()
        )
        again_s = 2 * REMOTE_LOOK_S if any(one.folder.is_remote for one in readings) else 2 * LOOK_S
        if any(line is None for _, line in rows):
            again_s = 0.5
        return self._answer("", "", since, lambda: _Made("Sweeps", made), again_s)

    def sweep(self, key: str, since: str) -> PageAnswer | None:
        """Return one sweep's page; None where there is no such sweep. Raises as `read_sweep`."""
        return self._of(key, "", since, lambda one: _drawn(_sweep_page(one), "trials/"))

    def trials(self, key: str, query: Mapping[str, str], since: str) -> PageAnswer | None:
        """Return a sweep's trials, sorted and filtered, likewise. What was asked wrongly stands in the answer."""
        asked = Asked.of(query)
        return self._of(key, f"trials {asked}", since, lambda one: self._list(one, asked))

    def trial(self, key: str, number: str, since: str) -> PageAnswer | None:
        """Return one trial, likewise. Raises UsageError where there is none of that number."""
        return self._of(key, f"trial {number}", since, lambda one: _drawn(_trial_page(one, number), ""))

    def _list(self, one: SweepReading, asked: Asked) -> _Made:
        state = one.state()
        return _Made(f"{state.plan.spec.name}: trials", trials_body(state, *self._lists.rows(one), asked))

    def _of(self, key: str, what: str, since: str, make: Callable[[SweepReading], _Made]) -> PageAnswer | None:
        one = self._shelf.reading(key)
        if one is None:
            return None
        again_s = REMOTE_LOOK_S if one.folder.is_remote else LOOK_S
        with one.lock:  # one page at a time: whoever asks for the same meanwhile gets it as it was made
            version = one.version()
            if what.startswith("trial "):
                version += f" {int(time.time() / 10)}"  # what it prints is in no log
            return self._answer(f"{key} {what}", version, since, lambda: make(one), again_s)

    def _answer(self, name: str, version: str, since: str, make: Callable[[], _Made], again_s: float) -> PageAnswer:
        with self._lock:
            kept = self._kept.get(name) if version else None
        if kept is None or kept.version != version:
            begun = time.perf_counter()
            made = make()
            version = version or str(hash(made.body))
            again_s = max(again_s, (time.perf_counter() - begun) / PART)
            text = json.dumps({"version": version, "title": made.title, "body": made.body, "again_s": again_s})
            whole = f'{text[:-1]}, "figures": {made.figures}}}'
            kept = _Kept(version, gzip.compress(whole.encode(errors="replace"), 5, mtime=0))
            self._keep(name, kept)
        return PageAnswer(b"" if kept.version == since else kept.content)

    def _keep(self, name: str, kept: _Kept) -> None:
        with self._lock:
            self._kept[name] = kept
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


def trouble(error: StepladderError) -> PageAnswer:
    """Return an answer that says what is wrong; the page keeps what it shows."""
    again_s = 2 * LOOK_S if isinstance(error, StorageError) else REMOTE_LOOK_S
    return PageAnswer(gzip.compress(json.dumps({"trouble": str(error), "again_s": again_s}).encode()))


def _drawn(page: Page, trials: str) -> _Made:
    return _Made(page.title, body(page, trials), figures(page))


def _sweep_page(one: SweepReading) -> Page:
    source = source_of(one.folder, one.state())
    page = page_of(source)
    return replace(page, sections=(*page.sections, acts_on_sweep(source.state, one.folder, source.holder)))


def _trial_page(one: SweepReading, text: str) -> Page:
    state = one.state()
    number = trial_meant(state, text)
    trial = find_trial(state, number)
    page = trial_page(state, number, last_printed(one.folder, trial), time.time())
    is_driven = describe_holder(one.files) is not None
    return replace(page, sections=(*page.sections, acts_on_trial(trial, one.folder, is_driven=is_driven)))
