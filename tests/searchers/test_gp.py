import math
from statistics import median

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import yeojohnson
from sweeps import make_plan

from orchestrator.control.simulator import SimulatedCluster, simulate_plan
from orchestrator.searchers import ProposalRequest
from orchestrator.searchers._gp_columns import Columns
from orchestrator.searchers._gp_evidence import MOST_RUNNING, MOST_TRIALS, Ledger
from orchestrator.searchers._gp_model import Evidence, Posterior, _Surface, fit_scales
from orchestrator.searchers._gp_normal import about_normal, standardised
from orchestrator.searchers._gp_proposal import log_improvement
from orchestrator.searchers.gp import REFIT, GpSearcher
from orchestrator.searchers.random import RandomSearcher
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Attempt, Trial, TrialState

SQUARE = Space({"x": Float(low=-5.0, high=5.0, default=0.0), "y": Float(low=-5.0, high=5.0, default=0.0)})
MIXED = Space(
    {
        "optimizer": Choice(choices=("sgd", "adam", "lion"), default="sgd"),
        "width": Choice(choices=(64, 16, 32), default=32),
        "learning_rate": Float(low=1e-4, high=1.0, scale="log", default=0.01),
        "momentum": Float(low=0.0, high=1.0, default=0.5, when={"optimizer": ("sgd",)}),
        "nesterov": Choice(choices=("no", "yes"), default="no", when={"optimizer": ("sgd",)}),
        "classes": Constant(value=10),
        "fixed": Float(low=0.3, high=0.3, default=0.3),
    }
)


def gp(space=SQUARE, goal="maximize", **options):
    return GpSearcher(space, goal, GpSearcher.Options(**options))


def trial(number, config, state=TrialState.COMPLETED, values=None, told=None):
    made = Trial(number, f"{number:04d}-000000", config, "all", "uniform", tuple(config), None, 0, state, told=told)
    made.attempts.append(Attempt(0, 0.0, ended_t=float(number) if state is not TrialState.RUNNING else None))
    made.values = dict(values or {})
    made.fidelity = max(made.values, default=0.0)
    return made


def line(count, value=lambda x: -abs(x), state=TrialState.COMPLETED):
    """Trials along x, y held."""
    return [
        trial(n, {"x": x, "y": 0.0}, state, {9.0: value(x)})
        for n, x in enumerate(float(x) for x in np.linspace(-5, 5, count))
    ]


def value_at(config):
    return -((config["x"] - 2.0) ** 2) - (config["y"] + 1.0) ** 2


def distances(searcher, seed, goal=1.0, count=30):
    """Run a sweep of `count` trials and return each one's distance from the optimum."""
    trials = []
    for number in range(count):
        config = searcher.propose(ProposalRequest(number, ("x", "y"), {}, f"{seed}/{number}/0"), trials)
        trials.append(trial(number, config, values={27.0: goal * value_at(config)}))
    return [(-value_at(trial.config)) ** 0.5 for trial in trials]


@pytest.mark.thorough
def test_comes_nearer_to_the_optimum_than_tpe():
    found, other, drawn = [], [], []
    for seed in range(4):
        found += distances(gp(), seed)[20:]
        other += distances(TpeSearcher(SQUARE, "maximize", TpeSearcher.Options()), seed)[20:]
        drawn += distances(RandomSearcher(SQUARE, "maximize", RandomSearcher.Options()), seed)[20:]
    assert median(found) < 0.3 * median(other) < 0.3 * median(drawn)


def test_minimizes_where_asked():
    assert distances(gp(goal="minimize"), 3, goal=-1.0, count=14) == distances(gp(), 3, count=14)


def test_draws_uniformly_until_enough_trials_have_ended():
    ended = line(4)
    bugs = [trial(n, {"x": 1.0, "y": 1.0}, TrialState.FAILED) for n in range(4, 9)]
    running = [trial(n, {"x": 2.0, "y": 2.0}, TrialState.RUNNING, {1.0: 5.0}) for n in range(9, 14)]
    request = ProposalRequest(14, ("x", "y"), {}, "7/14/0")
    uniform = SQUARE.draw(("x", "y"), {}, request.random())
    searcher = gp(startup_trials=5)
    assert searcher.propose(request, ended + bugs + running) == uniform
    running[0].state = TrialState.PRUNED
    assert searcher.propose(request, ended + bugs + running) != uniform


