"""What a person asks about single trials, from a command line to a wish in the sweep's storage.

Who asks is answered at once from the log as it is now; what becomes of it the sweep's driver says, and its log: the one
that is at work, or the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from orchestrator.errors import UsageError
from orchestrator.policies.asking import SAID, problem_of, wish_to_try
from orchestrator.policies.confirming import search_trials
from orchestrator.state.fold import SweepState
from orchestrator.storage import lease
from orchestrator.storage.location import Location
from orchestrator.storage.requests import POLL_S, REMOTE_POLL_S
from orchestrator.storage.wishes import Wish, put_wish
from orchestrator.sweep.values import Value, checked
from orchestrator.sweepfile.messages import OVERRIDE, Place
from orchestrator.sweepfile.yaml_source import UnreadableError, read_argument


class TrialQuestion(NamedTuple):
    """One question about a trial."""

    words: tuple[str, ...]
    """What asks it where the sweep's storage is seen: the verb, and what follows the sweep."""
    wish: Callable[[SweepState], Wish]
    """Takes the sweep as it is now; raises ValueError, in words, where nothing can come of it."""


def to_try(words: Sequence[str]) -> TrialQuestion:
    """Ask for a configuration, `["lr=3e-4", "momentum=0.9"]`. Raises UsageError where a word cannot be read."""
    values = dict(map(_read, words))
    if not values:
        raise UsageError("say what to try, name=value, as in: stepladder try RUN lr=3e-4 momentum=0.9")
    return TrialQuestion(("try", *words), lambda state: wish_to_try(state, values))


def to_stop(trial: int) -> TrialQuestion:
    """Ask for the end of one trial."""
    return TrialQuestion(("stop", "--trial", str(trial)), lambda state: _possible(state, Wish("stop", trial)))


def to_retry(trial: int | None) -> TrialQuestion:
    """Ask for another run of one trial. Raises UsageError where it is not said which."""
    if trial is None:
        raise UsageError("say which trial: --trial 7; all that failed: stepladder resume RUN --retry-failed")
    return TrialQuestion(("retry", "--trial", str(trial)), lambda state: _possible(state, Wish("retry", trial)))


def put(folder: Location, state: SweepState, asked: TrialQuestion, now: float) -> str:
    """Put a wish into the sweep's storage and say what it is, and who takes it. Raises UsageError, StorageError."""
    try:
        wish = asked.wish(state)
    except ValueError as error:
        raise UsageError(f"{folder}: {error}") from error
    files = folder.files()
    put_wish(files, wish, now)
    said = "; ".join(wish.notes) or SAID[wish.kind].format(trial=wish.trial)
    return f"{said}\n{_taken(folder, state, wish, lease.describe_holder(files) is not None)}"


def _taken(folder: Location, state: SweepState, wish: Wish, is_driven: bool) -> str:
    budget = search_trials(state)
    if wish.kind == "try" and len(state.trials) + len(state.wished.configurations) >= budget:
        kept = f"all {budget} trials of the budget have begun, so it is kept: stepladder resume {folder} --trials +1"
        return f"{kept} tries it" + (", once this driver has left" if is_driven else "")
    if is_driven:
        return f"the sweep's driver takes it within {REMOTE_POLL_S if folder.is_remote else POLL_S:g} s, and says so"
    return f"nobody drives the sweep now, so it is kept: stepladder resume {folder}"


def _possible(state: SweepState, wish: Wish) -> Wish:
    if (problem := problem_of(state, wish)) is not None:
        raise ValueError(problem)
    return wish


def _read(word: str) -> tuple[str, Value]:
    name, equals, text = word.partition("=")
    if not equals or not name:
        raise UsageError(f"{word!r} is not name=value; write it as in lr=3e-4")
    try:
        tree = read_argument(text, Place(OVERRIDE, word), (name,))
        for message in tree.messages.values():
            raise UsageError(str(message))
        return name, checked(tree.data)
    except UnreadableError as error:
        raise UsageError(str(error.message)) from None
    except ValueError as error:
        raise UsageError(f"{word}: {error}") from None
