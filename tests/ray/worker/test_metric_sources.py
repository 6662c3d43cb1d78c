"""Metrics are read where a program prints or keeps them: in pieces, written anew, torn, beside each other."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from orchestrator.ray.worker import metric_sources
from orchestrator.ray.worker.firewall import Firewall
from orchestrator.ray.worker.metric_sources import source_of
from orchestrator.ray.worker.reports import ReportError
from orchestrator.sweep.program import Metrics


@pytest.fixture(autouse=True)
def always_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_sources, "LOOK_S", 0.0)


@pytest.fixture
def source(tmp_path: Path):
    def source(objective="acc", fidelity="epoch", wall=None, **metrics):
        for name in ("stdout.txt", "stderr.txt", "reports.jsonl"):
            (tmp_path / name).touch()
        given = Metrics.model_validate(metrics) if metrics else None
        return source_of(
            given, tmp_path / "reports.jsonl", tmp_path, tmp_path, objective, fidelity, wall=wall or Firewall(None)
        )

    return source


def append(path: Path, text: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def said(source, *, final=False):
    return [row for _, row in source.read(final=final)]


ONE = r"epoch (?P<epoch>\d+) .* acc (?P<acc>[\d.]+)"


def test_one_line_with_all_of_it(source, tmp_path):
    read = source(stdout=ONE)
    append(tmp_path / "stdout.txt", "loading\nepoch 1 loss 0.3 acc 0.5.\nepoch 2 loss 0.2 ac")
    assert said(read) == [{"epoch": 1.0, "acc": 0.5}]
    append(tmp_path / "stdout.txt", "c 0.75")
    assert said(read) == []
    assert said(read, final=True) == [{"epoch": 2.0, "acc": 0.75}]


def test_metrics_that_stand_on_several_lines_are_gathered(source, tmp_path):
    """As the MNIST example of PyTorch prints: the epoch many times, the accuracy once, in percent, without it."""
    read = source(
        stdout=[
            r"Train Epoch: (?P<epoch>\d+) .*Loss: (?P<train_loss>\S+)",
            r"Average loss: (?P<loss>[\d.]+), .*\((?P<acc>\d+%)\)",
        ]
    )
    for epoch in (1, 2):
        for step, loss in ((0, 2.3), (640, 1.1)):
            append(tmp_path / "stdout.txt", f"Train Epoch: {epoch} [{step}/60000 (0%)]\tLoss: {loss:.6f}\n")
        append(tmp_path / "stdout.txt", f"\nTest set: Average loss: 0.{epoch}000, Accuracy: 444/497 (9{epoch}%)\n\n")
    assert said(read) == [
        {"epoch": 1.0, "train_loss": 1.1, "loss": 0.1, "acc": 91.0},
        {"epoch": 2.0, "train_loss": 1.1, "loss": 0.2, "acc": 92.0},
    ]
    append(tmp_path / "stdout.txt", "Test set: Average loss: 0.5, Accuracy: 1/2 (50%)\n")
    assert said(read) == [{"epoch": 2.0, "loss": 0.5, "acc": 50.0}], "how far it is stays known, a loss does not"


def test_progress_bars_and_colours_are_read_as_a_terminal_shows_them(source, tmp_path):
    read = source(stderr=ONE)
    append(tmp_path / "stderr.txt", b"\r 10%|#   | 1/10\r\x1b[32mepoch 1\x1b[0m 100% acc \x1b[1m0.5\x1b[0m\r\xff\n")
    assert said(read) == [{"epoch": 1.0, "acc": 0.5}]


def test_what_is_no_number_is_told_with_its_line(source, tmp_path):
    read = source(stdout=r"acc (?P<acc>\S+)")
    append(tmp_path / "stdout.txt", "acc nan\nacc 1_000\nacc 1.2.3\n")
    rows = read.read(final=False)
    assert math.isnan(next(rows)[1]["acc"])
    assert next(rows)[1]["acc"] == 1000.0
    with pytest.raises(
        ReportError, match=r"^line 3 of its stdout: acc is '1\.2\.3', which is no number; mend the pattern$"
    ):
        next(rows)


def test_a_metric_that_is_text_is_kept_as_text_and_a_grouped_number_is_one(source, tmp_path):
    read = source(stdout=r"epoch (?P<epoch>\d+) (?P<phase>\S+) seen (?P<seen>\S+) auc (?P<auc>\S+) acc (?P<acc>\S+)")
    lines = ("epoch 1 warm-up seen 12,800 auc N/A acc 0.5", "epoch 2 main seen 1,2 auc -- acc N/A")
    append(tmp_path / "stdout.txt", "".join(f"{line}\n" for line in lines))
    rows = read.read(final=False)
    assert next(rows)[1] == {"epoch": 1.0, "phase": "warm-up", "seen": 12800.0, "auc": "N/A", "acc": 0.5}
    with pytest.raises(ReportError, match=r"^line 2 of its stdout: acc is 'N/A', which is no number"):
        next(rows)


def test_what_is_said_of_a_place_after_its_objective_belongs_there(source, tmp_path):
    read = source(stdout=r"epoch (?P<epoch>\d+) (?:acc (?P<acc>\S+)|auc (?P<auc>\S+)|loss (?P<loss>\S+))")
    append(tmp_path / "stdout.txt", "epoch 1 acc 0.5\nepoch 1 auc 0.6\nepoch 2 loss 3\nepoch 2 acc 0.7\n")
    assert said(read) == [{"epoch": 1.0, "acc": 0.5, "auc": 0.6}, {"epoch": 2.0, "loss": 3.0, "acc": 0.7}]
    append(tmp_path / "stdout.txt", "epoch 2 auc 0.8\n")
    assert said(read) == [], "nobody waits for it"
    append(tmp_path / "stdout.txt", "epoch 2 loss 2\nepoch 3 loss 1\n")
    assert said(read) == [{"epoch": 2.0, "acc": 0.7, "auc": 0.8, "loss": 2.0}]
    append(tmp_path / "stdout.txt", "epoch 3 acc 0.9\n")
    assert said(read) == [{"epoch": 3.0, "loss": 1.0, "acc": 0.9}]
    append(tmp_path / "stdout.txt", "epoch 3 loss 0.5\nepoch 4 loss 0.4\n")
    assert said(read, final=True) == [{"epoch": 3.0, "acc": 0.9, "loss": 0.5}]
    assert read.left() == ["loss"], "of an epoch that was never measured"


def test_a_checkpoint_may_be_named_by_a_group(source, tmp_path):
    read = source(stdout=[r"saved (?P<checkpoint>\S+)", ONE])
    append(tmp_path / "stdout.txt", "saved last.pt\nepoch 1 - acc 0.5\n")
    assert said(read) == [{"checkpoint": "last.pt", "epoch": 1.0, "acc": 0.5}]


def test_json_lines_in_the_attempts_folder(source, tmp_path):
    read = source(objective="eval/acc", jsonl="logs/*.jsonl")
    assert said(read) == []
    (tmp_path / "logs").mkdir()
    append(tmp_path / "logs" / "m.jsonl", '{"epoch": 1, "loss": 0.5}\n{"eval": {"acc": 0.9}, "time": "now"}\n{"epo')
    assert said(read) == [{"epoch": 1, "loss": 0.5, "eval/acc": 0.9, "time": "now"}]
    append(tmp_path / "logs" / "m.jsonl", 'ch": 2, "eval": {"acc": 0.95}}\nnot json\n')
    rows = read.read(final=False)
    assert next(rows) == ("logs/m.jsonl:3", {"epoch": 2, "eval/acc": 0.95})
    with pytest.raises(
        ReportError, match=r"^logs/m\.jsonl:4 is no JSON object: 'not json'; metrics\.jsonl takes one on"
    ):
        next(rows)


def test_a_csv_that_grows_and_is_written_anew_with_more_columns(source, tmp_path):
    """As Lightning's CSVLogger does: rows with holes, and the whole file again once a metric is new."""
    read = source(csv="**/metrics.csv")
    place = tmp_path / "lightning_logs" / "version_0" / "metrics.csv"
    place.parent.mkdir(parents=True)
    append(place, "epoch,step,loss\n0,9,0.5\n")
    assert said(read) == []
    place.write_text("epoch,step,loss,acc\n0,9,0.5,\n0,9,,0.9\n1,19,0.4,\n1,19,,0.9")
    assert said(read) == [{"epoch": 0.0, "step": 9.0, "loss": 0.5, "acc": 0.9}]
    append(place, "5\n2,2")
    assert said(read) == [{"epoch": 1.0, "step": 19.0, "loss": 0.4, "acc": 0.95}]
    place.write_text("")  # caught while it is written anew
    assert said(read) == []
    place.write_text("epoch,step,loss,acc,lr\n0,9,0.5,,\n0,9,,0.9,\n1,19,0.4,,\n1,19,,0.95,\n2,29,,0.97,0.1\n")
    assert said(read) == [{"epoch": 2.0, "step": 29.0, "acc": 0.97, "lr": 0.1}]
    assert said(read, final=True) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_has_its_own_delimiter_and_quotes(source, tmp_path, delimiter):
    read = source(csv="log.csv")
    rows = [["epoch", "note", "acc"], ["1", f'"a{delimiter}b"', "0.5"]]
    append(tmp_path / "log.csv", "\r\n".join(delimiter.join(row) for row in rows))
    assert said(read, final=True) == [{"epoch": 1.0, "note": f"a{delimiter}b", "acc": 0.5}]


