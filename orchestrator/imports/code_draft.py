"""A training file as a first sweep file: the hyperparameters that its code takes, met with the catalogue by name.

A hyperparameter whose name the catalogue knows is tuned over the catalogue's range, around the value that the code
takes now; the others are named, and left as the code has them.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.imports.budgeting import STEPS, invent_trials
from orchestrator.imports.code_options import options
from orchestrator.imports.code_reports import fidelity_of, objective_of, reported_keys
from orchestrator.imports.code_taken import Taken, defaults_of, parameters, read_keys
from orchestrator.imports.draft import CannotCarryError, Draft, Entry, NotSuchAFileError
from orchestrator.imports.naming import hyperparameter_name
from orchestrator.imports.python_source import Constants, dotted_name
from orchestrator.sweep.nesting import CONFIGURATIONS
from orchestrator.sweep.values import is_number
from orchestrator.sweepfile.foreign import foreign_kind, foreign_problem
from orchestrator.sweepfile.known import SPACES, canonical
from orchestrator.sweepfile.messages import SPACE_FILE, Place, Problems, quote
from orchestrator.sweepfile.spaces import Fields, FindSpace, expand

FUNCTIONS = ("train", "train_fn", "train_func", "training_function", "train_model", "trainable", "objective", "main")
"""What people call a training function, the likeliest first."""
FAR = 100.0
"""A value so many times beyond the catalogue's range means something else by that name."""
_LENGTHS = ("epochs", "num_epochs", "max_epochs", "n_epochs", "num_train_epochs", "train_epochs", "epoch")


def draft_of_code(content: bytes, module: ast.Module, file: Path, function: str | None, find_space: FindSpace) -> Draft:
    """Return a first sweep file for the training code of a file.

    `function` is the training function; None: the program, where it reads a command line, else the likeliest function.
    Raises UsageError where it takes nothing that can be tuned.
    """
    if foreign_kind(content, file.name) not in ("code", "ray", "optuna"):
        raise NotSuchAFileError(foreign_problem(content, str(file)) or f"{file} is no Python file")
    chosen = None
    tool, taken = _program(module, file) if function is None else ("", [])
    draft = Draft(f"{file.name}, by its text")
    draft.name(file.stem if file.stem not in ("train", "main", "run") else file.resolve().parent.name)
    if tool:
        draft.write("command", ["python", file.name, "{args}", *_seed(taken, tool)], f"its command line is {tool}'s")
        taken = [item for item in taken if item.name != "seed"]
        if tool == "hydra":
            draft.write("args", {"style": "hydra"})
    else:
        chosen = _trained(module, function, file)
        taken = _taken_by(chosen, module, draft)
        draft.write("trainable", f"{file.name}:{chosen.name}")
    others = _space(taken, draft, find_space)
    if not draft.tunable:
        found = ", ".join(item.name for item in taken) or "none"
        raise UsageError(
            f"{file}: no hyperparameter that the catalogue knows was found (found: {found}); name the training "
            f"function with --from {file}:FUNCTION, or write a sweep file by hand; `stepladder spaces` lists ranges"
        )
    _left(others, bool(tool), draft)
    kind = "program" if tool else "class" if isinstance(chosen, ast.ClassDef) else "function"
    _objective(module, taken, kind, draft)
    return draft


def _program(module: ast.Module, file: Path) -> tuple[str, list[Taken]]:
    """Return what reads the file's command line, and its options; nothing where a function is what is to be tuned.

    So it is where the catalogue knows nothing of the options, as those of a run by hand, and something of what the
    likeliest function reads.
    """
    tool, taken = options(module)
    if not tool or any(canonical(item.name) for item in taken):
        return tool, taken
    try:
        of_function = _taken_by(_trained(module, None, file), module, Draft(file.name))
    except UsageError:
        return tool, taken
    return ("", []) if any(canonical(item.name) for item in of_function) else (tool, taken)


