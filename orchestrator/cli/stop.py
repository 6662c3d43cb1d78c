"""The commands that ask a sweep's driver to leave: `stop` and `cancel`, from any terminal that finds the sweep.

`stop --trial` ends one trial, and nobody leaves.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.cli.options import SWEEP, AddressOption, IdOption, SweepArgument, TrialOption
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.status import open_sweep
from orchestrator.project.address import to_send

if TYPE_CHECKING:
    from orchestrator.project.handle import Handle


def stop(
    sweep: SweepArgument = SWEEP, trial: TrialOption = None, address: AddressOption = None, sweep_id: IdOption = None
) -> None:
    """Let the running trials finish and start no new ones; the sweep can go on later.

    With --trial, end that trial alone: it counts as stopped early, and the sweep goes on.
    """
    from orchestrator.project.wishing import to_stop
    from orchestrator.storage.requests import DriverRequest

    handle = open_sweep(sweep, to_send(address, "stop"))
    handle.refuse_other("stop", sweep_id)
    if trial is not None:
        answer_text(handle.wish(to_stop(trial), time.time()))
        say(f"next: stepladder show {handle.typed} {trial}")
        return
    handle.ask(DriverRequest.STOP, time.time(), answer_text)
    _say_next(handle, "stepladder cancel {}   # do not wait for them")


def cancel(sweep: SweepArgument = SWEEP, address: AddressOption = None, sweep_id: IdOption = None) -> None:
    """End a sweep's driver within seconds, everything saved; the sweep can go on later."""
    from orchestrator.storage.requests import DriverRequest

    handle = open_sweep(sweep, to_send(address, "cancel"))
    handle.refuse_other("cancel", sweep_id)
    handle.ask(DriverRequest.CANCEL, time.time(), answer_text)
    _say_next(handle, "stepladder resume {}")


def _say_next(handle: Handle, command: str) -> None:
    say(f"next: stepladder status {handle.typed}\n      {command.format(handle.typed)}")
