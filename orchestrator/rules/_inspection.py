"""What `stepladder check --model` sees in a torch model: where dropout and batch normalisation meet, and recurrence.

The model is traced by torch.fx, which follows what `forward` does; where it cannot be (a loop over a sequence, a branch
on data), the order in which modules were registered stands for the order of the calls, and a `forward` with a loop is
read as text. Nothing is trained, no data is needed; the user's function runs, and all that its module does at import.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import fx, nn
from torch.nn import functional

from orchestrator.errors import UsageError
from orchestrator.rules import ModelFacts
from orchestrator.sweep.domains import Config

_NORMS = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - torch names their common class nowhere else
_DROPOUTS = nn.modules.dropout._DropoutNd  # noqa: SLF001 - likewise
_KEEPS_SHAPE = (
    nn.Identity, nn.Flatten, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh
)  # fmt: skip
"""Layers between dropout and normalisation that leave the one directly before the other."""
_FUNCTIONAL_DROPOUTS = (functional.dropout, functional.dropout1d, functional.dropout2d, functional.alpha_dropout)


def inspect_target(target: str, folder: Path, config: Config) -> ModelFacts:
    """Call `module:function` (or `file.py:function`), found from `folder`, and return what its model shows.

    The function is called with `config` if it takes an argument. Raises UsageError for whatever goes wrong in it.
    """
    build = _function(target, folder)
    try:
        model = build(dict(config)) if _takes_config(build) else build()
    except Exception as error:
        raise UsageError(f"--model {target}: it raised {type(error).__name__}: {error}; mend it") from error
    if not isinstance(model, nn.Module):
        raise UsageError(f"--model {target}: it returned {type(model).__name__}; return the torch.nn.Module")
    return inspect_model(model, target)


def inspect_model(model: nn.Module, target: str) -> ModelFacts:
    """Return what a model shows; `target` is what it is called."""
    norms = tuple(name for name, layer in model.named_modules() if isinstance(layer, _NORMS))
    try:
        graph: fx.Graph | None = fx.symbolic_trace(model).graph
    except Exception:  # noqa: BLE001 - fx raises whatever the model's own code raises on a proxy
        graph = None
    if graph is None:
        return ModelFacts(target, norms, tuple(_neighbours(model)), tuple(_looped_dropouts(model)))
    kinds = dict(model.named_modules())
    return ModelFacts(target, norms, tuple(_traced_pairs(graph, kinds)), tuple(_traced_recurrence(graph, kinds)))


def _function(target: str, folder: Path) -> Callable[..., Any]:
    name, colon, function = target.rpartition(":")
    if not colon or not name or not function:
        raise UsageError(f"--model {target}: write module:function, e.g. train:build_model")
    module = name.removesuffix(".py").replace("/", ".")
    sys.path.insert(0, str(folder.absolute()))
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:
        raise UsageError(f"--model {target}: {module} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder.absolute()))
    if not callable(found):
        raise UsageError(f"--model {target}: {module} has no function {function!r}; name one that returns the model")
    return found  # type: ignore[no-any-return]


def _takes_config(build: Callable[..., Any]) -> bool:
    parameters = inspect.signature(build).parameters.values()
    return any(
        each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters
    )


def _traced_pairs(graph: fx.Graph, layers: dict[str, nn.Module]) -> Iterator[tuple[str, str]]:
    """Yield each normalisation whose input comes from a dropout, nothing but what keeps the shape between them."""
    for node in graph.nodes:
        if node.op != "call_module" or not isinstance(layers[node.target], _NORMS):
            continue
        before = node.args[0]
        while _is(before, layers, _KEEPS_SHAPE):
            before = before.args[0]
        if _is_dropout(before, layers):
            yield _called(before), str(node.target)


def _traced_recurrence(graph: fx.Graph, layers: dict[str, nn.Module]) -> Iterator[str]:
    """Yield each dropout between one call of a recurrent cell and its next."""
    cells: dict[fx.Node, set[Any]] = {}
    seen: set[str] = set()
    for node in graph.nodes:
        come_from = set().union(*(cells.get(source, set()) for source in node.all_input_nodes))
        if _is(node, layers, (nn.RNNCellBase,)):
            for source in node.all_input_nodes[1:]:
                for dropout in (each for each in cells.get(source, set()) if each[0] == node.target and each[1]):
                    if dropout[1] not in seen:
                        seen.add(dropout[1])
                        yield dropout[1]
            come_from = {(node.target, "")}
        elif _is_dropout(node, layers):
            come_from = {(cell, _called(node)) for cell, _ in come_from}
        cells[node] = come_from


def _is(node: Any, layers: dict[str, nn.Module], kinds: tuple[type[nn.Module], ...]) -> bool:
    return isinstance(node, fx.Node) and node.op == "call_module" and isinstance(layers[str(node.target)], kinds)


def _is_dropout(node: Any, layers: dict[str, nn.Module]) -> bool:
    called = isinstance(node, fx.Node) and node.op == "call_function" and node.target in _FUNCTIONAL_DROPOUTS
    return called or _is(node, layers, (_DROPOUTS,))


def _called(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


def _neighbours(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield dropouts and normalisations that were registered side by side."""
    leaves = [(name, layer) for name, layer in model.named_modules() if not list(layer.children())]
    telling = [(name, layer) for name, layer in leaves if not isinstance(layer, _KEEPS_SHAPE)]
    for (name, layer), (after, follower) in pairwise(telling):
        if isinstance(layer, _DROPOUTS) and isinstance(follower, _NORMS):
            yield name, after


