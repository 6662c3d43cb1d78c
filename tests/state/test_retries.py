from __future__ import annotations

import pytest
from sweeps import make_plan

from orchestrator.control.answers import Done, Report, ResumeTrial, StartTrial
from orchestrator.control.controller import Controller
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.retries import death_of, is_transient
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState

STALE = "train.py:3 in train: load()\nOSError: [Errno 116] Stale file handle: '/data/x'"


@pytest.mark.parametrize(
    "error",
    [
        STALE,
        "OSError: [Errno 5] Input/output error: '/data/x'",
        "a.py:1 in f: g()\nConnectionResetError: [Errno 104] Connection reset by peer",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x', port=443)",
        "urllib3.exceptions.MaxRetryError: too many",
        "TimeoutError: [Errno 110] Connection timed out",
        "httpx.ReadTimeout: the read operation timed out",
        "BrokenPipeError: [Errno 32] Broken pipe",
        "torch.distributed.DistBackendError: NCCL error in: x.cpp:1, unhandled system error",
        "RuntimeError: NCCL error: remote process exited or there was a network error, ncclRemoteError",
        "RuntimeError: CUDA error: uncorrectable ECC error encountered",
        "RuntimeError: DataLoader worker (pid 4127) is killed by signal: Killed.",
        "RuntimeError: DataLoader worker (pid(s) 12, 13) exited unexpectedly",
        'the program exited with code 1; its stderr ends with:\n  File "a.py", line 3, in f\n    x\n'
        + STALE.split("\n")[1],
    ],
)
def test_what_looks_transient(error: str):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        "",
        "ValueError: batch 5 too large",
        "FileNotFoundError: [Errno 2] No such file or directory: 'x'",
        "OSError: [Errno 28] No space left on device",
        "PermissionError: [Errno 13] Permission denied",
        "train.py:3 in train: raise ConnectionError\nValueError: no",
        "RuntimeError: NCCL error: ncclInvalidUsage: invalid usage",
        "RuntimeError: CUDA error: device-side assert triggered",
        "RuntimeError: DataLoader worker (pid 3) is killed by signal: Segmentation fault.",
        "KeyboardInterrupt",
    ],
)
def test_what_does_not(error: str | None):
    assert not is_transient(error)


@pytest.mark.parametrize(
    ("error", "how"),
    [
        ("the program was ended by SIGKILL, stderr is empty", "SIGKILL"),
        ("the worker was lost: exit code 139", "exit code 139"),
        ("the worker was lost: the node is gone", None),
        (None, None),
    ],
)
def test_how_a_worker_died(error: str | None, how: str | None):
    assert death_of(error) == how


class Desk:
    """A controller whose only trial is the baseline."""

    def __init__(self, begun: int = ev.FORMAT, **changes) -> None:
        plan = make_plan(**{"searcher": "random", "search": "random", "budget": {"trials": 1}, **changes})
        self.journal = MemoryJournal([ev.SweepPlanned(0.0, begun, plan.model_dump(mode="json"))])
        self.controller = Controller(SweepState(self.journal.events[0]), self.journal, VirtualClock())

    def end(self, outcome: Outcome, error: str | None = None, node: str = "a", upto: int = 0) -> TrialState:
        step = self.controller.next_step()
        assert isinstance(step, StartTrial | ResumeTrial)
        self.controller.on_placed(0, step.attempt, node)
        for epoch in range(int(step.from_fidelity) + 1, upto + 1):
            self.controller.on_report(Report(0, step.attempt, epoch, {"score": 0.5}, f"checkpoint/{epoch}"))
        self.controller.on_attempt_end(0, step.attempt, outcome, error)
        state = self.controller.state
        assert [t.state for t in replay(self.journal.events).trials] == [t.state for t in state.trials]
        return state.trials[0].state

    @property
    def error(self) -> str:
        return self.controller.state.trials[0].attempt.error


def test_a_transient_error_is_repeated_once_from_its_checkpoint_and_then_said():
    desk = Desk()
    assert desk.end(Outcome.ERROR, STALE, upto=2) is TrialState.INTERRUPTED
    assert desk.end(Outcome.ERROR, STALE, upto=3) is TrialState.FAILED
    started = [event for event in desk.journal.events if isinstance(event, ev.AttemptStarted)]
    assert [(event.attempt, event.fidelity) for event in started] == [(0, 0.0), (1, 2.0)]
    assert desk.error.splitlines()[-1] == "it failed so in 2 attempts"


@pytest.mark.parametrize(
    ("retry", "error", "attempts"), [({"error": 0}, STALE, 1), ({"error": 3}, STALE, 4), ({}, "ValueError: 1", 1)]
)
def test_errors_are_repeated_as_often_as_the_file_says_and_others_never(retry, error: str, attempts: int):
    desk = Desk(retry=retry)
    for _ in range(attempts - 1):
        assert desk.end(Outcome.ERROR, error) is TrialState.INTERRUPTED
    assert desk.end(Outcome.ERROR, error) is TrialState.FAILED
    assert isinstance(desk.controller.next_step(), Done)


def test_a_hung_trial_is_repeated_once():
    desk = Desk()
    assert desk.end(Outcome.HUNG, "no sign of life for 3600 s") is TrialState.INTERRUPTED
    assert desk.end(Outcome.HUNG, "no sign of life for 3600 s") is TrialState.FAILED
    assert desk.error.endswith("it hung in 2 attempts")


def test_preemptions_are_not_counted():
    desk = Desk(retry={"lost": 0})
    for _ in range(9):
        assert desk.end(Outcome.PREEMPTED, "the node was preempted") is TrialState.INTERRUPTED
    assert desk.end(Outcome.LOST, "gone") is TrialState.FAILED


@pytest.mark.parametrize(
    ("nodes", "errors", "upto", "why"),
    [
        ("abc", ["gone"] * 3, [4, 4, 4], "it died at the same place 3 times, each time on another node"),
        ("aaa", ["exit code 139"] * 3, [0, 0, 0], "it died at the same place 3 times, each time by exit code 139"),
        ("aab", ["gone"] * 3, [4, 4, 4], None),
        ("abc", ["gone"] * 3, [4, 4, 5], None),
        ("aaa", ["exit code 139", "exit code 1", "exit code 139"], [0, 0, 0], None),
    ],
)
def test_three_deaths_at_the_same_place_are_the_trials_own(nodes: str, errors: list[str], upto: list[int], why):
    desk = Desk(retry={"lost": 9})
    for node, error, end in zip(nodes, errors, upto, strict=True):
        state = desk.end(Outcome.LOST, error, node, end)
    assert state is (TrialState.INTERRUPTED if why is None else TrialState.FAILED)
    assert why is None or desk.error.splitlines()[-1] == f"{why}: the trial's own fault"


def test_a_sweep_begun_in_format_1_repeats_as_its_writer_did():
    desk = Desk(begun=1, retry={"lost": 3, "error": 0, "hung": 0})
    for node in "abc":
        assert desk.end(Outcome.LOST, "gone", node) is TrialState.INTERRUPTED
    assert desk.end(Outcome.ERROR, STALE) is TrialState.FAILED
    assert [event.repeats for event in desk.journal.events if isinstance(event, ev.AttemptEnded)] == [None] * 4
