"""Whole sweeps on a real local Ray."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import ClusterError, SweepNotFoundError
from orchestrator.ray.host.options import HostOptions
from orchestrator.state.reading import read_sweep
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import TrialState, training_seed

pytestmark = pytest.mark.ray

TRAIN = """
    from ray import tune

    def train(config):
        for epoch in range(1, 4):
            tune.report({"score": config["x"] * epoch, "epoch": epoch, "sub": {"loss": 1.0}, "note": "hot"})
"""


def test_a_sweep_runs_to_its_end(host, capfd):
    (host.folder / "neighbour.py").write_text("from ray.tune import report\n")
    run = host.run(
        """
        import json
        from pathlib import Path
        from neighbour import report

        class DataError(Exception):
            def __init__(self, path, line):
                super().__init__(path)

        def train(config, trial):
            number = trial.number
            Path(__file__).with_name(f"seen-{number}.json").write_text(json.dumps([config, dict(trial)]))
            Path("scratch").write_text("the working directory is the trial's own")
            for epoch in range(1, 4):
                if number == 3 and epoch == 2: raise DataError("rows.csv", 7)
                if number == 4: return
                score = config["x"] * epoch if number != 5 else float("nan")
                report({"score": score, "epoch": epoch, "sub": {"loss": 1.0}, "note": "hot"})
        """,
        budget={"trials": 8},
        resources={"cpus": 2},
    )
    assert run.reason == "finished"
    states = [trial.state.value for trial in run.state.trials]
    assert states == [*["completed"] * 3, *["failed"] * 2, "diverged", *["completed"] * 2]
    assert all(len(trial.attempts) == 1 for trial in run.state.trials)
    assert all(trial.attempts[0].checkpoints_s is None for trial in run.state.trials)
    errors = [trial.attempt.error for trial in run.state.trials]
    where = "train.py:15 in train: if number == 3 and epoch == 2: raise DataError"
    assert errors[3] == f'{where}("rows.csv", 7)\ntrain.DataError: rows.csv'
    assert errors[4].startswith("train.py:train returned without a report; call ray.tune.report(")
    _check_first_trial(run)
    assert capfd.readouterr().out == ""
    assert not (host.folder / "scratch").exists()
    assert [path.name for path in (run.folder / "runs/test/checkpoints/test-000001").iterdir()] == [
        ".validate_storage_marker"
    ]


def _check_first_trial(run):
    first = run.state.trials[0]
    assert first.values == {1.0: 0.5, 2.0: 1.0, 3.0: 1.5}
    assert first.attempt.node == platform.node()
    assert first.attempt.started_t <= first.attempt.placed_t <= first.attempt.ended_t
    events = JournalReader(LocalFileSystem(run.folder / "runs/test")).read_new()
    report = next(event for event in events if isinstance(event, ev.Reported) and event.trial == 0)
    assert report.metrics == {"score": 0.5, "epoch": 1.0, "sub/loss": 1.0, "training_iteration": 1.0}
    assert json.loads((run.folder / "seen-0.json").read_text()) == [
        {"x": 0.5},
        {
            "trial_id": first.trial_id,
            "number": 0,
            "attempt": 0,
            "seed": training_seed(7, 0),
            "max_fidelity": 3.0,
            "rungs": [3.0],
            "checkpoint": None,
            "from_fidelity": 0.0,
            "from_iteration": 0.0,
            "sweep_folder": str(run.folder / "runs/test"),
            "purpose": "train",
        },
    ]


def test_a_stop_runs_finally_and_a_slow_one_does_not_cost_the_next_trial(host):
    run = host.run(
        """
        import os, time
        from pathlib import Path
        from ray import tune

        def train(config, trial):
            number = trial.number
            trace = Path(__file__).with_name(f"trace-{number}")
            trace.write_text(f"{os.getpid()}\\n")
            try:
                for epoch in range(1, 100):
                    tune.report({"score": 1.0, "epoch": epoch})
                    with trace.open("a") as file: file.write(f"after {epoch}\\n")
            finally:
                if number == 0: time.sleep(3)  # longer than the 2 s after which Ray Tune fails the next trial
                with trace.open("a") as file: file.write(f"finally in {Path.cwd().name}\\n")
        """,
        budget={"trials": 3},
        resources={"max_concurrent": 1},
    )
    assert [run.outcomes(number) for number in range(3)] == [["stopped"]] * 3
    traces = [(host.folder / f"trace-{number}").read_text().split("\n") for number in range(3)]
    assert [trace[1:4] for trace in traces] == [
        ["after 1", "after 2", f"finally in {trial.trial_id}"] for trial in run.state.trials
    ]
    assert len({trace[0] for trace in traces}) == 1, "one worker took all three"
    assert run.state.trials[0].attempt.charged_s >= 3, "what it takes after a stop is paid for"
    assert run.state.trials[1].attempt.placed_t >= run.state.trials[0].attempt.ended_t, "and holds its place"


def test_a_teardown_that_never_ends_is_ended_and_costs_no_other_trial(host):
    run = host.run(
        """
        import time
        from ray import tune

        def train(config, trial):
            try:
                for epoch in range(1, 100): tune.report({"score": 1.0, "epoch": epoch})
            finally:
                if trial.number == 0: time.sleep(600)
        """,
        HostOptions(teardown_s=1.0),
        budget={"trials": 2},
        resources={"max_concurrent": 1, "reuse_workers": True},
    )
    assert run.outcomes(0) == ["stopped"]
    assert run.outcomes(1) == ["stopped"]
    assert 1 <= run.state.trials[0].attempt.charged_s < 60


def test_a_killed_worker_is_lost_and_goes_on_from_its_checkpoint(host):
    run = host.run(
        """
        import os, signal, tempfile
        from pathlib import Path
        from ray import tune

        def train(config, trial):
            checkpoint, start = tune.get_checkpoint(), 0
            if checkpoint:
                with checkpoint.as_directory() as folder: start = int(Path(folder, "epoch").read_text())
            for epoch in range(start + 1, 6):
                if epoch == 4 and trial.attempt == 0: os.kill(os.getpid(), signal.SIGKILL)
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, "epoch").write_text(str(epoch))
                    tune.report({"score": epoch, "epoch": epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
        """,
        budget={"trials": 1},
        fidelity={"metric": "epoch", "max": 5},
    )
    trial = run.state.trials[0]
    assert run.outcomes(0) == ["lost", "stopped"]
    assert trial.state is TrialState.COMPLETED
    assert trial.attempts[1].resumed_from == 3.0
    assert "died" in trial.attempts[0].error
    assert Path(trial.checkpoint, "epoch").read_text() == "5"
    assert Path(trial.checkpoint).parent.name == f"{trial.trial_id}.1"
    for attempt in trial.attempts:
        assert 0 < attempt.checkpoints_s < attempt.charged_s, "what its checkpoints took is told, of a lost one too"


def test_the_training_function_sees_its_rungs_in_each_attempt(host):
    run = host.run(
        """
        import os, signal
        from pathlib import Path
        from ray import tune
        from torch import nn, optim
        from orchestrator.training import build_lr_scheduler

        def train(config, trial):
            optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.5, momentum=0.9)
            chosen = {"schedule": "one_cycle", "horizon": "rung", "peak_at": 0.5}
            schedule = build_lr_scheduler(chosen, optimizer, trial["max_fidelity"], trial["rungs"])
            seen = Path(__file__).with_name(f"seen-{trial['attempt']}.txt")
            for epoch in range(1, 28):
                with seen.open("a") as file: file.write(f"{optimizer.param_groups[0]['lr']:.3f} ")
                if epoch == 10 and trial["attempt"] == 0: os.kill(os.getpid(), signal.SIGKILL)
                optimizer.step()
                schedule.step()
                tune.report({"score": epoch, "epoch": epoch})
        """,
        budget={"trials": 1},
        fidelity={"metric": "epoch", "min": 3, "max": 27},
        scheduler="asha",
    )
    assert run.outcomes(0) == ["lost", "stopped"]
    first, second = ([float(rate) for rate in (host.folder / f"seen-{n}.txt").read_text().split()] for n in (0, 1))
    assert first == second[:10]
    assert [epoch for epoch, rate in enumerate(second) if rate == 0.05] == [0, 3, 9]  # a whole cycle up to each rung


def test_an_exception_in_the_loop_ends_the_sweep_and_is_raised(host):
    def trip(session):
        if session.state.trials and session.state.trials[0].report_count:
            raise LookupError("the progress display broke")

    run = host.run(
        """
        import time
        from ray import tune

        def train(config):
            for epoch in range(1, 1000):
                time.sleep(0.05)
                tune.report({"score": 1.0, "epoch": epoch})
        """,
        on_step=trip,
        fidelity={"metric": "epoch", "max": 1000},
        resources={"max_concurrent": 1},
    )
    assert isinstance(run.error, LookupError)
    assert str(run.error) == "the progress display broke"
    assert run.state.trials[0].is_open


def test_gpu_shares_run_side_by_side(host):
    run = host.run(
        """
        import os, time
        from pathlib import Path
        from ray import tune

        def train(config, trial):
            folder = Path(__file__).parent
            (folder / f"here-{trial.number}").touch()
            deadline = time.monotonic() + 240
            while len(list(folder.glob("here-*"))) < 2 and time.monotonic() < deadline: time.sleep(0.05)
            tune.report({"score": len(list(folder.glob("here-*"))), "epoch": 3})
        """,
        budget={"trials": 2},
        resources={"cpus": 0, "gpus": 0.5},
    )
    assert [trial.value for trial in run.state.trials] == [2.0, 2.0]
    assert [trial.attempt.gpu_ids for trial in run.state.trials] == ["0", "0"]


def test_a_cap_ends_silent_workers(host):
    run = host.run(
        """
        import time

        def train(config):
            time.sleep(600)
        """,
        budget={"trials": 4, "wall": 12.0},
        resources={"cpus": 4},
    )
    assert run.reason == "wall"
    assert run.outcomes(0) == ["interrupted"]
    assert run.state.trials[0].state is TrialState.INTERRUPTED


def test_a_request_that_no_node_can_hold_is_refused(host):
    run = host.run(TRAIN, resources={"cpus": 64, "gpus": 1})
    assert isinstance(run.error, ClusterError)
    assert str(run.error) == (
        "no node can hold a trial: it asks for 64 CPUs and 1 GPUs, and the nodes have 4 CPUs and 1 GPUs. "
        "Lower resources.cpus or resources.gpus in the sweep file, or use a cluster with larger nodes"
    )
    assert run.state.trials == []


def test_a_function_from_a_notebook(host):
    def train(config):
        from ray import tune

        yield {"score": config["x"], "epoch": 1}
        tune.report({"score": config["x"], "epoch": 2})
        yield {"score": config["x"], "epoch": 3}

    with ThreadPoolExecutor() as pool:  # notebooks run things beside the main thread, where no handler can be set
        run = pool.submit(host.run, train, budget={"trials": 1}).result()
    assert run.state.trials[0].values == {1.0: 0.5, 2.0: 0.5, 3.0: 0.5}


DRIVER = """
import sys
from pathlib import Path
from sweeps import make_plan
from orchestrator.storage.location import Location
from orchestrator.control.session import create
from orchestrator.ray.host.host import HostOptions, run_on_ray
from orchestrator.ray.worker.trainable import TrainableFile

folder = Path(sys.argv[1])
space = {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
plan = make_plan(search_space=space, fidelity={"metric": "epoch", "max": 10000}, scheduler="none", searcher="random",
                 search="random", budget={"trials": 4})
session = create(Location.parse(folder / "runs"), plan, b"")
options = HostOptions(num_cpus=2, object_store_bytes=100 * 2**20)
trainable = TrainableFile(folder, "train.py", "train")
reason = run_on_ray(session.controller, trainable, session.folder, options, session.on_step)
session.close(reason)
print(reason)
"""


ENDLESS = """
import time
from ray import tune

def train(config, trial):
    for epoch in range(1, 10000):
        tune.report({"score": 1.0, "epoch": epoch})
        if epoch == 3 and trial.number == 1: time.sleep(600)
        time.sleep(0.05)
"""


@pytest.fixture
def start_driver(tmp_path):
    """Start a driver process on `tmp_path`; it is ended, if it still runs, with the test."""
    paths = os.pathsep.join(["tests/support", *filter(None, [os.environ.get("PYTHONPATH"), str(Path.cwd())])])
    started = []

    def start(code):
        driver = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(driver)
        return driver

    yield start
    for driver in started:
        driver.kill()
        driver.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_stops_in_order(tmp_path, start_driver, number):
    (tmp_path / "train.py").write_text(ENDLESS)
    driver = start_driver(DRIVER)
    _wait_for(lambda: _reports(tmp_path / "runs", 1) >= 2, driver)  # the baseline has by then: it runs first
    os.killpg(driver.pid, number) if number is signal.SIGINT else driver.send_signal(number)
    out, err = driver.communicate(timeout=240)
    assert (driver.returncode, out) == (0, f"{number.name}\n"), err
    state = read_sweep(Location.parse(tmp_path / "runs"))
    assert state.stopped == number.name
    assert [trial.state.value for trial in state.trials] == ["interrupted"] * 2
    assert state.trials[0].attempt.outcome.value in {"interrupted", "stopped"}, "the signal came before or in a report"
    assert state.trials[1].attempt.outcome.value == "interrupted"


@pytest.mark.long
def test_a_ray_that_died_ends_the_run_with_a_sentence(tmp_path, start_driver):
    (tmp_path / "train.py").write_text(ENDLESS)
    driver = start_driver(DRIVER.replace("num_cpus=2", "num_cpus=2, capacity_s=2.0"))
    _wait_for(lambda: _reports(tmp_path / "runs") >= 4, driver)
    [raylet] = [child for child in _children(driver.pid) if Path(f"/proc/{child}/comm").read_text() == "raylet\n"]
    os.kill(raylet, signal.SIGKILL)
    _, err = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert "ClusterLostError: Ray " in err
    assert "Nothing acknowledged is lost" in err
    assert not any(trial.is_open for trial in read_sweep(Location.parse(tmp_path / "runs")).trials)


NODES = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 100 * 2**20})
first = cluster.add_node(num_cpus=2, object_store_memory=100 * 2**20)

def change_nodes(state):
    reports, nodes = sum(trial.report_count for trial in state.trials), len(cluster.worker_nodes)
    if nodes == 1 and first in cluster.worker_nodes and reports >= 4:
        cluster.add_node(num_cpus=2, object_store_memory=100 * 2**20)
    if nodes == 2 and all(trial.report_count > 3 for trial in state.trials[:4]) and len(state.trials) == 4:
        cluster.remove_node(first, allow_graceful=False)
"""


@pytest.mark.long
def test_a_cluster_that_grows_is_used_and_a_node_that_dies_costs_nothing_but_time(tmp_path, start_driver):
    (tmp_path / "train.py").write_text(
        textwrap.dedent(
            """
            import tempfile, time
            from pathlib import Path
            from ray import tune

            def train(config):
                checkpoint, start = tune.get_checkpoint(), 0
                if checkpoint:
                    with checkpoint.as_directory() as folder: start = int(Path(folder, "epoch").read_text())
                for epoch in range(start + 1, 51):
                    time.sleep(0.4)
                    with tempfile.TemporaryDirectory() as folder:
                        Path(folder, "epoch").write_text(str(epoch))
                        tune.report({"score": 1, "epoch": epoch}, checkpoint=tune.Checkpoint.from_directory(folder))
            """
        )
    )
    code = NODES + DRIVER.replace("10000", "50").replace(
        "HostOptions(num_cpus=2, object_store_bytes=100 * 2**20)",
        "HostOptions(address=cluster.address, capacity_s=2.0)",
    ).replace("session.on_step)", "lambda: (session.on_step(), change_nodes(session.state)))")
    out, err = start_driver(code).communicate(timeout=240)
    assert out == "finished\n", err
    trials = read_sweep(Location.parse(tmp_path / "runs")).trials
    assert [trial.state.value for trial in trials] == ["completed"] * 4
    lost = [trial for trial in trials if len(trial.attempts) == 2]
    assert len(lost) == 2, "the two on the node that died"
    assert all(trial.attempts[0].outcome.value == "lost" for trial in lost)
    assert all(trial.attempts[1].resumed_from > 3 for trial in lost)
    assert all(trial.fidelity == 50 for trial in trials)


def _wait_for(condition, process) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _reports(folder: Path, since: int = 0) -> int:
    """Count the reports of the trials from number `since` on."""
    try:
        return sum(trial.report_count for trial in read_sweep(Location.parse(folder)).trials[since:])
    except SweepNotFoundError:  # its driver has not written the first record yet
        return 0
