"""The `command` of a W&B sweep, its macros filled in, as the arguments that a sweep file of ours takes.

W&B's own command, where a file has none, is `${env} ${interpreter} ${program} ${args}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from orchestrator.imports.draft import Draft

OWN = ("${env}", "${interpreter}", "${program}", "${args}")
"""What W&B runs where a file says nothing."""

_FORMS = {
    "${args}": ("--{flag}={{{name}}}", {"booleans": "value"}),
    "${args_no_boolean_flags}": ("--{flag}={{{name}}}", {"booleans": "flag"}),
    "${args_no_hyphens}": ("{flag}={{{name}}}", {"style": "hydra"}),
    "${args_json_file}": ("", {"config": "json"}),
}
"""Macros that hand hyperparameters on: how one is written out, and which `args` of the sweep file mean the same."""
_MACRO = re.compile(r"\$\{([^}]*)\}")


def command_of(written: Sequence[str], program: str, flags: Mapping[str, str], draft: Draft) -> list[str]:
    """Return the arguments; what a macro stands for and cannot be had is lost in `draft`.

    `flags` are the names by which the program takes the hyperparameters, by the names that they have in our file.
    """
    arguments: list[str] = []
    style: dict[str, str] = {}
    for piece in written:
        if piece in ("${env}", ""):
            continue  # /usr/bin/env finds the program on the path, as is done without it
        if piece == "${interpreter}":
            arguments.append("python")
        elif piece in _FORMS:
            form, means = _FORMS[piece]
            style |= means
            renamed = {name: flag for name, flag in flags.items() if form and flag != name}
            arguments.append("{args}" if form else "{config}")
            arguments += [form.format(flag=flag, name=name) for name, flag in renamed.items()]
        elif piece == "${args_json}":
            draft.lose(f"command: {piece}", "the configuration as one argument; ${args_json_file} is carried")
        else:
            arguments.append(_filled(piece, program, draft))
    if style:
        draft.write("args", style)
    else:
        draft.todo.append(
            "the command hands no hyperparameter on; the program finds them in STEPLADDER_CONFIG, as JSON"
        )
    return arguments


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
