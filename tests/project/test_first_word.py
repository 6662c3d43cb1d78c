"""A driver's first word: written by a driver, found among what it prints, waited for by whoever sent it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweeps import make_plan

from orchestrator.errors import ClusterError, ClusterLostError
from orchestrator.launchers import JobState, JobStatus, Launch, Launcher, Submission
from orchestrator.project import first_word
from orchestrator.project.first_word import FirstWord, WordState, hear, read, written
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev
from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.trial import FIRST_REPLICATE, FIRST_TEST

WAITING = AwaitedPlaces(2, "the cluster is busy: 0 of 8 GPUs are free, and a trial takes 1 GPU")


class Told(Launcher):
    """A cluster whose job goes through these moments, one a question: how it stands, and what it has printed."""

    moments: list[tuple[JobState, str]]
    said = ""

    def render(self, submission: Submission) -> Launch:
        raise NotImplementedError

    def submit(self, submission: Submission, launch: Launch, place: Path) -> str:
        raise NotImplementedError

    def stop(self, job: str) -> None:
        raise NotImplementedError

    def status(self, job: str) -> JobStatus:
        state, printed = self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]
        self.said += printed
        return JobStatus(state, "its place is taken" if state is JobState.PENDING else "")

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        if not self.said:
            raise ClusterError("there is no log yet")
        yield self.said


def heard(*moments: tuple[JobState, str]) -> FirstWord:
    launcher, seconds = Told(""), [0.0]
    launcher.moments = list(moments)

    def sleep(s: float) -> None:
        seconds[0] += s

    return hear(launcher, "digits-7", 60.0, lambda: seconds[0], sleep)


def state_of(*events: Callable[[float], ev.Event]) -> SweepState:
    state = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json")))
    for number, make in enumerate(events):
        state.apply(make(float(number)))
    return state


def started(t: float) -> ev.Event:
    return ev.DriverStarted(t, 1, "head:7", "", {})


def test_a_driver_says_nothing_before_it_has_or_awaits_a_place():
    assert first_word.first_word(state_of(started)) is None


def test_it_says_what_it_waits_for_and_then_who_is_at_work():
    waits = state_of(started, lambda t: ev.PlacesAwaited(t, WAITING))
    word = first_word.first_word(waits)
    assert word == FirstWord(WordState.WAITING, f"waiting for 2 places: {WAITING.why}")
    starting = first_word.first_word(state_of(started, lambda t: ev.PlacesAwaited(t, AwaitedPlaces(starting=1))))
    assert starting == FirstWord(WordState.STARTING, "1 worker starting")
    vain = first_word.first_word(
        state_of(started, lambda t: ev.PlacesAwaited(t, AwaitedPlaces(1, "no node holds one", is_hopeless=True)))
    )
    assert vain is not None
    assert vain.text == "waiting for 1 place, in vain as the cluster is now: no node holds one"
    config = make_plan().space.baseline
    waits.apply(ev.TrialProposed(3.0, 0, config, "stage-1", "baseline", [], None, 0))
    waits.apply(ev.AttemptStarted(4.0, 0, 0))
    waits.apply(ev.AttemptPlaced(5.0, 0, 0, "node7"))
    assert first_word.first_word(waits) == FirstWord(WordState.AT_WORK, "trial 0 is at work on node7")


def test_what_is_no_trial_of_the_search_is_named_by_the_trial_that_it_repeats():
    config = make_plan().space.baseline
    seed = state_of(
        started,
        lambda t: ev.TrialProposed(t, 0, config, "stage-1", "baseline", [], None, 0),
        lambda t: ev.TrialProposed(t, FIRST_REPLICATE, config, "stage-1", "replicate", [], None, 0, replicates=0),
        lambda t: ev.AttemptStarted(t, FIRST_REPLICATE, 0),
        lambda t: ev.AttemptPlaced(t, FIRST_REPLICATE, 0, "node7"),
    )
    at_work = "trial 0 with a fresh seed is at work on node7"
    assert first_word.first_word(seed) == FirstWord(WordState.AT_WORK, at_work)
    look = state_of(
        started,
        lambda t: ev.TrialProposed(t, 0, config, "stage-1", "baseline", [], None, 0),
        lambda t: ev.WinnerTestBegun(t, FIRST_TEST, 0, None),
        lambda t: ev.AttemptStarted(t, FIRST_TEST, 0),
        lambda t: ev.AttemptPlaced(t, FIRST_TEST, 0),
    )
    at_work = "trial 0, measured on the test set, is at work"
    assert first_word.first_word(look) == FirstWord(WordState.AT_WORK, at_work)


@pytest.mark.parametrize("state", [WordState.AT_WORK, WordState.STARTING, WordState.WAITING])
def test_what_is_written_is_read_among_all_else(state: WordState):
    word = FirstWord(state, "trial 0 is at work on node7")
    log = f"2026-11-29 INFO worker.py: accepted (as if): no\n[3s] stage tier-1\n[4s] {written(word)}\n[9s] accepted\n"
    assert read(log) == word
    assert read(log.replace(f"[4s] {written(word)}\n", "")) is None


def test_it_is_waited_for_until_it_is_there():
    line = written(FirstWord(WordState.WAITING, "waiting for 2 places: busy"))
    word = heard((JobState.PENDING, ""), (JobState.UNKNOWN, ""), (JobState.RUNNING, "noise\n"),
                 (JobState.RUNNING, f"[1s] {line}\n"))  # fmt: skip
    assert word == FirstWord(WordState.WAITING, "waiting for 2 places: busy")


def test_nothing_heard_is_said_as_it_is():
    assert heard((JobState.PENDING, "")) == FirstWord(
        WordState.UNHEARD,
        "nothing was heard from its driver within 60 s; its job is pending (its place is taken)",
    )


def test_who_has_nothing_left_to_do_has_left_in_order():
    word = heard((JobState.RUNNING, ""), (JobState.SUCCEEDED, "digits: all trials of the budget are done\n\n"))
    assert word.state is WordState.LEFT
    assert word.text.endswith("said last: digits: all trials of the budget are done")


def test_a_refusal_is_an_error_with_the_whole_of_the_drivers_reason():
    with pytest.raises(ClusterError) as refused:
        heard((JobState.RUNNING, ""), (JobState.FAILED, "warning: x\nerror: driven by head:7\nwait for it\n"))
    assert str(refused.value) == ("the driver (job digits-7) refused the sweep: driven by head:7\nwait for it")
    assert refused.value.exit_code == 1
    with pytest.raises(ClusterError, match="refused the sweep: it said nothing"):
        heard((JobState.FAILED, ""))


def test_who_took_the_sweep_and_failed_at_once_failed():
    line = written(FirstWord(WordState.AT_WORK, "trial 0 is at work"))
    with pytest.raises(ClusterError, match=r"^the driver \(job digits-7\) failed: train\.py:3"):
        heard((JobState.RUNNING, ""), (JobState.FAILED, f"[1s] {line}\nerror: train.py:3: ValueError\n"))


def test_who_left_with_work_to_do_says_why_and_that_it_can_go_on():
    with pytest.raises(ClusterLostError, match="has left with work to do: no Ray answers") as left:
        heard((JobState.STOPPED, "error: no Ray answers\n"))
    assert left.value.exit_code == 75
