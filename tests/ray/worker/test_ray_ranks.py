"""Trials of several processes: pacing and surroundings as tables, the whole on a Ray of two nodes with fake GPUs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.ray.worker.assignment import Gang
from orchestrator.ray.worker.ending import WorkerProcess
from orchestrator.ray.worker.failure import AttemptFailed
from orchestrator.ray.worker.rank import Arrival, environment
from orchestrator.ray.worker.ranks import PATIENCE_S, RankBarrier, _is_consequence, _weight, describe_places

SUPPORT = Path(__file__).parents[2] / "support"
GANG = Gang(nodes=2, per_node=2, cpus=1, gpus=1)
ANYWHERE = WorkerProcess("node", 17, "0", "/own")
ARRIVALS = [
    Arrival("left", "10.0.0.1", 4001, ("1",), "eth0", ANYWHERE),
    Arrival("left", "10.0.0.1", 4002, ("0",), "eth0", ANYWHERE),
    Arrival("right", "10.0.0.2", 4003, ("2",), None, ANYWHERE),
    Arrival("right", "10.0.0.2", 4004, ("3",), None, ANYWHERE),
]


def test_a_rank_finds_what_torchrun_would_set():
    assert environment(GANG, 2, ARRIVALS, "t7.0") == {
        "RANK": "2", "LOCAL_RANK": "0", "GROUP_RANK": "1", "ROLE_RANK": "2", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2",
        "GROUP_WORLD_SIZE": "2", "ROLE_WORLD_SIZE": "4", "ROLE_NAME": "default", "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "4001", "TORCHELASTIC_RUN_ID": "t7.0", "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": "0", "CUDA_VISIBLE_DEVICES": "2,3",
    }  # fmt: skip


def test_each_rank_sees_the_gpus_of_its_node_its_own_at_its_local_rank():
    surroundings = [environment(GANG, rank, ARRIVALS, "t7.0") for rank in range(4)]
    assert [found["CUDA_VISIBLE_DEVICES"] for found in surroundings] == ["1,0", "1,0", "2,3", "2,3"]
    assert [found.get("GLOO_SOCKET_IFNAME") for found in surroundings] == ["eth0", "eth0", None, None]
    assert describe_places(GANG, ARRIVALS) == ("left,right", "1,0;2,3")
    assert describe_places(Gang(2, 2, 1, 0), ARRIVALS) == ("left,right", None)


def test_reports_keep_pace_with_rank_0():
    pace = RankBarrier(3)
    assert not pace.report(1, 0.0), "rank 0 has not reported yet"
    assert pace.answered() == [1]
    assert pace.report(2, 0.0), "its first report is answered already"
    assert not pace.report(1, 0.0)
    assert not pace.report(2, 0.0)
    assert pace.answered() == [1, 2]


def test_whoever_reports_less_often_than_rank_0_never_waits():
    pace = RankBarrier(2)
    assert [pace.answered() for _ in range(3)] == [[], [], []]
    assert [pace.report(1, 0.0) for _ in range(4)] == [True, True, True, False]
    assert pace.free() == [1], "rank 0 returned"
    assert pace.report(1, 0.0)


def test_a_rank_that_reports_more_often_is_told_in_the_end():
    pace = RankBarrier(2)
    pace.answered()
    pace.report(1, 10.0)
    pace.report(1, 11.0)
    assert pace.stuck(11.0 + PATIENCE_S) is None
    assert pace.stuck(12.0 + PATIENCE_S) == (
        "rank 1 has waited 1800 s at its report number 2 for rank 0, which made 1; "
        "call ray.tune.report equally often in all ranks, or in rank 0 alone"
    )


@pytest.mark.parametrize(
    ("outcomes", "cause"),
    [
        ([("error", "gloo: Connection closed by peer"), ("lost", "died")], "died"),
        ([("error", "KeyError"), ("error", "Connection reset by peer")], "KeyError"),
        ([("error", "KeyError"), ("out_of_memory", "CUDA out of memory")], "CUDA out of memory"),
        ([("out_of_memory", "CUDA out of memory"), ("lost", "died")], "died"),
    ],
)
def test_the_failure_that_others_follow_from_is_told(outcomes, cause):
    failures = [AttemptFailed(*outcome) for outcome in outcomes]
    assert min(failures, key=_weight).text == cause
    assert not _is_consequence(min(failures, key=_weight))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Let tests/support/gang_driver.py run its sweeps; returns the folder and what it printed of each."""
    folder = tmp_path_factory.mktemp("gang")
    shutil.copy(SUPPORT / "gang_train.py", folder / "train.py")
    elsewhere = Path(f"{folder}-elsewhere")
    elsewhere.mkdir()
    (elsewhere / "lab_of_mine.py").write_text("VALUE = 1\n")
    paths = os.pathsep.join([str(SUPPORT), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, str(SUPPORT / "gang_driver.py"), str(folder)],
        env={"RAY_raylet_start_wait_time_s": "120"} | os.environ | {"PYTHONPATH": paths, "GANG_FOLDER": str(folder)},
        capture_output=True,
        text=True,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    names = ("fit", "judged", "killed", "broken")
    return folder, dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))