def test_proposes_nothing_that_was_tried_until_all_was():
    space = Space(
        {"a": Int(low=0, high=3, default=0), "b": Choice(choices=("p", "q", "r"), default="p"), "c": Constant(value=1)}
    )
    trials, searcher = [], gp(space, startup_trials=2)
    for number in range(12):
        config = searcher.propose(ProposalRequest(number, space.tunable, {}, f"7/{number}/0"), trials)
        if number >= 2:
            assert config not in [trial.config for trial in trials]
        trials.append(trial(number, config, values={1.0: config["a"] - (config["b"] == "q")}))
    again = searcher.propose(ProposalRequest(12, space.tunable, {}, "7/12/0"), trials)
    assert space.problems(again) == []


def test_a_block_keeps_what_is_held():
    request = ProposalRequest(20, ("x",), {"y": 4.5}, "7/20/0")
    config = gp().propose(request, line(20))
    assert config["y"] == 4.5
    assert abs(config["x"]) < 2.5
    assert gp().propose(ProposalRequest(20, (), {"y": 4.5}, "7/20/0"), line(20)) == {"x": 0.0, "y": 4.5}


def test_a_space_without_a_choice_is_served():
    space = Space({"c": Constant(value=1), "f": Float(low=1.0, high=1.0, default=1.0)})
    trials = [trial(n, space.baseline, values={1.0: float(n)}) for n in range(9)]
    assert gp(space).propose(ProposalRequest(9, ("f",), {}, "7/9/0"), trials) == space.baseline


def test_running_trials_are_believed():
    running = [trial(12 + n, {"x": x, "y": 0.0}, TrialState.RUNNING) for n, x in enumerate((-0.4, -0.2, 0.0, 0.2, 0.4))]
    requests = [ProposalRequest(17, ("x",), {"y": 0.0}, f"{seed}/17/0") for seed in range(10)]
    alone, crowded = gp(), gp()
    free = [abs(alone.propose(request, line(12))["x"]) for request in requests]
    repelled = [abs(crowded.propose(request, line(12) + running)["x"]) for request in requests]
    assert median(free) < 0.2
    assert median(repelled) > 2 * median(free)


def rippled(config):
    return value_at(config) + 3 * math.sin(2 * config["x"]) * math.cos(2 * config["y"])


def test_proposals_of_one_moment_spread():
    def apart(seed):
        drawn = [SQUARE.draw(("x", "y"), {}, ProposalRequest(n, (), {}, f"{seed}/{n}").random()) for n in range(40)]
        far = [config for config in drawn if math.hypot(config["x"] - 2, config["y"] + 1) > 2.5][:14]
        trials, searcher = [trial(n, config, values={9.0: rippled(config)}) for n, config in enumerate(far)], gp()
        for number in range(14, 19):
            config = searcher.propose(ProposalRequest(number, ("x", "y"), {}, f"{seed}/{number}"), trials)
            trials.append(trial(number, config, TrialState.RUNNING))
        first, *others = (each.config for each in trials[14:])
        return median(math.hypot(other["x"] - first["x"], other["y"] - first["y"]) for other in others)

    assert median(map(apart, range(6))) > 0.1, "they lie beside each other, where the first is expected to be best"


def test_diverged_regions_are_avoided():
    good = [trial(n, {"x": n / 4 - 5, "y": 0.0}, values={9.0: n / 5}) for n in range(20)]
    cliff = [trial(20 + n, {"x": n / 2, "y": 0.0}, TrialState.DIVERGED, told=-1.0) for n in range(10)]
    searcher = gp()
    requests = [ProposalRequest(30, ("x",), {}, f"{seed}/30/0") for seed in range(10)]
    found = [searcher.propose(request, good + cliff)["x"] for request in requests]
    assert all(-3 < x < 0.5 for x in found)


def test_how_badly_a_trial_blew_up_says_nothing():
    def proposed(told):
        bad = [trial(12 + n, {"x": 4.0 + n / 9, "y": 0.0}, TrialState.DIVERGED, {1.0: 3.0}, told) for n in range(4)]
        return gp().propose(ProposalRequest(16, ("x", "y"), {}, "7/16/0"), line(12) + bad)

    assert proposed(-6.0) == proposed(-1e200)


def test_what_ended_badly_is_told_somewhat_worse_than_the_worst():
    ledger = Ledger(SQUARE, "maximize")
    ledger.update([*line(12), *(trial(12, {"x": 0.1, "y": 0.0}, TrialState.DIVERGED, told=-1e9),)])
    values = ledger.evidence(ledger.seen()).values
    assert values.argmax() == 12
    assert 0.2 < values[12] - sorted(values)[-2] < 1.0


