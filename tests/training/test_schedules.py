"""Schedules: the rates they give, step by step, against closed forms; warm-up, rungs, resume, and refused pairs."""

from __future__ import annotations

import math

import pytest
import torch

from orchestrator.training import TrainingConfigError, build_lr_scheduler, build_optimizer
from orchestrator.training.keys import OPTIMIZERS, SCHEDULES
from orchestrator.training.schedules import NEEDS_MOMENTUM

RATE = 0.2


def optimizer(name="sgd_momentum", rate=RATE, groups=1):
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate / 10**number} for number in range(groups)]
    return build_optimizer({"optimizer": name, "learning_rate": rate}, parameters)


def momentum(built):
    group = built.param_groups[0]
    return group["betas"][0] if "betas" in group else group.get("momentum")


def walk(built, scheduler, steps, seen=momentum):
    """Return the rates (as factors of the tuned one) and what `seen` sees, at each training step."""
    rates, others = [], []
    for _ in range(steps):
        rates.append(built.param_groups[0]["lr"] / RATE)
        others.append(seen(built))
        built.step()
        scheduler.step()
    return rates, others


def rates(total, rungs=(), name="sgd_momentum", **config):
    built = optimizer(name)
    return walk(built, build_lr_scheduler(config, built, total, rungs), total)[0]


def cosine(step, total, end=0.0):
    return end + (1 - end) * (1 + math.cos(math.pi * step / total)) / 2


