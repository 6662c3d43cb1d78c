"""An Optuna objective as a sweep file, with a bridge beside it: a training function that asks the objective.

The file is run under the recorder (`orchestrator.imports.recorder_optuna`), or read by its syntax alone. The bridge
hands the objective a trial that answers with the sweep's configuration, which is what Optuna's own `FixedTrial` is for.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.imports.asked import entry_of_asked
from orchestrator.imports.budgeting import invent_trials, write_grid
from orchestrator.imports.conditions import condition
from orchestrator.imports.draft import CannotCarryError, Draft, Entry, NotSuchAFileError
from orchestrator.imports.first_tries import write_first_tries
from orchestrator.imports.naming import hyperparameter_name
from orchestrator.imports.optuna_bridge import importing_bridge, is_importable, optimizes, running_bridge
from orchestrator.imports.optuna_source import reported_until, suggestions
from orchestrator.sweepfile.foreign import COMMANDS
from orchestrator.sweepfile.messages import quote

INVENTED_REPORTS = 27
_PRUNERS = {"NopPruner": "none", "MedianPruner": "median", "PercentilePruner": "median"}
_HALVING = ("SuccessiveHalvingPruner", "HyperbandPruner")


def draft_of_objective(found: Mapping[str, Any], module: ast.Module, file: Path) -> Draft:
    """Return what was recorded of a file as a draft; `found` is the recorder's, `module` the file's syntax."""
    experiment = found["experiments"][0]
    draft = Draft(f"{file.name}, {COMMANDS['optuna'][0]}")
    settings = experiment["settings"]
    draft.name(str(settings.get("name") or file.stem))
    names = _space(experiment, draft)
    _unseen(experiment, module, draft)
    if found.get("timed_out"):
        draft.lose("run", "it was ended after a minute; what it had not asked by then is named by its text alone")
    _objective(settings, experiment["reports"], module, draft)
    _program(experiment, names, module, file, draft)
    _search(settings, names, draft)
    return draft


def draft_of_text(module: ast.Module, file: Path) -> Draft:
    """Return what a file's text alone says: every suggestion, whose conditions are left to the user."""
    passes: dict[str, Any] = {"settings": {}, "asked": {}, "passes": [], "reports": False}
    for found in suggestions(module):
        if "{}" not in found.name:
            passes["asked"].setdefault(found.name, found.asked)
    if not passes["asked"]:
        raise NotSuchAFileError(f"{file} is no Optuna objective: it calls no trial.suggest_...(..) with a name")
    named = [
        f.name for f in module.body if isinstance(f, ast.FunctionDef) and [a.arg for a in f.args.args][:1] == ["trial"]
    ]
    chosen = "objective" if "objective" in named else next(iter(named), None)
    passes |= {"objective": {"name": chosen}, "reports": reported_until(module) is not None}
    draft = draft_of_objective({"experiments": [passes]}, module, file)
    draft.todo += [
        f"line {found.lines[0]}: {found.name} stands in a branch or a loop; say when it applies (`when`)"
        for found in suggestions(module)
        if found.conditional
    ]
    return draft


def _space(experiment: Mapping[str, Any], draft: Draft) -> dict[str, str]:
    """Write the hyperparameters; return the objective's names by ours."""
    names: dict[str, str] = {}
    ours: dict[str, str] = {}
    for theirs, asked in experiment["asked"].items():
        try:
            entry = entry_of_asked(asked)
            name, told = hyperparameter_name(theirs, draft.space, flat=True)
        except CannotCarryError as reason:
            draft.lose(theirs, str(reason))
            continue
        fields, when = dict(entry.value), condition(theirs, experiment["passes"]) if experiment["passes"] else {}
        if when is None:
            draft.todo.append(
                f"{theirs}: it is asked for only sometimes, and no one hyperparameter says when; add `when`"
            )
        elif when:
            ((other, values),) = when.items()
            if other in ours:
                fields["when"] = {ours[other]: values}
        draft.space[name] = Entry(fields, (*told, *entry.told))
        names[name], ours[theirs] = theirs, name
    for name in experiment.get("clashes", []):
        draft.lose(name, "it is asked with other bounds or choices under another value; the first ones are written")
    errors = {one["error"] for one in experiment["passes"] if one.get("error")}
    draft.todo += [
        f"the objective raised {error} when it was asked; look whether a hyperparameter lacks"
        for error in sorted(errors)
    ]
    return names