def test_a_far_outlier_does_not_flatten_the_rest():
    ledger = Ledger(SQUARE, "minimize")
    ledger.update([*line(12, lambda x: abs(x)), trial(12, {"x": 1.0, "y": 0.0}, values={9.0: 1e12})])
    values = ledger.evidence(ledger.seen()).values
    assert values.argmax() == 12
    assert np.ptp(values[:12]) > 0.5 * np.ptp(values)


@pytest.mark.parametrize(("goal", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_a_pruned_trial_is_told_as_its_training_would_have_ended(goal, sign):
    """Complete trainings gain 0.5 from epoch 3 on: one that was pruned there lies among them, and is in some doubt."""
    complete = [
        trial(n, {"x": float(n - 4), "y": 0.0}, values={3.0: sign * n / 8, 9.0: sign * (n / 8 + 0.5 + 0.02 * (n % 2))})
        for n in range(9)
    ]
    pruned = trial(9, {"x": 1.0, "y": 1.0}, TrialState.PRUNED, {3.0: sign * 3.4 / 8})
    unknown = trial(10, {"x": 1.0, "y": 2.0}, TrialState.PRUNED, {2.0: sign * 3.4 / 8})
    ledger = Ledger(SQUARE, goal)
    ledger.update([*complete, pruned, unknown])
    found = ledger.evidence(ledger.seen())
    assert found.values[4] < found.values[9] < found.values[3]  # lower is better
    assert found.values[10] > found.values[9]
    assert found.doubts[:9].tolist() == [0.0] * 9
    assert 0 < found.doubts[9] < 0.01
    assert found.doubts[10] == 1.0


def test_no_more_than_a_bound_is_seen_the_best_and_the_newest():
    trials = line(500) + [trial(500 + n, {"x": 0.0, "y": n / 40}, TrialState.RUNNING) for n in range(100)]
    ledger = Ledger(SQUARE, "maximize")
    ledger.update(trials)
    seen = ledger.seen()
    assert len(seen) == MOST_TRIALS
    assert {*range(200, 300), *range(400, 500)} == set(seen)
    assert ledger.running().shape == (MOST_RUNNING, 2)
    assert tuple(ledger.running()[-1]) == ledger.columns.row(trials[-1].config)
    assert ledger.seen(120) == tuple(range(120))


@pytest.mark.parametrize(("count", "fitted"), [(9, 9), (21, 20), (31, 30), (65, 65 - 65 % REFIT)])
def test_the_scales_are_those_of_the_last_refit_whoever_watched(count: int, fitted: int):
    trials = [trial(n, SQUARE.draw(("x", "y"), {}, ProposalRequest(n, (), {}, f"{n}").random())) for n in range(count)]
    for each in trials:
        each.values = {27.0: value_at(each.config)}
        each.fidelity = 27.0
    request = ProposalRequest(count, ("x", "y"), {}, f"7/{count}/0")
    watching = gp()
    for ended in range(0, count, 1 if count < 30 else 4):
        watching.propose(request, trials[:ended])
    fresh = gp()
    assert watching.propose(request, trials) == fresh.propose(request, trials)
    assert len(fresh.process._scales[0]) == fitted


def test_columns_lie_as_documented():
    columns = Columns(MIXED)
    assert columns.names == ("optimizer", "width", "learning_rate", "momentum", "nesterov")
    assert columns.owner.tolist() == [0, 0, 0, 1, 2, 3, 4, 4]

    def squared(one, other):
        return float(((np.array(columns.row(one)) - np.array(columns.row(other))) ** 2).sum())

    sgd, adam = MIXED.complete({}), MIXED.complete({"optimizer": "adam"})
    assert squared(adam, MIXED.complete({"optimizer": "lion"})) == pytest.approx(1.0)
    assert squared(sgd, adam) == pytest.approx(1.0 + 0.5)  # the optimizer, and nesterov in none of its corners
    assert squared(sgd, sgd | {"nesterov": "yes"}) == pytest.approx(1.0)
    assert squared(sgd, sgd | {"width": 16}) == pytest.approx(1 / 9)
    assert squared(sgd | {"width": 64}, sgd | {"width": 16}) == pytest.approx(4 / 9)
    assert squared(sgd | {"momentum": 0.0}, adam) == squared(sgd | {"momentum": 1.0}, adam) == pytest.approx(1.75)


def evidence(count=25, seed=0):
    random = np.random.default_rng(seed)
    rows = random.random((count, 3))
    values = np.sin(4 * rows[:, 0]) + (rows[:, 1] > 0.5) + 0.05 * random.standard_normal(count)
    return Evidence(rows, (values - values.mean()) / values.std(), np.where(np.arange(count) % 5, 0.0, 0.3))


def test_values_become_about_normal_as_scipy_has_it():
    random = np.random.default_rng(1)
    within = [
        random.standard_normal(40), random.lognormal(size=200), -random.lognormal(size=60), random.beta(0.1, 0.1, 80),
        np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]),
    ]  # fmt: skip
    for values in map(drawn_in, within):
        assert about_normal(values) == pytest.approx(standardised(yeojohnson(standardised(values))[0]), abs=1e-5)
    assert about_normal(np.array([0.0, 1.0, 2.0, 1e9])).max() < 2  # drawn in first
    assert about_normal(np.zeros(5)).tolist() == [0.0] * 5
    with pytest.raises(FloatingPointError), np.errstate(over="ignore", invalid="ignore"):
        about_normal(np.array([-1e300, 0.0, 1e300]) * 1e8)


