"""A Hydra sweeper block (YAML) as a sweep file: the basic sweeper's `params`, the Optuna sweeper plugin's whole block.

A Hydra app is a program that takes `key=value`, and so the sweep file gets a `command`. What the app reports Hydra does
not say but for `optimized_metric`, a convention of templates; the rest is invented, and said to be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from orchestrator.imports import ranges
from orchestrator.imports.budgeting import invent_trials, write_grid
from orchestrator.imports.draft import CannotCarryError, Draft, Entry, NotSuchAFileError
from orchestrator.imports.foreign_yaml import read_foreign
from orchestrator.imports.hydra_overrides import Sweeping, parse_override
from orchestrator.imports.naming import hyperparameter_name
from orchestrator.sweep.spec import Goal
from orchestrator.sweepfile.foreign import COMMANDS
from orchestrator.sweepfile.messages import quote

_CARRIED = frozenset({"_target_", "params", "search_space", "direction", "n_trials", "study_name", "n_jobs", "sampler",
                      "defaults"})  # fmt: skip
_NO_COUNTERPART = {
    "storage": "the database of Optuna's study; a sweep's folder holds its log",
    "custom_search_space": "a function that makes the space; write it as hyperparameters with `when`",
    "max_failure_rate": "the brake: a sweep whose code does not work is stopped (`brake`)",
    "max_batch_size": "trials at once; write resources.max_concurrent",
}
_UNQUOTED = re.compile(r"[\w/\-\\+.$%*@?|: ]*")


def import_hydra(content: bytes, file: str, stem: str, program: str | None = None) -> Draft:
    """Return what a Hydra sweeper block says, as a draft. Raises NotSuchAFileError where there is none.

    `program` is the Hydra app; None where nothing is known of it.
    """
    tree = read_foreign(content, file)
    sweeper, path = _sweeper(tree.data)
    if sweeper is None:
        raise NotSuchAFileError(
            f"{file} has no sweeper block: neither hydra.sweeper nor a sweeper's own _target_ and params"
        )
    draft = Draft(f"{Path(file).name}, {COMMANDS['hydra'][0]}")
    draft.name(str(sweeper.get("study_name") or stem))
    arguments = _space(sweeper, draft)
    told = [] if program else ["program invented: say which with --program"]
    draft.write("command", ["python", program or "train.py", *arguments], *told)
    draft.write("args", {"style": "hydra"})
    _objective(tree.data, sweeper, draft)
    _search(sweeper, draft)
    for key in (key for key in sweeper if key not in _CARRIED):
        line = tree.places[(*path, key)].line
        draft.lose(f"line {line}: {key}", _NO_COUNTERPART.get(key, "an option of the sweeper without a counterpart"))
    if b"@package _global_" in content:
        for key in (key for key in tree.data if key not in ("hydra", "optimized_metric", "defaults")):
            draft.lose(key, f"a value that this file sets for the app; add it to the command: {key}=...")
    return draft


def _sweeper(data: Any) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """Return the sweeper block and where it stands, wherever such files keep it."""
    if not isinstance(data, Mapping):
        return None, ()
    for path in (("hydra", "sweeper"), ("sweeper",), ()):
        block: Any = data
        for key in path:
            block = block.get(key) if isinstance(block, Mapping) else None
        if isinstance(block, Mapping) and (block.keys() & {"params", "search_space"} or (path and "_target_" in block)):
            return block, path
    flat = {
        key.removeprefix("hydra.sweeper."): value for key, value in data.items() if key.startswith("hydra.sweeper.")
    }
    return (flat or None), ()


def _space(sweeper: Mapping[str, Any], draft: Draft) -> list[str]:
    """Write the hyperparameters; return the arguments that hand them to the app."""
    optuna = _is_optunas(sweeper)
    arguments: list[str] = []
    params, old = sweeper.get("params") or {}, sweeper.get("search_space") or {}
    described: list[tuple[str, Any]] = (
        [(key, value) for key, value in params.items()]
        if isinstance(params, Mapping)
        else [(str(item).partition("=")[0], str(item).partition("=")[2]) for item in params]
    )
    for key, value in [*described, *(old.items() if isinstance(old, Mapping) else [])]:
        if key.startswith("~"):
            arguments.append(key)
            continue
        try:
            entry = _described(value) if key in old else _swept(value, optuna=optuna)
            name, told = hyperparameter_name(key.lstrip("+"), draft.space)
        except CannotCarryError as reason:
            draft.lose(f"params.{key}", str(reason))
            continue
        draft.space[name] = Entry(entry.value, (*told, *entry.told))
        if key != name:  # {args} writes the others
            arguments.append(f"{key}={{{name}}}")
            _warn_of_quotes(key, entry, draft)
    return ["{args}", *arguments]


def _is_optunas(sweeper: Mapping[str, Any]) -> bool:
    return "optuna" in str(sweeper.get("_target_", "")).lower() or bool(sweeper.keys() & {"search_space", "n_trials"})


def _warn_of_quotes(key: str, entry: Entry, draft: Draft) -> None:
    """Say that Hydra would read a text with signs of its own in another way than it is meant."""
    values = [*entry.value.get("choices", []), entry.value.get("value")]
    if strange := [value for value in values if isinstance(value, str) and not _UNQUOTED.fullmatch(value)]:
        draft.todo.append(f"{key}: Hydra wants {strange[0]!r} in quotes of its own; write them into the choice")


def _swept(value: Any, *, optuna: bool) -> Entry:
    """Return what an override sweeps over; the Optuna sweeper takes intervals, and a range with its stop."""
    swept = parse_override(value) if isinstance(value, str) else value
    if not isinstance(swept, Sweeping):
        return ranges.constant(swept)
    if swept.glob:
        raise CannotCarryError(
            f"glob({', '.join(swept.glob)}): which configurations match is Hydra's to know; list them"
        )
    log = "log" in swept.tags
    if swept.ends is not None and (swept.step is None or (optuna and not swept.shuffled)):
        low, high = swept.ends
        whole = isinstance(low, int) and isinstance(high, int) and isinstance(swept.step, int | None)
        if swept.step is None and not optuna:
            raise CannotCarryError("an interval, which Hydra's own sweeper does not take; write it as a range")
        return ranges.number(low, high, log=log, step=swept.step, whole=whole)
    assert swept.values is not None
    if (
        swept.ends is not None
        and len(swept.values) > 1
        and not swept.shuffled
        and isinstance(swept.step, int)
        and swept.step > 0
    ):
        whole = isinstance(swept.values[0], int)
        return ranges.number(swept.values[0], swept.values[-1], step=swept.step, whole=whole, log=log)
    return ranges.choice(swept.values)


def _described(value: Any) -> Entry:
    """Return a parameter of the Optuna plugin's older `search_space`."""
    if not isinstance(value, Mapping):
        raise CannotCarryError(f"{quote(value)} describes no parameter")
    kind = value.get("type")
    if kind == "categorical":
        return ranges.choice(value.get("choices") or [])
    if kind not in ("int", "float") or not all(isinstance(value.get(end), int | float) for end in ("low", "high")):
        raise CannotCarryError(f"{quote(value)} is no int, float or categorical with its bounds")
    log, step = bool(value.get("log")), value.get("step")
    return ranges.number(value["low"], value["high"], log=log, step=step, whole=kind == "int")


