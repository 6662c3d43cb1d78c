"""A cluster that Ray's autoscaler scales from zero workers: what it could give is waited for, the rest is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hosts import Network
from hosts_cloud import configuration
from racks import Rack
from ray_hosts import RayHosts, wait_for

pytestmark = [pytest.mark.nightly, pytest.mark.ray, pytest.mark.timeout(1800)]


def test_what_the_autoscaler_could_give_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    orders = tmp_path / "orders"
    orders.mkdir()

    def options(head):
        (tmp_path / "autoscaling.json").write_text(json.dumps(configuration(orders, head.address, workers=1)))
        return [f"--autoscaling-config={tmp_path / 'autoscaling.json'}"]

    with Network(tmp_path / "network") as network:
        rack, cluster = Rack(network, tmp_path), RayHosts(network)
        cluster.start(options=options)
        laptop, begun = rack.laptop("laptop"), time.monotonic()
        refused = laptop.attempt(cluster, "submit", *rack.sending(cluster, "refused", "resources.gpus=8"))
        refused_s = time.monotonic() - begun
        assert refused.returncode == 1
        assert "no node can hold a trial: it asks for 1 CPUs and 8 GPUs" in refused.stderr
        assert not list(orders.iterdir())

        sweep = rack.submit(cluster, "waited", trials=2)
        ordered_s = wait_for(lambda: list(orders.glob("*.json")), "order of the autoscaler's")
        (order,) = orders.glob("*.json")
        assert json.loads(order.read_text())["ray-user-node-type"] == "worker"
        worker = cluster.add("w1")
        order.with_suffix(".address").write_text(worker.address)
        state = sweep.finish()
        assert {attempt.node for trial in state.trials for attempt in trial.attempts} == {worker.name}
        assert [path.name for path in orders.glob("*.json")] == [order.name]
    with capsys.disabled():
        print(f"\nautoscaled from none: refused after {refused_s:.1f} s, or a node ordered after {ordered_s:.1f} s")
