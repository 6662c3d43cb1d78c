"""A Ray Tune experiment as a sweep file: `Tuner(..)` or `tune.run(..)` as recorded, or the space by its syntax."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.imports.asked import entry_of_asked
from orchestrator.imports.budgeting import STEPS, invent_trials, write_grid
from orchestrator.imports.draft import CannotCarryError, Draft, NotSuchAFileError
from orchestrator.imports.first_tries import write_first_tries
from orchestrator.imports.naming import hyperparameter_name
from orchestrator.imports.optuna_source import starts_when_imported
from orchestrator.imports.python_source import Constants, arguments_of, dotted_name
from orchestrator.sweepfile.foreign import COMMANDS
from orchestrator.sweepfile.messages import quote

_ASHA = ("AsyncHyperBandScheduler", "ASHAScheduler", "HyperBandScheduler", "HyperBandForBOHB")
_SHAPES = {
    "uniform": ("float", False), "quniform": ("float", False),
    "loguniform": ("float", True), "qloguniform": ("float", True),
    "randint": ("int", False), "qrandint": ("int", False), "lograndint": ("int", True), "qlograndint": ("int", True),
}  # fmt: skip


def draft_of_experiment(found: Mapping[str, Any], module: ast.Module, file: Path) -> Draft:
    """Return what was recorded of a file as a draft; `found` is the recorder's, `module` the file's syntax."""
    experiment = found["experiments"][0]
    draft = Draft(f"{file.name}, {COMMANDS['ray'][0]}")
    settings = experiment["settings"]
    draft.name(str(settings.get("name") or file.stem))
    _space(experiment["space"], draft)
    _program(experiment["trainable"], module, file, draft)
    _objective(settings, draft, is_class=experiment["trainable"]["kind"] == "class")
    _search(experiment, draft)
    _resources(settings, draft)
    if len(found["experiments"]) > 1:
        draft.lose("experiments", f"{len(found['experiments']) - 1} more of this file; the first is written")
    return draft


def draft_of_space(module: ast.Module, file: Path) -> Draft:
    """Return what a file's text alone says: the first dict that holds Tune's distributions, or `grid_search`."""
    constants = Constants(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Dict) and any(
            _is_domain(value) for value in ast.walk(node) if isinstance(value, ast.Call)
        ):
            space = list(_leaves(node, constants, ()))
            trained = _trained(module)
            experiment = {
                "space": space,
                "trainable": {"name": trained, "kind": "function", "bound": []},
                "settings": {},
            }
            draft = draft_of_experiment({"experiments": [experiment]}, module, file)
            draft.todo.append("only the space was read from the text; look at metric, budget and fidelity")
            return draft
    raise NotSuchAFileError(
        f"{file} is no Ray Tune experiment: no dict of it holds tune.uniform(..), tune.choice(..) or such"
    )


def _is_domain(call: ast.Call) -> bool:
    name = dotted_name(call.func)
    return name.startswith(("tune.", "ray.tune.")) and name.rpartition(".")[2] in {
        *_SHAPES, "choice", "grid_search", "randn", "qrandn", "sample_from",
    }  # fmt: skip


def _leaves(node: ast.Dict, constants: Constants, above: tuple[str, ...]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    for key, value in zip(node.keys, node.values, strict=True):
        path = (*above, str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key) if key else "**")
        if isinstance(value, ast.Dict) and value.keys:
            yield from _leaves(value, constants, path)
        else:
            yield list(path), _leaf(value, constants)


def _leaf(node: ast.expr, constants: Constants) -> dict[str, Any]:
    try:
        if not (isinstance(node, ast.Call) and _is_domain(node)):
            return {"kind": "value", "value": constants.value(node)}
        name = dotted_name(node.func).rpartition(".")[2]
        if name in ("choice", "grid_search"):
            return {"kind": "choice", "values": constants.value(node.args[0])}
        if name == "sample_from":
            return {"kind": "lost", "why": "sample_from is a function; write the values it gives"}
        order = ("mean", "sd", "q") if name.endswith("randn") else ("lower", "upper", "q")
        values = {key: constants.value(value) for key, value in arguments_of(node, *order).items()}
        if name.endswith("randn"):
            return {"kind": "normal", "mean": values.get("mean", 0), "sd": values.get("sd", 1), "q": values.get("q")}
        kind, log = _SHAPES[name]
        return {"kind": kind, "low": values["lower"], "high": values["upper"], "log": log, "q": values.get("q")}
    except (CannotCarryError, LookupError) as reason:
        return {"kind": "lost", "why": str(reason)}


def _trained(module: ast.Module) -> str | None:
    """Return the first function of a `config`, or of one argument."""
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and len(node.args.args) == 1]
    named = [node.name for node in functions if node.args.args[0].arg == "config"]
    return next(iter(named or [node.name for node in functions]), None)


def _space(space: list[Any], draft: Draft) -> None:
    """Write the hyperparameters; keys that hold dots themselves are not to be nested for the training."""
    if any("." in key for path, _ in space for key in path):
        draft.write("nested", False)  # noqa: FBT003 - the value of a key of the file
    for path, asked in space:
        wanted = ".".join(path)
        try:
            name, _ = hyperparameter_name(wanted, draft.space)
            entry = entry_of_asked(_with_both_ends(asked))
        except CannotCarryError as reason:
            draft.lose(wanted, str(reason))
            continue
        if name == wanted:
            draft.space[name] = entry
        else:
            draft.lose(wanted, f"no name that a hyperparameter can have here; call it {name} in both files")


def _with_both_ends(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a whole range with its last value included: Ray's ends before `upper`, unless draws are rounded."""
    if asked["kind"] == "int" and (asked.get("q") in (None, 1)):
        return {**asked, "high": asked["high"] - 1, "q": None}
    return asked


