"""Ray Tune's entry points replaced by recorders: what `Tuner` and `tune.run` were given is noted, nothing starts."""

from __future__ import annotations

import functools
import inspect
import random
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import ray
from ray import tune
from ray.tune.search import sample

from orchestrator.imports.recorder import Found, Note, Recorded, plain

DRAWS = 256
"""How often a `sample_from` is drawn to learn which values it takes."""
MOST_VALUES = 24
"""More distinct values than this are no list of choices."""


def replace(found: Found, note: Note) -> None:
    """Put recorders in the place of what starts Ray, places trials or trains."""
    state: dict[str, Any] = {"found": found, "note": note}
    ray.init = lambda *_, **__: None
    ray.shutdown = lambda *_, **__: None

    class Tuner:
        """Records what a Tuner is given; `fit` ends the file."""

        def __init__(self, trainable: Any = None, *, param_space: Any = None, tune_config: Any = None,
                     run_config: Any = None, **_: Any) -> None:  # fmt: skip
            settings = {**_fields(run_config), **_fields(tune_config)}
            self.experiment = _experiment(trainable, param_space, settings)
            _take(state, self.experiment)

        @classmethod
        def restore(cls, *_: Any, trainable: Any = None, **options: Any) -> Tuner:
            return cls(trainable, param_space=options.get("param_space"))

        def fit(self) -> None:
            raise Recorded

    def run(trainable: Any, **settings: Any) -> None:
        _take(state, _experiment(trainable, settings.pop("config", None), settings))
        raise Recorded

    for name, recorder in (("Tuner", Tuner), ("run", run)):
        setattr(tune, name, recorder)
    for module, name, recorder in (("ray.tune.tuner", "Tuner", Tuner), ("ray.tune.tune", "run", run)):
        setattr(sys.modules[module], name, recorder)  # the package binds something else to the module's name


def look_among(names: Mapping[str, Any], found: Found) -> None:
    """Look for a space among the file's own names, where it started no experiment."""
    if found["experiments"]:
        return
    for name, value in names.items():
        if isinstance(value, dict) and not name.startswith("__") and any(map(_is_swept, _leaves(value))):
            found["experiments"].append(_experiment(None, value, {}))


def _leaves(space: Mapping[Any, Any]) -> Iterator[Any]:
    for value in space.values():
        if isinstance(value, dict) and value and set(value) != {"grid_search"}:
            yield from _leaves(value)
        else:
            yield value


def _is_swept(value: Any) -> bool:
    return isinstance(value, sample.Domain) or (isinstance(value, dict) and set(value) == {"grid_search"})


def _take(state: dict[str, Any], experiment: Found) -> None:
    state["found"]["experiments"].append(experiment)
    state["note"]()


def _fields(config: Any) -> dict[str, Any]:
    return {} if config is None else {key: value for key, value in vars(config).items() if value is not None}


def _experiment(trainable: Any, space: Any, settings: Mapping[str, Any]) -> Found:
    experiment: Found = {"space": list(_space(space or {})), "trainable": _named(trainable), "settings": {}}
    for key in ("name", "metric", "mode", "num_samples", "time_budget_s", "max_concurrent_trials"):
        if isinstance(settings.get(key), str | int | float):
            experiment["settings"][key] = settings[key]
    for key in ("stop", "resources_per_trial"):
        if isinstance(settings.get(key), Mapping):
            experiment["settings"][key] = {str(k): v for k, v in settings[key].items() if isinstance(v, int | float)}
        elif settings.get(key) is not None:
            experiment["settings"][f"{key}_of"] = type(settings[key]).__name__
    for key in ("scheduler", "search_alg"):
        if settings.get(key) is not None:
            experiment["settings"][key] = _described(settings[key])
    experiment["settings"].setdefault("resources_per_trial", _resources(trainable))
    return experiment


def _described(member: Any) -> Found:
    """Return a scheduler's or searcher's class, and the plain ones of its attributes, without their underscores."""
    if isinstance(member, str):
        return {"class": member}
    inner = getattr(member, "searcher", None)
    brackets = getattr(member, "_brackets", None) or []
    rungs = [rung for bracket in brackets for rung, _ in getattr(bracket, "_rungs", [])]
    attributes = {key.lstrip("_"): value for key, value in vars(member).items() if isinstance(value, str | int | float)}
    named = type(inner).__name__ if inner is not None else type(member).__name__
    points = _points(inner if inner is not None else member)
    return {
        "class": named,
        **attributes,
        **({"grace_period": min(rungs)} if rungs else {}),
        **({"points_to_evaluate": points} if points else {}),
    }


