"""Where the time of a sweep's places went: from what the log says of its attempts, and from nothing else."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from orchestrator.results.time_use import SweepTime, time_use
from orchestrator.state.attempt_time import AttemptsTime, times_of, trial_time
from orchestrator.state.fold import replay
from orchestrator.sweep.trial import Attempt
from orchestrator.views.time_use import time_line, trial_time_line


def attempt(**known: object) -> Attempt:
    """An attempt decided at 100 by the wall and placed 10 s later; paid from 1,010 on by the clock that measures."""
    whole = Attempt(0, 100.0, placed_t=110.0, placed_s=1010.0)
    for name, value in known.items():
        setattr(whole, name, value)
    return whole


CHECKPOINTS = {"entered_s": 1014.0, "reported_s": 1040.0, "ended_t": 145.0, "charged_s": 35.0}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (CHECKPOINTS | {"checkpoints_s": 6.0}, (10, 4, 20, 5, 6)),
        (CHECKPOINTS | {"checkpoints_s": 99.0}, (10, 4, 0, 5, 26)),
        ({"placed_t": None, "placed_s": None, "ended_t": 130.0}, (30, 0, 0, 0)),
        ({"placed_t": None, "placed_s": None}, (0, 0, 0, 0)),
        ({}, (10, 0, 50, 0)),
        ({"reserved_t": 104.0}, (4, 6, 44, 0)),
        ({"reserved_t": 104.0, "entered_s": 1020.0}, (4, 10, 40, 0)),
        ({"reserved_t": 104.0, "entered_s": 1020.0, "reported_s": 1040.0}, (4, 10, 40, 0)),
        ({"entered_s": 1014.0, "reported_s": 1040.0, "ended_t": 145.0, "charged_s": 35.0}, (10, 4, 26, 5)),
        ({"entered_s": 1014.0, "ended_t": 145.0, "charged_s": 35.0}, (10, 4, 31, 0)),
        ({"entered_s": 1099.0, "reported_s": 1020.0, "ended_t": 145.0, "charged_s": 35.0}, (10, 35, 0, 0)),
        ({"reserved_t": 90.0, "ended_t": 112.0, "charged_s": 22.0}, (0, 20, 2, 0)),
    ],
)
def test_an_attempt_is_split_by_what_is_known_of_it(known: dict[str, object], expected: tuple[float, ...]):
    assert times_of([attempt(**known)], 1060.0) == AttemptsTime(*expected)


def test_of_a_sweep_every_second_of_its_places_is_somewhere(told):
    state = replay(told)
    use = time_use(state)
    trials = list(state.everyone())
    added = sum((trial_time(trial, state.last_clock_s) for trial in trials), AttemptsTime())
    assert astuple(use.attempts) == pytest.approx(astuple(added), rel=1e-12)
    charged_s = sum(attempt.charged_s for trial in trials for attempt in trial.attempts)
    assert use.attempts.held_s == pytest.approx(charged_s)
    assert use.attempts.held_s + use.idle_s == pytest.approx(use.places * use.drivers_s)
    assert 1 <= use.places <= len(trials)
    parts = (use.attempts.training_s, use.attempts.starting_s, use.attempts.ending_s, use.idle_s)
    assert sum(map(use.share, parts)) == pytest.approx(1)


def test_it_is_said_in_a_line():
    used = AttemptsTime(waiting_s=3.0, starting_s=24.0, training_s=134.0, ending_s=6.0)
    assert time_line(SweepTime(used, 2, 100.0)) == (
        "2 places for 1m 40s: 67 % training, 12 % process starts and imports, 3 % ending, 18 % idle; "
        "waited for a place 3s"
    )
    assert (
        trial_time_line(AttemptsTime(0.0, 4.0, 65.0, 1.0)) == "training 1m 05s, process start and imports 4s, ending 1s"
    )
    assert trial_time_line(AttemptsTime(0.0, 4.0, 65.0, 1.0, 2.0)).startswith(
        "training 1m 05s, checkpoints 2s, process start"
    )
    assert SweepTime(AttemptsTime(), 0, 0.0).share(0.0) == 0
