"""The process's handlers of SIGINT, SIGTERM and SIGHUP: kept, answered once in our way, put back.

SIGHUP comes when the terminal is closed or its connection breaks. What is printed there fails from then on, and must
not be what the driver ends by. Who started it with `nohup` does not want it to end: an ignored SIGHUP stays ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no terminal that hangs up
)


def current_handlers() -> dict[signal.Signals, object]:
    """Return the handlers in force; none where this is not the main thread, which alone may set them."""
    return {number: signal.getsignal(number) for number in _SIGNALS} if _in_main_thread() else {}


def restore(handlers: dict[signal.Signals, object]) -> None:
    """Put handlers in force."""
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]


@contextlib.contextmanager
def signals_to(leave: Callable[[str], None]) -> Iterator[None]:
    """Answer the first signal with `leave(its name)`; the second finds Python's default."""
    if not _in_main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        restore(dict.fromkeys(answered, signal.SIG_DFL) | {signal.SIGINT: signal.default_int_handler})
        if signal.Signals(number).name == "SIGHUP":
            _print_nowhere()
        leave(signal.Signals(number).name)

    answered = [number for number in _SIGNALS if not _is_for_others(number)]
    for number in answered:
        signal.signal(number, handle)
    yield


def _is_for_others(number: signal.Signals) -> bool:
    """Say whether it is an ignored SIGHUP. A SIGINT is meant, also where a shell has a background job ignore it."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN


def _print_nowhere() -> None:
    """Turn the output that went to a terminal away from it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        if stat.S_ISCHR(os.fstat(output).st_mode):  # `isatty` denies it of one that is gone
            os.dup2(nowhere, output)
    os.close(nowhere)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
