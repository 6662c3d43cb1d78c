"""Coarse to fine: random draws with short trainings, ranges narrowed to where the good values lie, then TPE.

The search by hand that courses teach (random: Bergstra and Bengio 2012), as a function of the trials shown. A round is
over when `round_trials` trials more have ended. Then every number's range becomes the span of the best `keep` of the
trials so far, wider at each end by their mean distance (n uniform draws span (n - 1) / (n + 1) of their range), and
`least` of what it was at least. It never leaves the range it had, but for one reason: the values of the incumbent,
what is held and the best trial shown, stay inside, as they do in the file's range. Choices of numbers have a range too;
others keep all their values.

Trials are judged at the training at which the rounds' trials end, not at what some were trained further. Behind the
last round TPE goes on with full trainings, over the whole ranges: it has seen what is bad, and a range that was
narrowed wrongly (few trials, short trainings) stays open. Boxes kept to the end cost 5 points of regret on LCBench.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from pydantic import Field

from orchestrator.searchers import Guidance, ProposalRequest, Searcher
from orchestrator.searchers.tpe import Densities, TpeSearcher
from orchestrator.sweep.domains import Choice, Config, Constant, Hyperparameter, Record, StrictFloat, StrictInt, Value
from orchestrator.sweep.space import Space
from orchestrator.sweep.standing import has_ended_badly, leader, sign_of
from orchestrator.sweep.trial import Trial

Box: TypeAlias = dict[str, tuple[float, float]]
"""By hyperparameter: the part of the unit interval that is drawn from."""

WHOLE = (0.0, 1.0)


class CoarseToFineSearcher(Searcher):
    """Draws uniformly from ranges that shrink from round to round, then by TPE."""

    learns = True

    class Options(Searcher.Options):
        """How long to look around."""

        rounds: StrictInt = Field(2, ge=1, le=10)
        """Rounds of random draws before TPE; behind each, the ranges are narrowed."""
        round_trials: StrictInt = Field(10, ge=2)
        """Ended trials (completed, pruned, diverged or failed) that make a round."""
        keep: StrictFloat = Field(0.25, gt=0, le=1)
        """Part of the trials that counts as good."""
        least: StrictFloat = Field(0.25, gt=0, le=1)
        """A round leaves at least this part of a range."""
        coarse_fidelity: StrictFloat | None = Field(None, gt=0)
        """How far the rounds' trials are trained, e.g. 3 epochs. None: to the first rung (`fidelity.min`)."""
        densities: Densities = "bounded"
        """Those of TPE afterwards, which has them as an option too."""

    options: Options

    def __init__(self, space: Space, goal: Literal["maximize", "minimize"], options: Record) -> None:
        super().__init__(space, goal, options)
        self.startup_trials = self.options.rounds * self.options.round_trials
        options_of_tpe = TpeSearcher.Options(startup_trials=1, densities=self.options.densities)
        self._tpe = TpeSearcher(space, goal, options_of_tpe)

    def propose(self, request: ProposalRequest, trials: Sequence[Trial]) -> Config | None:
        """Return a uniform draw from the narrowed ranges, TPE's proposal behind the last round."""
        learned = [trial for trial in trials if trial.is_learned]
        if len(learned) >= self.startup_trials:
            return self._tpe.propose(request, trials)
        box, random = self._box(request, trials, self._round(learned)), request.random()
        drawn: Config = {}
        for name in self.space:
            unit = random.random()  # for all of them: a draw does not depend on which others the block has
            if name in request.block:
                low, high = box[name]
                drawn[name] = self.space[name].from_unit(low + unit * (high - low))
        return self.space.complete({**request.held, **drawn})

    def guidance(self, request: ProposalRequest, trials: Sequence[Trial]) -> Guidance:
        """Say what was narrowed and why; trials of the rounds are trained to `coarse_fidelity` alone."""
        learned = [trial for trial in trials if trial.is_learned]
        rounds, done = self.options.rounds, self._round(learned)
        block = ", ".join(request.block)
        if done == rounds:
            note = f"coarse-to-fine ({block}): after {rounds} rounds TPE goes on, whole ranges and full trainings"
            return Guidance((note,))
        coarse = self.training_end(len(learned), request.first_rung)
        if done == 0:
            return Guidance((), coarse)
        before, after = (self._box(request, trials, number) for number in (done - 1, done))
        narrowed = [self._span(name, before, after) for name in request.block if before[name] != after[name]]
        seen = done * self.options.round_trials
        why = f"where the best {self._good_count(seen)} of {seen} trials lie, incumbent kept inside"
        return Guidance((f"coarse-to-fine, round {done + 1} of {rounds}: {'; '.join(narrowed)}; {why}",), coarse)

    def training_end(self, learned: int, first_rung: float | None) -> float | None:
        """Return `coarse_fidelity` during the rounds."""
        return self._coarse(first_rung) if learned < self.startup_trials else None

    def _round(self, learned: Sequence[Trial]) -> int:
        return min(len(learned) // self.options.round_trials, self.options.rounds)

    def _coarse(self, first_rung: float | None) -> float | None:
        return self.options.coarse_fidelity or first_rung

    def _good_count(self, seen: int) -> int:
        return max(2, math.ceil(self.options.keep * seen))

    def _box(self, request: ProposalRequest, trials: Sequence[Trial], rounds: int) -> Box:
        """Return the ranges after so many rounds: narrowed by each in turn, then widened to hold the incumbent."""
        box: Box = dict.fromkeys(request.block, WHOLE)
        limit = self._coarse(request.first_rung)
        learned = [trial for trial in trials if trial.is_learned]
        for number in range(1, rounds + 1):
            seen = learned[: number * self.options.round_trials]
            judged = [(value, trial) for trial in seen if (value := _judged(trial, limit)) is not None]
            judged.sort(key=lambda pair: (-sign_of(self.goal) * pair[0], pair[1].number))
            good = [trial.config for _, trial in judged[: self._good_count(len(seen))]]
            box = {name: self._narrowed(name, kept, good) for name, kept in box.items()}
        for incumbent in self._incumbents(request, trials) if rounds else ():
            box = {name: self._holding(name, kept, incumbent) for name, kept in box.items()}
        return box

    def _narrowed(self, name: str, kept: tuple[float, float], good: Sequence[Config]) -> tuple[float, float]:
        low, high = kept
        units = [self._unit(name, config[name]) for config in good if name in config]
        units = [unit for unit in units if low <= unit <= high]
        if len(units) < 2 or _is_unordered(self.space[name]):
            return kept
        gap = (max(units) - min(units)) / (len(units) - 1)
        first, last = max(low, min(units) - gap), min(high, max(units) + gap)
        least = self.options.least * (high - low)
        if last - first < least:
            first = min(max(low, (first + last - least) / 2), high - least)
            last = min(high, first + least)
        return first, last

    def _incumbents(self, request: ProposalRequest, trials: Sequence[Trial]) -> list[Config]:
        leading = leader(self.goal, trials)
        return [dict(request.held), *([] if leading is None else [leading.config])]

    def _holding(self, name: str, kept: tuple[float, float], incumbent: Config) -> tuple[float, float]:
        if name not in incumbent:
            return kept
        unit = self._unit(name, incumbent[name])
        return min(kept[0], unit), max(kept[1], unit)

    def _unit(self, name: str, value: Value) -> float:
        return min(max(self.space[name].to_unit(value), 0.0), 1.0)

    def _span(self, name: str, before: Box, after: Box) -> str:
        was, now = (
            "..".join(f"{self.space[name].from_unit(unit):.3g}" for unit in box[name]) for box in (before, after)
        )
        return f"{name} {was} -> {now}"


def _is_unordered(domain: Hyperparameter) -> bool:
    """Say whether a domain has no range that could be narrowed."""
    return isinstance(domain, Constant) or (isinstance(domain, Choice) and not domain.is_ordered)


def _judged(trial: Trial, limit: float | None) -> float | None:
    """Return the trial's value at the training `limit` at most; None for one that ended badly."""
    if has_ended_badly(trial) or trial.value is None:
        return None
    seen = [fidelity for fidelity in trial.values if limit is None or fidelity <= limit * (1 + 1e-9)]
    return trial.values[max(seen)] if seen else trial.value


MEMBER = CoarseToFineSearcher
