"""Which checkpoints somebody may still ask for, and which go: decided from the state alone, written down before.

    needed    (`keep_checkpoints`, the default) the newest one of each trial that
                  has not ended, waits, or was left at a cap       `resume` goes on from it
                  failed, or was ended because somebody asked      `retry`, `resume --retry-failed`
                  leads, or is a contender of confirming           whoever wins, `test` and the user take it
                  was stopped and is among the best of its rung    `promote` lets it go on
    last      the newest one of every trial
    all       every one

A checkpoint that a newer one of its trial replaces goes by the newer one's record, and not before that is on disk. The
newest one of a trial that nobody can need any more goes by a record of its own (`CheckpointRemoved`); from then on the
trial has none. Who is killed between the record and the removal leaves a folder that the next driver finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from orchestrator.policies.promoting import may_be_promoted
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.reserve import Confirm
from orchestrator.sweep.standing import ranked
from orchestrator.sweep.trial import Trial, TrialState
from orchestrator.sweep.trial_list import Watch


class Keeping:
    """Follows one driver's sweep, and says which checkpoints go."""

    def __init__(self, state: SweepState) -> None:
        self._state = state
        self._watch = Watch()
        self._ended: dict[int, Trial] = {}  # trials of the search that have a checkpoint, and could do without
        self._waiting: list[str] = []  # removed or replaced by records that are not on disk yet
        self._removable: list[str] = []

    def replace(self, trial: Trial, checkpoint: str | None) -> None:
        """Take that a report of the trial brings a checkpoint; called before the state takes it in."""
        is_newer = checkpoint is not None and checkpoint != trial.checkpoint
        if is_newer and trial.checkpoint and self._state.plan.spec.keep_checkpoints != "all":
            self._waiting.append(trial.checkpoint)

    def let_go(self, write: Callable[[ev.Event], None], t: float, m: float | None) -> None:
        """Record what goes now, by `write`, at `t` seconds since the epoch and `m` by the monotonic clock.

        It costs what has changed since the last time.
        """
        for record in [removal(trial, t, m) for trial in self._due()]:
            self._waiting.append(record.checkpoint)
            write(record)

    def _due(self) -> list[Trial]:
        state = self._state
        if state.is_aside or state.plan.spec.keep_checkpoints != "needed":
            return []
        is_more = False
        for trial in map(state.trials.__getitem__, self._watch.look(state.trials)):
            if has_spare(trial):
                self._ended[trial.number], is_more = trial, True
            else:
                self._ended.pop(trial.number, None)
        found = [replicate for replicate in state.replicates if has_spare(replicate)]
        return found + spare(state, self._ended.values()) if is_more else found

    def commit(self) -> None:
        """Take that every record so far is on disk."""
        self._removable += self._waiting
        self._waiting.clear()

    def take(self) -> list[str]:
        """Return, once, the checkpoints that may be removed now."""
        removable, self._removable = self._removable, []
        return removable


def is_over(trial: Trial) -> bool:
    """Say whether a trial has ended and cannot be run again: it did not fail, and nobody asked for its end."""
    is_ended = trial.state.is_final and not trial.is_open
    return is_ended and trial.state is not TrialState.FAILED and trial.withdrawn_s is None


def has_spare(trial: Trial) -> bool:
    """Say whether a trial has a checkpoint that it will never go on from."""
    return trial.checkpoint is not None and is_over(trial)


def spare(state: SweepState, ended: Iterable[Trial]) -> list[Trial]:
    """Return those of the `ended` trials of the search that cannot be, or come to be, what the sweep found."""
    known = list(ended)
    places = ranked(state.plan.goal, known)
    confirm = state.plan.spec.confirm
    top = Confirm().top if confirm == "none" else confirm.top  # `stepladder confirm` may ask for them later
    full = [trial for trial in places if trial.state is TrialState.COMPLETED and trial.max_fidelity is None]
    rivals = [trial for trial in full if trial.number][:top]
    kept = {0, *(trial.number for trial in [*places[:1], *rivals])} & {trial.number for trial in places}
    kept |= may_be_promoted(state, known)
    kept |= {replicate.replicates for replicate in state.replicates if replicate.replicates is not None}
    return [trial for trial in known if trial.number not in kept]


def unneeded(state: SweepState) -> Iterator[Trial]:
    """Yield every trial and replicate that nothing can be needed of any more, as the sweep stands."""
    yield from spare(state, [trial for trial in state.trials if is_over(trial)])
    yield from (replicate for replicate in state.replicates if is_over(replicate))


def named(state: SweepState) -> Collection[str]:
    """Return the newest checkpoint of every trial that has one, as they are recorded."""
    return [trial.checkpoint for trial in state.everyone() if trial.checkpoint is not None]


def removal(trial: Trial, t: float, m: float | None) -> ev.CheckpointRemoved:
    """Return the record that the trial's newest checkpoint goes; `t` and `m` as above."""
    assert trial.checkpoint is not None
    return ev.CheckpointRemoved(t, trial.number, trial.checkpoint, m=m)
