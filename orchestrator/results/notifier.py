"""Tells a program of the user's what happens to a sweep (`notify`): JSON on its stdin, ten seconds, one at a time.

It is told from a thread of its own, so nobody waits for it but the end of a run, for some seconds. A program that fails
is a warning, once in a run, and no exit code. What it is given has this form, `version` 1, whose keys stay:

    version     1
    event       finished, failed, brake, stalled or better
    sentence    what happened, for people
    at          when, ISO 8601 in UTC
    sweep       id, name, owner
    where       folder (a path or a URL), host and process of the driver
    trials      ended, failed, running, planned
    spend       gpu_hours, cpu_hours
    metric      the objective's name
    goal        maximize or minimize
    best        trial, value, stage, config of the best trial so far; null while none leads
    baseline    value of trial 0; null without one
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.results.export import ordered
from orchestrator.results.occasions import Occasion, Occasions
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import TrialState

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.location import Location
    from orchestrator.sweep.notify import Notify

VERSION = 1
LIMIT_S = 10.0
"""How long the program has."""
PATIENCE_S = 25.0
"""For how long the end of a run waits until everything is told."""

_log = logging.getLogger("stepladder")


class Notifier:
    """An observer of `orchestrator.results.follower`."""

    name = "the notifier"

    def __init__(self, notify: Notify, folder: Location, workdir: Path, epoch: int, limit_s: float = LIMIT_S) -> None:
        """Tell of the sweep in `folder` what happens under the driver of this `epoch`; programs run in `workdir`."""
        self._notify = notify
        self._folder = folder
        self._workdir = workdir
        self._limit_s = limit_s
        self._occasions = Occasions(epoch)
        self._waiting: deque[dict[str, Any]] = deque()
        self._has_news = threading.Condition()
        self._is_closing = False
        self._has_warned = False
        self._thread: threading.Thread | None = None

    def take(self, event: ev.Event, state: SweepState) -> None:
        """Take one record in; what there is to tell waits for its turn."""
        for occasion in self._occasions.take(event, state):
            self._tell(occasion, state)
        self._state = state

    def flush(self) -> None:
        """Do nothing: it is told as it comes."""

    def close(self) -> None:
        """Wait until everything is told, for some seconds at most."""
        if self._occasions.is_under_way:
            error = "its driver ended by an error, see what it printed; everything acknowledged is saved: resume it"
            self._tell(Occasion("failed", error, self._state.last_t), self._state)
        with self._has_news:
            self._is_closing = True
            self._has_news.notify()
        if self._thread is not None:
            with contextlib.suppress(KeyboardInterrupt):
                self._thread.join(PATIENCE_S)

    def _tell(self, occasion: Occasion, state: SweepState) -> None:
        if occasion.name not in self._notify.on:
            return
        told = document(occasion, state, self._folder)
        with self._has_news:
            if told["event"] == "better" and self._waiting and self._waiting[-1]["event"] == "better":
                self._waiting.pop()  # news of yesterday
            self._waiting.append(told)
            self._has_news.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="stepladder-notifier", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._has_news:
                while not self._waiting and not self._is_closing:
                    self._has_news.wait()
                if not self._waiting:
                    return
                told = self._waiting.popleft()
            problem = run(self._notify.command, told, self._workdir, self._limit_s)
            if problem is not None and not self._has_warned:
                self._has_warned = True
                _log.warning("notify: %s was not told that %s: %s", self._notify.command[0], told["sentence"], problem)


def document(occasion: Occasion, state: SweepState, folder: Location) -> dict[str, Any]:
    """Return what the program is given."""
    spec, last = state.plan.spec, state.sessions[-1]
    best, baseline, counts = state.winner(), state.baseline, state.counts()
    spend = state.spend_at(state.last_clock_s)
    return {
        "version": VERSION,
        "event": occasion.name,
        "sentence": occasion.sentence,
        "at": datetime.fromtimestamp(occasion.t, UTC).isoformat(timespec="seconds"),
        "sweep": {"id": state.plan.sweep_id, "name": spec.name, "owner": state.plan.provenance.owner},
        "where": {"folder": str(folder.absolute()), "driver": last.holder},
        "trials": {
            "ended": sum(count for found, count in counts.items() if found.is_final),
            "failed": counts.get(TrialState.FAILED, 0) + counts.get(TrialState.DIVERGED, 0),
            "running": counts.get(TrialState.RUNNING, 0),
            "planned": spec.budget.trials,
        },
        "spend": {"gpu_hours": spend.gpu_hours, "cpu_hours": spend.cpu_hours},
        "metric": spec.objective.metric,
        "goal": spec.objective.goal,
        "best": best and {
            "trial": best.number, "value": best.value, "stage": best.stage, "config": ordered(state, best),
        },
        "baseline": baseline and baseline.value,
    }  # fmt: skip


def run(command: tuple[str, ...], told: dict[str, Any], workdir: Path, limit_s: float) -> str | None:
    """Run the program and wait for its end; return what went wrong, None where nothing did.

    Files stand for its stdin and stderr: neither a program that reads nothing nor what it leaves behind can hold us up.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        stdin.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603 - the program that the user named, which is the point
                command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, cwd=workdir, start_new_session=True
            )
        except OSError as error:
            return f"it cannot be run in {workdir}: {error.strerror or error}"
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"it took more than {limit_s:g} s and was ended"
        if code == 0:
            return None
        stderr.seek(0)
        said = stderr.read(100_000).decode(errors="replace").strip().splitlines()
        return f"exit code {code}" + (f": {said[-1][:500]}" if said else "")
