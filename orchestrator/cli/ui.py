"""The command `ui`: sweeps in a browser, live."""

from __future__ import annotations

import importlib.util
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import OpenOption
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.storage_waits import WATCH
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.storage.location import Location

PORT = 8484
"""The port unless told otherwise."""
NEEDED = ("starlette", "uvicorn")
"""What the extra `ui` installs."""

PlacesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Storages, sweeps' folders or sweep files: runs, s3://bucket/runs, runs/digits. Unset: what lies here.",
        metavar="[STORAGE|SWEEP]...",
        show_default=False,
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")]
RootPathOption = Annotated[
    str, typer.Option(metavar="/PREFIX", help="Path under which a proxy has it.", show_default=False)
]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Another name by which a proxy reaches it.", show_default=False),
]


def ui(
    places: PlacesArgument = None,
    port: PortOption = PORT,
    root_path: RootPathOption = "",
    allow_host: AllowHostOption = None,
    browse: OpenOption = False,
) -> None:
    """Show the sweeps of a storage in a browser, live: each with its page and its trials. Acts on nothing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"stepladder ui needs {' and '.join(missing)}, not installed here: pip install 'stepladder[ui]'; "
            "`stepladder report --open` makes the page of one sweep without"
        )
    from orchestrator.ui.door import DoorKey
    from orchestrator.ui.server import Reached, address_of, listen, serve

    reached = Reached(f"/{root_path.strip('/')}" if root_path.strip("/") else "", tuple(allow_host or ()))
    shown, listening, key = [_place(each) for each in places or ["."]], listen(port), DoorKey.cut()
    address = address_of(listening, key, reached)
    answer_text(address)
    sys.stdout.flush()
    say("whoever has that address sees these sweeps; Ctrl-C ends it")
    if browse:
        webbrowser.open(address)
    try:
        with WATCH.paused():  # its pages say so themselves
            serve(shown, listening, key, reached)
    except KeyboardInterrupt:
        say("")
    finally:
        listening.close()


def _place(text: str) -> Location:
    """Return where sweeps are looked for. Raises UsageError for what is no folder and no sweep file."""
    from orchestrator.project.finding import folder_meant
    from orchestrator.project.places import is_folder
    from orchestrator.storage.location import Location

    if is_folder(text):
        return Location.parse(text)
    if not Path(text).exists():
        raise UsageError(f"{text}: there is no such folder, and no such sweep file")
    return folder_meant(text)
