"""A W&B sweep (YAML) as a sweep file: parameters, method, metric, early_terminate, command, run_cap.

W&B runs a program, so the sweep file gets a `command`. What a W&B file never says is invented, and said to be: how many
trials, how long a training is, which value one would use without tuning.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from orchestrator.imports.budgeting import invent_trials, write_grid
from orchestrator.imports.draft import CannotCarryError, Draft, Entry, NotSuchAFileError
from orchestrator.imports.foreign_yaml import read_foreign
from orchestrator.imports.naming import hyperparameter_name
from orchestrator.imports.python_source import Constants, parsed
from orchestrator.imports.wandb_command import OWN, command_of
from orchestrator.imports.wandb_parameters import entry_of, parameters
from orchestrator.sweep.spec import Goal
from orchestrator.sweepfile.foreign import COMMANDS
from orchestrator.sweepfile.messages import Place, quote
from orchestrator.sweepfile.yaml_source import Tree

METHODS = ("grid", "random", "bayes")
EPOCHS = re.compile(r"(?:max|num|n|train|total)?[_-]?(?:train[_-]?)?epochs?", re.IGNORECASE)
"""Names under which programs are told how long to train."""
INVENTED_REPORTS = 27
_CARRIED = frozenset(
    {"name", "program", "method", "metric", "parameters", "early_terminate", "command", "run_cap", "description"}
)
_NO_COUNTERPART = {
    "entity": "whose W&B account it is; nothing is sent anywhere here",
    "project": "the W&B project; the results lie in runs/, under the sweep's name",
    "controller": "where W&B's search runs; here it runs in the driver",
    "job": "the W&B job that holds the code; the code is the sweep file's folder here",
    "image_uri": "the container; a cluster definition names it (`--cluster`)",
    "queue": "the W&B launch queue; `stepladder submit --address` sends a sweep to a cluster",
    "scheduler": "W&B launch's own scheduler; `stepladder submit --cluster` sends a sweep to a cluster",
}


def import_wandb(content: bytes, file: str, stem: str, program: str | None = None) -> Draft:
    """Return what a W&B sweep says, as a draft. `file` is what messages call it, `stem` names the sweep if it does not.

    `program` is the training program where the file names none. Raises NotSuchAFileError where it is no W&B sweep.
    """
    tree = _sweep_in(content, file) if file.endswith(".py") else read_foreign(content, file)
    data = tree.data
    if not isinstance(data, Mapping) or not isinstance(data.get("parameters"), Mapping):
        raise NotSuchAFileError(f"{file} is not a W&B sweep: it has no mapping `parameters`")
    draft = Draft(f"{Path(file).name}, {COMMANDS['wandb'][0]}")
    draft.name(str(data.get("name") or stem))
    flags = _space(data["parameters"], tree, draft)
    _command(data, program, flags, draft)
    _objective(data.get("metric"), draft)
    _fidelity(data.get("early_terminate"), draft)
    _search(data, draft)
    for key in (key for key in data if key not in _CARRIED):
        told = _NO_COUNTERPART.get(key, "a key that W&B does not document; remove it, or mend the spelling")
        draft.lose(f"{_line(tree, key)}{key}", told)
    draft.let_report("the program, in which wandb.log(...) may stay,", draft.keys["objective"].value["metric"])
    return draft


def _sweep_in(content: bytes, file: str) -> Tree:
    """Return the dict of a Python file that `wandb.sweep` is given: the first with `parameters` and a `method`."""
    module = parsed(content, file)
    constants = Constants(module)
    for node in (node for node in ast.walk(module) if isinstance(node, ast.Dict)):
        keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
        if {"parameters", "method"} <= keys:
            try:
                return Tree(constants.value(node), {(): Place(0, file, node.lineno)})
            except CannotCarryError as reason:
                raise NotSuchAFileError(f"{file}:{node.lineno}: {reason}; write the sweep as YAML") from None
    raise NotSuchAFileError(f"{file} holds no W&B sweep: no dict of it has `parameters` and `method`")


def _line(tree: Tree, *path: str) -> str:
    return f"line {tree.places[path].line}: " if path in tree.places else ""


def _space(described: Mapping[str, Any], tree: Tree, draft: Draft) -> dict[str, str]:
    """Write the hyperparameters; return the names by which the program takes them, by the names in our file."""
    flags: dict[str, str] = {}
    for path, parameter in parameters(described):
        flag = ".".join(path)
        nested = ("parameters", *(part for name in path for part in (name, "parameters")))[:-1]
        where = f"{_line(tree, *nested)}parameters.{flag}"
        try:
            name, told = hyperparameter_name(flag, flags)
            entry = entry_of(parameter)
        except CannotCarryError as reason:
            draft.lose(where, str(reason))
            continue
        draft.space[name] = Entry(entry.value, (*told, *entry.told))
        flags[name] = flag
    return flags


def _command(data: Mapping[str, Any], program: str | None, flags: Mapping[str, str], draft: Draft) -> None:
    written = data.get("command", list(OWN))
    if not isinstance(written, list):
        written = str(written).split()
    named = program or data.get("program")
    told = []
    if named is None and any("${program}" in str(piece) for piece in written):
        told.append("program invented: the file names none; say which with --program")
    arguments = command_of([str(piece) for piece in written], str(named or "train.py"), flags, draft)
    draft.write("command", arguments, *told)


def _objective(metric: Any, draft: Draft) -> None:
    described = metric if isinstance(metric, Mapping) else {}
    told = [] if "name" in described else ["metric invented: the file names none"]
    goal = described.get("goal", "minimize")
    if "goal" not in described:
        told.append("minimize is W&B's goal where none is written")
    if goal not in get_args(Goal):
        draft.lose("metric.goal", f"{quote(goal)} is no goal; minimize is written")
        goal = "minimize"
    for key in sorted(described.keys() - {"name", "goal"}):
        draft.lose(f"metric.{key}", "no value at which a sweep ends; `stepladder stop` ends one")
    draft.write("objective", {"metric": str(described.get("name", "loss")), "goal": goal}, *told)


def _fidelity(early: Any, draft: Draft) -> None:
    """Write how long a training is and where trials are compared; a sweep without early_terminate stops none."""
    if not isinstance(early, Mapping):
        draft.write("fidelity", "none", "the last score counts: W&B compares none on the way without early_terminate")
        return
    epochs = _epochs(draft)
    told = [f"max is the constant {epochs[0]}" if epochs else f"max invented: {INVENTED_REPORTS} reports"]
    longest = INVENTED_REPORTS if epochs is None else epochs[1]
    for key in sorted(early.keys() - {"type", "min_iter", "max_iter", "s", "eta"}):
        draft.lose(f"early_terminate.{key}", "has no counterpart: here trials are compared as they come (ASHA)")
    if early.get("type") != "hyperband":
        draft.lose("early_terminate.type", f"{quote(early.get('type'))} is unknown to W&B too; hyperband is written")
    eta = _positive(early, "eta", draft) or 3
    least, most = _positive(early, "min_iter", draft), _positive(early, "max_iter", draft)
    if most is not None:
        brackets = _positive(early, "s", draft) or 1
        longest, least, told = (
            most,
            max(1, round(most / eta**brackets)),
            ["from max_iter, s and eta of early_terminate"],
        )
    elif least is not None and least > longest:
        longest = least * eta
        told = [f"max invented: {eta:g} times min_iter"]
    fidelity = {**({} if least is None else {"min": least}), "max": longest}
    told.append("reports are counted, as calls of wandb.log there")
    draft.write("fidelity", fidelity | {"reduction_factor": eta}, *told)


def _positive(early: Mapping[str, Any], key: str, draft: Draft) -> float | None:
    value = early.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value > (key == "eta")):
        return value
    draft.lose(f"early_terminate.{key}", f"{quote(value)} is no number that it can be")
    return None


def _epochs(draft: Draft) -> tuple[str, float] | None:
    """Return the constant of the space that says how long a training is."""
    for name, entry in draft.space.items():
        value = entry.value.get("value")
        if EPOCHS.fullmatch(name.rpartition(".")[2]) and isinstance(value, int) and value > 0:
            return name, value
    return None


def _search(data: Mapping[str, Any], draft: Draft) -> None:
    method, cap = data.get("method"), data.get("run_cap")
    if method not in METHODS:
        draft.lose("method", f"{quote(method)} is none of {', '.join(METHODS)}; the staged search is written")
    is_capped = isinstance(cap, int) and not isinstance(cap, bool) and cap > 0
    if cap is not None and not is_capped:
        draft.lose("run_cap", f"{quote(cap)} is no number of trials")
    trials: int | str
    trials, told = invent_trials(draft)
    if method == "random":
        draft.write("search", "random")
    elif method == "grid":
        trials, told = write_grid(draft)
    if isinstance(cap, int) and is_capped:
        trials, told = cap, "from run_cap"
    draft.write("budget", {"trials": trials}, told)
