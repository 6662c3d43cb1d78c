"""A Ray of our own starts nothing that a sweep does not need, and its workers import ahead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from processes import ENVIRONMENT, stepladder

from orchestrator.control.session import read_events
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked there alone")

TRAIN = """
import sys
import wave

from ray import tune
import psutil


def line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return ""


def train(config):
    above = psutil.Process().parent()  # the raylet, or what forked this process
    driver = above.parent()
    lines = [line(process) for process in driver.children(recursive=True)]
    needless = [text for text in lines for name in ("dashboard", "monitor", "log_monitor") if f"/{name}.py" in text]
    needless += [text for text in lines if text.startswith("ray::DashboardAgent")]
    order = list(sys.modules)
    is_warm = order.index("wave") < order.index(__name__)
    tune.report({"loss": config["x"], "raylets": sum("/raylet/raylet " in text for text in lines),
                 "needless": len(needless), "warm": float(is_warm), "forked": "/fork_server.py" in line(above)})
"""

SWEEP = """
name: small
trainable: train.py:train
objective: {metric: loss, goal: minimize}
fidelity: {max: 1}
search_space: {x: {low: 0.0, high: 1.0, default: 0.5}}
budget: {trials: 2}
confirm: none
"""


@pytest.mark.ray
@pytest.mark.parametrize("fork", ["0", pytest.param("1", marks=ON_LINUX)])
def test_a_run_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: str):
    monkeypatch.setitem(ENVIRONMENT, "STEPLADDER_FORK", fork)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    ran = stepladder("run", "--cpus", "1", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    events = read_events(Location.parse(str(tmp_path / "runs/small")))
    first, second = [event for event in events if isinstance(event, ev.AttemptPlaced) and event.node is not None]
    assert first.reserved_t is not None
    assert second.reserved_t is not None
    assert first.reserved_t < first.t
    assert first.reserved_t < second.reserved_t <= second.t
    told = [event.metrics for event in events if isinstance(event, ev.Reported)]
    seen = [(metrics["raylets"], metrics["needless"], metrics["warm"], metrics["forked"]) for metrics in told]
    assert seen == [(1, 0, 1, int(fork))] * 2
    assert "takes longer" not in ran.stderr
