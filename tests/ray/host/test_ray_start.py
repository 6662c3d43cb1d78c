"""A Ray of our own starts nothing that a sweep does not need, and its workers import ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import stepladder

from orchestrator.control.session import read_events
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev

TRAIN = """
import sys
import wave

import psutil


def line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return ""


def train(config):
    from ray import tune

    driver = psutil.Process().parent().parent()
    lines = [line(process) for process in driver.children(recursive=True)]
    needless = [text for text in lines for name in ("dashboard", "monitor", "log_monitor") if f"/{name}.py" in text]
    needless += [text for text in lines if text.startswith("ray::DashboardAgent")]
    order = list(sys.modules)
    is_warm = order.index("wave") < order.index(__name__)
    tune.report({"loss": config["x"], "raylets": sum("/raylet/raylet " in text for text in lines),
                 "needless": len(needless), "warm": float(is_warm)})
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
def test_a_run_on_this_machine(tmp_path: Path):
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
    assert [(metrics["raylets"], metrics["needless"], metrics["warm"]) for metrics in told] == [(1, 0, 1)] * 2
