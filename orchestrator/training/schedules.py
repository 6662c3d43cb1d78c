"""The learning-rate schedule that a configuration names: torch's own classes, relative to the rate that is tuned.

`learning_rate` is the highest rate that a schedule reaches, whatever its form, so one range serves all of them. A
schedule is stretched over `total`, the number of `scheduler.step()` calls of a full training (epochs, or batches when
you step after each). Where trials are compared early, a decay made for the full training judges them before it came:
with `horizon: rung` the whole schedule, warm-up included, runs once up to each rung, then anew to the next (warm
restarts, Loshchilov and Hutter 2017).

A length is a share of the schedule as a real number (0.25) or a count of steps as a whole one (30), see `keys`.

| key | read by | useful range | where absent |
|---|---|---|---|
| schedule | | none, step, multi_step, exponential, linear, cyclic, one_cycle, cosine, halving, constant_then_exponential | none |
| horizon | all | full, rung | full |
| warmup | all | 0 or 0.0 (none), 0.02..0.2 | none |
| warmup_start | all: the first rate, as a factor | 0.01..0.5 log | 0.1 |
| gamma | step, multi_step, exponential, constant_then_exponential: the factor of one decay | 0.1..0.5; exponential 0.9..0.999, too small a one drives the rate to 0 at once | 0.1; multi_step 0.5; the last two by end_factor |
| step_size | step | 0.1..0.5 | 0.25 |
| milestones | multi_step: "0.25, 0.67" or "30, 80", as text or as a list | | "0.25, 0.67" |
| start_factor | linear | 0.1..1 | 1 |
| end_factor | linear, exponential, cosine, constant_then_exponential: the last rate, as a factor | 0..0.5 (cosine may reach 0) | 0.1; cosine 0 |
| decay_length | linear, cosine (which rises again after it) | 0.5..1.0 | 1.0 |
| cycle_up, cycle_down | cyclic | 0.05..0.5 | 0.25, 0.0833 |
| base_factor | cyclic: the lowest rate, as a factor | 0.1..0.9 | 0.5 |
| peak_at | one_cycle: where the rate is highest, a share | 0.1..0.5 | 0.5 |
| div_factor, final_div_factor | one_cycle: the first rate is 1/div_factor, the last that by final_div_factor | 5..100 log | 10, 10 |
| momentum_swing | cyclic, one_cycle: how far momentum (or beta1) dips while the rate is high | 0..0.2 | 0.1 |
| halve_every | halving | 0.1..0.5 | 0.25 |
| hold | constant_then_exponential | 0.2..0.8 | 0.5 |

The examples are the articles': StepLR 30 of 120, milestones 30 and 80, cyclic 30 up and 10 down between 0.1 and 0.2,
one cycle of 120 with both factors 10. "x0.1 every 8 epochs" is `step` with `step_size: 8`; "halve every 5" is
`halving` with `halve_every: 5`; "constant, then exp(0.1 (10 - epoch))" is `constant_then_exponential` with `hold: 10`
and `gamma: 0.904837`.
"""  # noqa: E501 - a table's row is one line

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from orchestrator.training import keys
from orchestrator.training.keys import TrainingConfigError

LRScheduler = lr_scheduler.LRScheduler
_EVERY = ("schedule", "horizon", "warmup", "warmup_start")


@dataclass(frozen=True)
class _Request:
    """What one whole schedule is made of."""

    config: Mapping[str, Any]
    optimizer: Optimizer
    rates: tuple[float, ...]
    """Each parameter group's tuned rate, taken before any schedule lowered it."""
    steps: int

    def number(self, key: str, default: float) -> float:
        return keys.number(self.config, key, default)

    def length(self, key: str, default: float) -> int:
        return keys.length(self.config, key, self.steps, default)


@dataclass(frozen=True)
class _Piece:
    """One torch schedule and for how many steps it runs."""

    scheduler: LRScheduler
    steps: int


