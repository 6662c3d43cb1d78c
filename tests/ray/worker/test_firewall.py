"""What is measured on the test set stays in the worker, whatever form it comes in, and leaves it once, in a test."""

from __future__ import annotations

import json
import struct
import textwrap
from threading import Event

import pytest
from ray import tune

from orchestrator.ray.worker import function
from orchestrator.ray.worker.assignment import Assignment
from orchestrator.ray.worker.failure import AttemptFailed
from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.metric_sources import source_of
from orchestrator.ray.worker.reports import ReportError
from orchestrator.ray.worker.trainable import TrainableFile
from orchestrator.sweep.program import Metrics

SECRET = 0.91357


class Session:
    """What Tune's session is to a function: somebody who takes its reports."""

    def __init__(self):
        self.sent = []
        self.stop_event = Event()

    def report(self, metrics, checkpoint=None):
        self.sent.append((metrics, checkpoint))

    @property
    def reports(self):
        return [sent["_report"] for sent, _ in self.sent if "_report" in sent]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a training file once; returns the session."""
    monkeypatch.setattr(function, "announce", lambda trial: None)

    def run(code, *, purpose="train", metric="test_accuracy", counts=True, fidelity="epoch", checkpoint=None):
        (tmp_path / "train.py").write_text("from ray import tune\n" + textwrap.dedent(code))
        trainable = TrainableFile(tmp_path, "train.py", "train")
        assignment = Assignment(trainable, "score", fidelity, 5.0, hyperparameters=("lr",), test=metric)
        trial = {"number": 3, "seed": 5, "max_fidelity": 9.0, "rungs": [9.0], "checkpoint": checkpoint}
        trial |= {"from_iteration": 0.0, "purpose": purpose}
        session = Session()
        monkeypatch.setattr(tune, "report", lambda metrics, checkpoint=None: session.report(metrics, checkpoint))
        function.run_function(assignment, {"lr": 0.5, "_trial": trial}, session, counts=counts)
        return session

    return run


@pytest.mark.parametrize(
    ("metric", "reported"),
    [
        ("test_accuracy", "{'score': 0.5, 'epoch': 1, 'test_accuracy': SECRET}"),
        ("test_accuracy", "{'score': 0.5, 'epoch': 1, 'test_accuracy': str(SECRET)}"),
        ("test_accuracy", "{'score': 0.5, 'epoch': 1, 'test_accuracy': [SECRET]}"),
        ("test/accuracy", "{'score': 0.5, 'epoch': 1, 'test': {'accuracy': SECRET}}"),
        ("test/accuracy", "{'score': 0.5, 'epoch': 1, 'test/accuracy': SECRET, 'test': {}}"),
        ("test", "{'score': 0.5, 'epoch': 1, 'test': {'accuracy': SECRET, 'by': {'class': SECRET}}}"),
        ("test", "{'score': 0.5, 'epoch': 1, 'test/accuracy': SECRET}"),
    ],
)
def test_no_report_holds_it(run, metric, reported):
    for code in (
        f"SECRET = {SECRET}\ndef train(config):\n    tune.report({reported})",
        f"SECRET = {SECRET}\ndef train(config):\n    yield {reported}",
        f"SECRET = {SECRET}\ndef train(config):\n    return {reported}",
    ):
        (report,) = run(code, metric=metric).reports
        assert report.is_withheld
        assert set(report.metrics) - {"training_iteration"} == {"score", "epoch"}
        assert not report.texts
        assert not report.left_out
        assert str(SECRET) not in repr(report)


def test_what_is_like_it_passes(run):
    (report,) = run(
        "def train(config): return {'score': 0.5, 'epoch': 1, 'test_accuracy_of_it': 0.25, 'test': 1}"
    ).reports
    assert not report.is_withheld
    assert {"test_accuracy_of_it", "test"} < set(report.metrics)


def test_a_wall_without_a_metric_lets_everything_pass():
    said = {"test": {"accuracy": SECRET}}
    assert Firewall(None).without(said) is said
    assert Firewall(None).screened(f"test {SECRET}") == f"test {SECRET}"


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        ("raise ValueError(f'only {value:.4f}')", "ValueError: only ..."),
        ("raise ValueError(f'{value:.2%} of them')", "ValueError: ...% of them"),
        ("raise ValueError(f'{value * 100:.3f} %')", "ValueError: ... %"),
        ("raise ValueError(f'{value:.1e}, {value:.1f}')", "ValueError: 9.1e-01, 0.9"),
        ("raise ValueError(f'{value:.4e}')", "ValueError: ..."),
        ("raise ValueError(f'test_accuracy is {value}')", "(what names the metric of the test set is left out)"),
        ("raise ValueError('12.5 and 0.125 are other numbers')", "ValueError: 12.5 and 0.125 are other numbers"),
    ],
)
def test_what_is_said_of_a_failure_does_not_tell_it(run, raised, text):
    code = f"""
        def train(config):
            value = {SECRET}
            tune.report({{"score": 0.5, "epoch": 1, "test_accuracy": value}})
            {raised}
        """
    with pytest.raises(AttemptFailed) as caught:
        run(code)
    told = caught.value.text
    assert told.splitlines()[-1] == text
    assert told.startswith("train.py:6 in train: ")
    assert "test_accuracy" not in told
    assert str(SECRET)[:6] not in told


@pytest.mark.parametrize(
    ("value", "raised", "text"),
    [
        (9137, "f'{value} of them were right'", "ValueError: ... of them were right"),
        (9137.0, "f'{value:.0f} right, {value} in all'", "ValueError: ... right, ... in all"),
        (-913.57, "f'between {value:.0f} and {value:.1f}'", "ValueError: between -... and -..."),
        (9137, "f'{value:,}', '9137'", "ValueError: ('...', '...')"),
        (9137, "'layer9137 of 91370, 1.9137'", "ValueError: layer9137 of 91370, 1.9137"),
        (1.3e-7, "f'{value} off'", "ValueError: 1.3e-07 off"),
        (1.357e-7, "f'{value} off'", "ValueError: ... off"),
        (-1.357e-7, "f'{value} off'", "ValueError: -... off"),
    ],
)
def test_whole_numbers_and_small_ones_are_values_too(run, value, raised, text):
    code = f"""
        def train(config):
            value = {value}
            tune.report({{"score": 0.5, "epoch": 1, "test_accuracy": value}})
            raise ValueError({raised})
        """
    with pytest.raises(AttemptFailed) as caught:
        run(code)
    place, *_, told = caught.value.text.splitlines()
    assert told == text
    assert place.startswith("train.py:6 in train: ")


def test_a_line_of_code_that_names_it_is_left_out_and_its_place_stays(run):
    with pytest.raises(AttemptFailed) as caught:
        run("def train(config):\n    tune.report({'test_accuracy': 0.25 / 0})")
    assert caught.value.text.splitlines() == [
        "train.py:3 in train: (what names the metric of the test set is left out)",
        "ZeroDivisionError: float division by zero",
    ]


def test_a_report_that_lacks_the_objective_is_told_without_it(run):
    with pytest.raises(AttemptFailed, match=r"a report without 'score': it held epoch. The sweep file says") as caught:
        run(f"def train(config):\n    tune.report({{'epoch': 1, 'test_accuracy': {SECRET}}})")
    assert "test_accuracy" not in caught.value.text


TESTED = f"""
    def train(config, trial):
        for epoch in range(1, 4):
            tune.report({{"score": 0.5, "epoch": epoch, "test_accuracy": epoch / 10}}, checkpoint="a checkpoint")
        if trial.purpose == "test":
            tune.report({{"test_accuracy": {SECRET}, "other": 1.0}})
    """


def test_a_test_sends_that_one_number_once_and_keeps_no_checkpoint(run):
    session = run(TESTED, purpose="test", checkpoint="somewhere")
    assert [sent for sent in session.sent if sent[1] is not None] == []
    (report,) = session.reports
    assert report.metrics == {"test_accuracy": SECRET}
    assert session.sent[-1][0] != {}, "and then says that it returned"


@pytest.mark.parametrize(
    ("metric", "code"),
    [
        ("test_accuracy", f"def train(config): return {{'test_accuracy': {SECRET}}}"),
        ("test_accuracy", f"def train(config): return {SECRET}"),
        ("test/accuracy", f"def train(config): return {{'test': {{'accuracy': {SECRET}}}, 'more': 2}}"),
        ("test_accuracy", f"def train(config):\n    yield {{'test_accuracy': {SECRET}}}"),
    ],
)
def test_what_a_function_returns_in_a_test_counts(run, metric, code):
    (report,) = run(code, purpose="test", metric=metric).reports
    assert report.metrics == {metric: SECRET}


def test_another_rank_of_a_test_waits_for_nobody_and_sends_nothing(run):
    assert run(TESTED, purpose="test", counts=False).reports == []
    assert len(run(TESTED, purpose="test", counts=False).sent) == 1


@pytest.mark.parametrize(
    "code", ["def train(config): pass", "def train(config): tune.report({'score': 1, 'epoch': 9})"]
)
def test_a_test_that_measures_nothing_is_told_what_it_lacks(run, code):
    with pytest.raises(AttemptFailed) as caught:
        run(code, purpose="test", checkpoint="somewhere")
    assert caught.value.text == (
        "train.py:train reported no 'test_accuracy', which `test.metric` names: report or return it where "
        'trial.purpose is "test" (STEPLADDER_PURPOSE in a program), also where there is nothing left to train'
    )


def test_what_is_no_number_is_refused_in_a_test(run):
    with pytest.raises(AttemptFailed, match="'test_accuracy' is reported as a str, not as a number"):
        run("def train(config): return {'test_accuracy': 'good'}", purpose="test")


def event(step: int, **values: float) -> bytes:
    from tensorboardX.proto.event_pb2 import Event as Written

    written = Written(step=step)
    for tag, value in values.items():
        written.summary.value.add(tag=tag, simple_value=value)
    content = written.SerializeToString()
    return struct.pack("<Q", len(content)) + b"0000" + content + b"0000"


LINES = "".join(json.dumps({"epoch": n, "acc": 0.5, "test_acc": SECRET}) + "\n" for n in (1, 2))
FORMS = {
    "stdout": (r"epoch (?P<epoch>\d+) acc (?P<acc>\S+) test (?P<test_acc>\S+)", f"epoch 1 acc 0.5 test {SECRET}\n"),
    "jsonl": ("metrics.jsonl", LINES),
    "csv": ("metrics.csv", f"epoch,acc,test_acc\n1,0.5,{SECRET}\n2,0.5,{SECRET}\n"),
    "tensorboard": (".", event(1, acc=0.5, epoch=1, test_acc=SECRET)),
}


@pytest.mark.parametrize("form", [*FORMS, None])
@pytest.mark.parametrize("is_test", [False, True])
def test_no_row_of_a_program_holds_it_but_in_a_test(tmp_path, form, is_test):
    wall = Firewall("test_acc", is_test=is_test)
    pattern, content = FORMS.get(form, ("", LINES))
    files = {"stdout": "stdout.txt", "csv": "metrics.csv", "jsonl": "metrics.jsonl", "tensorboard": "a.tfevents.1"}
    (tmp_path / files.get(form, "reports.jsonl")).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    metrics = None if form is None else Metrics.model_validate({form: pattern})
    objective, fidelity = ("test_acc", None) if is_test else ("acc", "epoch")
    source = source_of(metrics, tmp_path / "reports.jsonl", tmp_path, tmp_path, objective, fidelity, wall=wall)
    rows = [row for _, row in source.read(final=True)]
    assert rows
    if is_test:
        for row in rows:
            wall.take(row)
        assert wall.measured("it").metrics == {"test_acc": pytest.approx(SECRET)}
    else:
        assert not any("test_acc" in row for row in rows)
        assert wall.has_withheld
        assert "test_acc" not in source.lacking()


def test_the_last_line_of_a_program_is_shown_without_it(tmp_path):
    (tmp_path / "stdout.txt").write_text(f"test {SECRET}\nthe test was {SECRET:.4f}, done\n")
    wall = Firewall("test_acc")
    patterns = Metrics(stdout=(r"acc (?P<acc>\S+)", r"^test (?P<test_acc>\S+)"))
    source = source_of(patterns, tmp_path / "none", tmp_path, tmp_path, "acc", None, wall=wall)
    assert list(source.read(final=True)) == []
    assert "0.9136" in source.lacking()
    assert wall.screened(source.lacking()).endswith("its last line was 'the test was ..., done'")


def test_in_a_test_nothing_is_screened():
    wall = Firewall("test_acc", is_test=True)
    with pytest.raises(ReportError, match="'test_acc' is reported as a list, not as a number"):
        wall.take({"test_acc": [1]})
    assert wall.screened(f"test_acc {SECRET}") == f"test_acc {SECRET}"
