import copy
import os
import subprocess
import sys
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState as StudyState

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers._axis import Axis, axes_of
from orchestrator.searchers._endings import step_of
from orchestrator.searchers._study import StudyHistory, distribution_of
from orchestrator.searchers.random import RandomSearcher
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Attempt, Outcome, Trial, TrialState

SQUARE = Space({"x": Float(low=-5.0, high=5.0, default=0.0), "y": Float(low=-5.0, high=5.0, default=0.0)})
PAIR = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam"), default="sgd"),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "momentum": Float(low=0.0, high=1.0, default=0.5, when={"optimizer": ("sgd",)}),
    }
)


def tpe(space=SQUARE, goal="maximize", **options):
    return TpeSearcher(space, goal, TpeSearcher.Options(**options))


def trial(number, config, state=TrialState.COMPLETED, values=None, told=None, outcome=None):
    made = Trial(number, f"{number:04d}-000000", config, "all", "uniform", tuple(config), None, 0, state, told=told)
    made.attempts.append(Attempt(0, 0.0, outcome=outcome))
    made.values = dict(values or {})
    return made


def value_at(config):
    return -((config["x"] - 2.0) ** 2) - (config["y"] + 1.0) ** 2


def distances(searcher, seed, correlated, goal=1.0, count=40):
    """Run a sweep of `count` trials and return each one's distance from the optimum."""
    trials = []
    for number in range(count):
        request = ProposalRequest(number, ("x", "y"), {}, f"{seed}/{number}/0", number, correlated)
        config = searcher.propose(request, trials)
        trials.append(trial(number, config, values={27.0: goal * value_at(config)}))
    return [(-value_at(trial.config)) ** 0.5 for trial in trials]


@pytest.mark.thorough
@pytest.mark.parametrize("correlated", [True, False])
def test_comes_nearer_to_the_optimum_than_random_draws(correlated):
    found, drawn = [], []
    for seed in range(5):
        found += distances(tpe(), seed, correlated)[20:]
        drawn += distances(RandomSearcher(SQUARE, "maximize", RandomSearcher.Options()), seed, correlated)[20:]
    assert median(found) < 0.5 * median(drawn)


def test_minimizes_where_asked():
    up = distances(tpe(), 3, correlated=True)
    assert distances(tpe(goal="minimize"), 3, correlated=True, goal=-1.0) == up


def test_draws_uniformly_until_enough_trials_have_ended():
    ended = [trial(n, {"x": n - 5.0, "y": 0.0}, values={1.0: float(n)}) for n in range(4)]
    bugs = [trial(n, {"x": 1.0, "y": 1.0}, TrialState.FAILED) for n in range(4, 9)]
    running = [trial(n, {"x": 2.0, "y": 2.0}, TrialState.RUNNING, {1.0: 5.0}) for n in range(9, 14)]
    request = ProposalRequest(14, ("x", "y"), {}, "7/14/0")
    uniform = SQUARE.draw(("x", "y"), {}, request.random())
    searcher = tpe(startup_trials=5)
    assert searcher.startup_trials == 5
    assert searcher.propose(request, ended + bugs + running) == uniform  # bugs and running trials teach nothing
    running[0].state = TrialState.PRUNED
    assert searcher.propose(request, ended + bugs + running) != uniform


def test_the_study_is_told_what_is_documented():
    config = {"x": 1.0, "y": 2.0}
    curve = {1.0: 0.1, 1.5: 0.3, 3.0: 0.2}
    trials = [
        trial(0, config, TrialState.COMPLETED, curve),
        trial(1, config, TrialState.PRUNED, curve),
        trial(2, config, TrialState.DIVERGED, {1.0: 0.4}, told=-9.5),
        trial(3, config, TrialState.FAILED, {1.0: 0.4}, told=-9.5, outcome=Outcome.OUT_OF_MEMORY),
        trial(4, config, TrialState.FAILED, curve, outcome=Outcome.ERROR),
        trial(5, config, TrialState.RUNNING, curve),
        trial(6, config, TrialState.INTERRUPTED, curve),
        trial(7, config, TrialState.DIVERGED),
        trial(8, config, TrialState.FAILED, outcome=Outcome.OUT_OF_MEMORY),
    ]
    history = StudyHistory(SQUARE, "maximize")
    history.update(trials)
    seen = history.study.trials
    assert [told.state for told in seen] == [
        StudyState.COMPLETE, StudyState.PRUNED, StudyState.PRUNED, StudyState.PRUNED, StudyState.FAIL,
        StudyState.RUNNING, StudyState.RUNNING, StudyState.RUNNING, StudyState.RUNNING,
    ]  # fmt: skip
    assert [told.value for told in seen] == [0.2, 0.2, -9.5, -9.5, None, None, None, None, None]
    assert seen[1].intermediate_values == {3_000_000: 0.2}
    assert seen[2].intermediate_values == seen[3].intermediate_values == {0: -9.5}
    assert [told.intermediate_values for told in seen if told.number not in {1, 2, 3}] == [{}] * 6
    assert history.learned == 4


