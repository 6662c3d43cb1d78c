"""The `command` of a W&B sweep, its macros filled in, as the arguments that a sweep file of ours takes.

W&B's own command, where a file has none, is `${env} ${interpreter} ${program} ${args}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from orchestrator.imports.draft import Draft

OWN = ("${env}", "${interpreter}", "${program}", "${args}")
"""What W&B runs where a file says nothing."""

_FORMS = {"${args}": "--{flag}={{{name}}}", "${args_no_boolean_flags}": "--{flag}={{{name}}}",
          "${args_no_hyphens}": "{flag}={{{name}}}"}  # fmt: skip
_MACRO = re.compile(r"\$\{([^}]*)\}")
_LEFT_OUT = {
    "${args_json}": "the configuration as one JSON argument; the program finds it in the variable STEPLADDER_CONFIG",
    "${args_json_file}": "the configuration as a JSON file; the program finds it in the variable STEPLADDER_CONFIG",
}


def command_of(written: Sequence[str], program: str, flags: Mapping[str, str], draft: Draft) -> list[str]:
    """Return the arguments; what a macro stands for and cannot be had is lost in `draft`.

    `flags` are the names by which the program takes the hyperparameters, by the names that they have in our file.
    """
    arguments: list[str] = []
    for piece in written:
        if piece in ("${env}", ""):
            continue  # /usr/bin/env finds the program on the path, as is done without it
        if piece == "${interpreter}":
            arguments.append("python")
        elif piece in _FORMS:
            arguments += [_FORMS[piece].format(flag=flag, name=name) for name, flag in flags.items()]
        elif piece in _LEFT_OUT:
            draft.lose(f"command: {piece}", _LEFT_OUT[piece])
        else:
            arguments.append(_filled(piece, program, draft))
    if "${args_no_boolean_flags}" in written:
        draft.lose("command: ${args_no_boolean_flags}", "booleans as bare flags; they are written --name=true here")
    if not any(_takes_hyperparameters(piece) for piece in written):
        draft.todo.append(
            "the command hands no hyperparameter on: the program finds them in STEPLADDER_CONFIG, as JSON"
        )
    return arguments


def _takes_hyperparameters(piece: str) -> bool:
    return piece in _FORMS


def _filled(piece: str, program: str, draft: Draft) -> str:
    """Fill in the program; braces that stand for themselves are doubled, as our commands want them."""
    text = piece.replace("${program}", program)
    for found in _MACRO.finditer(text):
        if found[1].startswith("envvar:"):
            name = found[1].removeprefix("envvar:")
            draft.lose(f"command: {found[0]}", f"no variable is filled in here; let the program read {name} itself")
        else:
            draft.lose(f"command: {found[0]}", "a macro that W&B does not document; write what it stands for")
    text = _MACRO.sub(lambda found: found[1].partition(":")[2] or found[1], text)
    return text.replace("{", "{{").replace("}", "}}")