def _looped_dropouts(model: nn.Module) -> Iterator[str]:
    """Yield dropouts on the state that a loop in some `forward` hands from one step of its cell to the next."""
    for name, module in model.named_modules():
        children = dict(module.named_children())
        cells = {child for child, layer in children.items() if isinstance(layer, nn.RNNCellBase)}
        dropouts = {child for child, layer in children.items() if isinstance(layer, _DROPOUTS)}
        if cells and dropouts:
            for dropout in sorted(_dropped_states(module, cells, dropouts)):
                yield f"{name}.{dropout}" if name else dropout


def _dropped_states(module: nn.Module, cells: set[str], dropouts: set[str]) -> set[str]:
    """Return the dropouts that `forward` applies, inside a loop, to a variable that a cell reads as its state."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type(module).forward)))
    except (OSError, TypeError, SyntaxError):
        return set()
    found: set[str] = set()
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)):
        calls = [node for node in ast.walk(loop) if isinstance(node, ast.Call)]
        of_cells = [call for call in calls if _attribute(call) in cells]
        states = {name for call in of_cells for argument in call.args[1:] for name in _names(argument)}
        for call in of_cells:
            nested = [
                inner for argument in call.args[1:] for inner in ast.walk(argument) if isinstance(inner, ast.Call)
            ]
            found |= {str(_attribute(inner)) for inner in nested if _attribute(inner) in dropouts}
        for statement in (node for node in ast.walk(loop) if isinstance(node, ast.Assign)):
            assigned = {name for target in statement.targets for name in _names(target)}
            if assigned & states:
                inner = [node for node in ast.walk(statement.value) if isinstance(node, ast.Call)]
                inside = {id(each) for call in inner if _attribute(call) in cells for each in ast.walk(call.args[0])}
                outer = [call for call in inner if id(call) not in inside]
                found |= {str(_attribute(call)) for call in outer if _attribute(call) in dropouts}
    return found


def _attribute(call: ast.Call) -> str | None:
    """Return `name` of a call `self.name(...)`; None of any other."""
    function = call.func
    is_own = (
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "self"
    )
    return function.attr if is_own and isinstance(function, ast.Attribute) else None


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each.id != "self"}
