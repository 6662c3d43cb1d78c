"""A training program as a list of arguments, hyperparameters in braces: `[python, train.py, --lr, "{learning_rate}"]`.

`{name}` stands for the hyperparameter's value, `{trial.seed}` and its like for what is known of the trial, `{{` and
`}}` for braces. `{args}` stands for every hyperparameter that no other argument names, in the style that the sweep file
asks for; `{config}` for a file that holds them all. No shell reads the list. An argument with a hyperparameter that is
not there in a configuration (its `when` does not hold) is left out, and so is an option right before it: `--momentum
"{momentum}"` goes as a pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.members import nearest
from orchestrator.sweep.program import Arguments
from orchestrator.sweepfile.arguments import AS_WRITTEN, listed, plain, standing_alone, written

TRIAL_FIELDS = (
    "attempt", "checkpoint", "checkpoints", "folder", "max_fidelity", "number", "seed", "sweep_folder", "trial_id",
)  # fmt: skip
"""What `{trial.…}` may name: of what is known of a trial, what is one value; its folder, and its checkpoints' one."""
ARGS, CONFIG = "args", "config"
"""What `{args}` and `{config}` name, unless a hyperparameter has that name."""

PREFIX = "trial."
"""What names begin with that are no hyperparameters."""
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def problems(command: Sequence[str], hyperparameters: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the position of each argument that is wrong, and what is wrong with it."""
    seen = False
    for position, argument in enumerate(command):
        if position == 0 and (not argument or _names(argument)):
            yield position, "is no program; write its name or path first, as in [python, train.py]"
            continue
        for piece in _PIECE.finditer(argument):
            if (problem := _problem(piece, hyperparameters)) is not None:
                yield position, problem
            elif piece[1] == ARGS and ARGS not in hyperparameters:
                if argument != "{args}":
                    yield position, "'{args}' becomes several arguments; write it as one by itself"
                elif seen:
                    yield position, "'{args}' stands in the command already; write it once"
                seen = True


def filled(
    command: Sequence[str],
    config: Mapping[str, Any],
    trial: Mapping[str, Any],
    style: Arguments = AS_WRITTEN,
    config_file: str | None = None,
) -> list[str]:
    """Return the arguments for one configuration, of which `trial` is the trial. The command has no `problems`.

    `style` is how `{args}` and lists are written, `config_file` what `{config}` stands for.
    """
    return [text for _, part in _parts(command, config, trial, style, config_file) for text in part]


def carrying(
    command: Sequence[str], config: Mapping[str, Any], trial: Mapping[str, Any], style: Arguments = AS_WRITTEN
) -> list[str]:
    """Return those of the arguments that carry hyperparameters, each with the option before it."""
    return [text for carries, part in _parts(command, config, trial, style, None) for text in part if carries]


def carried(command: Sequence[str], config: Mapping[str, Any]) -> set[str]:
    """Return the hyperparameters that the arguments carry."""
    named = {name for argument in command for name in _names(argument)}
    return set(config) if ARGS in named - set(config) else named & set(config)


def names_config_file(command: Sequence[str], hyperparameters: Sequence[str]) -> bool:
    """Say whether the command wants a file of its configuration."""
    return CONFIG not in hyperparameters and any(CONFIG in _names(argument) for argument in command)


def _parts(
    command: Sequence[str],
    config: Mapping[str, Any],
    trial: Mapping[str, Any],
    style: Arguments,
    config_file: str | None,
) -> Iterator[tuple[bool, list[str]]]:
    """Yield the arguments in groups that go or are left out together, and whether each carries a hyperparameter."""
    known = {PREFIX + field: trial[field] for field in TRIAL_FIELDS if trial.get(field) is not None}
    values = {**({} if config_file is None else {CONFIG: config_file}), **config, **known}
    named = {name for argument in command for name in _names(argument)}
    option: list[str] = []  # one that may belong to the argument behind it
    for argument in command:
        names = _names(argument)
        if argument.startswith("-") or (argument == "{args}" and ARGS not in config):
            yield False, option
            option = []
        if argument == "{args}" and ARGS not in config:
            yield True, written({name: value for name, value in config.items() if name not in named}, style)
        elif not names and _is_option(argument):
            option = [argument]
        else:
            if values.keys() >= set(names):
                carries = not config.keys().isdisjoint(names)
                yield carries, [*option, *_filled(argument, values, "".join(option) or None, style)]
            option = []
    yield False, option


def _filled(argument: str, values: Mapping[str, Any], option: str | None, style: Arguments) -> list[str]:
    whole = _PIECE.fullmatch(argument)
    if whole is not None and whole[1] is not None:
        value = values[whole[1]]
        return listed(list(value), option, style) if isinstance(value, list | tuple) else [standing_alone(value)]
    return [_PIECE.sub(lambda piece: plain(values[piece[1]]) if piece[1] else piece[0][0], argument)]


def _problem(piece: re.Match[str], hyperparameters: Sequence[str]) -> str | None:
    name = piece[1]
    if name is None:
        brace = piece[0]
        told = f"a single {brace!r}; write {{name}} for a hyperparameter, {brace * 2} for a brace"
        return told if len(brace) == 1 else None
    if name in hyperparameters or name in (ARGS, CONFIG):
        return None
    if name.startswith(PREFIX):
        known = [PREFIX + field for field in TRIAL_FIELDS]
        return None if name in known else f"'{{{name}}}' is nothing that a trial has; choose {nearest(name, known)}"
    known = sorted(hyperparameters)
    return f"'{{{name}}}' is not in the search space; choose {nearest(name, known)}"


def _names(argument: str) -> list[str]:
    return [piece[1] for piece in _PIECE.finditer(argument) if piece[1] is not None]


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and "=" not in argument