def test_a_divergence_is_told_once_there_is_something_to_tell():
    trials = [trial(0, {"x": 1.0, "y": 1.0}, TrialState.DIVERGED), trial(1, {"x": 0.0, "y": 0.0}, TrialState.RUNNING)]
    history = StudyHistory(SQUARE, "minimize")
    history.update(trials)
    assert [told.state for told in history.study.trials] == [StudyState.RUNNING] * 2
    trials[0].told = 3.5
    history.update(trials)
    assert [told.value for told in history.study.trials] == [3.5, None]


def test_proposing_leaves_no_trace_in_the_study():
    trials = [trial(n, {"x": n / 4, "y": -n / 4}, values={9.0: -float(n)}) for n in range(12)]
    searcher = tpe(densities="optuna")
    before = copy.deepcopy(searcher.history.study.trials)
    assert before == []
    for correlated in (True, False):
        searcher.propose(ProposalRequest(12, ("x", "y"), {}, "7/12/0", correlated=correlated), trials)
        study = searcher.history.study
        assert [told.number for told in study.trials] == list(range(12))
        assert all(told.system_attrs == {} and told.user_attrs == {} for told in study.trials)


@pytest.mark.parametrize("constant_liar", [True, False])
def test_running_trials_repel_only_under_the_constant_liar(constant_liar):
    ended = [trial(n, {"x": n / 2 - 5, "y": 0.0}, values={9.0: -abs(n / 2 - 7)}) for n in range(20)]
    running = [trial(20 + n, {"x": 2.0, "y": 0.0}, TrialState.RUNNING) for n in range(8)]
    requests = [ProposalRequest(28, ("x",), {"y": 0.0}, f"{seed}/28/0") for seed in range(40)]
    alone, crowded = tpe(constant_liar=constant_liar), tpe(constant_liar=constant_liar)
    free = [alone.propose(request, ended)["x"] for request in requests]
    repelled = [crowded.propose(request, ended + running)["x"] for request in requests]
    if constant_liar:
        assert median(abs(x - 2.0) for x in repelled) > 1.5 * median(abs(x - 2.0) for x in free)
    else:
        assert repelled == free


@pytest.mark.thorough
@pytest.mark.parametrize("state", [TrialState.COMPLETED, TrialState.PRUNED])
def test_diverged_regions_are_avoided(state):
    good = [trial(n, {"x": n / 5 - 5, "y": 0.0}, state, {9.0: n / 5}) for n in range(20)]
    cliff = [trial(20 + n, {"x": n / 8, "y": 0.0}, TrialState.DIVERGED, told=-1.0) for n in range(40)]
    searcher = tpe()
    requests = [ProposalRequest(60, ("x",), {}, f"{seed}/60/0") for seed in range(60)]
    beyond = sum(searcher.propose(request, good + cliff)["x"] > 0 for request in requests)
    assert beyond < 20  # a model that ignored them, or a uniform draw, would go there every second time or more


def test_conditional_values_are_learned_from_the_trials_that_had_them():
    trials = []
    for n in range(40):
        config = {"optimizer": ("sgd", "adam")[n % 2], "learning_rate": 0.01}
        if n % 2 == 0:
            config["momentum"] = n / 40
        trials.append(trial(n, config, values={9.0: -abs(config.get("momentum", 0.0) - 0.9)}))
    searcher = tpe(PAIR)
    drawn = [
        searcher.propose(ProposalRequest(40, ("optimizer", "momentum"), {}, f"{seed}/40/0"), trials)
        for seed in range(40)
    ]
    momenta = [config["momentum"] for config in drawn if config["optimizer"] == "sgd"]
    assert len(momenta) > 20
    assert median(momenta) > 0.75


def test_an_inactive_hyperparameter_does_not_narrow_what_the_others_learn_from():
    trials = []
    for n in range(40):
        config = {"optimizer": ("sgd", "adam")[n % 2], "learning_rate": 10 ** (-n / 10)}
        trials.append(trial(n, config | ({"momentum": 0.5} if n % 2 == 0 else {}), values={9.0: -float(n)}))
    held = {"optimizer": "adam"}
    alone, beside = (
        ProposalRequest(40, ("learning_rate",), held, "7/40/0"),
        ProposalRequest(40, ("momentum", "learning_rate"), held, "7/40/0"),
    )
    assert tpe(PAIR).propose(beside, trials) == tpe(PAIR).propose(alone, trials)


def test_what_controls_comes_in_an_earlier_wave():
    chain = Space(
        {
            "a": Choice(choices=(1, 2), default=1),
            "b": Choice(choices=(1, 2), default=1, when={"a": (1,)}),
            "c": Float(low=0.0, high=1.0, default=0.5, when={"b": (2,)}),
            "d": Float(low=0.0, high=1.0, default=0.5),
        }
    )
    waves = tpe(chain)._waves
    assert waves(("c", "d", "b", "a")) == [["d", "a"], ["b"], ["c"]]
    assert waves(("c", "a")) == [["a"], ["c"]]  # a controls c through b, which is held
    assert waves(("c", "d")) == [["c", "d"]]
    assert waves(()) == []


