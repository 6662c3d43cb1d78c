"""The actor's class, used here without an actor."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("local_ray")]


@pytest.fixture
def make_worker(tmp_path, monkeypatch):
    from ray.train._internal.storage import StorageContext

    from orchestrator.ray.worker.assignment import Assignment
    from orchestrator.ray.worker.trainable import TrainableFile
    from orchestrator.ray.worker.worker import worker_class

    monkeypatch.chdir(tmp_path)
    made = []

    def make(code, checkpoint=None):
        (tmp_path / "train.py").write_text(textwrap.dedent(code))
        assignment = Assignment(TrainableFile(tmp_path, "train.py", "train"), "score", "epoch", 5.0)
        storage = StorageContext(str(tmp_path), "session", trial_dir_name=f"trial-{len(made)}")
        worker = worker_class(assignment)(config_of(checkpoint), storage)
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.stop()


def config_of(checkpoint=None, number=0):
    trial = {
        "checkpoint": checkpoint,
        "number": number,
        "attempt": 0,
        "max_fidelity": 9.0,
        "sweep_folder": "/dev/null/no",
    }
    return {"x": 0.5, "_trial": trial}


def failure(worker):
    from orchestrator.ray.worker.failure import AttemptFailed

    with pytest.raises(AttemptFailed) as caught:
        worker.train()
    return caught.value


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            'tune.report({"epoch": 1, "loss": 0.1})',
            "train.py:5: a report without 'score': it held epoch, loss. The sweep file says `objective.metric: score`; "
            "report that key with every ray.tune.report(...), or name another one there",
        ),
        (
            'tune.report({"score": 1.0, "training_iteration": 1})',
            "train.py:5: a report without 'epoch': it held score, training_iteration. The sweep file says "
            "`fidelity.metric: epoch`; report that key with every ray.tune.report(...), or name another one there, or "
            "leave it out: then the reports are counted",
        ),
        (
            'tune.report({"epoch": 1, "score": [0.5]})',
            "train.py:5: 'score' is reported as a list, not as a number; report float(...) or .item() of it",
        ),
        (
            "tune.report(epoch=1, score=0.5)",
            "train.py:5 in train: tune.report(epoch=1, score=0.5)\nTypeError: report() got an unexpected keyword "
            "argument 'epoch'. Ray Tune takes metrics as one dict: report({'loss': loss})",
        ),
        (
            "tune.checkpoint_dir(step=1)",
            "train.py:5 in train: tune.checkpoint_dir(step=1)\nAttributeError: module 'ray.tune' has no attribute "
            "'checkpoint_dir'. Ray Tune takes a checkpoint beside the metrics: report({...}, "
            "checkpoint=Checkpoint.from_directory(folder))",
        ),
        ("sys.exit(3)", "train.py:5: train.py:train called sys.exit(3)"),
        (
            "return [7]",
            "train.py:train returned without a report; call ray.tune.report({'epoch': ..., 'score': ...}) in it, "
            "or return 'score' as a number or in a dict: what it returned is of type list",
        ),
        (
            "sys.exit(0)",
            "train.py:train returned without a report; call ray.tune.report({'epoch': ..., 'score': ...}) in it",
        ),
        (
            "raise type('Own', (BaseException,), {'__module__': 'net'})('over')",
            "train.py:5 in train: raise type('Own', (BaseException,), {'__module__': 'net'})('over')\nnet.Own: over",
        ),
        ("raise GeneratorExit('g')", "train.py:5 in train: raise GeneratorExit('g')\nGeneratorExit: g"),
        (
            "raise type('Mute', (IOError,), {'__str__': lambda _: 1 / 0, '__module__': 'net'})",
            "train.py:5 in train: raise type('Mute', (IOError,), {'__str__': lambda _: 1 / 0, '__module__': 'net'})\n"
            "net.Mute: <exception str() failed>",
        ),
        ("int('x')", "train.py:5 in train: int('x')\nValueError: invalid literal for int() with base 10: 'x'"),
    ],
)
def test_what_a_training_function_does_wrong_is_told_at_its_line(make_worker, body, text):
    worker = make_worker(f"import sys\nfrom ray import tune\n\ndef train(config):\n    {body}\n")
    failed = failure(worker)
    assert (failed.outcome, failed.text) == ("error", text)


def test_all_of_what_it_raised_is_printed_and_so_kept_in_the_logs(make_worker, capfd):
    lines = "".join(f"def f{n}(): f{n + 1}()\n" for n in range(9))
    failed = failure(make_worker(f"def train(config): f0()\n\n{lines}def f9(): raise ValueError('x' * 50_000)\n"))
    assert failed.text.startswith("train.py:10 in f7: def f7(): f8()\n")
    assert len(failed.text) < 11_000
    printed = capfd.readouterr().err
    assert all(f", in f{n}\n" in printed for n in range(10))
    assert f"ValueError: {'x' * 50_000}\n" in printed


def test_a_program_that_parses_arguments_where_it_is_imported_is_told_so(make_worker):
    failed = failure(make_worker("import sys\nsys.exit(2)\n\ndef train(config): pass\n"))
    assert failed.text == "train.py:2: importing train.py:train called sys.exit(2)"


def test_memory_that_ran_out_is_told_apart(make_worker):
    worker = make_worker("def train(config): raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')")
    failed = failure(worker)
    assert failed.outcome == "out_of_memory"
    assert failed.text.endswith("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "import nothing_of_that_name\n",
            "train.py:1 in <module>: import nothing_of_that_name\n"
            "ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        (
            "def fit(config): pass\n",
            "train.py defines no function 'train'; it defines fit. "
            "Correct `trainable: train.py:<function>` in the sweep file",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_its_attempt(make_worker, code, text):
    assert failure(make_worker(code)).text == text


def test_a_report_carries_its_own_checkpoint_and_the_users_numbers(make_worker, tmp_path):
    worker = make_worker(
        """
        import tempfile
        from pathlib import Path
        from ray import tune

        def train(config):
            tune.report({"epoch": 1, "score": 0.5, "pid": 7, "hostname": "mine", "net": {"loss": 2}, "ok": True})
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "epoch").write_text("2")
                tune.report({"epoch": 2, "score": 0.6}, checkpoint=tune.Checkpoint.from_directory(folder))
            return {"epoch": 3, "score": 0.7}
        """
    )
    from orchestrator.ray.worker.reports import WorkerReport

    numbers = {"epoch": 1.0, "score": 0.5, "pid": 7.0, "net/loss": 2.0, "ok": 1.0, "training_iteration": 1.0}
    assert worker.train()["_report"] == WorkerReport(1.0, numbers, texts={"hostname": "mine"})
    second = worker.train()
    checkpoint = str(tmp_path / "session/trial-0/checkpoint_000000")
    assert second["_report"] == WorkerReport(2.0, {"epoch": 2.0, "score": 0.6, "training_iteration": 2.0}, checkpoint)
    assert Path(checkpoint, "epoch").read_text() == "2"
    assert not second["should_checkpoint"], "no save task need follow"
    assert worker.train()["_report"] == WorkerReport(3.0, {"epoch": 3.0, "score": 0.7, "training_iteration": 3.0})
    assert "_report" not in worker.train(), "the last result says that the function returned"


def test_a_resumed_attempt_finds_its_checkpoint(make_worker, tmp_path):
    (tmp_path / "before").mkdir()
    (tmp_path / "before/epoch").write_text("4")
    worker = make_worker(
        """
        from pathlib import Path
        from ray import tune

        def train(config):
            with tune.get_checkpoint().as_directory() as folder:
                tune.report({"epoch": int(Path(folder, "epoch").read_text()) + 1, "score": 0.5})
        """,
        str(tmp_path / "before"),
    )
    worker.begin()
    assert worker.train()["_report"].fidelity == 5.0


def test_a_resumed_attempt_may_have_nothing_left_to_report(make_worker, tmp_path):
    (tmp_path / "before").mkdir()
    worker = make_worker("def train(config): pass", str(tmp_path / "before"))
    worker.begin()
    assert "__duplicate__" in worker.train()


def test_a_missing_checkpoint_is_named(make_worker):
    from orchestrator.ray.worker.failure import AttemptFailed

    worker = make_worker("def train(config): pass", "/nowhere/checkpoint_000003")
    with pytest.raises(AttemptFailed) as caught:
        worker.begin()
    assert caught.value.text == (
        f"checkpoint /nowhere/checkpoint_000003 is missing on {os.uname().nodename}: "
        "the storage must be seen by every node"
    )


def test_a_function_that_catches_its_stop_is_stopped_at_its_next_report(make_worker, tmp_path):
    worker = make_worker(
        """
        from pathlib import Path
        from ray import tune

        def train(config):
            for epoch in range(1, 10):
                try:
                    tune.report({"epoch": epoch, "score": 0.5})
                except BaseException:
                    with Path(__file__).with_name("caught").open("a") as file: file.write(f"{epoch} ")
                    if epoch > 4: raise
        """
    )
    worker.train()
    worker.reset(config_of(number=1), worker._storage)
    assert (tmp_path / "caught").read_text() == "1 2 3 4 5 "
    assert worker.train()["_report"].fidelity == 1.0, "the next attempt begins anew"


def test_the_teardown_ends_in_its_own_folder_before_the_next_attempt(make_worker, tmp_path):
    worker = make_worker(
        """
        import time
        from pathlib import Path
        from ray import tune

        def train(config):
            try:
                tune.report({"epoch": 1, "score": 0.5})
            finally:
                time.sleep(0.3)
                with Path(__file__).with_name("ends").open("a") as file: file.write(f"{Path.cwd().name} ")
        """
    )
    worker.train()
    worker._storage.trial_dir_name = "trial-0"
    storage = worker._storage.__class__(str(tmp_path), "session", trial_dir_name="trial-next")
    assert worker.reset(config_of(number=1), storage) is True
    assert Path.cwd().name == "trial-next"
    assert (tmp_path / "ends").read_text() == "trial-0 "


def test_a_working_directory_that_a_training_removed_is_no_fault_of_the_next_one(make_worker, tmp_path, monkeypatch):
    relative = ModuleType("relative_one")
    relative.__file__ = "relative_one.py"  # as an entry of sys.path that is relative gives it
    monkeypatch.setitem(sys.modules, relative.__name__, relative)
    worker = make_worker(
        """
        import shutil
        from pathlib import Path
        from ray import tune

        def train(config):
            shutil.rmtree(Path.cwd())
            tune.report({"epoch": 1, "score": 0.5})
        """
    )
    worker.train()
    storage = worker._storage.__class__(str(tmp_path), "session", trial_dir_name="trial-next")
    assert worker.reset(config_of(number=1), storage) is True
    assert worker.train()["_report"].fidelity == 1.0
