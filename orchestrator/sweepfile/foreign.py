"""Files of other tools, told by what stands in them: which tool's they are, and which command takes them.

Looked at as text, so that what our reader of YAML refuses (aliases, tags) is still known for what it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from orchestrator.sweepfile.messages import printable

COMMANDS = {
    "wandb": ("a W&B sweep", "stepladder import wandb"),
    "hydra": ("a Hydra configuration with a sweeper", "stepladder import hydra"),
    "optuna": ("Python that asks an Optuna trial", "stepladder import optuna"),
    "ray": ("a Ray Tune experiment in Python", "stepladder import ray"),
    "code": ("Python", "stepladder init --from"),
}
"""What a file can be that is no sweep file of ours: how a sentence calls it, and the command that takes it."""

_KEY = re.compile(r"^['\"]?([A-Za-z_][\w-]*)['\"]?[ \t]*:(?:\s|$)", re.MULTILINE)
_OF_WANDB = {"method", "metric", "program", "command", "early_terminate", "run_cap"}
_PYTHON = re.compile(r"^(?:import|from|def|class|@)[ \t]*\w", re.MULTILINE)
_RAY = re.compile(
    r"\btune\.(?:run|Tuner|TuneConfig)\b|\bTuner\(|\bparam_space\b|\btune\.(?:q?(?:log)?uniform|choice)\("
)


_NAMES = {
    "scale: log": ("log", "log_scale", "logarithmic", "distribution"),
    "low": ("min", "minimum", "lower", "from"),
    "high": ("max", "maximum", "upper", "to"),
    "choices": ("values", "categories", "options", "choice"),
    "step": ("q", "quantum"),
    "mean": ("mu",),
    "sd": ("sigma", "std", "stddev"),
    "when": ("condition", "conditions", "parent"),
    "trainable": ("function", "entrypoint", "train", "train_fn"),
    "command": ("program", "script", "cmd"),
    "search_space": ("parameters", "params", "param_space", "space", "hyperparameters"),
    "objective: {metric: ..., goal: ...}": ("metric", "mode", "direction", "goal"),
    "goal: minimize or maximize": ("mode", "direction", "type", "optimize"),
    "budget: {trials: ...}": ("trials", "num_samples", "n_trials", "max_trials", "num_trials", "run_cap", "count"),
    "budget: {wall: ...}": ("timeout", "time_budget_s", "max_time"),
    "searcher": ("algorithm", "sampler", "search_alg", "method"),
    "scheduler": ("pruner", "early_terminate", "early_stopping"),
    "resources: {cpus: ..., gpus: ...}": ("gpus", "cpus", "num_gpus", "num_cpus", "resources_per_trial"),
    "fidelity: {metric: ..., min: ..., max: ...}": ("epochs", "max_t", "max_epochs"),
}
"""Keys of ours, and what other tools call them."""


def named_here(key: str, known: Collection[str]) -> str | None:
    """Return what is written for another tool's key where `known` keys may stand, such as `scale: log` for `log`.

    None for any other key.
    """
    found = (ours for ours, names in _NAMES.items() if key.lower() in names)
    return next((ours for ours in found if ours.partition(":")[0] in known), None)


def foreign_kind(content: bytes, file: str) -> str | None:
    """Return which of COMMANDS a file is; None for a sweep file of ours, and for whatever nobody knows."""
    text = content.decode("utf-8", errors="replace")
    if file.endswith(".py") or (not file.endswith((".yaml", ".yml")) and _PYTHON.search(text)):
        return _python_kind(text)
    keys = set(_KEY.findall(text))
    if "search_space" in keys:
        return None
    if "parameters" in keys and keys & _OF_WANDB:
        return "wandb"
    sweeper = re.search(r"^\s*(?:-\s*override\s+)?/?(?:hydra/)?sweeper\s*:", text, re.MULTILINE)
    return "hydra" if sweeper and ("hydra" in keys or "hydra/sweeper" in text) else None


def foreign_problem(content: bytes, file: str) -> str | None:
    """Say what a foreign file is and which command takes it; None for any other."""
    kind = foreign_kind(content, file)
    if kind is None:
        return None
    phrase, command = COMMANDS[kind]
    return f"{printable(file)}: this is {phrase}, no sweep file; `{command} {printable(file)}` makes a sweep file of it"


def _python_kind(text: str) -> str:
    if re.search(r"^\s*(?:from|import)\s+ray\b", text, re.MULTILINE) and _RAY.search(text):
        return "ray"
    if re.search(r"\bwandb\.sweep\(", text) and "parameters" in text:
        return "wandb"
    return "optuna" if re.search(r"\boptuna\b", text) and re.search(r"\.suggest_\w+\(", text) else "code"
