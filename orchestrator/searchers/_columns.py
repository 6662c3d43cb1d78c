"""The trials to learn from as columns of numbers, and the split of them that a proposal goes by.

Each trial is written into the columns once, and moves once more when it ends. A proposal then takes

    the good      the best tenth of those that ended, `MOST_GOOD` at most
    the rest      all others, and those that still run (`ending_of` says which is which)

which is Optuna's split. Of a rest of more than `MOST_REST` trials the best are taken, and a sample of the others
(`_rest`), so that a proposal costs the same after a hundred thousand trials as after two thousand. It is taken anew for
each group of hyperparameters that are drawn together, from the trials in which all of them are active: one that is
rarely active has as many kernels.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np

from orchestrator.searchers._arrays import FloatArray, Positions
from orchestrator.searchers._axis import axes_of
from orchestrator.searchers._densities import Observed, ParzenEstimator, ramp
from orchestrator.searchers._endings import ToldEnding, ending_of
from orchestrator.searchers._rest import Branch, Rest, rest_of
from orchestrator.sweep.domains import Config
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Goal
from orchestrator.sweep.standing import sign_of
from orchestrator.sweep.trial import Trial
from orchestrator.sweep.trial_list import AT_ONCE, Watch

MOST_GOOD = 25
"""Good trials at the most, as in Optuna."""
MOST_REST = 2_000
"""Kernels of the rest at the most; beyond so many trials some stand for the others."""
NEAR_PART = 2
"""Half of these are the best of the rest."""

_NONE: Positions = np.array([], dtype=np.intp)
_Rank: TypeAlias = tuple[int, int, float, int]
"""Sorts the trials that ended, the best first: kind, step, value, place in the list."""


class Apart(NamedTuple):
    """The trials that no sample is to stand for."""

    good: frozenset[int]
    """Places of the good."""
    both: frozenset[int]
    """These and the best of the rest, as many as are kept whole whatever stands for the others."""
    near_of: Mapping[int, Positions]
    """By branch (its `id`): those of the best of the rest that are its own."""
    count_of: Mapping[int, int]
    """Likewise, how many of `both`."""


class History:
    """A growing list of trials, for our own estimator."""

    def __init__(self, space: Space, goal: Goal, most_rest: int | None = MOST_REST) -> None:
        """Begin with no trial. `most_rest` None: no sample stands for the rest, however many they are."""
        self.axes = axes_of(space)
        """By hyperparameter; those without a choice have none."""
        self.most_rest = most_rest
        """Kernels of the rest at the most; None: one for each trial."""
        self._cost = -sign_of(goal)
        self._clear()

    def _clear(self) -> None:
        self.learned = 0
        """Trials that ended as complete or pruned: what a model rests on."""
        self.branches: dict[frozenset[str], Branch] = {}
        """By the hyperparameters that are active in its trials."""
        self.branch_of: list[Branch] = []
        """By place in the list."""
        self._branch_by_names: dict[tuple[str, ...], Branch] = {}
        self._places: dict[str, FloatArray] = {name: np.empty(256) for name in self.axes}
        self._told: list[ToldEnding | None] = []
        self._best: list[_Rank] = []
        self._apart: Apart | None = None
        self._watch = Watch()

    def update(self, trials: Sequence[Trial]) -> None:
        """Take note of new trials, and of those that ended since; `trials` only ever grows."""
        known = len(self._told)
        self._enter([trial.config for trial in trials[known:]])
        looked = self._watch.look(trials)
        if len(trials) - known >= AT_ONCE:
            self._settle_fresh(trials, known)
            looked = [place for place in looked if place < known]
        for place in looked:
            told = ending_of(trials[place])
            if told == self._told[place]:
                if place >= known:
                    self.branch_of[place].begin(place)
            elif self._told[place] is not None:  # it was opened again: rare, and everything may rest on it
                self._clear()
                self.update(trials)
                return
            elif told is not None:
                if place < known:
                    self.branch_of[place].leave(place)
                self._settle(place, told)

    def drawing(self, seed: int, *, candidates: int, constant_liar: bool, correlated: bool) -> ColumnDrawing:
        """Begin one proposal: everything that it draws goes by one split and one generator."""
        return ColumnDrawing(self, np.random.RandomState(seed), candidates, constant_liar, correlated)

    def apart(self) -> Apart:
        """Return the good and what comes next to them; the same object while it is the same trials."""
        good = min(ceil(0.1 * self.learned), MOST_GOOD)
        if self._apart is None or len(self._apart.good) != good:
            best = [rank[3] for rank in self._best[: good + self._most_near]]
            branches = list(map(id, map(self.branch_of.__getitem__, best)))
            near, of = np.array(best[good:], dtype=np.intp), np.array(branches[good:])
            self._apart = Apart(
                good=frozenset(best[:good]),
                both=frozenset(best),
                near_of={branch: near[of == branch] for branch in set(branches[good:])},
                count_of=Counter(branches),
            )
        return self._apart

    @property
    def _most_near(self) -> int:
        return 0 if self.most_rest is None else self.most_rest // NEAR_PART

    def estimator(self, names: Sequence[str], rest: Rest) -> ParzenEstimator:
        """Return the density over `names` that these trials make."""
        observed = Observed([self._places[name][rest.rows] for name in names], rest.weights, rest.number)
        return ParzenEstimator([self.axes[name] for name in names], observed)

    def _enter(self, configs: Sequence[Config]) -> None:
        """Write the configurations of new trials into the columns."""
        first = len(self._told)
        for name, column in self._places.items():
            if first + len(configs) > len(column):
                self._places[name] = column = np.resize(column, 2 * (first + len(configs)))
            try:
                column[first : first + len(configs)] = self.axes[name].encode_all(list(map(itemgetter(name), configs)))
            except KeyError:  # it is inactive in one of them
                rows = [row for row, config in enumerate(configs, first) if name in config]
                column[rows] = self.axes[name].encode_all([configs[row - first][name] for row in rows])
        for config in configs:
            branch = self._branch_by_names.get(tuple(config))
            self.branch_of.append(self._branch(config) if branch is None else branch)
        self._told += [None] * len(configs)

    def _branch(self, config: Config) -> Branch:
        active = frozenset(name for name in self.axes if name in config)
        branch = self.branches.setdefault(active, Branch(active))
        self._branch_by_names[tuple(config)] = branch
        return branch

    def _settle_fresh(self, trials: Sequence[Trial], first: int) -> None:
        """Take note of all trials from `first` on, which are new, sorting once: as `update` does one by one."""
        self._told[first:] = [ending_of(trial) for trial in trials[first:]]
        running: defaultdict[int, list[int]] = defaultdict(list)
        learned: defaultdict[int, list[int]] = defaultdict(list)
        ranks = self._best
        for place in range(first, len(trials)):
            told, of = self._told[place], id(self.branch_of[place])
            if told is None:
                running[of].append(place)
            elif told.kind != "fail":
                learned[of].append(place)
                ranks.append(self._rank(place, told))
        for branch in self.branches.values():
            branch.take(running[id(branch)], learned[id(branch)], self._most_lots)
        self.learned += sum(map(len, learned.values()))
        ranks.sort()
        del ranks[self._most_best :]
        self._apart = None

    def _settle(self, place: int, told: ToldEnding) -> None:
        self._told[place] = told
        if told.kind == "fail":
            return
        self.branch_of[place].learn(place, self._most_lots)
        self.learned += 1
        rank = self._rank(place, told)
        if len(self._best) < self._most_best or rank < self._best[-1]:
            insort(self._best, rank)
            del self._best[self._most_best :]
            self._apart = None

    @property
    def _most_best(self) -> int:
        return MOST_GOOD + self._most_near

    @property
    def _most_lots(self) -> int | None:
        return None if self.most_rest is None else self.most_rest + self._most_best

    def _rank(self, place: int, told: ToldEnding) -> _Rank:
        value = 0.0 if told.value is None else self._cost * told.value
        if told.kind == "complete":
            return 0, 0, value, place
        return 1, 1 if told.value is None else -told.step, value, place


class ColumnDrawing:
    """The draws of one proposal."""

    def __init__(
        self,
        history: History,
        random: np.random.RandomState,
        candidates: int,
        constant_liar: bool,
        correlated: bool,
    ) -> None:
        self._history = history
        self._random = random
        self._candidates = candidates
        self._counts_running = constant_liar
        self._correlated = correlated
        self._apart = history.apart()
        self._rests: dict[tuple[int, ...], Rest] = {}

    def sample(self, names: Iterable[str]) -> Config:
        """Draw values for those of `names` that have a choice, together or each by itself."""
        asked = [name for name in names if name in self._history.axes]
        groups = [asked] if self._correlated else [[name] for name in asked]
        seen = {name: place for group in groups if group for name, place in self._draw(group).items()}
        return {name: self._history.axes[name].decode(seen[name]) for name in asked}

    def _draw(self, names: Sequence[str]) -> Mapping[str, float | int]:
        """Return the place on each axis of the candidate that is likeliest good."""
        history = self._history
        branches = [branch for branch in history.branches.values() if branch.active.issuperset(names)]
        good = sorted(place for place in self._apart.good if history.branch_of[place] in branches)
        below = history.estimator(names, Rest(np.array(good, dtype=np.intp), ramp(len(good)), len(good)))
        above = history.estimator(names, self._rest(branches))
        points = below.draw(self._random, self._candidates)
        best = int(np.argmax(below.log_pdf(points) - above.log_pdf(points)))
        found = {name: float(places[best]) for name, places in zip(names, points, strict=True)}
        return {name: at if history.axes[name].cells is None else int(at) for name, at in found.items()}

    def _rest(self, branches: Sequence[Branch]) -> Rest:
        key = tuple(map(id, branches))
        if key not in self._rests:
            history, apart = self._history, self._apart
            ended = [branch.besides(apart.both, apart.count_of.get(id(branch), 0)) for branch in branches]
            running = [branch.running() for branch in branches] if self._counts_running else []
            near = np.concatenate([_NONE, *(apart.near_of.get(of, _NONE) for of in key)])
            self._rests[key] = rest_of(running, ended, near, len(history.branch_of), history.most_rest)
        return self._rests[key]
