import pytest

from orchestrator.searchers import ProposalRequest
from orchestrator.searchers.auto import AutoSearcher
from orchestrator.searchers.gp import GpSearcher
from orchestrator.searchers.tpe import TpeSearcher
from orchestrator.sweep.domains import Float
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import TrialState
from orchestrator.testing.searcher_conformance import SPACE, history


def auto(space=SPACE, **options):
    return AutoSearcher(space, "maximize", AutoSearcher.Options(**options))


def models(space=SPACE):
    gp = GpSearcher(space, "maximize", GpSearcher.Options(startup_trials=10))
    tpe = TpeSearcher(space, "maximize", TpeSearcher.Options())
    return gp, tpe


def requests(number, count):
    return [ProposalRequest(number, ("learning_rate",), {}, f"{seed}/{number}/0") for seed in range(count)]


def test_half_of_the_proposals_are_the_process_s():
    trials, searcher, (gp, tpe) = history(30), auto(), models()
    found = []
    for request in requests(30, 20):
        config = searcher.propose(request, trials)
        is_gp, is_tpe = config == gp.propose(request, trials), config == tpe.propose(request, trials)
        assert is_gp != is_tpe
        found.append(is_gp)
    assert 5 <= sum(found) <= 15


@pytest.mark.parametrize(
    ("options", "by_gp"),
    [
        ({"gp_share": 1.0}, True),
        ({"gp_share": 0.0}, False),
        ({"gp_share": 1.0, "gp_trials": 20}, False),
        ({"gp_share": 1.0, "gp_trials": 30}, True),
        ({"gp_share": 1.0, "gp_dimensions": len(SPACE.tunable) - 1}, False),
        ({"gp_share": 1.0, "gp_dimensions": len(SPACE.tunable)}, True),
    ],
)
def test_the_process_is_asked_while_few_trials_have_ended_and_the_space_is_no_large_one(options, by_gp):
    trials, searcher, (gp, tpe) = history(30), auto(**options), models()
    assert sum(trial.is_learned for trial in trials) in range(21, 30)
    for request in requests(30, 3):
        asked = gp if by_gp else tpe
        assert searcher.propose(request, trials) == asked.propose(request, trials)


def test_what_the_process_says_beside_its_proposal_is_handed_on():
    space = Space({"x": Float(low=0.0, high=1.0, default=0.5)})
    trials = history(12, endings=(TrialState.COMPLETED,))
    for trial in trials:
        trial.config = {"x": trial.number / 12}
        trial.values = {27.0: 1.7e308 if trial.number % 2 else -1.7e308}
    request = ProposalRequest(12, ("x",), {}, "7/12/0")
    (note,) = auto(space, gp_share=1.0).guidance(request, trials).notes
    assert note.startswith("gp: ")
    assert auto(space, gp_share=0.0).guidance(request, trials) is None