def _trained(module: ast.Module, wanted: str | None, file: Path) -> ast.FunctionDef | ast.ClassDef:
    """Return the function or class that trains: the wanted one, else the likeliest function, else a Trainable."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef) and _is_trainable(node)}
    if wanted is not None:
        trained: dict[str, ast.FunctionDef | ast.ClassDef] = {**functions, **classes}
        if wanted not in trained:
            known = ", ".join(sorted(trained)) or "none"
            raise UsageError(f"{file} defines no function {wanted!r} at its top; it defines {known}")
        return trained[wanted]
    likely = [functions[name] for name in FUNCTIONS if name in functions]
    taking = [node for node in functions.values() if node.args.args and node.args.args[0].arg in CONFIGURATIONS]
    best: list[ast.FunctionDef | ast.ClassDef] = [node for node in likely if node in taking]
    for found in [*best, *likely, *classes.values(), *taking]:
        return found
    raise UsageError(f"{file}: no training function was found; name it: --from {file}:FUNCTION")


def _is_trainable(found: ast.ClassDef) -> bool:
    """Say whether a class is a `ray.tune.Trainable`, as far as its own bases tell."""
    return any(dotted_name(base).rpartition(".")[2] == "Trainable" for base in found.bases)


def _seed(taken: Sequence[Taken], tool: str) -> list[str]:
    """Return the argument that gives a program its trial's seed, where it takes one."""
    named = any(item.name == "seed" for item in taken)
    return [f"{'' if tool == 'hydra' else '--'}seed={{trial.seed}}"] if named else []


def _taken_by(trained: ast.FunctionDef | ast.ClassDef, module: ast.Module, draft: Draft) -> list[Taken]:
    """Return what is taken: keys of the configuration, wherever the file reads them, or a function's parameters."""
    constants = Constants(module)
    names = CONFIGURATIONS
    if isinstance(trained, ast.FunctionDef):
        arguments = [*trained.args.posonlyargs, *trained.args.args]
        by_name = len(arguments) > 1 and arguments[0].arg not in CONFIGURATIONS
        if by_name or not arguments:
            return list(parameters(trained, constants))
        names = CONFIGURATIONS | {arguments[0].arg}
    known = defaults_of(module, constants)
    found: dict[str, Taken] = {}
    for item in read_keys(module, names, constants):
        if item.name.startswith("_"):
            continue
        item = item if item.default is not None else replace(item, default=known.get(item.name))
        earlier = found.get(item.name)
        if earlier is None or (earlier.default is None and item.default is not None):
            found[item.name] = item
    if unseen := [name for name in known if name not in found and canonical(name)]:
        draft.todo.append(
            f"the file's own values name {', '.join(unseen)} too, which nothing in it reads; where the configuration "
            "is handed on whole, add them"
        )
    return list(found.values())


def _space(taken: Sequence[Taken], draft: Draft, find_space: FindSpace) -> list[tuple[Taken, str]]:
    """Write what the catalogue knows; return the others, each with the reason."""
    others = []
    for item in taken:
        try:
            entry = _met(item, find_space)
            name, told = hyperparameter_name(item.name, draft.space)
        except CannotCarryError as reason:
            others.append((item, str(reason)))
            continue
        draft.space[name] = Entry(entry.value, (*told, f"line {item.line}", *entry.told))
    return others


def _met(item: Taken, find_space: FindSpace) -> Entry:
    """Return a hyperparameter over the catalogue's range, its default what the code takes now."""
    known = canonical(item.name)
    about = {} if known is None else _catalogue(known, find_space)
    if not about:
        raise CannotCarryError("")
    if item.switch:
        raise CannotCarryError("a switch, which the catalogue does not mean by that name")
    if item.choices:
        default = {"default": item.default} if item.default in item.choices else {}
        return Entry({"choices": list(item.choices), **default}, ("the choices are the code's",))
    if "low" in about:
        return _range(item.default, about, str(known))
    numbers = [value for value in about.get("choices", []) if is_number(value)]
    if not numbers or len(numbers) < len(about["choices"]):
        raise CannotCarryError("which values the code takes, its text does not say")
    if item.default is None:
        return Entry({"choices": numbers}, (f"the catalogue's {known}",))
    if not is_number(item.default) or not min(numbers) / FAR <= item.default <= max(numbers) * FAR:
        raise CannotCarryError(f"the code's {quote(item.default)} is none that the catalogue means by that name")
    widened = sorted({*numbers, item.default})
    told = f"the catalogue's {known}" + ("" if item.default in numbers else f", and the code's {item.default}")
    return Entry({"choices": widened, "default": item.default}, (told,))