def all_is_back(told):
    return (told["reason"], told["gpus"], told["groups"]) == ("finished", 4.0, ["REMOVED"])


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_two_nodes_of_two_gpus_train_to_the_loss_of_one_process(ran):
    from gang_train import losses, network_and_batch

    folder, told = ran
    assert all_is_back(told["fit"])
    [trial] = told["fit"]["trials"]
    *_, alone = losses(*network_and_batch())
    assert trial["fidelity"] == 20
    assert trial["value"] == pytest.approx(alone, abs=1e-5)
    ranks = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(4)]
    assert [(rank["RANK"], rank["LOCAL_RANK"], rank["GROUP_RANK"]) for rank in ranks] == [
        ("0", "0", "0"), ("1", "1", "0"), ("2", "0", "1"), ("3", "1", "1"),
    ]  # fmt: skip
    assert all(sorted(rank["CUDA_VISIBLE_DEVICES"].split(",")) == ["0", "1"] for rank in ranks)
    sizes = {(rank["WORLD_SIZE"], rank["LOCAL_WORLD_SIZE"], rank["OMP_NUM_THREADS"]) for rank in ranks}
    assert sizes == {("4", "2", "1")}
    [attempt] = trial["attempts"]
    assert attempt["node"].count(",") == 1
    assert sorted("".join(attempt["gpus"].split(";")).replace(",", "")) == ["0", "0", "1", "1"]


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_asha_stops_two_of_four_and_every_gpu_comes_back(ran):
    folder, told = ran
    assert all_is_back(told["judged"])
    assert told["judged"]["never_read"] == ["x"], "as all ranks say; `y` is read by one of them"
    outside = [attempt["outside"] for trial in told["judged"]["trials"] for attempt in trial["attempts"]]
    assert len(set(outside)) == 1
    assert outside[0] is not None
    assert [trial["state"] for trial in told["judged"]["trials"]] == ["completed", "completed", "pruned", "pruned"]
    pids = (folder / "pids").read_text().split()
    assert len(pids) == 16
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert (folder / "finally-3-0").exists(), "rank 0 was told at its report"


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_killed_rank_loses_the_attempt_and_all_ranks_of_the_next_find_the_checkpoint(ran):
    folder, told = ran
    assert all_is_back(told["killed"])
    [trial] = told["killed"]["trials"]
    assert trial["state"] == "completed"
    assert [attempt["outcome"] for attempt in trial["attempts"]] == ["lost", "stopped"]
    assert trial["attempts"][0]["error"].startswith("rank 1 of 2: the worker was lost: ")
    assert trial["attempts"][1]["from"] == 2
    assert all(attempt["checkpoints_s"] > 0 for attempt in trial["attempts"]), "what rank 0 put"
    assert [(folder / f"resumed-{rank}").read_text() for rank in range(2)] == ["2"] * 2


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_bug_in_one_rank_is_told_once_with_its_line(ran):
    _, told = ran
    assert all_is_back(told["broken"])
    [trial] = told["broken"]["trials"]
    assert [attempt["outcome"] for attempt in trial["attempts"]] == ["error"]
    [line, error] = trial["attempts"][0]["error"].splitlines()
    assert line.startswith("rank 1 of 2: train.py:")
    assert line.endswith('in broken: raise KeyError("of rank 1")')
    assert error == "KeyError: 'of rank 1'"
