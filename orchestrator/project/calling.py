"""How a training function is called: with the configuration as one dict, or with hyperparameters by their names.

A function says by its parameters what it takes, and its file's syntax says the same before anything is imported, so
that `check` and the worker rule alike:

    def train(config)                    the first parameter takes the dict
    def train(config, trial)             a parameter named `trial` takes what is known of the trial
    def train(lr, momentum=0.9)          by name, where `lr` is a hyperparameter
    def train(*, lr, momentum=0.9)       by name: nothing could take the dict
    def train(**hyperparameters)         by name, every one that applies

A class is no function: `ray.tune.Trainable` ones are driven by their own methods (see `ray.worker.tune_class`).

By name only where that is unmistakable: the first parameter is a hyperparameter of the search space, or nothing takes
one by position, or its default is a number or a text, which no dict replaces (`def train(epochs=10, lr=0.1)`); and each
parameter without a default is a hyperparameter. Needs nothing but the standard library.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

TRIAL_PARAMETER = "trial"
"""Name of the parameter that takes what is known of the trial, unless a hyperparameter has that name."""

DEEPEST_BASES = 20
"""How far a class's bases are followed through its file."""


@dataclass(frozen=True, slots=True)
class Calling:
    """What a function is handed, by the names of its parameters."""

    signature: Signature
    """Its parameters."""
    whole: str | None
    """The parameter that takes the configuration as a dict; None: hyperparameters are handed over by name."""
    names: tuple[str, ...]
    """The hyperparameters that are handed over by name, where they apply; none beside `whole`."""
    takes_trial: bool
    """Whether its parameter `trial` takes what is known of the trial."""

    @property
    def required(self) -> list[str]:
        """The hyperparameters that it cannot be called without."""
        return [name for name in self.names if self._default(name) is Parameter.empty]

    def _default(self, name: str) -> Any:
        return self.signature.parameters[name].default if name in self.signature.parameters else None

    def call(self, function: Callable[..., Any], config: Mapping[str, Any], trial: Any) -> Any:
        """Call the function; what it raises passes through."""
        if self.whole is not None:
            is_several = self.signature.parameters[self.whole].kind is Parameter.VAR_POSITIONAL
            given: dict[str, Any] = {self.whole: (config,) if is_several else config}
        else:
            given = {name: config[name] for name in self.names if name in config}
        if self.takes_trial:
            given[TRIAL_PARAMETER] = trial
        rest = next((p.name for p in self.signature.parameters.values() if p.kind is Parameter.VAR_KEYWORD), None)
        if rest is not None:
            extra = {name: given.pop(name) for name in [*given] if name not in self.signature.parameters}
            given[rest] = extra
        ordered = {name: given[name] for name in self.signature.parameters if name in given}
        bound = inspect.BoundArguments(self.signature, ordered)
        return function(*bound.args, **bound.kwargs)


def read_calling(signature: Signature, hyperparameters: Collection[str]) -> Calling | None:
    """Return how a function of these parameters is called; None where it cannot be.

    `hyperparameters` are the names of the search space, those that do not always apply among them.
    """
    parameters = list(signature.parameters.values())
    others = [p for p in parameters if p.name != TRIAL_PARAMETER or TRIAL_PARAMETER in hyperparameters]
    takes_trial = bool(others) and len(others) < len(parameters)
    others = others or parameters  # a single parameter, whatever its name, takes the configuration
    required = [p.name for p in others if p.default is Parameter.empty and p.kind not in _SEVERAL]
    first = next((p for p in others if p.kind in _BY_POSITION), None)
    takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in others)
    named = [p.name for p in others if p.kind not in _SEVERAL and p.name in hyperparameters]
    is_dict = first is not None and first.name not in hyperparameters and not isinstance(first.default, _PLAIN)
    is_by_name = not is_dict and bool(named or takes_all)
    if is_by_name and all(name in hyperparameters for name in required):
        return Calling(signature, None, tuple(hyperparameters) if takes_all else tuple(named), takes_trial)
    if first is None or any(name != first.name for name in required):
        return None
    return Calling(signature, first.name, (), takes_trial)


def unfilled(signature: Signature, hyperparameters: Collection[str]) -> list[str]:
    """Return what keeps a function that cannot be called from being called by name; nothing where it isn't meant to."""
    needed = [p.name for p in signature.parameters.values() if p.default is Parameter.empty and p.kind not in _SEVERAL]
    unknown = [name for name in needed if name not in hyperparameters and name != TRIAL_PARAMETER]
    return unknown if len(unknown) < len(needed) else []


def describe(calling: Calling, hyperparameters: Collection[str]) -> str:
    """Say how a function is called: `takes the configuration, a dict, as config`."""
    trial = "; trial takes what is known of the trial" if calling.takes_trial else ""
    if calling.whole is not None:
        return f"takes the configuration, a dict, as {calling.whole}{trial}"
    left = [name for name in hyperparameters if name not in calling.names]
    rest = f"; it does not take {', '.join(left)}" if left else ""
    return f"takes hyperparameters by name, {', '.join(calling.names)}{trial}{rest}"


def signature_of(function: Callable[..., Any]) -> Signature | None:
    """Return the parameters with which a function can be called; None for what does not tell.

    A wrapper that `functools.wraps` names after a function is asked for its own parameters, unless it takes anything.
    """
    try:
        signature = inspect.signature(function, follow_wrapped=False)
        if hasattr(function, "__wrapped__") and {p.kind for p in signature.parameters.values()} == set(_SEVERAL):
            return signature_of(function.__wrapped__)
    except (TypeError, ValueError):  # some that are written in C
        return None
    return signature


def may_be_trainable(found: ast.ClassDef, bound: Mapping[str, ast.stmt], depth: int = 0) -> bool:
    """Say whether a class has a base that the file does not show, and which may be a `ray.tune.Trainable`."""
    for base in found.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        shown = bound.get(name)
        if not isinstance(shown, ast.ClassDef) or shown is found:  # elsewhere, or what the name meant before
            if name != "object":
                return True
        elif depth < DEEPEST_BASES and may_be_trainable(shown, bound, depth + 1):
            return True
    return bool(found.decorator_list)


def signature_in(arguments: ast.arguments) -> Signature:
    """Return the same of a function's syntax; of the defaults only those that are written out have their values."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    parameters = []
    for position, (argument, value) in enumerate(zip(positional, defaults, strict=True)):
        only = position < len(arguments.posonlyargs)
        kind = Parameter.POSITIONAL_ONLY if only else Parameter.POSITIONAL_OR_KEYWORD
        parameters.append(Parameter(argument.arg, kind, default=_default_in(value)))
    if arguments.vararg is not None:
        parameters.append(Parameter(arguments.vararg.arg, Parameter.VAR_POSITIONAL))
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(Parameter(argument.arg, Parameter.KEYWORD_ONLY, default=_default_in(value)))
    if arguments.kwarg is not None:
        parameters.append(Parameter(arguments.kwarg.arg, Parameter.VAR_KEYWORD))
    return Signature(parameters)


def _default_in(written: ast.expr | None) -> Any:
    if written is None:
        return Parameter.empty
    try:
        return ast.literal_eval(written)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None


_PLAIN = (bool, int, float, str, bytes)
"""What a parameter that takes the configuration has for no default."""
_SEVERAL = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)