def build_lr_scheduler(
    config: Mapping[str, Any], optimizer: Optimizer, total: float, rungs: Sequence[float] = ()
) -> LRScheduler:
    """Return the schedule that `config["schedule"]` names, for `total` calls of its `step()`.

    `rungs` are the steps at which trials are compared, for `horizon: rung`. With a step an epoch, `max_fidelity` and
    `rungs` of the function's `trial` are both; with one a batch, both times the batches of an epoch. Build it right
    after the optimizer; a resumed training loads both states afterwards. Raises TrainingConfigError for a key that no
    part knows or this schedule does not read, for an impossible value, and for a schedule that cannot go with the
    optimizer.
    """
    known = keys.check_keys(config)
    name = keys.word(known, "schedule", "none")
    build, own = _SCHEDULES[name]
    keys.refuse_unused(known, "schedule", (*_EVERY, *own), "schedule", name)
    if any("initial_lr" in group for group in optimizer.param_groups):
        raise TrainingConfigError(
            "schedule", "the optimizer has a schedule already", "build it before load_state_dict, and once"
        )
    ends = _horizons(known, total, rungs)
    lengths = [end - begin for begin, end in pairwise([0, *ends])]
    warmups = [_warmup_steps(known, steps) for steps in lengths]
    # Cyclic and one-cycle lower the rates that a warm-up must arrive at, so they are built first.
    rates = tuple(float(group["lr"]) for group in optimizer.param_groups)
    mains = [
        build(_Request(known, optimizer, rates, steps - warmup)) for steps, warmup in zip(lengths, warmups, strict=True)
    ]
    pieces: list[_Piece] = []
    for main, warmup in zip(mains, warmups, strict=True):
        if warmup:
            start = keys.number(known, "warmup_start", 0.1)
            pieces.append(_Piece(lr_scheduler.LinearLR(optimizer, start, 1.0, total_iters=warmup), warmup))
        pieces.extend(main)
    if len(pieces) == 1:
        return pieces[0].scheduler
    milestones = list(accumulate(piece.steps for piece in pieces[:-1]))
    return lr_scheduler.SequentialLR(optimizer, [piece.scheduler for piece in pieces], milestones)


def _horizons(config: Mapping[str, Any], total: float, rungs: Sequence[float]) -> list[int]:
    """Return where each whole schedule ends."""
    last = _whole("total", total)
    if last < 1:
        raise TrainingConfigError("total", f"{last} steps are no training", "give the steps of a full training")
    if keys.word(config, "horizon", "full") == "full":
        return [last]
    ends = sorted({*(step for rung in rungs if (step := _whole("rungs", rung)) < last), last})
    if not rungs or ends[0] < 1:
        raise TrainingConfigError(
            "horizon", "a whole schedule up to each rung needs the rungs", "pass rungs=[3, 9, 27], in scheduler steps"
        )
    return ends


def _whole(name: str, steps: float) -> int:
    """Return a count of steps that may have been multiplied from a fidelity, which is a float."""
    if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
        raise TrainingConfigError(name, f"{steps:g} is not a count of steps", "give a whole number")
    return round(steps)


def _warmup_steps(config: Mapping[str, Any], steps: int) -> int:
    if config.get("warmup", 0) == 0:
        return 0
    warmup = keys.length(config, "warmup", steps, 0, leave=1)
    if warmup >= steps:
        raise TrainingConfigError(
            "warmup", f"{warmup} steps leave nothing of a schedule of {steps}", "shorten it, a share such as 0.1 fits"
        )
    return warmup


def _none(wanted: _Request) -> list[_Piece]:
    return [_Piece(lr_scheduler.ConstantLR(wanted.optimizer, factor=1.0, total_iters=wanted.steps), wanted.steps)]


def _step(wanted: _Request) -> list[_Piece]:
    size = wanted.length("step_size", 0.25)
    return [_Piece(lr_scheduler.StepLR(wanted.optimizer, size, wanted.number("gamma", 0.1)), wanted.steps)]


def _halving(wanted: _Request) -> list[_Piece]:
    size = wanted.length("halve_every", 0.25)
    return [_Piece(lr_scheduler.StepLR(wanted.optimizer, size, gamma=0.5), wanted.steps)]


def _multi_step(wanted: _Request) -> list[_Piece]:
    milestones = _milestones(wanted.config.get("milestones", "0.25, 0.67"), wanted.steps)
    return [_Piece(lr_scheduler.MultiStepLR(wanted.optimizer, milestones, wanted.number("gamma", 0.5)), wanted.steps)]


def _milestones(value: object, steps: int) -> list[int]:
    """Return ascending milestones; text holds them with commas or blanks between, as a plan holds plain values."""
    listed: list[object]
    if isinstance(value, str):
        words = re.split(r"[,\s]+", value.strip())
        try:
            listed = [int(word) if word.isdigit() else float(word) for word in words]
        except ValueError:
            raise TrainingConfigError("milestones", f"{value!r} is no list", 'write "0.25, 0.67" or "30, 80"') from None
    else:
        listed = list(value) if isinstance(value, list | tuple) else [value]
    return sorted(keys.in_steps("milestones", each, steps) for each in listed)


def _exponential(wanted: _Request) -> list[_Piece]:
    return [_Piece(lr_scheduler.ExponentialLR(wanted.optimizer, _gamma(wanted, wanted.steps)), wanted.steps)]


def _constant_then_exponential(wanted: _Request) -> list[_Piece]:
    hold = keys.length(wanted.config, "hold", wanted.steps, 0.5, leave=1)
    left = wanted.steps - hold
    if left < 1:
        raise TrainingConfigError("hold", f"{hold} steps leave nothing of {wanted.steps} to decay in", "shorten it")
    decay = _Piece(lr_scheduler.ExponentialLR(wanted.optimizer, _gamma(wanted, left)), left)
    if hold == 0:
        return [decay]
    return [_Piece(lr_scheduler.ConstantLR(wanted.optimizer, factor=1.0, total_iters=hold), hold), decay]


