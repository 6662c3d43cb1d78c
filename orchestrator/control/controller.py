"""The controller answers whoever owns the loop: Ray Tune or the simulator.

    next_step()                              -> StartTrial | ResumeTrial | Wait | Done
    on_report(report)                        -> CONTINUE | STOP
    on_attempt_end(trial, attempt, outcome)

A decision that changes the world (start, stop, an outcome, a carry) leaves only after it and every earlier record are
on disk. CONTINUE is answered from memory; its report is acknowledged when its frame is committed, `COMMIT_S` later at
most, provided `tick` is called a few times a second.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.control.answers import Done, HostView, Report, ResumeTrial, StartTrial, Step, Verdict, Wait
from orchestrator.control.border import Border
from orchestrator.control.measuring import MeasuringAhead, measured_by, measured_metric
from orchestrator.control.record_writer import RecordWriter
from orchestrator.control.recovery import HEARTBEAT_S, heartbeat
from orchestrator.control.remarks import ReportRemarks
from orchestrator.control.starting import begun, start_of
from orchestrator.control.stopping import reason_to_stop
from orchestrator.ladders import Proposal
from orchestrator.policies import brake
from orchestrator.policies.ahead import WorkAhead
from orchestrator.policies.caps import TRIAL_LIMIT, Caps, is_overtime
from orchestrator.policies.confirming import NextReplicate
from orchestrator.policies.keeping import Keeping
from orchestrator.policies.overdue import WITHDRAWN, overdue
from orchestrator.policies.placing import PlacesDue, places_due
from orchestrator.policies.promoting import Promotion, reopenings
from orchestrator.state.fold import SweepState
from orchestrator.state.retries import ruling
from orchestrator.sweep import event as ev
from orchestrator.sweep.recordable import cleaned
from orchestrator.sweep.spelling import spelled
from orchestrator.sweep.trial import Outcome, StopReason, Trial, TrialState

COMMIT_S = 0.5


class Controller:
    """Drives one sweep. One thread at a time may call it."""

    def __init__(
        self,
        state: SweepState,
        journal: RecordWriter,
        clock: Callable[[], float],
        check_lease: Callable[[], None] = lambda: None,
        *,
        monotonic: Callable[[], float | None] = lambda: None,
        find_checkpoint: Callable[[str], str | None] = lambda checkpoint: checkpoint,
        was_storage_away: Callable[[], bool] = lambda: False,
    ) -> None:
        """Go on from `state`.

        `clock` says seconds since the epoch, and dates; `monotonic` seconds that nobody sets back, which every record
        keeps, and by which all that takes time is measured (without one, `clock` measures, as in logs of format 1).
        `check_lease` raises LeaseLostError once another driver has the sweep, and is called at each commit.
        `find_checkpoint` returns where a recorded checkpoint lies now, None where it is gone. `was_storage_away` says
        whether nothing could be written a moment ago, and raises StorageError where nothing can now.
        """
        self.state = state
        self.stop_requested: str | None = None
        self.drain_requested: str | None = None
        self.host = HostView()
        """What the host sees beside reports and ends, for heartbeats to record."""
        self._journal = journal
        self._clock = clock
        self._monotonic = monotonic
        self._check_lease = check_lease
        self._find_checkpoint = find_checkpoint
        self._was_storage_away = was_storage_away
        self._causes: dict[int, str] = {}
        self._border = Border(measured_metric(state))
        self.remarks = ReportRemarks(state.plan.spec.fidelity)
        self._dirty_since_s: float | None = None
        self._last_heartbeat_s = self._since_s = self.clock_s()
        self._caps = Caps(state, self._since_s)
        self.keeping = Keeping(state)
        """Which checkpoints nobody can need any more."""
        self._ahead = MeasuringAhead(state) if state.is_aside else WorkAhead(state, self._caps)
        self.first_run = self._ahead.first_run
        """What holds all but the baseline back until that has shown that the code works."""
        self._brake = brake.Brake(is_proven=brake.is_proven(state.sessions, state.trials))

    def clock_s(self) -> float:
        """Return the present by the clock that measures (`Event.clock_s`)."""
        m = self._monotonic()
        return self._clock() if m is None else m

    def next_step(self) -> Step:
        """Say what to do with a free place."""
        reason = self._closed() or self._drained() or self._braked()
        if reason is None:
            wanted = self._ahead.next(self.clock_s())
            if isinstance(wanted, Promotion):
                self.write_down(*reopenings(wanted.trials, self._clock(), self._monotonic()))
                wanted = wanted.trials[0]
            if isinstance(wanted, Trial):
                return self._resume(wanted)
            if wanted is not None:
                return self._begin(wanted)
            reason = self._ahead.ending(self.clock_s())
        return Wait() if self.state.open else Done(reason)

    def startable(self) -> int:
        """Return how many trials could be started now, had each a place; `next_step` may come to fewer, not to more."""
        is_held = self._closed() or self._drained() or self._braked()
        return 0 if is_held else self._ahead.startable(self.clock_s())

    def places_due(self) -> PlacesDue:
        """Return what kind of place is to be had for what `next_step` comes to, and for how many."""
        return places_due(self.state.plan, self.startable(), self._ahead.resources(self.clock_s()))

    def on_placed(
        self, trial: int, attempt: int, node: str | None = None, gpu_ids: str | None = None,
        held_s: float | None = None, code_hash: str | None = None, outside_hash: str | None = None,
        *, entered: bool = False,
    ) -> None:  # fmt: skip
        """Take note of a worker, its place held for `held_s` by now, which is paid; again to add what was not known."""
        if self._is_current(trial, attempt):
            now, named = self._clock(), None if node is None else cleaned(node)
            placed = now, trial, attempt, named, gpu_ids, None if held_s is None else now - held_s
            self._write(ev.AttemptPlaced(*placed, code_hash, outside_hash, entered=entered, m=self._monotonic()))

    def on_report(self, report: Report) -> Verdict:
        """Judge a report. One of an attempt that is over or was told to stop, or that no log holds, is told STOP."""
        if not self._is_current(report.trial, report.attempt):
            return Verdict.STOP
        trial = self.state.trial(report.trial)
        if trial.state is not TrialState.RUNNING or not self._border.admits(report):
            return Verdict.STOP
        if trial.is_test:
            self.write_down(measured_by(report, measured_metric(self.state), self._clock(), self._monotonic()))
            return Verdict.CONTINUE
        if self.state.begun_format < 2 and report.fidelity <= trial.attempt.fidelity:
            return Verdict.CONTINUE  # as writers of format 1 did: nothing but a higher fidelity counted
        self.remarks.see(trial, report)
        t, m, metrics = self._clock(), self._monotonic(), spelled(report.metrics)
        said = (t, report.trial, report.attempt, report.fidelity, metrics, report.checkpoint)
        event = ev.Reported(*said, texts=dict(report.texts), m=m)
        self.keeping.replace(trial, report.checkpoint)
        judgement = self.state.take_report(event)
        stop = self._stop_reason(report, judgement is not None and judgement.weak, event.clock_s)
        if stop is not None or judgement is not None:
            event = ev.Reported(*said, stop, judgement, texts=event.texts, m=m)
            self.state.take_verdict(event)
        self._brake.on_report(report.trial, report.metrics[self.state.plan.spec.objective.metric])
        self._append(event)
        if stop is None:
            return Verdict.CONTINUE
        self.commit()
        return Verdict.STOP

    def on_attempt_end(self, trial: int, attempt: int, outcome: Outcome, error: str | None = None) -> None:
        """Take note that an attempt is over; to tell it twice changes nothing.

        An error is the training's own only while the storage stands: one that takes no writes fails all checkpoints.
        Where it never will again the driver ends. An attempt of which a report was refused ended by that.
        """
        if self._is_current(trial, attempt):
            if outcome in {Outcome.ERROR, Outcome.LOST} and self._was_storage_away() and outcome is Outcome.ERROR:
                outcome, self._causes[trial] = Outcome.INTERRUPTED, "storage"
            outcome, error = self._border.ending(trial, attempt, outcome, error)
            cause, state = self._cause(trial, outcome), self.state
            judges = state.begun_format > 1  # an older writer took every death for a machine's
            rule = ruling(state.trial(trial), outcome, error, state.plan.spec.retry, judges_deaths=judges)
            ended = (self._clock(), trial, attempt, outcome, "\n".join(filter(None, (error, rule.why))) or None)
            told = self.host.take_told(trial)
            self._write(ev.AttemptEnded(*ended, cause=cause, repeats=rule.repeats, **told, m=self._monotonic()))
            self._brake.on_end(state.trial(trial))
            self.commit()

    def tick(self) -> None:
        """Do what is due: commit reports, write a heartbeat, what is waited for, what goes. Call it often."""
        now_s = self.clock_s()
        if now_s - self._last_heartbeat_s >= HEARTBEAT_S:
            self._last_heartbeat_s = now_s
            self._write(heartbeat(self.state, self.host, self._clock(), self._monotonic()))
        self.keeping.let_go(self._write, self._clock(), self._monotonic())
        for told in self.host.take_news(self.state.awaited, self._clock(), self._monotonic()):
            self._write(told)
        if self._dirty_since_s is not None and now_s - self._dirty_since_s >= COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Acknowledge everything so far. Raises LeaseLostError or StorageError; then nothing more may be answered."""
        self._check_lease()
        self._journal.commit()
        self._check_lease()  # again: whoever takes over from now on reads, and seals, what was just written
        self._dirty_since_s = None
        self.keeping.commit()

    def on_storage_back(self, seconds: float, problem: str) -> None:
        """Take note that storage was away for so long, and of what it said."""
        self._write(ev.StorageWasAway(self._clock(), seconds, problem, m=self._monotonic()))

    def write_down(self, *events: ev.Event) -> None:
        """Record what was decided or measured, durably, before anybody is told."""
        for event in events:
            self._write(event)
        self.commit()

    @property
    def brake_note(self) -> str | None:
        """What new trials are held back for, in one sentence: a first run that failed, or the brake; None while not."""
        return self.first_run.note() or (self._brake.note() if self.state.plan.spec.brake else None)

    def request_stop(self, reason: str) -> None:
        """Start nothing more and answer STOP to every report, so that trials pause at their newest checkpoint."""
        self.stop_requested = self.stop_requested or reason

    def drain(self, reason: str) -> None:
        """Start nothing more and let what runs go on to its end; trials that wait are the next driver's."""
        self.drain_requested = self.drain_requested or reason

    def overdue(self) -> list[tuple[int, int]]:
        """Return (trial, attempt) of what must be ended now although it does not report (`policies.overdue`)."""
        found = overdue(self.state, self.drain_requested, self._caps, self.clock_s())
        for trial, cause in found:
            self._causes.setdefault(trial.number, cause)
        return [(trial.number, trial.attempt.number) for trial, _ in found]

    def close(self, reason: str) -> None:
        """Write down why the driver leaves; open attempts are ended as interrupted."""
        for trial in list(self.state.open.values()):
            cause = self._cause(trial.number, Outcome.INTERRUPTED) or reason
            ended = (self._clock(), trial.number, trial.attempt.number, Outcome.INTERRUPTED)
            self._write(ev.AttemptEnded(*ended, cause=cause, m=self._monotonic()))
        self.keeping.let_go(self._write, self._clock(), self._monotonic())
        note = self.brake_note if reason == brake.REASON else None
        self._write(ev.DriverStopped(self._clock(), reason, note, m=self._monotonic()))
        self.commit()

    def _begin(self, wanted: Proposal | NextReplicate) -> Step:
        for record in begun(self.state, wanted, self._clock(), self._monotonic()):
            self._write(record)
        self.commit()
        trial = self.state.trials[-1] if isinstance(wanted, Proposal) else self.state.replicates[-1]
        return start_of(self.state, trial, StartTrial)

    def _resume(self, trial: Trial) -> Step:
        found = self._find_checkpoint(trial.checkpoint) if trial.checkpoint else None
        recorded, fidelity = (trial.checkpoint, trial.checkpoint_fidelity) if found else (None, 0.0)
        started = (self._clock(), trial.number, len(trial.attempts), recorded, fidelity)
        self._write(ev.AttemptStarted(*started, m=self._monotonic()))
        self.commit()
        return start_of(self.state, trial, ResumeTrial, found)

    def _stop_reason(self, report: Report, weak: bool, now_s: float) -> StopReason | None:
        state, trial = self.state, self.state.trial(report.trial)
        reason = reason_to_stop(state.plan.spec, trial, report, weak=weak)
        if reason is not None:
            return reason
        if is_overtime(state, trial, now_s):
            self._causes[report.trial] = TRIAL_LIMIT
            return StopReason.OVERTIME
        closed = self.stop_requested or self._caps.reached(now_s, by_replicate=trial.is_replicate)
        if closed is None:
            return None
        self._causes[report.trial] = closed
        return StopReason.BUDGET

    def _cause(self, trial: int, outcome: Outcome) -> str | None:
        """Return why an attempt that ends so was ended from outside; None where it ended by itself or was judged."""
        known = self._causes.pop(trial, None)
        if self.state.trial(trial).withdrawn_s is not None:
            return WITHDRAWN
        if outcome is Outcome.INTERRUPTED:
            return known or self._closed() or self.drain_requested
        if outcome is Outcome.OVERTIME or known == TRIAL_LIMIT:
            return TRIAL_LIMIT
        told = self.state.trial(trial).state is TrialState.INTERRUPTED
        return known if told and outcome in {Outcome.STOPPED, Outcome.RETURNED} else None

    def _closed(self) -> str | None:
        return self.stop_requested or self._caps.reached(self.clock_s())

    def _drained(self) -> str | None:
        return self.drain_requested if self.drain_requested is not None and self._ahead.is_left else None

    def _braked(self) -> str | None:
        return brake.REASON if self.brake_note is not None and self._ahead.is_left else None

    def _is_current(self, trial: int, attempt: int) -> bool:
        known = self.state.trial(trial)
        return known.is_open and known.attempt.number == attempt

    def _write(self, event: ev.Event) -> None:
        self.state.apply(event)
        self._brake.on_open(len(self.state.open))
        self._append(event)

    def _append(self, event: ev.Event) -> None:
        self._journal.append(event)
        if self._dirty_since_s is None:
            self._dirty_since_s = event.clock_s