def _objective(data: Mapping[str, Any], sweeper: Mapping[str, Any], draft: Draft) -> None:
    told = []
    metric = data.get("optimized_metric")
    if not isinstance(metric, str):
        metric = "value"
        told.append("metric invented: what the app returns")
    directions = sweeper.get("direction")
    first, *more = directions if isinstance(directions, list) and directions else [directions]
    if first not in get_args(Goal):
        first = "minimize"
        told.append("goal invented: the file names none")
    if more:
        draft.lose("direction", f"{len(more)} more goals; a sweep has one, the first")
    draft.write("objective", {"metric": metric, "goal": first}, *told)
    draft.write("fidelity", "none", "one score at the end, as Hydra takes it")
    draft.let_report("the app, which returns its score to Hydra,", metric)


def _search(sweeper: Mapping[str, Any], draft: Draft) -> None:
    sampler = sweeper.get("sampler")
    described = sampler if isinstance(sampler, Mapping) else {"_target_": sampler or ""}
    target = str(described.get("_target_", "")).rpartition(".")[2]
    trials: int | str
    trials, told = invent_trials(draft)
    if target == "GridSampler" or (not target and not _is_optunas(sweeper)):
        trials, told = write_grid(draft)
    elif target == "RandomSampler":
        draft.write("search", "random")
    elif target not in ("", "TPESampler"):
        draft.lose("sampler", f"{target}; the staged search is written")
    for option in sorted(described.keys() - {"_target_", "seed"}):
        draft.lose(f"sampler.{option}", "an option of Optuna's sampler; ours has its own (searcher: tpe)")
    if isinstance(described.get("seed"), int):
        draft.write("seed", described["seed"])
    if isinstance(sweeper.get("n_trials"), int):
        trials, told = sweeper["n_trials"], "from n_trials"
    draft.write("budget", {"trials": trials}, told)
    if isinstance(sweeper.get("n_jobs"), int) and sweeper["n_jobs"] > 0:
        draft.write("resources", {"cpus": 1, "max_concurrent": sweeper["n_jobs"]}, "max_concurrent is n_jobs")
