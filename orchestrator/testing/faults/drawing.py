"""Draws a sweep: space, ladder, searcher, scheduler, budget and caps, patience, places, and what its trainings do."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from random import Random
from typing import Any

from orchestrator.planning.compile import compile_plan
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.spec import SweepSpec

GROUND = Provenance(versions={"python": "3.12", "ray": "2.60.0"}, git_commit=None, code_hash="c0de")
DOMAINS: tuple[dict[str, Any], ...] = (
    {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01},
    {"type": "float", "low": 0.0, "high": 0.9, "default": 0.3},
    {"type": "float", "low": 0.0, "high": 1.0, "step": 0.1, "default": 0.3},
    {"type": "int", "low": 16, "high": 256, "scale": "log", "default": 32},
    {"type": "int", "low": 1, "high": 8, "default": 2},
    {"type": "choice", "choices": ["sgd", "adam", "lion"], "default": "sgd"},
    {"type": "choice", "choices": [True, False], "default": False},
)
LADDERS = ("soft-stages", "hard-stages", "screen-stages-joint", "joint", "random")


@dataclass(frozen=True, slots=True)
class Task:
    """What a sweep's trainings come to."""

    seed: int
    """Of the surface."""
    noise: float
    """How far two seeds of a training lie apart, at most."""
    cliff: float
    """Share of the space, about, in which trainings diverge."""
    broken: float
    """Likewise in which they raise."""

    def value(self, config: Config, seed: int, fidelity: float) -> float:
        """Return the objective of a training with `seed` at `fidelity`: from 0 to about 1."""
        return self.height(config, fidelity) + self.luck(config, seed, fidelity)

    def height(self, config: Config, fidelity: float) -> float:
        """Return its part that is the configuration's."""
        if self._place(config, "cliff") < self.cliff and fidelity > 1:
            return math.nan
        height = sum(self._place({name: value}, "height") for name, value in config.items()) / len(config)
        return height * (1 - math.exp(-fidelity / 3))

    def luck(self, _config: Config, seed: int, fidelity: float) -> float:
        """Return its part that is the seed's."""
        return self.noise * (zlib.crc32(f"{seed}/{fidelity}".encode()) / 2**32 - 0.5)

    def error(self, config: Config, _attempt: int, fidelity: float) -> str | None:
        """Return the error that a training raises before its report at `fidelity`; None where it raises none."""
        fails = self._place(config, "broken") < self.broken and fidelity > 1
        return f"ValueError: width {sorted(config.items())} does not divide" if fails else None

    def _place(self, config: Config, what: str) -> float:
        return zlib.crc32(f"{self.seed}/{what}/{sorted(config.items())}".encode()) / 2**32


@dataclass(frozen=True, slots=True)
class DrawnSweep:
    """A sweep to be played."""

    plan: Plan
    """What it compiles to."""
    task: Task
    """What its trainings come to."""
    places: int
    """Trials that its cluster holds at once, over all nodes."""
    is_remote: bool
    """Whether it lies on an object store."""
    pace_s: float
    """Seconds between two reports of a training, about."""
    keeps_every: int
    """Reports between two checkpoints; 0: none."""

    @property
    def is_capped(self) -> bool:
        """Say whether time decides anything: then faults that take time change what is decided."""
        budget, limits = self.plan.spec.budget, self.plan.spec.limits
        return any((budget.gpu_hours, budget.cpu_hours, budget.wall, limits.trial))


def draw(random: Random) -> DrawnSweep:
    """Draw a sweep."""
    places, pace_s = random.choice((1, 1, 1, 2, 3, 5)), random.uniform(2.0, 20.0)
    trials, longest = random.randint(3, 12), random.choice((3, 4, 6, 9))
    full_s = trials * longest * pace_s
    spec = SweepSpec.model_validate(
        {
            "name": "drawn",
            "trainable": "train.py:train",
            "objective": {"metric": "score", "goal": random.choice(("maximize", "minimize"))},
            "fidelity": _fidelity(random, longest),
            "search_space": _space(random),
            "search": random.choice(LADDERS),
            "searcher": random.choice(("random", "random", "quasirandom", "tpe")),
            "scheduler": random.choice(("asha", "asha", "median", "none")),
            "budget": {"trials": trials, **_caps(random, full_s, places)},
            "confirm": random.choice(("none", "none", {"share": 0.3})),
            "resources": {"cpus": random.choice((1, 2)), "gpus": random.choice((0, 0, 0.5, 1))},
            "keep_checkpoints": random.choice(("needed", "last", "all")),
            "limits": _limits(random, pace_s, longest),
            "retry": {name: random.randint(0, 3) for name in ("lost", "error", "hung")},
            "brake": random.random() < 0.8,
            "seed": random.getrandbits(16),
        }
    )
    task = Task(
        random.getrandbits(32),
        random.choice((0.0, 0.05)),
        random.choice((0.0, 0.0, 0.2)),
        random.choice((0.0, 0.0, 0.3)),
    )
    is_remote, keeps_every = random.random() < 0.3, random.choice((1, 1, 2, 0))
    return DrawnSweep(compile_plan(spec, GROUND), task, places, is_remote, pace_s, keeps_every)


def _space(random: Random) -> dict[str, Any]:
    space: dict[str, Any] = {}
    for number, domain in enumerate(random.sample(DOMAINS, random.randint(2, 5))):
        space[f"h{number}"] = {**domain, "tier": random.randint(1, 3)}
    chosen = next((name for name, domain in space.items() if "sgd" in domain.get("choices", ())), None)
    if chosen is not None and random.random() < 0.5:
        space["beta"] = {"type": "float", "low": 0.8, "high": 0.99, "default": 0.9, "when": {chosen: ["adam"]}}
    return space


def _fidelity(random: Random, longest: int) -> Any:
    if random.random() < 0.1:
        return "none"
    return {"metric": "epoch", "min": random.choice((1, 2)), "max": longest, "reduction_factor": random.choice((2, 3))}


def _caps(random: Random, full_s: float, places: int) -> dict[str, float]:
    """Draw caps that may, or may not, be met on the way."""
    kind = random.choice((None, None, None, "wall", "cpu_hours", "gpu_hours"))
    spent_s = full_s * random.uniform(0.2, 1.5)
    if kind is None:
        return {}
    return {kind: max(10.0, spent_s / places) if kind == "wall" else spent_s / 3600}


def _limits(random: Random, pace_s: float, longest: int) -> dict[str, float]:
    limits = {"silence": 20 * pace_s, "start": 60.0, "storage": random.choice((0.0, 30.0, 600.0))}
    if random.random() < 0.15:
        limits["trial"] = random.uniform(0.5, 2.0) * longest * pace_s
    if random.random() < 0.2:
        limits["stop"] = random.uniform(0.0, 60.0)
    return limits
