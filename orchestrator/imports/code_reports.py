"""What a training file reports, by its syntax alone: its metrics, and which one looks like the objective."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from orchestrator.imports.python_source import calls
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import is_loss_like

LARGER_IS_BETTER = ("accuracy", "acc", "f1", "auc", "auroc", "map", "bleu", "score", "reward", "r2", "precision",
                    "recall", "iou")  # fmt: skip
SMALLER_IS_BETTER = ("loss", "error", "mse", "rmse", "mae", "perplexity", "nll", "fid", "wer")
FIDELITIES = ("epoch", "step", "iteration", "round")
_VALIDATION = ("val", "valid", "validation", "eval", "dev")


def reported_keys(module: ast.Module) -> list[str]:
    """Return every metric that the file may report: keys of dicts that are reported, logged or returned."""
    found: dict[str, None] = {}
    for node in _dicts(module):
        for key in node.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found.setdefault(key.value)
    for name, call in calls(module):
        if name.endswith(("tune.report", "session.report", "train.report")) or name == "report":
            for keyword in call.keywords:
                if keyword.arg not in (None, "checkpoint"):
                    found.setdefault(str(keyword.arg))
    return list(found)


def objective_of(keys: Sequence[str]) -> tuple[str, str] | None:
    """Return the key that looks most like an objective, with its goal: of validation rather than of training."""
    ranked = sorted(
        ((_rank(key), position, key) for position, key in enumerate(keys) if _goal(key) is not None),
    )
    if not ranked:
        return None
    key = ranked[0][2]
    return key, str(_goal(key))


def fidelity_of(keys: Sequence[str]) -> str | None:
    """Return the key that counts the training."""
    return next((key for key in keys if key.lower() in FIDELITIES), None)


def _dicts(module: ast.Module) -> Iterator[ast.Dict]:
    """Yield the dicts that are reported, logged or returned, also by way of a name."""
    named: set[str] = set()
    for name, call in calls(module):
        if name.rpartition(".")[2] in ("report", "log", "log_metrics"):
            for argument in call.args:
                if isinstance(argument, ast.Dict):
                    yield argument
                elif isinstance(argument, ast.Name):
                    named.add(argument.id)
    for node in ast.walk(module):
        match node:
            case ast.Return(value=ast.Dict() as found):
                yield found
            case ast.Assign(value=ast.Dict() as found) if named & _targets(node):
                yield found


def _targets(statement: ast.Assign) -> set[str]:
    return {target.id for target in statement.targets if isinstance(target, ast.Name)}


def _words(key: str) -> list[str]:
    return [word for word in key.lower().replace("/", "_").replace("-", "_").replace(".", "_").split("_") if word]


def _goal(key: str) -> Goal | None:
    words = _words(key)
    if any(word in SMALLER_IS_BETTER for word in words):
        return "minimize"
    return "maximize" if any(word in LARGER_IS_BETTER for word in words) else None


def _rank(key: str) -> tuple[int, int]:
    """Return 0 first for a metric of validation, last for one of training or test; a score before a loss."""
    words = _words(key)
    held_out = 0 if any(word in _VALIDATION for word in words) else 2 if {"train", "training", "test"} & {*words} else 1
    goal = _goal(key)
    return held_out, 1 if goal is None or is_loss_like(goal) else 0
