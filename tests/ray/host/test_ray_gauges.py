"""A sweep in Ray's metrics: what is set is what Ray exports, and what the dashboard asks for."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.members import definitions
from orchestrator.ray.host.gauges import GAUGES, TAGS, SweepGauges, readings
from orchestrator.state.fold import replay

pytestmark = pytest.mark.ray
DASHBOARD = json.loads((definitions("cluster") / "grafana.json").read_text())


def test_what_is_measured_is_what_the_sweep_knows(story):
    state = replay(story)
    found = {(reading.name, reading.state): reading.value for reading in readings(state)}
    assert found["stepladder_trials", "completed"] == 2
    assert [found["stepladder_trials", name] for name in ("pruned", "diverged", "failed", "running")] == [1, 1, 1, 1]
    assert (found["stepladder_best", ""], found["stepladder_baseline", ""]) == (0.9, 0.8)
    assert found["stepladder_cpu_hours", ""] == pytest.approx(2 * found["stepladder_gpu_hours", ""])
    assert 0 <= found["stepladder_idle_share", ""] <= 1
    assert {name for name, _ in found} == GAUGES.keys()
    assert {reading.name for reading in readings(replay(story[:2]))} == GAUGES.keys() - {
        "stepladder_best", "stepladder_baseline",
    }  # fmt: skip


def test_without_ray_nothing_is_set(story):
    gauges = SweepGauges()
    gauges.take(story[0], replay(story))
    gauges.flush()
    gauges.close()


def test_the_dashboard_asks_for_what_is_exported():
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    asked += [variable["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
    names = {name for text in asked for name in re.findall(r"\bray_(\w+)", text)}
    assert names == GAUGES.keys()
    labels = {label for text in asked for label in re.findall(r'(\w+)=~"', text)}
    labels |= {label for text in asked for group in re.findall(r"by \(([^)]*)\)", text) for label in group.split(", ")}
    assert labels <= set(TAGS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


EXPORTED = """
import sys, time, urllib.request
import ray
sys.path.insert(0, sys.argv[2])
from orchestrator.state.reading import read_sweep
from orchestrator.ray.host.gauges import SweepGauges
from orchestrator.storage.location import Location

ray.init(
    address="local", num_cpus=1, include_dashboard=False, _metrics_export_port=int(sys.argv[1]),
    object_store_memory=80_000_000, _system_config={"metrics_report_interval_ms": 500}, log_to_driver=False,
)
gauges = SweepGauges()
gauges.take(None, read_sweep(Location.parse(sys.argv[3])))
gauges.flush()
text, end = "", time.monotonic() + 240
while "stepladder_idle_share" not in text and time.monotonic() < end:
    time.sleep(0.5)
    try:
        text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=60).read().decode()
    except OSError:
        pass
print("\\n".join(line for line in text.splitlines() if "stepladder" in line))
"""


def test_ray_exports_them(sweep, story):
    """In a process of its own: the export port is an option of a Ray's start."""
    sweep.write(story)
    with socket.create_server(("", 0)) as held:
        port = held.getsockname()[1]
    root = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", EXPORTED, str(port), str(root), str(sweep.folder)],
        capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    exported = set(re.findall(r"^ray_(\w+)\{", ran.stdout, re.MULTILINE))
    assert exported == GAUGES.keys(), ran.stdout + ran.stderr
    assert re.search(r'ray_stepladder_best\{.*sweep="test-0123456789ab".*\} 0\.9$', ran.stdout, re.MULTILINE)