def test_event_files_of_tensorboard_in_pieces(source, tmp_path):
    from tensorboardX import SummaryWriter

    read = source(fidelity="step", tensorboard=".")
    with SummaryWriter(str(tmp_path / "away")) as writer:
        for step in (1, 2):
            writer.add_scalar("loss", 1.0 / step, step)
            writer.add_text("note", "no number", step)
            writer.add_scalar("acc", step / 4, step)
    [written] = (tmp_path / "away").iterdir()
    content = written.read_bytes()
    written.unlink()
    there = tmp_path / "runs" / "a" / written.name
    there.parent.mkdir(parents=True)
    found = []
    for start in range(0, len(content), 50):
        append(there, content[start : start + 50])
        found += said(read)
    assert found == [{"step": 1, "loss": 1.0, "acc": 0.25}, {"step": 2, "loss": 0.5, "acc": 0.5}]
    assert said(read, final=True) == []


def test_a_value_that_tensorflow_writes_as_a_tensor(source, tmp_path):
    import struct

    from tensorboardX.event_file_writer import EventFileWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.proto.tensor_pb2 import TensorProto

    tensors = [TensorProto(dtype=1, tensor_content=struct.pack("<f", 0.5)), TensorProto(dtype=1, float_val=[0.75])]
    tensors.append(TensorProto(dtype=1, float_val=[1.0, 2.0]))
    writer = EventFileWriter(str(tmp_path))
    for step, tensor in enumerate(tensors):
        writer.add_event(Event(step=step, summary=Summary(value=[Summary.Value(tag="acc", tensor=tensor)])))
    writer.close()
    assert said(source(fidelity="step", tensorboard="."), final=True) == [
        {"step": 0, "acc": 0.5},
        {"step": 1, "acc": 0.75},
    ]


