"""Who is silent, hangs, takes too long or never begins: the rules, on a clock that the tests move."""

from __future__ import annotations

import pytest

from orchestrator.policies.silence import (
    ENDED_LEAST_S,
    GAP_S,
    TOLD_LEAST_S,
    SilenceWatch,
    patience,
)
from orchestrator.sweep.patience import Limits
from orchestrator.sweep.trial import Outcome

HOUR = 3600.0


class Watch:
    """A watch over the attempts `a` and `b`, looked at every second like a driver's."""

    def __init__(self, slowest_s=None, reports_once=False, **limits):
        self.now = 1e6
        self.slowest_s = slowest_s
        self.silence = SilenceWatch(Limits(**limits), self.now, reports_once=reports_once)
        self.found = []
        self.asked = []

    def begun(self, *keys, spent_before_s=0.0):
        for key in keys or ("a",):
            self.silence.begin(key, self.now, spent_before_s)
            self.silence.take_place(key, self.now)
            self.silence.take_begun(key, self.now)
        return self

    def report(self, key="a"):
        self.silence.take_report(key, self.now)
        return self

    def pass_(self, seconds, alive=None, every=1.0):
        """Let time pass; `alive(key)` says whether whoever is asked gives a sign of life."""
        until = self.now + seconds
        while self.now < until:
            self.now += every
            for key in self.silence.to_ask(self.now, self.slowest_s):
                self.asked.append((self.now, key))
                if alive is not None and alive(key):
                    self.silence.take_life(key, self.now)
            self.found += self.silence.look(self.now, self.slowest_s)
        return self

    @property
    def ended(self):
        return [(finding.key, finding.outcome) for finding in self.found if finding.outcome is not None]

    @property
    def told(self):
        return [finding.text for finding in self.found if finding.outcome is None]


@pytest.mark.parametrize(
    ("silence", "slowest_s", "told_s", "ended_s"),
    [
        (None, None, None, None),  # one final score each: no interval was ever seen
        (None, 0.01, TOLD_LEAST_S, ENDED_LEAST_S),
        (None, 40.0, 400.0, HOUR),
        (None, 600.0, 6000.0, 5 * HOUR),
        (0.0, 40.0, 400.0, None),
        (0.0, None, None, None),
        (1800.0, 40.0, 400.0, 1800.0),
        (1800.0, 600.0, 900.0, 1800.0),  # told before it is ended
        (1800.0, None, 900.0, 1800.0),
        (4.0, 0.5, 2.0, 4.0),
    ],
)
def test_how_long_silence_is_borne(silence, slowest_s, told_s, ended_s):
    assert patience(Limits(silence=silence), slowest_s) == (told_s, ended_s)


def test_silence_is_told_once_and_then_ended_once():
    watch = Watch(slowest_s=40.0).begun().report().pass_(399)
    assert not watch.found
    watch.pass_(HOUR - 400)
    assert watch.told == [
        "silent for 6m 40s; reports came 40s apart at most; it is ended after 1h 00m without a sign of life "
        "(limits.silence)"
    ]
    assert watch.silence.silent(watch.now) == {"a": pytest.approx(HOUR - 1)}
    assert watch.ended == []
    watch.pass_(2 * HOUR)
    assert watch.ended == [("a", Outcome.HUNG)]
    assert watch.found[-1].text == (
        "it gave no sign of life for 1h 00m (limits.silence): no report, no print, no checkpoint, and no process of "
        "it at work"
    )


def test_one_that_reports_again_is_silent_no_more_and_may_be_told_again():
    watch = Watch(slowest_s=10.0).begun().report().pass_(200).report()
    assert len(watch.told) == 1
    assert watch.silence.silent(watch.now) == {}
    watch.pass_(90)
    assert len(watch.told) == 1
    watch.pass_(20)
    assert len(watch.told) == 2


NOT_REPORTED = (
    ", and has not reported yet: no print, no file, and no process of it at work; it may compile or compute, and is "
    "not ended for silence before a first report; "
)


@pytest.mark.parametrize("silence", [None, 60.0])
@pytest.mark.parametrize(("slowest_s", "told_at"), [(None, "30m 00s"), (1.0, "10m 00s"), (90.0, "15m 00s")])
def test_silence_before_a_first_report_is_told_once_and_not_ended(silence, slowest_s, told_at):
    watch = Watch(slowest_s=slowest_s, silence=silence).begun().pass_(30 * HOUR, every=10.0)
    assert watch.told == [f"silent for {told_at}{NOT_REPORTED}limits.trial would end it"]
    assert watch.ended == []
    assert watch.silence.silent(watch.now) == {"a": pytest.approx(30 * HOUR)}


def test_before_a_first_report_a_limit_on_the_trial_is_named_and_ends_it():
    watch = Watch(trial=2 * HOUR).begun().pass_(3 * HOUR, every=10.0)
    assert watch.told == [f"silent for 30m 00s{NOT_REPORTED}limits.trial ends it (2h 00m)"]
    assert watch.ended == [("a", Outcome.OVERTIME)]


def test_before_a_first_report_signs_of_life_are_asked_for_and_count():
    watch = Watch().begun().pass_(30 * HOUR, alive=lambda _: True, every=10.0)
    assert not watch.found
    assert 0 < len(watch.asked) <= 30 * HOUR / 600


def test_a_worker_that_is_not_ready_is_not_asked():
    watch = Watch(start=0.0)
    watch.silence.begin("a", watch.now)
    watch.pass_(5 * HOUR, every=10.0)
    assert not watch.found
    assert not watch.asked


