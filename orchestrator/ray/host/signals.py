"""The process's handlers of SIGINT and SIGTERM: kept, answered once in our way, put back."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
        restore({signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL})
        leave(signal.Signals(number).name)

    for number in _SIGNALS:
        signal.signal(number, handle)
    yield


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
