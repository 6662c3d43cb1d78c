"""Small sweeps for tests: a plan from keywords, and objectives with a known shape."""

from __future__ import annotations

import math
from typing import Any

from orchestrator.planning.compile import compile_plan
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweep.spec import SweepSpec

GROUND = Provenance(versions={"python": "3.11", "ray": "2.60.0"}, git_commit=None, code_hash="c0de")

SPACE: dict[str, Any] = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01, "tier": 1},
    "momentum": {"type": "float", "low": 0.5, "high": 0.99, "default": 0.9, "tier": 2},
    "batch_size": {"type": "int", "low": 16, "high": 256, "scale": "log", "default": 32, "tier": 2},
    "optimizer": {"type": "choice", "choices": ["sgd", "adam"], "default": "sgd", "tier": 3},
    "beta1": {"type": "float", "low": 0.8, "high": 0.99, "default": 0.9, "tier": 3, "when": {"optimizer": ["adam"]}},
}


def make_spec(**changes: Any) -> SweepSpec:
    fields: dict[str, Any] = {
        "name": "test",
        "trainable": "train.py:train",
        "objective": {"metric": "score", "goal": "maximize"},
        "fidelity": {"metric": "epoch", "min": 3, "max": 27},
        "search_space": SPACE,
        "budget": {"trials": 30},
        "confirm": "none",
        "searcher": "tpe",
        "baseline_first": False,  # most tests want every place filled at once
        "seed": 7,
    }
    return SweepSpec.model_validate(fields | changes)


def make_plan(**changes: Any) -> Plan:
    return compile_plan(make_spec(**changes), GROUND)


def smooth(config: Config, fidelity: float) -> float:
    """Best 1 at learning_rate 0.1, momentum 0.95, batch 64; rises with training."""
    distance = (
        (math.log10(float(config["learning_rate"])) + 1) ** 2
        + 4 * (float(config["momentum"]) - 0.95) ** 2
        + 0.1 * (math.log2(int(config["batch_size"])) - 6) ** 2
        + (0.1 if config["optimizer"] == "adam" else 0.0)
    )
    return math.exp(-distance) * (1 - math.exp(-fidelity / 9))


def cliff(config: Config, fidelity: float) -> float:
    """Like `smooth`, not a number beyond learning_rate 0.2."""
    return math.nan if float(config["learning_rate"]) > 0.2 else smooth(config, fidelity)
