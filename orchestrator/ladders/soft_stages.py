"""The order of importance as a way to spend the budget, never a cage: any trial may move any block.

Half of the trials take a good configuration and redraw one block of it, mostly the current stage's; the others draw
everything, around the defaults or by the searcher; a searcher that wants a proposal over everything has it so.
Nothing waits: with more workers than reports the coins fall to draws over everything. On twelve real tables of neural
networks (8 workers, 6 seeds, TPE) it is level with joint search that is given the same defaults, also in a wrong order.
Against Optuna's TPE as shipped, with 8 seeds, it needs .98 of the evaluations for the regret that this has after 50 on
eight of the tables, denoised, and 1.02 on the four others (.83 and .96 raw): what saves evaluations is the searcher
(docs/design.md).

A stage that names a searcher of its own has it draw every block move of its block, never uniformly, from the trials
that drew all of that block; a list is gone through entry by entry, then the sweep's searcher takes over. Draws over
everything are the sweep's searcher's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from orchestrator.ladders import Asking, Ladder, Proposal, own_stage
from orchestrator.ladders._moves import JointOptions, joint_asking, joint_draw, scaled
from orchestrator.sweep.domains import StrictFloat, StrictInt
from orchestrator.sweep.plan import StagePlan
from orchestrator.sweep.standing import stage_of
from orchestrator.sweep.trial import Trial


class SoftStages(Ladder):
    """Moves the blocks of the best trials, in the order of the stages as a rule."""

    class Options(JointOptions):
        """Constants of the ladder. A coin for a block move is thrown first, then one for a draw around the defaults."""

        staged_share: StrictFloat = Field(0.85, gt=0, lt=1)
        """Part of the budget that the stages share; in the rest, the stage `refinement`, all blocks are alike."""
        block_probability: StrictFloat = Field(0.5, ge=0, le=1)
        """Chance of a block move: a good trial with one block redrawn."""
        block_after: StrictInt = Field(5, ge=1)
        """Trials that must have reported a finite value before the first block move."""
        elite_best_probability: StrictFloat = Field(0.6, ge=0, le=1)
        """Chance that a block move starts from the best current value, running trials included."""
        elite_pool: StrictInt = Field(3, ge=1)
        """Otherwise it starts from one of so many best completed trials."""
        stage_block_probability: StrictFloat = Field(0.7, ge=0, le=1)
        """Chance that a block move takes the current stage's block; another's otherwise."""
        block_model_probability: StrictFloat = Field(0.5, ge=0, le=1)
        """Chance that the searcher redraws the block; uniformly otherwise."""

    @classmethod
    def stages(cls, blocks: Sequence[StagePlan], options: Any) -> tuple[StagePlan, ...]:
        """Return the user's blocks, then a refinement in which every block is equally likely."""
        return (*scaled(blocks, options.staged_share), own_stage("refinement", blocks, 1 - options.staged_share))

    def draw(self, number: int, repetition: int, trials: Sequence[Trial]) -> Proposal | None:
        """Move a block of an elite, or draw everything."""
        is_block_move = self.coin(number, repetition, "block move").random() < self._block_chance(
            self.standings.reported
        )
        if is_block_move and not self.searcher.wants_whole(self.request(number, repetition, self.tuned), trials):
            elite = self._elite(number, repetition, trials)
            block = self._block(number, repetition, elite) if elite is not None else None
            if elite is not None and block is not None:
                return self._block_move(number, repetition, trials, elite, block)
        return joint_draw(self, self.options, number, repetition, trials)

    def askings(self, number: int, reported: int, finished: int) -> list[Asking]:
        """Return who is asked, exact wherever a trial that did not diverge has reported.

        With searchers of the stages' own it is about right: how many trials drew their block is only expected.
        """
        moved = self._block_chance(reported) * (1 - (self.searcher.whole_chance(finished) or 0.0))
        of_blocks = self._block_askings(number, finished, moved) if moved else []
        return [*of_blocks, joint_asking(self, self.options, number, finished, 1 - moved)]

    def _block_askings(self, number: int, finished: int, moved: float) -> list[Asking]:
        """Return who is asked for a block move, which has the chance `moved`, every block being active."""
        stages, current = self.plan.stages[:-1], stage_of(self.plan, number)
        before = min(finished, self.options.block_after)  # which drew everything, but for the baseline
        moves = (finished - before) * self.options.block_probability
        drew_block = max(0, round(finished - 1 - moves * (1 - 1 / len(stages))))
        found = []
        for stage in stages:
            chance = moved * self._stage_chance(stage, current)
            if stage.searcher is not None:
                found.append(Asking(self.searcher_of(stage), chance, drew_block))
            else:
                found.append(Asking(self.searcher, chance * self.options.block_model_probability, finished))
        return found

    def _stage_chance(self, stage: StagePlan, current: StagePlan) -> float:
        """Return the chance that a block move takes the block of `stage` while `current` is the stage."""
        stages, part = self.plan.stages[:-1], float(self.options.stage_block_probability)
        if all(current.name != block.name for block in stages):
            return 1 / len(stages)
        return part if stage.name == current.name else (1 - part) / (len(stages) - 1)

    def _block_chance(self, reported: int) -> float:
        # A single block is everything: to redraw it holds nothing of the elite.
        ready = reported >= self.options.block_after and len(self.plan.stages) > 2
        return float(self.options.block_probability) if ready else 0.0

    def _elite(self, number: int, repetition: int, trials: Sequence[Trial]) -> Trial | None:
        completed = self.standings.completed(trials, self.options.elite_pool)
        if self.coin(number, repetition, "best").random() < self.options.elite_best_probability or not completed:
            return self.standings.leader(trials)
        return self.coin(number, repetition, "elite").choice(completed)

    def _block(self, number: int, repetition: int, elite: Trial) -> tuple[str, ...] | None:
        """Pick among the blocks of which something is active in the elite; None where nothing is."""
        blocks = [stage.tune for stage in self.plan.stages[:-1]]
        alive = [block for block in blocks if any(name in elite.config for name in block)]
        current = stage_of(self.plan, number).tune
        others = [block for block in alive if block != current]
        coin = self.coin(number, repetition, "block")
        if current in alive and (coin.random() < self.options.stage_block_probability or not others):
            return current
        return coin.choice(others) if others else None

    def _block_move(
        self, number: int, repetition: int, trials: Sequence[Trial], elite: Trial, block: tuple[str, ...]
    ) -> Proposal | None:
        moved = self._by_own_searcher(number, repetition, trials, elite, block)
        if moved is not None:
            return moved
        if self.coin(number, repetition, "block model").random() < self.options.block_model_probability:
            return self.search(number, repetition, trials, block, parent=elite)
        config = self.space.draw(block, elite.config, self.coin(number, repetition, "draw"))
        return self.proposal(number, config, "block-uniform", block, elite)

    def _by_own_searcher(
        self, number: int, repetition: int, trials: Sequence[Trial], elite: Trial, block: tuple[str, ...]
    ) -> Proposal | None:
        """Let the searcher that the block's stage names draw it; None where it names none, or its list has ended."""
        stage = next(stage for stage in self.plan.stages if stage.tune == block)
        if stage.searcher is None:
            return None
        opened = set(block)
        history = [trial for trial in trials if opened <= set(trial.block)]
        finished = sum(count for drawn, count in self.standings.finished.items() if opened <= set(drawn))
        searcher = self.searcher_of(stage)
        return self.search(number, repetition, history, block, parent=elite, finished=finished, by=searcher)


MEMBER = SoftStages
