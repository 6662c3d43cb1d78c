"""From a sweep's folder to its page: read the log, make the page, put it where it belongs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.control.recovery import left_without_record
from orchestrator.errors import StorageError
from orchestrator.results.diagnoses import diagnosed_winner
from orchestrator.state.reading import read_sweep
from orchestrator.storage.lease import describe_holder
from orchestrator.views.page.contents import Source, page_of
from orchestrator.views.page.html import html

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location

FILE = "report.html"
"""Where a sweep's own page lies, in its folder."""
RELOAD_S = 60
"""After how many seconds the page of a sweep that is driven loads itself anew, where a browser has it open."""


def read_source(folder: Location) -> Source:
    """Read what the page of a sweep is made from; takes no lock. Raises SweepNotFoundError, StorageError."""
    return source_of(folder, read_sweep(folder))


def source_of(folder: Location, state: SweepState) -> Source:
    """Take what a page is made from out of the state that was read of the sweep in `folder`. Raises StorageError."""
    files = folder.files()
    try:
        text = files.read("sweep.yaml").decode(errors="replace") if files.exists("sweep.yaml") else ""
    except StorageError:  # a page without the file's text is better than none
        text = ""
    left = left_without_record(state, holder := describe_holder(files), files)
    return Source(state, folder, holder, text, time.time(), diagnosed_winner(folder, state), left)


def keep_page(folder: Location) -> None:
    """Write the sweep's own page into its folder. Raises as `read_source`."""
    source = read_source(folder)
    page = page_of(source, reload_s=None if source.holder is None else RELOAD_S)
    folder.files().replace(FILE, html(page).encode())
