"""What a training is given: its hyperparameters and nothing else, and beside them what is known of its trial.

The configuration is handed on whole by many trainings, `lightgbm.train(config)` or `Model(**config)`, so it may hold
nothing that is no hyperparameter. What was under its key `_trial` comes as a parameter named `trial` (see
`project.calling`) and in variables of the environment, which what a function starts inherits.
"""

from __future__ import annotations

import copy
import inspect
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with Ray

from orchestrator.ray.worker.reads import Reads
from orchestrator.ray.worker.trainable import TRIAL_KEY
from orchestrator.sweep.nesting import nested, reached

PREFIX = "STEPLADDER_"
"""What the variables begin with: `STEPLADDER_SEED` is `trial.seed`."""


@dataclass(frozen=True, slots=True)
class TrialInfo(Mapping[str, Any]):
    """What a training may know of its trial, by attribute or by key: `trial.seed`, `trial["seed"]`."""

    trial_id: str
    """Which trial this is: its folder's name in the tables and files."""
    number: int
    """Its number in the sweep, 0 first, which is the baseline."""
    attempt: int
    """Which execution of it this is, 0 first."""
    seed: int
    """The trial's own seed: the same in each attempt."""
    max_fidelity: float
    """Where its training ends: `fidelity.max`, or less where a searcher asks for a short one."""
    rungs: tuple[float, ...]
    """Fidelities at which it is compared, ascending, `max_fidelity` last."""
    checkpoint: str | None
    """Folder to go on from; None in a fresh start."""
    from_fidelity: float
    """Fidelity of that checkpoint; 0 in a fresh start."""
    from_iteration: float
    """How many reports had been made up to that checkpoint; 0 in a fresh start."""
    sweep_folder: str
    """The sweep's folder."""
    purpose: str = "train"
    """What it runs for: `train`, or `test`, where the winner is measured on the test set (`stepladder test`)."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> TrialInfo:
        """Read what the driver told of the trial."""
        known: dict[str, Any] = {name: told.get(name) for name in _FIELDS}
        known["purpose"] = told.get("purpose", "train")
        lists = {"rungs": tuple(told.get("rungs", ())), **{key: told.get(key, 0.0) for key in _SINCE}}
        return cls(**(known | lists))

    def __getitem__(self, key: str) -> Any:
        if key not in _FIELDS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)

    def as_plain(self) -> dict[str, Any]:
        """Return it as a dict that JSON takes."""
        return {**self, "rungs": list(self.rungs)}

    def variables(self) -> dict[str, str]:
        """Return it as variables of the environment; what there is none of, as a checkpoint at first, is not set."""
        plain = {key: value for key, value in self.as_plain().items() if value is not None}
        return {
            f"{PREFIX}{key.upper()}": value if isinstance(value, str) else json.dumps(value)
            for key, value in plain.items()
        }


_SINCE = ("from_fidelity", "from_iteration")
_FIELDS = tuple(field.name for field in fields(TrialInfo))


class Configuration(dict[str, Any]):
    """The hyperparameters of a trial, nested at the dots of their names: `config["model"]["lr"]` for `model.lr`.

    `config["model.lr"]`, and the key `_trial`, are in no iteration, length or copy, but answer who asks for them.

    Training code that was written when it was a key goes on: it is told once a process what to write instead. What is
    read is kept in `Reads`; a write is no reading.
    """

    _was_told = False

    def __init__(
        self,
        hyperparameters: Mapping[str, Any],
        trial: TrialInfo,
        *,
        is_nested: bool = True,
        reads: Reads | None = None,
    ) -> None:
        super().__init__(nested(hyperparameters) if is_nested else hyperparameters)
        self._trial: TrialInfo | None = trial
        self._dotted = frozenset(name for name in hyperparameters if "." in name) if is_nested else frozenset[str]()
        self._reads = Reads() if reads is None else reads

    def __getitem__(self, key: str) -> Any:
        self._reads.take(key, inspect.currentframe().f_back)  # type: ignore[union-attr]  # CPython has frames
        if super().__contains__(key):
            return super().__getitem__(key)
        if key == TRIAL_KEY and self._trial is not None:
            return self._told()
        if self._reaches(key):
            return reached(self._plain(), key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        self._reads.take(key, inspect.currentframe().f_back)  # type: ignore[union-attr]
        return self._has(key)

    def __delitem__(self, key: str) -> None:
        if super().__contains__(key) or not self._has(key):
            super().__delitem__(key)
        else:
            self._trial = None

    def __iter__(self) -> Iterator[str]:
        self._reads.take_whole()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self._reads.take_whole()
        return super().__reversed__()

    def __eq__(self, other: object) -> bool:
        self._reads.take_whole()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        self._reads.take_whole()
        return super().__ne__(other)

    __hash__ = None  # as of every dict

    def __repr__(self) -> str:
        self._reads.take_whole()
        return super().__repr__()

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (self.copy(),)

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of the hyperparameters."""
        self._reads.take_whole()
        return self._plain()

    def keys(self) -> Any:
        """Return the view of the keys."""
        self._reads.take_whole()
        return super().keys()

    def values(self) -> Any:
        """Return the view of the values."""
        self._reads.take_whole()
        return super().values()

    def items(self) -> Any:
        """Return the view of the pairs."""
        self._reads.take_whole()
        return super().items()

    def popitem(self) -> tuple[str, Any]:
        """Remove the last pair and return it."""
        self._reads.take_whole()
        return super().popitem()

    def apart(self) -> Configuration:
        """Return one that answers alike and shares nothing with this one but what is known of its reading."""
        copied = Configuration.__new__(Configuration)
        vars(copied).update(vars(self))
        copied.update(copy.deepcopy(self._plain()))
        return copied

    def record(self, reads: Reads) -> None:
        """Keep what is read from now on in `reads`."""
        self._reads = reads

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value, `default` without one; `_trial` and names with dots answer."""
        self._reads.take(key, inspect.currentframe().f_back)  # type: ignore[union-attr]
        if self._is_hidden(key):
            return self._told()
        return reached(self._plain(), key) if self._reaches(key) else super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value, after setting it where there is none; `_trial` answers."""
        self._reads.take(key, inspect.currentframe().f_back)  # type: ignore[union-attr]
        return self._told() if self._is_hidden(key) else super().setdefault(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove the key and return its value, as who took `_trial` out by hand did."""
        self._reads.take(key, inspect.currentframe().f_back)  # type: ignore[union-attr]
        if not self._is_hidden(key):
            return super().pop(key, *default)
        told, self._trial = self._told(), None
        return told

    def _plain(self) -> dict[str, Any]:
        """Return a plain dict of it, which is no reading."""
        return dict(super().items())

    def _has(self, key: object) -> bool:
        return super().__contains__(key) or self._reaches(key) or (key == TRIAL_KEY and self._trial is not None)

    def _reaches(self, key: object) -> bool:
        """Say whether a key is a name with dots whose value is there, unless something has that very key."""
        if key not in self._dotted or super().__contains__(key):
            return False
        try:
            reached(self._plain(), str(key))
        except KeyError:
            return False
        return True

    def _is_hidden(self, key: str) -> bool:
        return key == TRIAL_KEY and self._trial is not None and not super().__contains__(key)

    def _told(self) -> dict[str, Any]:
        assert self._trial is not None
        if not Configuration._was_told:
            Configuration._was_told = True
            warnings.warn(
                'config["_trial"] goes away: give the training function a parameter named `trial`, '
                "`def train(config, trial):`, and read trial.seed and its like from it",
                FutureWarning,  # which Python shows to whoever runs the code
                stacklevel=3,
            )
        return self._trial.as_plain()


def announce(trial: TrialInfo) -> None:
    """Set the trial's variables for this process and what it starts, in place of those of the trial before it."""
    for name in _FIELDS:
        os.environ.pop(f"{PREFIX}{name.upper()}", None)
    os.environ.update(trial.variables())


for _representer in (yaml.representer.SafeRepresenter, yaml.representer.Representer):
    _representer.add_representer(Configuration, _representer.represent_dict)  # else no yaml.safe_dump(config)