def test_a_sweep_with_one_final_score_each_has_nobody_silent():
    """Whatever its trainings report before that score, and whatever the sweep file allows."""
    watch = Watch(slowest_s=1.0, silence=60.0, reports_once=True).begun().report().pass_(5 * HOUR, every=10.0)
    assert not watch.found
    assert not watch.asked


def test_while_nobody_reported_twice_nobody_is_silent():
    watch = Watch(slowest_s=None).begun().report().pass_(30 * HOUR, every=10.0)
    assert not watch.found
    assert not watch.asked


def test_slow_but_regular_reports_are_never_told():
    watch = Watch(slowest_s=700.0).begun().report()
    for _ in range(20):
        watch.pass_(700).report()
    assert not watch.found


def test_an_epoch_of_validation_that_takes_twenty_times_longer_is_told_and_not_ended():
    watch = Watch(slowest_s=120.0).begun()
    for epoch in range(1, 11):
        watch.report().pass_(120 * (20 if epoch % 5 == 0 else 1), every=2.0)
    assert watch.ended == []
    assert len(watch.told) == 2


def test_one_that_prints_and_never_reports_again_is_not_silent():
    watch = Watch(slowest_s=1.0).begun().report().pass_(20 * HOUR, alive=lambda key: True, every=10.0)
    assert not watch.found
    assert len(watch.asked) > 100


def test_one_that_stops_printing_is_ended_that_long_after_its_last_sign():
    watch = Watch(slowest_s=1.0).begun().report()
    watch.pass_(HOUR, alive=lambda key: True)
    watch.pass_(HOUR - 60, alive=lambda key: False)
    assert watch.ended == []
    watch.pass_(90)
    assert watch.ended == [("a", Outcome.HUNG)]


def test_nobody_is_asked_who_reports_in_time_and_a_silent_one_not_all_the_time():
    watch = Watch(slowest_s=30.0).begun("a", "b", "c").report("a")
    for _ in range(60):
        watch.report("b").pass_(30)
    assert {key for _, key in watch.asked} == {"a", "c"}, "b reports"
    assert len(watch.asked) <= 2 * 1800 / 30


def test_a_written_limit_ends_sooner_than_an_hour_and_zero_never():
    assert Watch(slowest_s=1.0, silence=90.0).begun().report().pass_(100).ended == [("a", Outcome.HUNG)]
    watch = Watch(slowest_s=1.0, silence=0.0).begun().report().pass_(30 * HOUR, every=10.0)
    assert watch.ended == []
    assert watch.told == ["silent for 1m 00s; reports came 1s apart at most; it is not ended (limits.silence)"]


@pytest.mark.parametrize("jump_s", [HOUR, 30 * HOUR, -HOUR])
def test_a_clock_that_jumps_is_nobody_s_silence(jump_s):
    """The driver was stopped, or waited for storage, or the machine slept: nobody could have been heard meanwhile."""
    watch = Watch(slowest_s=1.0, trial=HOUR, start=60.0).begun().report()
    watch.silence.begin("b", watch.now)
    watch.silence.take_place("b", watch.now)
    watch.now += jump_s
    watch.pass_(5)
    assert watch.ended == []
    assert watch.silence.silent(watch.now) == {}


def test_hours_of_turns_that_each_took_a_minute_end_nobody_too_soon():
    watch = Watch(slowest_s=1.0).begun().report()
    for _ in range(int(ENDED_LEAST_S / GAP_S) - 1):
        watch.now += 60.0
        watch.found += watch.silence.look(watch.now, watch.slowest_s)
    assert watch.ended == []
    watch.pass_(2 * GAP_S)
    assert watch.ended == [("a", Outcome.HUNG)]


def test_a_trial_that_takes_too_long_is_ended_although_it_prints():
    watch = Watch(trial=1000.0).begun().pass_(1099, alive=lambda key: True)
    assert watch.ended == []
    watch.pass_(2)
    assert watch.ended == [("a", Outcome.OVERTIME)]
    assert watch.found[-1].text == (
        "the trial took 18m 20s, longer than limits.trial (16m 40s), and made no report at which it could end"
    )


def test_what_earlier_attempts_took_counts_for_the_trial():
    watch = Watch(trial=1000.0).begun(spent_before_s=900.0).pass_(199)
    assert watch.ended == []
    assert watch.pass_(2).ended == [("a", Outcome.OVERTIME)]


def test_a_worker_that_is_never_ready_is_lost():
    watch = Watch(start=600.0)
    watch.silence.begin("a", watch.now)
    watch.pass_(5 * HOUR)
    assert not watch.found, "no place yet: it waits for one, which is no fault"
    watch.silence.take_place("a", watch.now)
    watch.pass_(599)
    assert not watch.found
    watch.pass_(2)
    assert watch.ended == [("a", Outcome.LOST)]
    assert watch.found[0].text == "its worker was not ready 10m 00s after its place was (limits.start)"


def test_a_start_without_limit_is_waited_for():
    watch = Watch(start=0.0)
    watch.silence.begin("a", watch.now)
    watch.silence.take_place("a", watch.now)
    assert not watch.pass_(30 * HOUR, every=10.0).found


def test_one_that_ended_is_forgotten():
    watch = Watch(slowest_s=1.0, trial=10.0).begun().report()
    watch.silence.end("a")
    watch.silence.take_report("a", watch.now)
    watch.silence.take_life("a", watch.now)
    watch.silence.take_begun("a", watch.now)
    watch.silence.take_place("a", watch.now)
    assert not watch.pass_(2 * HOUR).found


def test_each_of_many_is_judged_by_itself():
    watch = Watch(slowest_s=1.0).begun("a", "b").report("a").report("b")
    watch.pass_(2 * HOUR, alive=lambda key: key == "b")
    assert watch.ended == [("a", Outcome.HUNG)]