@pytest.mark.parametrize(
    ("config", "total", "expected"),
    [
        ({}, 4, [1, 1, 1, 1]),
        ({"schedule": "none"}, 3, [1, 1, 1]),
        ({"schedule": "step", "gamma": 0.1, "step_size": 2}, 6, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ({"schedule": "step"}, 8, [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
        ({"schedule": "multi_step", "milestones": "0.25, 0.75"}, 4, [1, 0.5, 0.5, 0.25]),
        ({"schedule": "multi_step", "milestones": "3 1", "gamma": 0.1}, 4, [1, 0.1, 0.1, 0.01]),
        ({"schedule": "multi_step", "milestones": [2]}, 4, [1, 1, 0.5, 0.5]),
        ({"schedule": "halving", "halve_every": 2}, 5, [1, 1, 0.5, 0.5, 0.25]),
        ({"schedule": "exponential", "gamma": 0.9}, 4, [1, 0.9, 0.81, 0.729]),
        ({"schedule": "exponential", "end_factor": 0.001}, 4, [1, 0.1, 0.01, 0.001]),
        ({"schedule": "linear"}, 3, [1, 0.7, 0.4]),
        ({"schedule": "linear", "start_factor": 0.5, "end_factor": 0.0, "decay_length": 2}, 4, [0.5, 0.25, 0, 0]),
        ({"schedule": "cosine"}, 4, [cosine(step, 4) for step in range(4)]),
        ({"schedule": "cosine", "end_factor": 0.5, "decay_length": 2}, 4, [1, 0.75, 0.5, 0.75]),
        ({"schedule": "cyclic", "cycle_up": 3, "cycle_down": 1}, 6, [1 / 2, 4 / 6, 5 / 6, 1, 1 / 2, 4 / 6]),
        ({"schedule": "cyclic", "cycle_up": 0.5, "cycle_down": 0.5, "base_factor": 0.1}, 4, [0.1, 0.55, 1, 0.55]),
        ({"schedule": "one_cycle"}, 6, [0.1, 0.55, 1, *(0.01 + 0.99 * cosine(step, 3) for step in (1, 2, 3))]),
        (
            {"schedule": "constant_then_exponential", "hold": 2, "gamma": math.exp(-0.1)},
            5,
            [1, 1, 1, math.exp(-0.1), math.exp(-0.2)],
        ),
        ({"schedule": "constant_then_exponential", "end_factor": 0.01}, 6, [1, 1, 1, 1, 0.1, 0.01]),
    ],
)
def test_the_rates_are_the_closed_form(config, total, expected):
    assert rates(total, **config) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["sgd_momentum", "adam"])
def test_a_warm_up_climbs_to_the_first_rate_and_the_rest_is_the_schedule_of_what_is_left(schedule, name):
    plain = rates(12, name=name, schedule=schedule)
    warmed = rates(15, name=name, schedule=schedule, warmup=3, warmup_start=0.25)
    assert warmed[:3] == pytest.approx([plain[0] * factor for factor in (0.25, 0.5, 0.75)])
    assert warmed[3:] == pytest.approx(plain)


def test_no_warm_up_may_be_written_as_either_zero():
    assert rates(4, warmup=0) == rates(4, warmup=0.0) == rates(4)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["sgd_momentum", "adam"])
def test_a_rung_sees_a_whole_schedule_when_asked(schedule, name):
    config = {"schedule": schedule, "warmup": 0.2}
    expected = [rate for steps in (5, 10, 30) for rate in rates(steps, name=name, **config)]
    assert rates(45, rungs=[5, 15, 45], name=name, horizon="rung", **config) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("total", [40, 400])
def test_a_schedule_stretches_with_the_fidelity(schedule, total):
    short, long = rates(total, schedule=schedule), rates(total * 2, schedule=schedule)
    apart = [abs(one - other) for one, other in zip(short, long[::2], strict=True)]
    assert sum(apart) / total < 3 / total


PAIRS = [
    (name, schedule)
    for name in OPTIMIZERS
    for schedule in SCHEDULES
    if not (schedule in NEEDS_MOMENTUM and name in ("adagrad", "adadelta"))
]


@pytest.mark.parametrize(("name", "schedule"), PAIRS)
@pytest.mark.parametrize("total", [2, 3, 5, 100])
def test_no_schedule_exceeds_the_tuned_rate_or_falls_below_zero(schedule, total, name):
    seen = rates(total, name=name, schedule=schedule)
    assert all(0 <= rate <= 1 + 1e-9 for rate in seen)


@pytest.mark.parametrize("schedule", NEEDS_MOMENTUM)
@pytest.mark.parametrize("name", ["adagrad", "adadelta"])
def test_pairs_that_cannot_work_are_refused_with_the_reason(schedule, name):
    with pytest.raises(TrainingConfigError) as caught:
        build_lr_scheduler({"schedule": schedule}, optimizer(name), 10)
    assert str(caught.value) == (
        f"schedule: {schedule} lowers the momentum while the rate is high, and {name.title()} has neither momentum nor "
        "betas; choose one of none, step, multi_step, exponential, linear, cosine, halving, constant_then_exponential"
    )


@pytest.mark.parametrize("schedule", NEEDS_MOMENTUM)
@pytest.mark.parametrize(("name", "tuned"), [("sgd_momentum", 0.7), ("adam", 0.85)])
def test_the_tuned_momentum_stays_the_highest(schedule, name, tuned):
    key = "momentum" if name == "sgd_momentum" else "beta1"
    built = build_optimizer(
        {"optimizer": name, "learning_rate": RATE, key: tuned}, [torch.nn.Parameter(torch.zeros(1))]
    )
    config = {"schedule": schedule, "momentum_swing": 0.2, "warmup": 4}
    factors, seen = walk(built, build_lr_scheduler(config, built, 24), 24)
    assert (max(seen), min(seen)) == pytest.approx((tuned, tuned - 0.2))
    assert seen[factors.index(max(factors))] == pytest.approx(tuned - 0.2)
    assert seen[:4] == [tuned] * 4


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_an_optimizer_without_momentum_in_use_is_given_none(name):
    built = optimizer(name)
    _, seen = walk(built, build_lr_scheduler({"schedule": "one_cycle"}, built, 10), 10)
    assert seen == [0] * 10


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("at", [1, 4, 9, 14])
def test_a_resumed_schedule_goes_on_where_it_was(schedule, at):
    config = {"schedule": schedule, "warmup": 0.2, "horizon": "rung"}
    whole = rates(18, rungs=[6, 18], **config)
    before = optimizer()
    scheduler = build_lr_scheduler(config, before, 18, [6, 18])
    walk(before, scheduler, at)
    after = optimizer()
    resumed = build_lr_scheduler(config, after, 18, [6, 18])
    after.load_state_dict(before.state_dict())
    resumed.load_state_dict(scheduler.state_dict())
    assert walk(after, resumed, 18 - at)[0] == pytest.approx(whole[at:])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_groups_keep_their_own_rates(schedule):
    built = optimizer(groups=2)
    scheduler = build_lr_scheduler({"schedule": schedule, "warmup": 2}, built, 12)
    _, second = walk(built, scheduler, 12, seen=lambda built: built.param_groups[1]["lr"] / RATE * 10)
    again = optimizer()
    first, _ = walk(again, build_lr_scheduler({"schedule": schedule, "warmup": 2}, again, 12), 12)
    assert second == pytest.approx(first)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"schedule": "cos"}, "schedule: 'cos' is unknown; choose one of none, step"),
        (
            {"schedule": "step", "step_size": 30.0},
            "step_size: 30.0 is not a length; write a share of the whole above 0",
        ),
        ({"schedule": "step", "step_size": True}, "step_size: True is not a length"),
        ({"schedule": "multi_step", "milestones": "early"}, "milestones: 'early' is no list; write"),
        ({"schedule": "multi_step", "milestones": "0.5 1.5"}, "milestones: 1.5 is not a length"),
        ({"schedule": "cosine", "gamma": 0.5}, "gamma: has no effect where schedule is cosine"),
        ({"schedule": "exponential", "gamma": 0.9, "end_factor": 0.1}, "end_factor: gamma says how fast"),
        ({"schedule": "exponential", "end_factor": 0.0}, "end_factor: an exponential decay never reaches 0"),
        ({"warmup": 10}, "warmup: 10 steps leave nothing of a schedule of 10; shorten it"),
        ({"horizon": "rung"}, "horizon: a whole schedule up to each rung needs the rungs; pass rungs="),
        ({"schedule": "constant_then_exponential", "hold": 10}, "hold: 10 steps leave nothing of 10 to decay in"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(config, text):
    with pytest.raises(TrainingConfigError) as caught:
        build_lr_scheduler(config, optimizer(), 10)
    assert str(caught.value).startswith(text)


def test_fidelities_which_are_floats_count_steps():
    config = {"schedule": "one_cycle", "horizon": "rung"}
    assert rates(27, rungs=[3.0, 9.0, 27.0], **config) == rates(27, rungs=[3, 9, 27], **config)
    built = optimizer()
    scheduler = build_lr_scheduler(config, built, 0.3 * 70, [0.1 * 70, 0.3 * 70])
    assert walk(built, scheduler, 21)[0] == rates(21, rungs=[7, 21], **config)


def test_a_share_never_takes_the_whole():
    assert rates(1, warmup=0.2) == [1]
    assert rates(2, warmup=1.0, warmup_start=0.5) == pytest.approx([0.5, 1])
    assert rates(1, schedule="constant_then_exponential") == [1]
    assert rates(3, schedule="constant_then_exponential", hold=1.0) == [1, 1, 1]


def test_other_ways_to_go_wrong():
    with pytest.raises(TrainingConfigError, match="total: 0 steps are no training"):
        build_lr_scheduler({}, optimizer(), 0)
    with pytest.raises(TrainingConfigError, match=r"total: 82\.5 is not a count of steps; give a whole number"):
        build_lr_scheduler({}, optimizer(), 2.5 * 33)
    with pytest.raises(TrainingConfigError, match="one_cycle needs 2 steps to rise and fall"):
        build_lr_scheduler({"schedule": "one_cycle"}, optimizer(), 1)
    with pytest.raises(TrainingConfigError, match="one rate, and yours differ"):
        build_lr_scheduler({"schedule": "cosine", "end_factor": 0.1}, optimizer(groups=2), 10)
    built = optimizer()
    build_lr_scheduler({"schedule": "cosine"}, built, 10)
    with pytest.raises(TrainingConfigError, match="has a schedule already; build it before load_state_dict"):
        build_lr_scheduler({"schedule": "cosine"}, built, 10)