def _program(trained: Mapping[str, Any], module: ast.Module, file: Path, draft: Draft) -> None:
    name = trained["name"] or _trained(module)
    for wrapper in trained["bound"]:
        draft.lose(
            "trainable", f"what {wrapper} binds; write `bound = {wrapper}({name}, ..)` at the top, and name that"
        )
    if name is None or not str(name).isidentifier():
        draft.lose("trainable", f"{quote(name)} is no function at the top of {file.name}; move it there")
        name = "train"
    if trained.get("module") not in (None, "__main__", "orchestrator") and "." not in str(trained.get("module")):
        file = file.with_name(f"{trained['module']}.py")
    draft.write("trainable", f"{file.name}:{name}")
    if (line := starts_when_imported(module)) is not None:
        draft.todo.append(
            f"line {line} of {file.name} starts its search whenever the file is imported; "
            'put it under `if __name__ == "__main__":`'
        )


def _objective(settings: Mapping[str, Any], draft: Draft, *, is_class: bool) -> None:
    scheduler = settings.get("scheduler") or {}
    search = settings.get("search_alg") or {}
    metric = settings.get("metric") or scheduler.get("metric") or search.get("metric")
    mode = settings.get("mode") or scheduler.get("mode") or search.get("mode")
    told = [] if metric else ["metric invented: the file names none"]
    told += [] if mode else ["goal invented: the file names none"]
    goal = "maximize" if mode == "max" else "minimize"
    draft.write("objective", {"metric": metric or "loss", "goal": goal}, *told)
    _fidelity(settings, scheduler, draft, is_class=is_class)