def drawn_in(values):
    return np.minimum(values, 4 * np.median(values) - 3 * values.min())


def test_the_gradient_is_that_of_the_surface():
    surface = _Surface(evidence(), np.array([0, 1, 1]), 2)
    for at in ([-0.5, 0.7, 0.2, -3.0], [1.0, -1.5, -1.0, -5.0]):
        _, gradient = surface(np.array(at))
        assert gradient == pytest.approx(approx_fprime(np.array(at), lambda x: surface(x)[0], 1e-6), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("count", [1, 4, 20])
def test_where_nothing_is_known_a_length_is_the_whole_interval_however_many_there_are(count):
    nothing = Evidence(np.full((1, count), 0.5), np.zeros(1), np.zeros(1))
    assert fit_scales(nothing, np.arange(count)).lengths == pytest.approx(np.ones(count), rel=0.02)


def test_the_posterior_knows_its_evidence_and_doubts_what_is_far():
    known = evidence(40)
    scales = fit_scales(known, np.array([0, 1, 2]))
    assert scales.lengths[2] > 2 * scales.lengths[0]  # the third column says nothing
    posterior = Posterior(scales, known)
    expected, deviation = posterior.predict(known.rows)
    assert np.corrcoef(expected, known.values)[0, 1] > 0.95
    assert posterior.mean(known.rows) == pytest.approx(expected)
    assert posterior.fitted() == pytest.approx(expected)
    far = np.array([[3.0, 3.0, 3.0]])
    assert posterior.predict(far)[1][0] > 3 * deviation.max()
    believed = posterior.believing(far)
    assert believed.mean(known.rows) == pytest.approx(expected, abs=1e-6)
    assert believed.predict(far)[1][0] < 0.5 * posterior.predict(far)[1][0]


def test_the_logarithm_of_the_improvement():
    for z in (-3.0, -1.5, -1.0, -0.5, 0.0, 2.0, 10.0):
        exact, _ = quad(lambda t, z=z: (t + z) * math.exp(-t * t / 2) / math.sqrt(2 * math.pi), -z, 40)
        assert log_improvement(np.array([z]))[0] == pytest.approx(math.log(exact), rel=1e-6, abs=1e-6)
    tail = log_improvement(-np.logspace(0, 6, 200))
    assert np.isfinite(tail).all()
    assert (np.diff(tail) < 0).all()


def huge(config, fidelity):
    """What no arithmetic holds: the difference of two such values overflows."""
    return math.copysign(1.7e308, float(config["learning_rate"]) - 0.01)


def test_where_floating_point_fails_tpe_proposes_and_a_note_says_so():
    trials = line(12, lambda x: math.copysign(1.7e308, x))
    request = ProposalRequest(12, ("x", "y"), {}, "7/12/0")
    searcher = gp()
    tpe = TpeSearcher(SQUARE, "maximize", TpeSearcher.Options(startup_trials=1))
    assert searcher.propose(request, trials) == tpe.propose(request, trials)
    said = (
        "gp: the values of the trials span more than floating point can hold; "
        "TPE proposes in its place wherever that is so"
    )
    assert searcher.guidance(request, trials).notes == (said,)
    assert gp().guidance(request, trials).notes == (said,)
    assert gp().guidance(request, line(12)) is None


def test_a_sweep_of_such_values_goes_to_its_end_and_tells_it_once():
    plan = make_plan(
        searcher={"name": "gp"}, scheduler={"name": "none"}, search={"name": "joint"}, budget={"trials": 24}
    )
    state, _ = simulate_plan(plan, huge, SimulatedCluster(workers=3))
    assert len(state.trials) == 24
    assert all(trial.state is TrialState.COMPLETED for trial in state.trials)
    assert len([trial for trial in state.trials if any("gp: " in note for note in trial.notes)]) == 1
