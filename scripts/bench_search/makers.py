"""Other makers of the Gaussian process, behind our history: Optuna's GPSampler, and BoTorch.

They see what our searchers see, running trials too, and are asked for everything at once (`joint`), so that a
comparison with `joint+gp` is one of makers alone. What was found, and why our own is kept, says docs/design.md.
BoTorch is no part of what the bench needs, and is installed by hand (`pip install botorch==0.18.1`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from typing_extensions import override

from orchestrator.searchers import ProposalRequest, Searcher
from orchestrator.searchers._study import StudyHistory, distribution_of
from orchestrator.sweep.domains import Config
from orchestrator.sweep.trial import Trial

STARTUP = 8
"""Ended trials before a model is used, as with our own."""
ASKED = 5
"""Times that it is asked with another seed where it proposes what was tried."""
RESTARTS, FIRST_LOOK = 4, 128
"""Starting points of BoTorch's search for the best expectation, and draws that they are the best of."""


class Maker(Searcher):
    """Asks another library's Gaussian process."""

    learns = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.startup_trials = STARTUP
        self.history = StudyHistory(self.space, self.goal)

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return a proposal, which was not tried if any of `ASKED` was not; uniform draws at the beginning."""
        self.history.update(trials)
        if self.history.learned < STARTUP:
            return self.space.draw(request.block, request.held, request.random())
        seed, names = request.random().getrandbits(31), [name for name in request.block if name in self.history.axes]
        for again in range(ASKED):
            seen = self.made(seed + again, names)
            values = {name: self.history.axes[name].decode(seen[name]) for name in names}
            config = self.space.complete({**request.held, **values})
            if all(trial.config != config for trial in trials):
                break
        return config

    @abstractmethod
    def made(self, seed: int, names: Sequence[str]) -> dict[str, Any]:
        """Return what is proposed for these hyperparameters, as the history's axes encode them."""


class OptunaMaker(Maker):
    """Optuna's GPSampler."""

    @override
    def made(self, seed: int, names: Sequence[str]) -> dict[str, Any]:
        asked = {name: distribution_of(self.history.axes[name]) for name in names}
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=0)
        scratch = create_trial(state=TrialState.RUNNING)
        return sampler.sample_relative(self.history.study, scratch, asked)


class BoTorchMaker(Maker):
    """BoTorch's default process, and log expected improvement with running trials pending; kinds are two at most."""

    @override
    def made(self, seed: int, names: Sequence[str]) -> dict[str, Any]:
        import torch
        from botorch.acquisition import qLogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.models.transforms import Standardize
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        torch.manual_seed(seed)
        trials = self.history.study.get_trials(deepcopy=False)
        done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        running = [self._row(trial, names) for trial in trials if trial.state is TrialState.RUNNING]
        sign = 1.0 if self.goal == "maximize" else -1.0
        rows = torch.tensor([self._row(trial, names) for trial in done], dtype=torch.double)
        values = torch.tensor([[sign * trial.value] for trial in done if trial.value is not None], dtype=torch.double)
        process = SingleTaskGP(rows, values, outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
        pending = torch.tensor(running, dtype=torch.double) if running else None
        expected = qLogExpectedImprovement(process, best_f=values.max(), X_pending=pending)
        bounds = torch.tensor([[0.0] * len(names), [1.0] * len(names)], dtype=torch.double)
        best, _ = optimize_acqf(expected, bounds, q=1, num_restarts=RESTARTS, raw_samples=FIRST_LOOK)
        return {name: self._seen(name, place) for name, place in zip(names, best[0].tolist(), strict=True)}

    def _row(self, trial: FrozenTrial, names: Sequence[str]) -> list[float]:
        cells = {name: self.history.axes[name].cells for name in names}
        return [(trial.params[name] + 0.5) / count if count else trial.params[name] for name, count in cells.items()]

    def _seen(self, name: str, place: float) -> float | int:
        cells = self.history.axes[name].cells
        return place if cells is None else min(int(place * cells), cells - 1)