def _fidelity(settings: Mapping[str, Any], scheduler: Mapping[str, Any], draft: Draft, *, is_class: bool) -> None:
    stop, kind = settings.get("stop") or {}, scheduler.get("class")
    asha = kind in _ASHA
    counted = scheduler.get("time_attr", "training_iteration") if asha else next(iter(stop), "training_iteration")
    if "stop_of" in settings:
        draft.lose("stop", f"a {settings['stop_of']} that stops trials; say how long a training is in fidelity.max")
    for key in (key for key in stop if key != counted):
        draft.lose(f"stop.{key}", "trials end at fidelity.max; another end has no counterpart")
    longest = stop.get(counted) or (scheduler.get("max_t") or scheduler.get("max_t_attr") if asha else None)
    if not longest:
        told = "" if kind in (None, "FIFOScheduler") else f" {kind} is not carried, which needs to know how long one is"
        if is_class:
            told = f"invented: a class is stepped until its training is that long.{told}"
            draft.write("fidelity", {"max": STEPS}, told.rstrip("."))
        else:
            told = f"how long a training is nobody says: its last score counts.{told}"
            draft.write("fidelity", "none", told.rstrip("."))
        return
    fidelity: dict[str, Any] = {} if counted == "training_iteration" else {"metric": counted}
    fidelity["max"] = longest
    if asha:
        least, eta = scheduler.get("grace_period"), scheduler.get("reduction_factor") or scheduler.get("eta")
        fidelity |= {"min": min(least, longest)} if least else {}
        fidelity |= {"reduction_factor": eta} if eta else {}
    elif kind == "MedianStoppingRule":
        draft.write("scheduler", "median", "MedianStoppingRule there")
    elif kind in (None, "FIFOScheduler"):
        draft.write("scheduler", "none", "Ray stops no trial without a scheduler; without this line, weak ones are")
    else:
        draft.lose("scheduler", f"{kind}; ASHA is written, the scheduler unless another is named")
    draft.write("fidelity", fidelity)


def _search(experiment: Mapping[str, Any], draft: Draft) -> None:
    settings = experiment["settings"]
    samples, search = settings.get("num_samples"), settings.get("search_alg") or {}
    grids = [len(asked["values"]) for _, asked in experiment["space"] if asked["kind"] == "grid"]
    trials: int | str
    trials, told = invent_trials(draft)
    if isinstance(samples, int) and samples > 0:
        trials, told = samples * math.prod(grids), "num_samples there" + (", times the grid" if grids else "")
    if grids and len(grids) == len(draft.tunable):
        trials, told = write_grid(draft)
        if samples not in (None, 1):
            draft.lose("num_samples", f"the grid is gone through once, not {samples} times")
    elif search.get("class") in (None, "BasicVariantGenerator"):
        draft.write("search", "random", "drawn evenly, as there; without this line the staged search is used")
    elif search.get("class") not in ("OptunaSearch", "HyperOptSearch"):
        draft.lose("search_alg", f"{search['class']}; the staged search is written")
    if grids and len(grids) < len(draft.tunable):
        draft.lose("grid_search", "every value tried with every other; they are choices like others here")
    tried = [dict(_flat(values)) for values in search.get("points_to_evaluate", [])]
    write_first_tries("points_to_evaluate", tried, {}, draft)
    wall = settings.get("time_budget_s")
    draft.write("budget", {"trials": trials, **({"wall": wall} if isinstance(wall, int | float) else {})}, told)


def _flat(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield a nested configuration's values by our names."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*above, key))
        else:
            yield ".".join((*above, key)), value


def _resources(settings: Mapping[str, Any], draft: Draft) -> None:
    asked = {key.lower(): value for key, value in (settings.get("resources_per_trial") or {}).items()}
    resources = {ours: asked[theirs] for theirs, ours in (("cpu", "cpus"), ("gpu", "gpus")) if theirs in asked}
    if "memory" in asked:
        resources["memory"] = f"{math.ceil(asked['memory'] / 2**20)}MiB"
    custom = {
        key: value
        for key, value in (settings.get("resources_per_trial") or {}).items()
        if key.lower() not in ("cpu", "gpu", "memory")
    }
    if custom:
        resources["custom"] = custom
    if isinstance(settings.get("max_concurrent_trials"), int) and settings["max_concurrent_trials"] > 0:
        resources["max_concurrent"] = settings["max_concurrent_trials"]
    if resources:
        draft.write("resources", resources)
