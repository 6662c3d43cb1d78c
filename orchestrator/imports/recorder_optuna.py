"""Optuna's `study.optimize` replaced by a recorder: the objective is asked what it suggests, and cut before it trains.

A first pass takes the first choice of every category and the middle of every range. Then one category, or short range
of whole numbers, after another is set to each of its other values: what is suggested only then is conditional. A pass
is cut at the objective's first report, or `PATIENCE_S` after its last suggestion.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import optuna
from optuna.trial import FixedTrial

from orchestrator.imports.recorder import Found, Note, Recorded, plain

PATIENCE_S = 10.0
"""An objective that has suggested nothing for so long is taken to train."""
MOST_PASSES = 200
MOST_VALUES = 8
"""A range of more whole numbers is not gone through value by value."""

Setting = dict[str, Any]


class Cut(BaseException):
    """Ends one pass of an objective: it has reported, been told to be pruned, or fallen silent."""


class AskedTrial(FixedTrial):
    """A trial that writes down what it is asked."""

    def __init__(self, setting: Setting) -> None:
        super().__init__({})
        self.setting = setting
        self.asked: dict[str, Found] = {}
        self.reports = False

    def _suggest(self, name: str, distribution: Any) -> Any:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
        if name not in self.asked:
            self.asked[name] = _described(distribution)
            self._suggested_params[name] = self.setting.get(name, _first(distribution))
            self._distributions[name] = distribution
        return self._suggested_params[name]

    def report(self, value: float, step: int) -> None:  # noqa: ARG002 - Optuna's own names
        """End the pass: what comes next is training."""
        self.reports = True
        raise Cut

    def should_prune(self) -> bool:
        """End the pass: only an objective in the midst of its training asks this."""
        raise Cut


def replace(found: Found, note: Note) -> None:
    """Put the recorder in the place of `Study.optimize`, and keep studies in memory."""
    signal.signal(signal.SIGALRM, _cut)
    create = optuna.create_study
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    created: dict[str, Found] = {}

    def create_study(**settings: Any) -> Any:
        study = create(**{**settings, "storage": None, "load_if_exists": False})
        created[study.study_name] = {key: value for key, value in settings.items() if value is not None}
        return study

    def optimize(study: Any, func: Any, n_trials: Any = None, timeout: Any = None, n_jobs: int = 1, **_: Any) -> None:
        settings = created.get(study.study_name, {})
        experiment: Found = {
            "objective": _named(func),
            "settings": {
                "name": settings.get("study_name"),
                "directions": [direction.name.lower() for direction in study.directions],
                "n_trials": n_trials, "timeout": timeout, "n_jobs": n_jobs,
                "sampler": type(study.sampler).__name__, "seed": None,
                "pruner": type(study.pruner).__name__ if "pruner" in settings else None,
                "storage": "storage" in settings,
                "enqueued": [trial.system_attrs.get("fixed_params", {}) for trial in study.get_trials(deepcopy=False)],
            },
            "asked": {}, "passes": [], "reports": False,
        }  # fmt: skip
        found["experiments"].append(experiment)
        _explore(func, experiment, note)
        raise Recorded

    optuna.create_study = create_study
    optuna.study.create_study = create_study
    optuna.load_study = lambda study_name=None, **_: create_study(study_name=study_name)
    setattr(optuna.study.Study, "ask", _refuse)  # noqa: B010 - as below
    setattr(optuna.study.Study, "optimize", optimize)  # noqa: B010 - replaced, which a type checker would refuse


def look_among(names: Mapping[str, Any], found: Found) -> None:
    """Explore the file's only function of a trial, where the file itself starts no study."""
    if found["experiments"]:
        return
    own = [value for name, value in names.items() if callable(value) and getattr(value, "__module__", "") == "__main__"]
    objectives = [value for value in own if "trial" in getattr(getattr(value, "__code__", None), "co_varnames", ())[:1]]
    chosen = [value for value in objectives if value.__name__ == "objective"] or objectives
    if chosen:
        experiment: Found = {
            "objective": _named(chosen[0]),
            "settings": {},
            "asked": {},
            "passes": [],
            "reports": False,
        }
        found["experiments"].append(experiment)
        _explore(chosen[0], experiment, lambda: None)


def _explore(objective: Any, experiment: Found, note: Note) -> None:
    """Run the passes and write down what each was asked under which values."""
    asked: dict[str, Found] = experiment["asked"]
    done: list[Setting] = []
    queue: list[Setting] = [{}]
    while queue and len(done) < MOST_PASSES:
        setting = queue.pop(0)
        if setting in done:
            continue
        done.append(setting)
        trial = AskedTrial(setting)
        error = _pass(objective, trial, experiment)
        fresh = {name: described for name, described in trial.asked.items() if name not in asked}
        clashes = [name for name, d in trial.asked.items() if name in asked and asked[name] != d]
        experiment.setdefault("clashes", []).extend(name for name in clashes if name not in experiment["clashes"])
        asked.update(fresh)
        values = {name: plain(value) for name, value in trial.params.items() if _is_plain(value)}
        experiment["passes"].append({"values": values, "names": list(trial.asked), "error": error})
        queue += [{**setting, name: value} for name in fresh for value in _others(asked[name], trial.params.get(name))]
        note()


def _pass(objective: Any, trial: AskedTrial, experiment: Found) -> str | None:
    """Run one pass; return what the objective raised by itself."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        returned = objective(trial)
        experiment["returned"] = type(returned).__name__
    except (Cut, optuna.TrialPruned):
        pass
    except Exception as error:  # noqa: BLE001 - whatever the objective raises is told, and the next pass is run
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        experiment["reports"] = experiment["reports"] or trial.reports
    return None


def _refuse(*_: Any, **__: Any) -> None:
    raise RuntimeError("study.ask() is not recorded; put what the trial is asked into a function objective(trial)")


def _cut(_signal: int, _frame: Any) -> None:
    raise Cut


def _described(distribution: Any) -> Found:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        try:
            return {"kind": "choice", "values": [plain(value) for value in distribution.choices]}
        except ValueError as strange:
            return {"kind": "lost", "why": f"the choice {strange} is no value that a file can hold"}
    kind = "int" if isinstance(distribution, optuna.distributions.IntDistribution) else "float"
    step = distribution.step if kind == "float" or distribution.step != 1 else None
    return {"kind": kind, "low": distribution.low, "high": distribution.high, "log": distribution.log, "step": step}


def _first(distribution: Any) -> Any:
    """Return what the first pass takes: the first choice, the lower middle of a range."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return distribution.choices[0]
    low, high = distribution.low, distribution.high
    if isinstance(distribution, optuna.distributions.IntDistribution):
        return low + (high - low) // 2 // distribution.step * distribution.step
    return low if distribution.step else (low * high) ** 0.5 if distribution.log else (low + high) / 2


def _others(described: Found, taken: Any) -> Iterator[Any]:
    if described["kind"] == "choice":
        yield from (value for value in described["values"] if value != taken)
    elif described["kind"] == "int":
        values = range(described["low"], described["high"] + 1, described["step"] or 1)
        if len(values) <= MOST_VALUES:
            yield from islice((value for value in values if value != taken), MOST_VALUES)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _named(func: Any) -> Found:
    return {"name": getattr(func, "__qualname__", None), "module": getattr(func, "__module__", None)}