def _gamma(wanted: _Request, steps: int) -> float:
    """Return the factor of one step: as given, else such that the last of `steps` has end_factor."""
    if "gamma" not in wanted.config:
        end = wanted.number("end_factor", 0.1)
        if end == 0:
            raise TrainingConfigError("end_factor", "an exponential decay never reaches 0", "write 0.01, say")
        return float(end ** (1 / max(1, steps - 1)))
    if "end_factor" in wanted.config:
        raise TrainingConfigError("end_factor", "gamma says how fast it decays already", "give one of the two")
    return wanted.number("gamma", 0.1)


def _linear(wanted: _Request) -> list[_Piece]:
    start, end, over = wanted.number("start_factor", 1.0), wanted.number("end_factor", 0.1), _decay_length(wanted)
    return [_Piece(lr_scheduler.LinearLR(wanted.optimizer, start, end, total_iters=over), wanted.steps)]


def _cosine(wanted: _Request) -> list[_Piece]:
    end = wanted.number("end_factor", 0.0)
    if end > 0 and len(set(wanted.rates)) > 1:
        raise TrainingConfigError(
            "end_factor", "torch's cosine ends all parameter groups at one rate, and yours differ", "write 0"
        )
    lowest = end * wanted.rates[0]
    over = _decay_length(wanted)
    return [_Piece(lr_scheduler.CosineAnnealingLR(wanted.optimizer, over, eta_min=lowest), wanted.steps)]


def _decay_length(wanted: _Request) -> int:
    return wanted.length("decay_length", 1.0)


def _cyclic(wanted: _Request) -> list[_Piece]:
    momentum = _momentum(wanted, "cyclic")
    base = wanted.number("base_factor", 0.5)
    up, down = wanted.length("cycle_up", 30 / 120), wanted.length("cycle_down", 10 / 120)
    lowest = [rate * base for rate in wanted.rates]
    cycle = lr_scheduler.CyclicLR(wanted.optimizer, lowest, list(wanted.rates), up, down, **momentum)
    return [_Piece(cycle, wanted.steps)]


def _one_cycle(wanted: _Request) -> list[_Piece]:
    momentum = _momentum(wanted, "one_cycle")
    if wanted.steps < 2:
        raise TrainingConfigError("schedule", "one_cycle needs 2 steps to rise and fall", "step it after each batch")
    cycle = lr_scheduler.OneCycleLR(
        wanted.optimizer,
        max_lr=list(wanted.rates),
        total_steps=wanted.steps,
        # Its rise ends at peak * steps - 1, and torch divides by that.
        pct_start=max(wanted.number("peak_at", 0.5), 1.5 / wanted.steps),
        div_factor=wanted.number("div_factor", 10.0),
        final_div_factor=wanted.number("final_div_factor", 10.0),
        **momentum,
    )
    return [_Piece(cycle, wanted.steps)]


def _momentum(wanted: _Request, schedule: str) -> dict[str, Any]:
    """Return the arguments that swing the momentum below its tuned value while the learning rate is high.

    torch's own defaults (0.8..0.9, 0.85..0.95) would put its figures in the place of the tuned momentum.
    """
    defaults = wanted.optimizer.defaults
    if "betas" not in defaults and "momentum" not in defaults:
        raise TrainingConfigError(
            "schedule",
            f"{schedule} lowers the momentum while the rate is high, and {type(wanted.optimizer).__name__} has neither "
            "momentum nor betas",
            f"choose one of {', '.join(name for name in _SCHEDULES if name not in NEEDS_MOMENTUM)}",
        )
    tuned = float(defaults["betas"][0] if "betas" in defaults else defaults["momentum"])
    swing = wanted.number("momentum_swing", 0.1)
    if tuned == 0:
        return {"cycle_momentum": False}
    return {"cycle_momentum": True, "base_momentum": max(0.0, tuned - swing), "max_momentum": tuned}


NEEDS_MOMENTUM = ("cyclic", "one_cycle")
"""The schedules that Adagrad and Adadelta cannot have."""

_Builder = Callable[[_Request], list[_Piece]]
_SCHEDULES: Mapping[str, tuple[_Builder, tuple[str, ...]]] = {
    "none": (_none, ()),
    "step": (_step, ("step_size", "gamma")),
    "multi_step": (_multi_step, ("milestones", "gamma")),
    "exponential": (_exponential, ("gamma", "end_factor")),
    "linear": (_linear, ("start_factor", "end_factor", "decay_length")),
    "cyclic": (_cyclic, ("cycle_up", "cycle_down", "base_factor", "momentum_swing")),
    "one_cycle": (_one_cycle, ("peak_at", "div_factor", "final_div_factor", "momentum_swing")),
    "cosine": (_cosine, ("end_factor", "decay_length")),
    "halving": (_halving, ("halve_every",)),
    "constant_then_exponential": (_constant_then_exponential, ("hold", "gamma", "end_factor")),
}