def test_a_file_that_is_none_of_tensorboards_is_told(source, tmp_path):
    (tmp_path / "a.tfevents").write_bytes(b"\xff" * 40)
    with pytest.raises(ReportError, match=r"^a\.tfevents: is no event file of TensorBoard, or a damaged one$"):
        said(source(tensorboard="."))


@pytest.mark.parametrize(
    ("metrics", "lacking"),
    [
        (
            {},
            'append lines such as {"epoch": 1, "acc": 0.5} to STEPLADDER_REPORTS, or say by `metrics` where it writes',
        ),
        ({"stdout": ONE}, "no line of its stdout matched metrics.stdout; its last line was 'Accuracy: 444/497'"),
        ({"stderr": ONE}, "no line of its stderr matched metrics.stderr"),
        (
            {"csv": "out/*.csv"},
            "there is no out/*.csv in its folder, where `metrics.csv` looks; let it write there: `{trial.folder}`",
        ),
        (
            {"csv": "here.csv"},
            "here.csv in its folder held no report; 'acc' was not among what was read: accuracy, epoch",
        ),
    ],
)
def test_a_program_without_a_report_is_told_what_was_looked_for(source, tmp_path, metrics, lacking):
    (tmp_path / "here.csv").write_text("epoch,accuracy\n1,0.5\n")
    read = source(**metrics)
    append(tmp_path / "stdout.txt", "Accuracy: 444/497\n\n")
    assert said(read, final=True) == []
    assert re.match(re.escape(lacking), read.lacking())
