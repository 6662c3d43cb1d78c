"""What every searcher must do: propose inside the domain, change only the block, and remember nothing it drew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from random import Random

from orchestrator.searchers import Guidance, ProposalRequest, Searcher
from orchestrator.sweep.domains import Choice, Config, Constant, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState, trial_id
from orchestrator.testing.options import options_of

SPACE = Space(
    {
        "momentum": Float(low=0.5, high=0.99, default=0.9, when={"optimizer": ("sgd",)}),
        "nesterov": Choice(choices=(False, True), default=False, when={"optimizer": ("sgd",)}),
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=1e-2),
        "weight_decay": Float(low=0.0, high=1e-3, default=1e-4),
        "dropout": Float(low=0.0, high=0.5, step=0.1, default=0.2),
        "batch_size": Int(low=8, high=512, scale="log", default=32),
        "layers": Int(low=1, high=9, step=2, default=3),
        "width": Int(low=16, high=1024, default=64),
        "loss": Choice(choices=("plain", 1, 0.5, True), default="plain"),
        "units": Choice(choices=(64, 16, 32), default=16),
        "kinds": Choice(choices=(3, 1, 2), default=3, ordered=False, weights=(1.0, 2.0, 1.0)),
        "model.net": Choice(choices=(None, [64, 64], {"a": 1}), default=None),
        "model.scale": Float(low=-1.0, high=1.0, mean=0.0, sd=0.5, default=0.0, when={"model.net": (None, [64, 64])}),
        "classes": Constant(value=10),
        "fixed": Float(low=0.3, high=0.3, default=0.3),
    }
)
"""Every kind of hyperparameter: scales, steps, normal draws, choices ordered, mixed, weighted and of lists, a constant,
one without room, three conditional."""

BLOCKS: tuple[tuple[str, ...], ...] = (
    SPACE.tunable,
    ("learning_rate",),
    ("batch_size", "dropout", "loss"),
    ("optimizer", "momentum", "nesterov"),
    ("momentum", "learning_rate"),
    ("model.net", "model.scale", "units"),
)
"""The blocks that are asked for."""

HELD: tuple[Config, ...] = (
    {},
    SPACE.baseline,
    SPACE.complete({"optimizer": "adam", "learning_rate": 0.5, "layers": 7, "loss": True}),
)
"""The values that are held."""

ENDINGS = (
    TrialState.COMPLETED,
    TrialState.PRUNED,
    TrialState.COMPLETED,
    TrialState.DIVERGED,
    TrialState.PRUNED,
    TrialState.COMPLETED,
    TrialState.FAILED,
    TrialState.COMPLETED,
    TrialState.RUNNING,
    TrialState.INTERRUPTED,
)
"""How the trials of `history` end, in turn."""


class SearcherConformance:
    """The suite."""

    def test_proposes_inside_the_space_and_changes_only_the_block(self, member: type[Searcher]) -> None:
        """A proposal is `held`, completed with the block's values; None at most where a list has come to its end."""
        searcher, trials = build(member), history(30)
        assert searcher.propose(ProposalRequest(30, SPACE.tunable, {}, "7/30/0"), trials) is not None
        for request in requests(30):
            config = searcher.propose(request, trials)
            assert config is not None or searcher.enumerates
            assert config is None or follows(config, request), f"{config} does not follow {request}"

    def test_proposes_without_any_trials(self, member: type[Searcher]) -> None:
        """The first proposal of a sweep needs no history."""
        for correlated in (True, False):
            request = ProposalRequest(0, SPACE.tunable, {}, "7/0/0", correlated=correlated)
            config = build(member).propose(request, [])
            assert config is not None
            assert follows(config, request)

    def test_same_request_and_trials_give_the_same_proposal(self, member: type[Searcher]) -> None:
        """Nothing drawn is remembered: asked again, later, or from a fresh instance, the answer stands."""
        searcher, trials = build(member), history(30)
        asked = list(requests(30))
        first = [searcher.propose(request, trials) for request in asked]
        assert [searcher.propose(request, trials) for request in reversed(asked)] == first[::-1]
        assert [build(member).propose(request, trials) for request in asked] == first

    def test_history_told_step_by_step_and_at_once_agree(self, member: type[Searcher]) -> None:
        """A searcher that watched every trial begin and end proposes what one proposes that sees them all ended."""
        watching, ended = build(member), history(30)
        trials: list[Trial] = []
        for trial in ended:
            trials.append(_begun(trial))
            watching.propose(ProposalRequest(trial.number, SPACE.tunable, {}, f"7/{trial.number}/0"), trials)
            if trial.number % 3 == 2:  # they end in another order than they began
                for late in (trial.number, trial.number - 2, trial.number - 1):
                    _take_over(trials[late], ended[late])
                    watching.propose(ProposalRequest(late, ("learning_rate",), {}, f"7/{late}/1"), trials)
        for request in requests(30):
            assert watching.propose(request, trials) == build(member).propose(request, ended)

    def test_learns_from_a_part_of_the_sweep(self, member: type[Searcher]) -> None:
        """A ladder may show the trials of one stage only: places in the list are not trial numbers."""
        part = [trial for trial in history(60) if trial.number >= 23 and trial.number % 3]
        for request in requests(60):
            config = build(member).propose(request, part)
            assert config is not None or member.enumerates
            assert config is None or follows(config, request)

    def test_seeds_differ(self, member: type[Searcher]) -> None:
        """Seeds matter, unless the searcher goes through a list: two may come to the same best, five do not."""
        searcher, trials = build(member), history(30)
        requests_ = [ProposalRequest(30, SPACE.tunable, {}, f"{seed}/30/0") for seed in range(5)]
        found = [str(searcher.propose(request, trials)) for request in requests_]
        assert (len(set(found)) == 1) == searcher.enumerates

    def test_depends_on_results_exactly_if_it_says_so(self, member: type[Searcher]) -> None:
        """`learns` is what a plan counts on; `startup_trials` is 0 without a model."""
        trials, other = history(30), history(30, sign=-1.0)
        asked = list(requests(30))
        found = [build(member).propose(request, trials) for request in asked]
        differs = found != [build(member).propose(request, other) for request in asked]
        assert differs == member.learns
        assert member.learns or build(member).startup_trials == 0

    def test_ends_trainings_where_a_plan_counts_on(self, member: type[Searcher]) -> None:
        """What `guidance` asks for follows from how many trials can be learned from, as `training_end` says."""
        for count in (0, 1, 9, 10, 25, 60):
            searcher, trials = build(member), history(count)
            learned = sum(trial.is_learned for trial in trials)
            for first_rung in (3.0, None):
                request = ProposalRequest(count, SPACE.tunable, {}, f"7/{count}/0", first_rung=first_rung)
                guidance = searcher.guidance(request, trials) or Guidance()
                assert guidance.max_fidelity == searcher.training_end(learned, first_rung)

    def test_accepts_trials_of_every_ending(self, member: type[Searcher]) -> None:
        """Nothing but running, failed or diverged trials, told and not yet told, is a history too."""
        for state in TrialState:
            trials = history(15, endings=(state,))
            for untold in trials[::2]:
                untold.told = None
            request = ProposalRequest(15, SPACE.tunable, {}, "7/15/0")
            config = build(member).propose(request, trials)
            assert config is not None, f"no proposal after 15 trials that are {state}"
            assert follows(config, request)

    def test_leaves_its_arguments_alone(self, member: type[Searcher]) -> None:
        """The trials belong to the fold, the held values to the ladder."""
        trials = history(20)
        held = dict(HELD[2])
        before = deepcopy((trials, held))
        build(member).propose(ProposalRequest(20, BLOCKS[2], held, "7/20/0"), trials)
        assert (trials, held) == before

    def test_a_list_comes_to_its_end_and_repeats_nothing(self, member: type[Searcher]) -> None:
        """Enumerating searchers give each entry once, position by position, then None; the others never end."""
        block, searcher = ("optimizer", "learning_rate", "momentum"), build(member)
        found: list[str] = []
        for position in range(1_000):
            config = searcher.propose(ProposalRequest(position, block, {}, f"7/{position}/0", position), [])
            if config is None:
                break
            found.append(str(config))
        assert (len(found) < 1_000) == member.enumerates
        assert len(set(found)) == len(found) > 0

    def test_finds_no_problem_with_this_space(self, member: type[Searcher]) -> None:
        """`check` passes what the suite just used."""
        assert not member.problems(SPACE, [("optimizer", "learning_rate")], options_of(member))


