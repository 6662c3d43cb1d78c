"""Which options a training program takes on its command line, by its syntax alone.

argparse     parser.add_argument("--lr", type=float, default=0.1)
click        @click.option("--lr", default=0.1)
typer        def main(lr: float = 0.1), under app.command() or typer.run
tyro         tyro.cli(Args), tyro.cli(main); HfArgumentParser(Args) and simple_parsing likewise
Hydra        @hydra.main: cfg.optimizer.lr, and the dataclasses that a ConfigStore holds
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from orchestrator.imports.code_taken import Taken, dataclasses_of, fields, known_value, parameters, read_attributes
from orchestrator.imports.python_source import Constants, arguments_of, calls, dotted_name

_PARSERS = ("tyro.cli", "HfArgumentParser", "simple_parsing.parse", "parser.add_arguments")
_SWITCHES = ("store_true", "store_false")


def options(module: ast.Module) -> tuple[str, list[Taken]]:
    """Return which library reads the command line, empty for none, and the options that it takes."""
    constants = Constants(module)
    for tool, read in _READERS.items():
        if found := list(read(module, constants)):
            return tool, found
    return "", []


def _argparse(module: ast.Module, constants: Constants) -> Iterator[Taken]:
    for name, call in calls(module):
        if not name.endswith("add_argument"):
            continue
        flags = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        long = next((flag for flag in flags if flag.startswith("--")), None)
        if long is None:
            continue
        given = arguments_of(call)
        action = given["action"].value if isinstance(given.get("action"), ast.Constant) else None  # type: ignore[attr-defined]
        choices = known_value(given["choices"], constants) if "choices" in given else None
        yield Taken(
            long[2:], call.lineno,
            known_value(given["default"], constants) if "default" in given else None,
            choices=tuple(choices) if isinstance(choices, list) else (),
            switch=action in _SWITCHES,
        )  # fmt: skip


def _click(module: ast.Module, constants: Constants) -> Iterator[Taken]:
    for name, call in calls(module):
        if name not in ("click.option", "option"):
            continue
        flags = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        long = next((flag.partition("/")[0] for flag in flags if flag.startswith("--")), None)
        if long is None:
            continue
        given = arguments_of(call)
        kind = given.get("type")
        listed = known_value(kind.args[0], constants) if isinstance(kind, ast.Call) and kind.args else None
        switch = "is_flag" in given or any("/" in flag for flag in flags)
        default = known_value(given["default"], constants) if "default" in given else None
        choices = tuple(listed) if isinstance(listed, list) and "Choice" in ast.unparse(kind) else ()  # type: ignore[arg-type]
        yield Taken(long[2:], call.lineno, default, choices=choices, switch=switch)


def _typer(module: ast.Module, constants: Constants) -> Iterator[Taken]:
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    run = [
        call.args[0].id
        for name, call in calls(module)
        if name == "typer.run" and call.args and isinstance(call.args[0], ast.Name)
    ]
    commands = [
        function.name
        for function in functions.values()
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and dotted_name(decorator.func).endswith((".command", ".callback"))
    ]
    if "typer" not in ast.unparse(module):
        return
    for name in [*run, *commands][:1]:
        for taken in parameters(functions[name], constants):
            yield replace(taken, name=taken.name.replace("_", "-"), switch=isinstance(taken.default, bool))


def _dataclasses(module: ast.Module, constants: Constants) -> Iterator[Taken]:
    """Yield what tyro and parsers of dataclasses take: the fields of the classes, or the parameters of the function."""
    classes = dataclasses_of(module)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for name, call in calls(module):
        if not name.endswith(_PARSERS):
            continue
        for named in (node.id for argument in call.args for node in ast.walk(argument) if isinstance(node, ast.Name)):
            found = fields(named, classes, constants) if named in classes else iter(())
            found = parameters(functions[named], constants) if named in functions else found
            for taken in found:
                dashes = taken.name if name.endswith("HfArgumentParser") else taken.name.replace("_", "-")
                yield replace(taken, name=dashes, switch=isinstance(taken.default, bool))


def _hydra(module: ast.Module, constants: Constants) -> Iterator[Taken]:
    apps = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(d, ast.Call) and dotted_name(d.func) == "hydra.main" for d in node.decorator_list)
    ]
    if not apps or not apps[0].args.args:
        return
    classes = dataclasses_of(module)
    stored = [
        node.id for name, call in calls(module) if name.endswith(".store") for keyword in call.keywords
        if keyword.arg == "node" for node in ast.walk(keyword.value) if isinstance(node, ast.Name)
    ]  # fmt: skip
    seen: set[str] = set()
    for taken in [
        *(taken for name in stored if name in classes for taken in fields(name, classes, constants)),
        *(taken for function in module.body if isinstance(function, ast.FunctionDef)
          for taken in read_attributes(function, apps[0].args.args[0].arg)),
    ]:  # fmt: skip
        if taken.name not in seen and not any(other.startswith(f"{taken.name}.") for other in seen):
            seen.add(taken.name)
            yield taken


_READERS = {"argparse": _argparse, "click": _click, "typer": _typer, "tyro": _dataclasses, "hydra": _hydra}
"""What reads the options of each library."""
