"""What a worker process that dies says of itself: Ray knows only that it is gone.

A crash (SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL) is told by faulthandler, with the line it stood at; `os._exit` by a
note of its code and of who called it. What SIGKILL ends says nothing. The words lie in the attempt's own folder, on the
node that it ran on, and are read there by a task.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import traceback
from pathlib import Path
from typing import NamedTuple, NoReturn, TextIO

from orchestrator.ray.worker.ending import WorkerProcess

_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
    "Illegal instruction": "SIGILL",
}
_FATAL = re.compile(r"^Fatal Python error: (?P<how>.+)$", re.MULTILINE)
_EXIT = re.compile(r"^os\._exit (?P<code>-?\d+)$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)$', re.MULTILINE)
_LIBRARY = re.compile(r"/(?:site-packages|lib/python3[^/]*)/|^<")
_words: TextIO | None = None


class LastWords(NamedTuple):
    """How a process ended, by what it left."""

    text: str
    """In a line or two, the place in the user's code among them where that is known."""
    is_own_exit: bool
    """Whether it ended itself, by `os._exit`; else it crashed."""


def keep_last_words(folder: Path, suffix: str = "") -> None:
    """Let this process leave its last words in the folder from now on."""
    global _words
    previous, _words = _words, _path(folder, suffix).open("w")
    faulthandler.enable(file=_words, all_threads=False)
    if previous is None:
        _watch_exit(os.getpid())
    else:
        previous.close()


def last_words(process: WorkerProcess) -> LastWords | None:
    """Return what a process that is gone left; None where it left nothing."""
    with contextlib.suppress(OSError):
        return read_words(_path(Path(process.folder), process.suffix).read_text(errors="replace"))
    return None


def read_words(text: str) -> LastWords | None:
    """Read what lies in the file of last words; None where that says nothing of an end."""
    frames = [frame for frame in _FRAME.finditer(text) if not _LIBRARY.search(frame["file"])]
    place = f"{Path(frames[0]['file']).name}:{frames[0]['line']} in {frames[0]['name']}" if frames else ""
    if (exited := _EXIT.search(text)) is not None:
        call = f"{place}: os._exit({exited['code']})\n" if place else ""
        said = f"{call}the training ended its own process with exit code {exited['code']} (os._exit)"
        return LastWords(said, is_own_exit=True)
    if (crashed := _FATAL.search(text)) is not None:
        signal_name = _SIGNALS.get(crashed["how"], crashed["how"])
        return LastWords(f"it died by {signal_name}{f' at {place}' if place else ''}", is_own_exit=False)
    return None


def _path(folder: Path, suffix: str) -> Path:
    return folder / f".last-words{suffix}.txt"


def _watch_exit(pid: int) -> None:
    leave = os._exit

    def noted(status: int) -> NoReturn:
        if os.getpid() == pid and _words is not None:  # a forked child ends so as a matter of course
            with contextlib.suppress(OSError, ValueError):
                _words.write(f"os._exit {status}\n{_frames()}")
                _words.flush()
        leave(status)

    os._exit = noted


def _frames() -> str:
    stack = reversed(traceback.extract_stack()[:-2])
    return "".join(f'  File "{frame.filename}", line {frame.lineno} in {frame.name}\n' for frame in stack)
