"""What a command does while storage holds it: says so, and leaves with the code to repeat where it stays held."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from orchestrator.cli.say import say
from orchestrator.errors import StepladderError
from orchestrator.storage.under_way import StorageWatch


def end_now(error: StepladderError, last: Callable[[], None] = lambda: None) -> None:
    """End this process with what an error says, whatever its main thread is stuck in; before that, do `last`."""
    say(f"error: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    last()
    os._exit(error.exit_code)


WATCH = StorageWatch(lambda told: say(f"warning: {told}"), end_now)
"""Looks while a command runs, but for what a driver does: it looks itself."""
