"""The commands that ask for single trials: `try` for a configuration of one's own, `retry` for one that failed."""

from __future__ import annotations

import time

from orchestrator.cli.options import (
    SWEEP,
    AddressOption,
    IdOption,
    OverridesArgument,
    SweepArgument,
    TrialOption,
    meant,
)
from orchestrator.cli.say import answer_text, say
from orchestrator.cli.status import open_sweep
from orchestrator.project.address import to_send


def try_configuration(
    sweep: SweepArgument = SWEEP,
    values: OverridesArgument = None,
    address: AddressOption = None,
    sweep_id: IdOption = None,
) -> None:
    """Try a configuration of your own next: lr=3e-4, the rest as in the best trial so far.

    In a sweep that runs, or with its next resume. It counts as one of the budget's trials, and is learned from.
    """
    from orchestrator.project.wishing import to_try

    sweep, words = meant(sweep, values)
    handle = open_sweep(sweep, to_send(address, "try"))
    handle.refuse_other("try", sweep_id)
    answer_text(handle.wish(to_try(words), time.time()))
    say(f"next: stepladder trials {handle.typed}")


def retry(
    sweep: SweepArgument = SWEEP, trial: TrialOption = None, address: AddressOption = None, sweep_id: IdOption = None
) -> None:
    """Run a trial that failed again, with `--trial 7`: in a sweep that runs, or with its next resume.

    All that failed: `stepladder resume --retry-failed`.
    """
    from orchestrator.project.wishing import to_retry

    handle = open_sweep(sweep, to_send(address, "retry"))
    handle.refuse_other("retry", sweep_id)
    answer_text(handle.wish(to_retry(trial), time.time()))
    say(f"next: stepladder show {handle.typed} {trial}")