def build(member: type[Searcher]) -> Searcher:
    """Return a fresh searcher over the suite's space that maximizes."""
    return member(SPACE, "maximize", options_of(member))


def requests(number: int) -> Iterator[ProposalRequest]:
    """Ask for every block, over every kind of held values, together and singly."""
    for position, block in enumerate(BLOCKS):
        for repetition, held in enumerate(HELD):
            for correlated in (True, False):
                yield ProposalRequest(number, block, held, f"7/{number}/{repetition}", position, correlated)


def follows(config: Config, request: ProposalRequest) -> bool:
    """Say whether `config` is valid and differs from the held values in the block alone."""
    drawn = {name: config[name] for name in request.block if name in config}
    expected = SPACE.complete({**request.held, **drawn})
    same_types = {n: type(v) for n, v in config.items()} == {n: type(v) for n, v in expected.items()}
    return config == expected and same_types and SPACE.problems(config) == []


def history(count: int, *, sign: float = 1.0, endings: Sequence[TrialState] = ENDINGS) -> list[Trial]:
    """Return trials as a fold would leave them, uniform draws over the whole space, ended in turn as `endings` says."""
    trials = []
    for number in range(count):
        random = Random(f"history/{number}")
        config = SPACE.draw(SPACE.tunable, {}, random)
        trial = Trial(
            number,
            trial_id(number, config),
            config,
            "all",
            "uniform",
            SPACE.tunable,
            None,
            0,
            endings[number % len(endings)],
        )
        trial.attempts.append(Attempt(0, 0.0))
        level = sign * (0.5 - abs(SPACE["learning_rate"].to_unit(config["learning_rate"]) - 0.4))
        reports = {TrialState.COMPLETED: 27, TrialState.FAILED: 0}.get(trial.state, random.choice((1, 3, 9)))
        trial.values = {float(epoch): level - 0.1 / epoch for epoch in range(1, reports + 1)}
        trial.fidelity = float(reports)
        if trial.state is TrialState.DIVERGED:
            trial.told = -2.0
        elif trial.state is TrialState.FAILED and number % 2:
            trial.told, trial.attempt.outcome = -2.0, Outcome.OUT_OF_MEMORY
        trials.append(trial)
    return trials


def _begun(trial: Trial) -> Trial:
    """Return the trial as it was when it had begun and reported once."""
    begun = deepcopy(trial)
    begun.state, begun.told, begun.attempt.outcome = TrialState.RUNNING, None, None
    begun.values = dict(list(trial.values.items())[:1])
    return begun


def _take_over(trial: Trial, ended: Trial) -> None:
    """Let a trial that began end as `ended` did."""
    trial.state, trial.told, trial.values = ended.state, ended.told, dict(ended.values)
    trial.fidelity, trial.attempt.outcome = ended.fidelity, ended.attempt.outcome