def _points(searcher: Any) -> list[Any]:
    """Return the configurations that a searcher is told to begin with, those that JSON takes."""
    try:
        return [plain(dict(values)) for values in getattr(searcher, "_points_to_evaluate", None) or ()]
    except (TypeError, ValueError):
        return []


def _resources(trainable: Any) -> Any:
    found = getattr(trainable, "_resources", None)
    if isinstance(found, Mapping):
        return {str(key): value for key, value in found.items() if isinstance(value, int | float)}
    bundles = getattr(found, "bundles", None)
    return dict(bundles[0]) if bundles else None


def _named(trainable: Any) -> Found:
    """Return the module-level name of what is trained, and of which kind it is."""
    told: list[str] = []
    while (inner := _within(trainable)) is not None:
        wrapper, trainable = inner
        told += [wrapper] if wrapper else []
    name = getattr(trainable, "__qualname__", None) or (trainable if isinstance(trainable, str) else None)
    kind = "class" if inspect.isclass(trainable) else "function" if callable(trainable) else type(trainable).__name__
    return {"name": name, "kind": kind, "module": getattr(trainable, "__module__", None), "bound": told}


def _within(trainable: Any) -> tuple[str, Any] | None:
    """Return what a trainable is wrapped in, if that binds something, and what it wraps; None for a bare one."""
    if isinstance(trainable, functools.partial):
        return "functools.partial", trainable.func
    if getattr(trainable, "__wrapped__", None) is not None:
        return "", trainable.__wrapped__
    if getattr(trainable, "__module__", None) != "ray.tune.trainable.util":
        return None
    wrapper = "tune.with_parameters" if "with_parameters" in trainable.__qualname__ else ""
    if inspect.isclass(trainable):
        return wrapper, trainable.__mro__[1]
    inner = inspect.getclosurevars(trainable).nonlocals.get("trainable")
    return None if inner is None else (wrapper, inner)


def _space(space: Mapping[Any, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Found]]:
    """Yield every leaf of a space with the keys that lead to it."""
    for key, value in space.items():
        path = (*above, str(key))
        if isinstance(value, dict) and set(value) != {"grid_search"} and value:
            yield from _space(value, path)
        else:
            yield list(path), _node(value)


def _node(value: Any) -> Found:
    try:
        if isinstance(value, dict) and set(value) == {"grid_search"}:
            return {"kind": "grid", "values": [plain(item) for item in value["grid_search"]]}
        if isinstance(value, sample.Categorical):
            return {"kind": "choice", "values": [plain(item) for item in value.categories]}
        if isinstance(value, sample.Function):
            return _drawn(value)
        if isinstance(value, sample.Domain):
            return _number(value)
        return {"kind": "value", "value": plain(value)}
    except ValueError as strange:
        return {"kind": "lost", "why": f"{strange} is no value that a file can hold"}


def _number(domain: Any) -> Found:
    sampler, q = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, q = sampler.sampler, sampler.q
    if isinstance(sampler, sample.Normal):
        return {"kind": "normal", "mean": sampler.mean, "sd": sampler.sd, "q": q}
    kind = "int" if isinstance(domain, sample.Integer) else "float"
    log = isinstance(sampler, sample.LogUniform)
    return {"kind": kind, "low": plain(domain.lower), "high": plain(domain.upper), "log": log, "q": q}


def _drawn(function: Any) -> Found:
    """Draw a `sample_from` often: few values are choices. One that asks for other hyperparameters is lost."""
    random.seed(0)
    try:
        import numpy as np

        np.random.seed(0)
    except ImportError:
        pass
    values: list[Any] = []
    for _ in range(DRAWS):
        try:
            value = plain(function.func({}) if inspect.signature(function.func).parameters else function.func())
        except ValueError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises says why it cannot be drawn
            return {
                "kind": "lost",
                "why": f"sample_from asks for more than it can be given alone ({type(error).__name__})",
            }
        if value not in values:
            values.append(value)
        if len(values) > MOST_VALUES:
            return {
                "kind": "lost",
                "why": f"sample_from took more than {MOST_VALUES} values; write the range it draws from",
            }
    return {"kind": "drawn", "values": sorted(values) if all(isinstance(v, int | float) for v in values) else values}