@st.composite
def histories(draw):
    """Trials, and an order in which their ends become known, several between two looks."""
    count = draw(st.integers(1, 25))
    trials = []
    for number in range(count):
        config = PAIR.draw(PAIR.tunable, {}, ProposalRequest(number, (), {}, str(draw(st.integers(0, 9)))).random())
        state = draw(st.sampled_from(TrialState))
        curve = {float(f): draw(st.integers(-3, 3)) / 2 for f in range(1, draw(st.integers(1, 4)) + 1)}
        told = -5.0 if state is TrialState.DIVERGED and draw(st.booleans()) else None
        trials.append(trial(number, config, state, curve, told))
    return trials, draw(st.lists(st.integers(0, count - 1), max_size=30))


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(histories(), st.booleans(), st.sampled_from([("learning_rate", "momentum"), PAIR.tunable]))
def test_watching_and_replaying_propose_the_same(histories, correlated, block):
    ended, order = histories
    watching, shown = tpe(PAIR, startup_trials=2), []
    for number, final in enumerate(ended):
        shown.append(trial(number, final.config, TrialState.RUNNING))
        for late in order[number::4]:
            if late < len(shown):
                shown[late] = ended[late]
        watching.propose(ProposalRequest(number, ("learning_rate",), {}, f"1/{number}/0"), shown)
    shown[:] = ended
    request = ProposalRequest(len(ended), block, {}, "1/2/3", correlated=correlated)
    assert watching.propose(request, shown) == tpe(PAIR, startup_trials=2).propose(request, ended)


@pytest.mark.parametrize(
    "domain",
    [
        Int(low=1, high=9, step=2, default=3),
        Int(low=-4, high=4, default=0),
        Int(low=1, high=1024, scale="log", default=32),
        Int(low=0, high=1000, default=1),
        Float(low=0.0, high=0.5, step=0.1, default=0.2),
        Float(low=-1.0, high=2.0, step=0.003, default=-1.0),
        Choice(choices=(True, 1, "1", 0.5, "x"), default="x"),
    ],
)
def test_every_value_of_a_countable_domain_survives_the_way_to_optuna_and_back(domain):
    cells = Space({"it": domain}).size(("it",))
    axis = Axis.of(domain, cells)
    for unit in range(cells):
        value = domain.from_unit((unit + 0.5) / cells)
        seen = axis.encode(value)
        assert distribution_of(axis)._contains(distribution_of(axis).to_internal_repr(seen))
        assert axis.decode(seen) == value
        assert type(axis.decode(seen)) is type(value)


@settings(deadline=None)
@given(st.floats(0, 1), st.sampled_from(["linear", "log"]))
def test_real_numbers_survive_up_to_rounding_and_stay_inside(unit, scale):
    domain = Float(low=1e-5, high=0.3, scale=scale, default=0.01)
    axis = Axis.of(domain, None)
    value = domain.from_unit(unit)
    assert 0 <= axis.encode(value) <= 1
    assert domain.low <= axis.decode(axis.encode(value)) <= domain.high
    assert axis.decode(axis.encode(value)) == pytest.approx(value, rel=1e-9)


def test_where_there_is_no_choice_nothing_is_asked():
    for domain in (
        Constant(value=3),
        Choice(choices=("only",), default="only"),
        Int(low=4, high=4, default=4),
        Float(low=0.5, high=0.5, default=0.5),
        Float(low=0.5, high=0.5, scale="log", default=0.5),
    ):
        space = Space({"it": domain, "x": Float(low=0.0, high=1.0, default=0.0)})
        assert list(axes_of(space)) == ["x"]


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e9), min_size=2, max_size=2))
def test_steps_keep_the_order_of_fidelities(pair):
    low, high = sorted(pair)
    assert step_of(low) <= step_of(high)
    assert step_of(low) < step_of(low + 1e-3)


SCRIPT = """
import sys
from orchestrator import members
for name in members.names("orchestrator.searchers"):
    member = members.load("orchestrator.searchers", name)
from orchestrator.testing.searcher_conformance import SPACE, build, history
from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.tpe import TpeSearcher
searcher = build(TpeSearcher)
heavy = sorted({"optuna", "scipy", "numpy", "ray", "torch", "pandas"} & set(sys.modules))
print(heavy, searcher.propose(ProposalRequest(30, SPACE.tunable, {}, "7/30/0"), history(30)))
"""


@pytest.mark.thorough
def test_a_new_process_proposes_the_same_silently_and_imports_optuna_only_then():
    answers = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        answers.add(done.stdout)
    assert len(answers) == 1
    assert answers.pop().startswith("[] {")
