"""A cloud of pretended hosts, for Ray's autoscaler: what it orders is a file in a folder, which a test fulfils.

The autoscaler finds `HostsCloud` by the configuration that `configuration` makes. An order `<folder>/1.json` holds the
node's tags, the test starts that host and writes its address to `<folder>/1.address`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_NODE_STATUS, TAG_RAY_USER_NODE_TYPE

HEAD = {TAG_RAY_NODE_KIND: "head", TAG_RAY_NODE_STATUS: "up-to-date", TAG_RAY_USER_NODE_TYPE: "head"}


def configuration(folder: Path, head_address: str, workers: int) -> dict[str, Any]:
    """Return an autoscaler's configuration of none to `workers` workers with two GPUs each."""
    empty_lists = (
        "cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands", "setup_commands",
        "head_setup_commands", "worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands",
    )  # fmt: skip
    worker = {"resources": {"CPU": 2, "GPU": 2}, "node_config": {}, "min_workers": 0, "max_workers": workers}
    return {
        "cluster_name": "hosts",
        "provider": {
            "type": "external", "module": "hosts_cloud.HostsCloud", "folder": str(folder), "head": head_address,
            "disable_node_updaters": True, "disable_launch_config_check": True,
        },
        "max_workers": workers,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 60,
        "docker": {},
        "auth": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
            "worker": worker,
        },
        **{name: [] for name in empty_lists},
    }  # fmt: skip


class HostsCloud(NodeProvider):
    """The head, and what was ordered."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._folder = Path(provider_config["folder"])
        self._head = provider_config["head"]

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> None:
        for _ in range(count):
            number = len(list(self._folder.glob("*.json"))) + 1
            self._write(str(number), tags)

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        nodes = ["head", *sorted(path.stem for path in self._folder.glob("*.json"))]
        return [node for node in nodes if tag_filters.items() <= self.node_tags(node).items()]

    def node_tags(self, node_id: str) -> dict[str, str]:
        return HEAD if node_id == "head" else json.loads((self._folder / f"{node_id}.json").read_text())

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        if node_id != "head":
            self._write(node_id, self.node_tags(node_id) | tags)

    def internal_ip(self, node_id: str) -> str:
        if node_id == "head":
            return str(self._head)
        address = self._folder / f"{node_id}.address"
        return address.read_text() if address.exists() else "not yet known"

    def external_ip(self, node_id: str) -> str:
        return self.internal_ip(node_id)

    def is_running(self, node_id: str) -> bool:
        return True

    def is_terminated(self, node_id: str) -> bool:
        return False

    def terminate_node(self, node_id: str) -> None:
        raise AssertionError(f"the autoscaler wants to end {node_id}")

    def _write(self, node_id: str, tags: dict[str, str]) -> None:
        new = self._folder / f"{node_id}.new"
        new.write_text(json.dumps(tags))
        new.replace(self._folder / f"{node_id}.json")
