"""The user's function, run with a session that keeps what it is told; Ray is imported, not started."""

from __future__ import annotations

import random
import textwrap

import numpy as np
import pytest
import torch
from ray import tune

from orchestrator.ray.worker import function
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.failure import AttemptFailed
from orchestrator.ray.worker.trainable import TrainableFile

SPACE = ("lr", "momentum")


class Session:
    """What Tune's session is to a function: somebody who takes its reports."""

    def __init__(self):
        self.sent = []

    def report(self, metrics, checkpoint=None):
        self.sent.append(metrics)

    @property
    def reports(self):
        return [(sent["_report"].fidelity, dict(sent["_report"].metrics)) for sent in self.sent if "_report" in sent]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a training file once; returns the session."""
    monkeypatch.setattr(function, "announce", lambda trial: None)

    def run(code, config=None, *, checkpoint=None, counts=True, fidelity="epoch", from_iteration=0.0, **assigned):
        (tmp_path / "train.py").write_text(textwrap.dedent(code))
        assignment = Assignment(
            TrainableFile(tmp_path, "train.py", "train"), "score", fidelity, 5.0, hyperparameters=SPACE, **assigned
        )
        trial = {"number": 3, "seed": 5, "max_fidelity": 9.0, "rungs": [1.0, 9.0], "checkpoint": checkpoint}
        trial |= {"from_iteration": from_iteration}
        session = Session()
        monkeypatch.setattr(tune, "report", lambda metrics, checkpoint=None: session.report(metrics, checkpoint))
        given = {"lr": 0.5, "momentum": 0.9} if config is None else config
        function.run_function(assignment, {**given, "_trial": trial}, session, counts=counts)
        return session

    return run


@pytest.mark.parametrize(
    ("code", "score"),
    [
        ("def train(config): return {'score': float(len(config)), **config}", 2.0),
        ("def train(config, trial): return trial.seed + trial['number']", 8),
        ("def train(lr, momentum=0.1): return lr + momentum", 1.4),
        ("def train(*, lr, trial, **rest): return lr + len(rest) + trial.number", 4.5),
        ("def train(settings=None, momentum=7.0): return settings['lr'] + momentum", 7.5),
        ("import numpy\ndef train(config): return numpy.float32(0.25)", 0.25),
        ("import numpy\ndef train(config): return numpy.array(0.25)", 0.25),
        ("from decimal import Decimal\ndef train(config): return Decimal('0.25')", 0.25),
        ("def train(config): return {'score': 0.5, 'epoch': 4}", 0.5),
        ("def train(config):\n    yield {'score': 0.5, 'epoch': 4}", 0.5),
    ],
)
def test_what_a_function_returns_is_its_result(run, code, score):
    ((fidelity, metrics),) = run(code).reports
    assert metrics["score"] == pytest.approx(score)
    assert fidelity == metrics["epoch"] == (4.0 if "'epoch'" in code else 9.0), "of a whole training, or as it says"


def test_a_hyperparameter_that_does_not_apply_keeps_the_functions_default(run):
    assert run("def train(lr, momentum=0.1): return lr + momentum", {"lr": 0.5}).reports[0][1]["score"] == 0.6


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "def train(config): return {'loss': 1.0}",
            "what train.py:train returned: a report without 'score': it held epoch, loss. The sweep file says "
            "`objective.metric: score`; report that key with every ray.tune.report(...), or name another one there",
        ),
        (
            "def train(config): return True",
            "train.py:train returned without a report; call ray.tune.report({'epoch': ..., 'score': ...}) in it, "
            "or return 'score' as a number or in a dict: what it returned is of type bool",
        ),
        (
            "import numpy\ndef train(config): return numpy.bool_(True)",
            "train.py:train returned without a report; call ray.tune.report({'epoch': ..., 'score': ...}) in it, "
            f"or return 'score' as a number or in a dict: what it returned is of type {type(np.bool_(1)).__name__}",
        ),
        (
            "def train(config): pass",
            "train.py:train returned without a report; call ray.tune.report({'epoch': ..., 'score': ...}) in it",
        ),
    ],
)
def test_what_is_no_result_is_said(run, code, text):
    with pytest.raises(AttemptFailed) as caught:
        run(code)
    assert caught.value.text == text


@pytest.mark.parametrize("returned", ["0.25", "{'score': 0.25}", "{'history': []}", "'done'"])
def test_a_function_that_reported_has_said_its_results(run, returned):
    session = run(f"""
        from ray import tune
        def train(config):
            tune.report({{"score": 0.5, "epoch": 1}})
            return {returned}
        """)
    assert session.reports == [(1.0, {"score": 0.5, "epoch": 1.0, "training_iteration": 1.0})]


def test_a_checkpoint_is_rays(run):
    session = run("""
        from ray import tune
        def train(config):
            tune.report({"score": 0.5, "epoch": 1}, checkpoint=tune.Checkpoint("/somewhere"))
        """)
    assert len(session.reports) == 1


def test_a_checkpoint_is_no_path(run):
    with pytest.raises(AttemptFailed) as caught:
        run("""
            from ray import tune
            def train(config):
                tune.report({"score": 0.5, "epoch": 1}, checkpoint="model.pt")
            """)
    said = "a checkpoint is a ray.tune.Checkpoint.from_directory(folder), and this is of type str"
    assert caught.value.text.endswith(f": {said}")


def test_a_resumed_function_that_has_nothing_to_do_returns_as_it_likes(run):
    assert run("def train(config): return 0.25", checkpoint="/runs/checkpoint_000001").reports == []


def test_every_rank_returns_and_the_first_ones_result_counts(run):
    assert run("def train(config): return 0.25").reports == [
        (9.0, {"epoch": 9.0, "score": 0.25, "training_iteration": 1.0})
    ]
    other = run("def train(config): return 0.25", counts=False)
    assert other.reports == []
    assert len(other.sent) == 2, "it keeps pace: as many turns as the rank that counts"


def test_a_result_that_is_not_finite_is_one(run):
    ((_, metrics),) = run("def train(config): return float('nan')").reports
    assert np.isnan(metrics["score"])


@pytest.mark.parametrize(
    ("body", "scores"),
    [
        ("return 0.5", [0.5]),
        ("return {'score': 0.5}", [0.5]),
        ("yield {'score': 0.25}\n    yield {'score': 0.5}", [0.25, 0.5]),
        ("tune.report({'score': 0.5})", [0.5]),
        ("tune.report({'score': 0.25})\n    return {'score': 0.5}", [0.25, 0.5]),
        ("tune.report({'score': 0.5})\n    return 7", [0.5]),
    ],
)
@pytest.mark.parametrize("checkpoint", [None, "/ck"])
def test_a_training_without_fidelity_has_one_score_by_report_or_by_what_it_returns(run, body, scores, checkpoint):
    code = f"from ray import tune\ndef train(config):\n    {body}\n"
    session = run(code, fidelity=None, checkpoint=checkpoint, from_iteration=2.0)
    assert session.reports == [
        (1.0, {"score": score, "training_iteration": 3.0 + number}) for number, score in enumerate(scores)
    ]


def test_a_score_that_is_missing_is_asked_for_by_its_name_alone(run):
    with pytest.raises(AttemptFailed) as caught:
        run("def train(config): return None", fidelity=None)
    assert caught.value.text == "train.py:train returned without a report; call ray.tune.report({'score': ...}) in it"


def test_reports_are_counted_where_no_metric_says_how_far_they_are(run):
    code = "from ray import tune\ndef train(config):\n    tune.report({'score': 1})\n    return {'score': 2}\n"
    reports = run(code, fidelity="training_iteration", checkpoint="/ck", from_iteration=4.0).reports
    assert [fidelity for fidelity, _ in reports] == [5.0, 6.0]
    result = run("def train(config): return 0.5", fidelity="training_iteration").reports
    assert [fidelity for fidelity, _ in result] == [9.0], "what never reported has trained in full"


DRAWS = """
import random
import numpy, torch
def train(config, trial):
    return float(f"{random.randrange(1000)}{numpy.random.randint(1000):03}{int(torch.randint(1000, (1,))):03}")
"""


def test_what_a_training_draws_follows_from_the_trials_seed(run):
    first, again = (run(DRAWS, seeding=True).reports[0][1]["score"] for _ in range(2))
    assert first == again
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    assert first == float(f"{random.randrange(1000)}{np.random.randint(1000):03}{int(torch.randint(1000, (1,))):03}")


def test_nothing_is_seeded_where_the_sweep_file_says_so(run):
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    one, other = (run(DRAWS, seeding=False).reports[0][1]["score"] for _ in range(2))
    assert one != other
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    assert one == float(f"{random.randrange(1000)}{np.random.randint(1000):03}{int(torch.randint(1000, (1,))):03}")