def _range(default: Any, about: Fields, known: str) -> Entry:
    """Return the catalogue's range, widened where what the code takes now lies outside."""
    low, high = about["low"], about["high"]
    fields: Fields = {key: about[key] for key in ("low", "high", "scale", "step") if key in about}
    if default is None:
        return Entry(fields, (f"the catalogue's {known}",))
    if not is_number(default):
        raise CannotCarryError(f"the code's {quote(default)} is no number, which the catalogue means by that name")
    if default == 0 and low > 0 and isinstance(low, float):
        return Entry({**fields, "also": [0.0], "default": 0.0}, (f"the catalogue's {known}, and the code's 0",))
    is_share = high <= 1 and isinstance(default, int) and default > 1
    if is_share or not (low / FAR if low > 0 else low) <= default <= high * FAR:
        raise CannotCarryError(f"the code's {default!r} is none that the catalogue means by that name")
    kind = int if isinstance(low, int) and isinstance(default, int) else float
    told = f"the catalogue's {known} around the code's {default!r}"
    if not low <= default <= high:
        low, high = (default / 10, default * 10) if low > 0 else (min(low, default), max(high, default))
        told = f"around the code's {default!r}, which the catalogue's {known} does not reach"
    return Entry({**fields, "low": kind(low), "high": kind(high), "default": kind(default)}, (told,))


def _catalogue(known: str, find_space: FindSpace) -> Fields:
    problems = Problems({(): Place(SPACE_FILE, known)}, {})
    return expand({"extends": [SPACES[known]]}, find_space, problems).definitions.get(known, {})


def _left(others: Sequence[tuple[Taken, str]], is_program: bool, draft: Draft) -> None:
    """Name what stays as the code has it; give a configuration the constants without which the code fails."""
    for item, why in others:
        reason = why or "a name that the catalogue does not know"
        if is_program or not item.required:
            kept = "" if item.default is None else f"; the code takes {quote(item.default)}"
            draft.kept.append(f"line {item.line}: {item.name}: {reason}{kept}")
        elif item.default is not None and item.name not in draft.space:
            draft.space[item.name] = Entry(
                {"value": item.default}, (f"line {item.line}: {reason}; the file's own value",)
            )
        else:
            draft.todo.append(
                f"line {item.line}: the code reads {item.name}, and no value of it is known; add one to the file"
            )


def _objective(module: ast.Module, taken: Sequence[Taken], kind: str, draft: Draft) -> None:
    """Write what is compared; `kind` is what trains: a program, a class, a function."""
    keys = reported_keys(module)
    found = objective_of(keys)
    metric, goal = found or ("loss", "minimize")
    seen = f"of {', '.join(keys[:6])}" if found else "no report that looks like one was found"
    draft.write("objective", {"metric": metric, "goal": goal}, f"invented: {seen}")
    length = next((item.default for item in taken if item.name.rpartition(".")[2] in _LENGTHS and item.default), None)
    if length is None:
        length = next((value for name, value in defaults_of_length(module) if value), None)
    counted = fidelity_of(keys)
    if isinstance(length, int) and length > 1:
        fidelity = {**({"metric": counted} if counted else {}), "max": length}
        draft.write("fidelity", fidelity, "invented: as long as the code trains")
    elif kind == "class":
        draft.write("fidelity", {"max": STEPS}, "invented: a class is stepped until its training is that long")
    else:
        draft.write("fidelity", "none", "invented: how long a training is, the text does not say")
    trials, told = invent_trials(draft)
    draft.write("budget", {"trials": trials}, told)
    if kind == "program":
        draft.let_report("the program", metric)
    elif not keys:
        draft.todo.append(f"the function must report or return {quote(metric)}: ray.tune.report({{{metric!r}: ..}})")


def defaults_of_length(module: ast.Module) -> list[tuple[str, Any]]:
    """Return the constants at a file's top that are named as a number of epochs."""
    constants = Constants(module)
    found = []
    for statement in module.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Name) and target.id.lower() in _LENGTHS:
                try:
                    found.append((target.id, constants.value(target)))
                except CannotCarryError:
                    continue
    return found