def _unseen(experiment: Mapping[str, Any], module: ast.Module, draft: Draft) -> None:
    """Name the suggestions of the text that no pass came to."""
    for found in suggestions(module):
        if not any(found.pattern.fullmatch(name) for name in experiment["asked"]):
            draft.lose(
                f"line {found.lines[0]}: {found.name}", "stands in a branch that was not entered; write it by hand"
            )


def _objective(settings: Mapping[str, Any], reports: bool, module: ast.Module, draft: Draft) -> None:
    first, *more = settings.get("directions") or ["minimize"]
    told = [] if settings.get("directions") else ["goal invented: Optuna's own where none is said"]
    if more:
        draft.lose("directions", f"{len(more)} more goals; a sweep has one, the first")
    draft.write("objective", {"metric": "value", "goal": first}, *told)
    if not reports:
        draft.write("fidelity", "none", "one score, which the objective returns")
        return
    rounds = reported_until(module)
    told = [] if rounds else [f"max invented: {INVENTED_REPORTS} reports"]
    draft.write("fidelity", {"max": rounds or INVENTED_REPORTS}, *told)
    pruner = settings.get("pruner")
    if pruner in _PRUNERS:
        draft.write("scheduler", _PRUNERS[pruner], f"{pruner} there")
    elif pruner not in (None, *_HALVING):
        draft.lose("pruner", f"{pruner}; ASHA is written, the scheduler unless another is named")


def _program(
    experiment: Mapping[str, Any], names: Mapping[str, str], module: ast.Module, file: Path, draft: Draft
) -> None:
    """Name the training function of a bridge beside the sweep file, and write that."""
    function, arguments = experiment["objective"]["name"], experiment.get("arguments", [])
    bridge = f"{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}_bridge"
    if not arguments and is_importable(function, module):
        draft.beside[f"{bridge}.py"] = importing_bridge(file, function, names)
        draft.write("trainable", f"{bridge}.py:train", f"asks {function} of {file.name}")
    elif optimizes(module):
        draft.beside[f"{bridge}.py"] = running_bridge(file, arguments, names)
        command = shlex.join(["python", file.name, *arguments])
        draft.write("trainable", f"{bridge}.py:train", f"runs `{command}` up to its search, and asks its objective")
    else:
        draft.write("trainable", f"{file.name}:objective", "the objective has no name in the file")
        draft.lose(
            "objective", f"{quote(function)} is no function at the top of {file.name}; move it there as `objective`"
        )


def _search(settings: Mapping[str, Any], names: Mapping[str, str], draft: Draft) -> None:
    trials: int | str
    trials, told = invent_trials(draft)
    sampler = settings.get("sampler")
    if sampler == "RandomSampler":
        draft.write("search", "random")
    elif sampler in ("GridSampler", "BruteForceSampler"):
        trials, told = write_grid(draft)
    elif sampler not in (None, "TPESampler"):
        draft.lose("sampler", f"{sampler}; the staged search is written")
    if isinstance(settings.get("n_trials"), int):
        trials, told = settings["n_trials"], "n_trials there"
    timeout = settings.get("timeout")
    draft.write("budget", {"trials": trials, **({"wall": timeout} if isinstance(timeout, int | float) else {})}, told)
    if isinstance(settings.get("n_jobs"), int) and settings["n_jobs"] > 1:
        draft.write("resources", {"cpus": 1, "max_concurrent": settings["n_jobs"]}, "max_concurrent is n_jobs")
    if settings.get("storage"):
        draft.lose("storage", "the database of Optuna's study; a sweep's folder holds its log")
    ours = {theirs: name for name, theirs in names.items()}
    write_first_tries("enqueue_trial", settings.get("enqueued", []), ours, draft)
