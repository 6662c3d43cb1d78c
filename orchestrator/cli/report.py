"""The command `report`: one page that says what a sweep did, why, and what to do next."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, OpenOption, OutputOption, SweepArgument, WatchOption
from orchestrator.cli.say import answer_piece, answer_text, say
from orchestrator.cli.status import open_sweep
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.project.handle import SweepLog
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location

WATCH_S = 10
"""Seconds between two pages of `--watch`, and after how many the page loads itself anew; more where one takes long."""

MarkdownOption = Annotated[bool, typer.Option("--markdown", help="A screenful of Markdown instead, to stdout.")]
ShareOption = Annotated[bool, typer.Option("--share", help="Leave hosts, paths, commands and errors' texts out.")]


def report(
    sweep: SweepArgument = SWEEP,
    output: OutputOption = None,
    watch: WatchOption = False,
    browse: OpenOption = False,
    share: ShareOption = False,
    markdown: MarkdownOption = False,
) -> None:
    """Make a page of a sweep, one HTML file: running, finished or dead, from its log alone."""
    handle = open_sweep(sweep, None)
    log = handle.results()
    if markdown:
        if watch or browse:
            raise UsageError("--markdown is text, printed once; leave --watch and --open out")
        _write_markdown(log, output, is_shared=share)
        return
    if share and output is None:
        output = Path(f"{log.state.plan.spec.name}-report.html")
    place = _Place(log.folder, output, is_shared=share)
    if browse and place.file is None:
        raise UsageError(f"{log.folder} is on an object store, which no browser opens; add -o FILE")
    place.write(WATCH_S if watch else None, log.state)
    answer_text(place.name)
    if browse and place.file is not None:
        webbrowser.open(place.file.absolute().as_uri())
    if watch:
        _watch(place)


class _Place:
    """Where the page goes."""

    def __init__(self, folder: Location, output: Path | None, *, is_shared: bool) -> None:
        from orchestrator.views.page.making import FILE

        self.folder = folder
        self.file = output if output is not None else None if folder.is_remote else folder.path / FILE
        self.name = str(output or folder / FILE)
        self._is_own = output is None
        self._is_shared = is_shared

    def write(self, reload_s: int | None, state: SweepState | None = None) -> None:
        """Write the page of the sweep as it is now, or was when `state` was read.

        Raises UsageError where no file can be, StorageError when full.
        """
        from orchestrator.cli.export import write_whole
        from orchestrator.views.page.contents import page_of
        from orchestrator.views.page.html import html
        from orchestrator.views.page.making import FILE, read_source, source_of

        source = read_source(self.folder) if state is None else source_of(self.folder, state)
        text = html(page_of(source, is_shared=self._is_shared, reload_s=reload_s))
        if self._is_own:
            self.folder.files().replace(FILE, text.encode())
        elif self.file is not None:
            write_whole(self.file, text)


def _write_markdown(log: SweepLog, output: Path | None, *, is_shared: bool) -> None:
    from orchestrator.cli.export import write_whole
    from orchestrator.views.page.contents import page_of
    from orchestrator.views.page.making import source_of
    from orchestrator.views.page.markdown import markdown

    text = markdown(page_of(source_of(log.folder, log.state), is_shared=is_shared))
    if output is None:
        answer_piece(text)
        return
    write_whole(output, text)
    say(f"wrote {output}")


def _watch(place: _Place) -> None:
    """Write the page anew for as long as somebody drives the sweep, then once without reloading itself."""
    from orchestrator.results.follower import Follower
    from orchestrator.storage.lease import describe_holder

    files = place.folder.files()
    follower = Follower(files, [])
    say(f"{place.name} is kept up to date; Ctrl-C ends that")
    pause_s = 0.0
    try:
        while describe_holder(files) is not None:
            time.sleep(pause_s)
            begun = time.monotonic()
            if follower.advance():
                place.write(WATCH_S)
            pause_s = max(WATCH_S, 9 * (time.monotonic() - begun))  # a tenth of the time at most
    except KeyboardInterrupt:
        say("")
    place.write(None)
