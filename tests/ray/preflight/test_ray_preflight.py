"""Preflights of a real cluster of two nodes, one of which sees storage differently: it lives in a mount namespace."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ENVIRONMENT, ROOT, kill_family, stepladder

from orchestrator.ray.preflight.preflight import BUSY, _busy, _imports, _storage, _versions
from orchestrator.ray.preflight.probes import Node, NodeLook, Replies, node_versions
from orchestrator.ray.preflight.setup import judged_setup
from orchestrator.storage.location import Location

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

SWEEP = """
name: small
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 9}
search_space:
  x: {low: 0.0, high: 1.0, default: 0.5}
budget: {trials: 6}
"""
TRAIN = """
from ray import tune

def train(config):
    for epoch in range(1, 10):
        tune.report({"score": config["x"], "epoch": epoch})
"""
ENVIRONMENT_OF_RAY = ENVIRONMENT | {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ray_start(log: Path, *arguments: str, before: str = "true") -> subprocess.Popen[bytes]:
    """Start a node in a mount namespace of its own, in which `before` was run; returns once it is up.

    A busy machine may take longer than the 30 s that Ray gives its own start: then it is tried again.
    """
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    start = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--object-store-memory=100000000"]
    command = ["unshare", "--mount", *user, "sh", "-c", f'{before} && exec "$@"', "sh", *start, *arguments]
    for _ in range(4):
        with log.open("wb") as output:
            node = subprocess.Popen(
                command, stdout=output, stderr=output, env=ENVIRONMENT_OF_RAY, start_new_session=True
            )
        while node.poll() is None:
            if "Ray runtime started" in log.read_text():
                return node
            time.sleep(0.1)
        kill_family(node)
    raise AssertionError(log.read_text())


class Cluster:
    """Two nodes: `unshared` is empty and `readonly` cannot be written on the second."""

    def __init__(self, folder: Path, temporary: str, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        for name in ("unshared", "readonly"):
            (folder / name).mkdir()
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        near = ("--node-ip-address=127.0.0.1",)
        self._begin(
            stack, *near, "--head", f"--port={port}", f"--ray-client-server-port={free_port()}",
            "--include-dashboard=false", "--num-cpus=1", f"--temp-dir={temporary}",
        )  # fmt: skip
        odd = (
            f"mount -t tmpfs none {folder}/unshared && mount --bind {folder}/readonly {folder}/readonly"
            f" && mount -o remount,ro,bind {folder}/readonly"
        )
        agent = f"--dashboard-agent-listen-port={free_port()}"
        self._begin(stack, *near, f"--address={self.address}", "--num-cpus=2", agent, before=odd)
        self._driver = subprocess.Popen(
            [sys.executable, ROOT / "tests/support/preflight_driver.py", self.address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True,
        )  # fmt: skip
        stack.callback(self._end_driver)

    def _end_driver(self) -> None:
        self._driver.kill()
        self._driver.communicate()

    def _begin(self, stack: contextlib.ExitStack, *arguments: str, before: str = "true") -> None:
        stack.callback(kill_family, ray_start(self.folder / "ray.log", *arguments, before=before))

    def write(self, train: str = TRAIN, sweep: str = "", name: str = "shared") -> Path:
        """Write a sweep into a new folder; returns its file."""
        place = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        (place / "train.py").write_text(textwrap.dedent(train))
        (place / "sweep.yaml").write_text(SWEEP + sweep)
        return place / "sweep.yaml"

    def check(self, sweep: Path, **asked: object) -> dict[str, dict]:
        """Run a preflight; returns the findings by check."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.write(json.dumps({"sweep": str(sweep), **asked}) + "\n")
        self._driver.stdin.flush()
        answer = json.loads(self._driver.stdout.readline())
        assert answer["free"] == 3.0, "something is left running"
        found = {finding["check"]: finding for finding in answer["findings"]}
        assert [check for check in found if check != "setup"] == [
            "versions", "resources", "storage", "import", "smoke trial"
        ]  # fmt: skip
        return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with contextlib.ExitStack() as stack:
        # not pytest's folder: its path would be too long for Ray's sockets
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        (folder / "ray").mkdir()
        yield Cluster(folder, str(folder / "ray"), stack)


def failed(found: dict[str, dict]) -> list[str]:
    return [check for check, finding in found.items() if finding["ok"] is False]


def test_a_cluster_on_which_all_is_well_and_nothing_is_left_there(cluster: Cluster):
    sweep = cluster.write(sweep="setup: [touch staged]\n")
    found = cluster.check(sweep)
    assert {check: finding["ok"] for check, finding in found.items()} == dict.fromkeys(found, True), found
    assert found["versions"]["text"].endswith("here and on 2 nodes")
    assert found["resources"]["text"] == "a trial takes 1 CPUs and 0 GPUs: 3 at once, as the cluster is now"
    assert found["storage"]["text"] == f"{sweep.parent}/runs/small: written and read here and on 2 nodes"
    assert found["import"]["text"] == "train.py:train: on 2 nodes"
    assert found["smoke trial"]["text"].startswith("score 0.5 at epoch 1, 0.5 at epoch 2; ")
    assert found["setup"]["text"].startswith("done on 2 nodes, in ")
    assert {path.name for path in sweep.parent.iterdir()} - {"__pycache__"} == {"train.py", "sweep.yaml", "staged"}


def test_a_wrong_metric_is_told_at_the_line_that_reports(cluster: Cluster):
    found = cluster.check(cluster.write(TRAIN.replace('"score"', '"accuracy"')))
    assert failed(found) == ["smoke trial"]
    assert found["smoke trial"]["text"] == (
        "train.py:6: a report without 'score': it held accuracy, epoch. The sweep file says `objective.metric: score`; "
        "report that key with every ray.tune.report(...), or name another one there"
    )


def test_what_cannot_be_imported_is_told_at_its_line_for_each_node(cluster: Cluster):
    found = cluster.check(cluster.write(f"\nimport not_there\n{TRAIN}"))
    assert failed(found) == ["import"]
    assert found["import"]["text"].endswith("train.py:2: ModuleNotFoundError: No module named 'not_there'")
    assert found["import"]["text"].count(" (") == 2, "both nodes are named"
    assert found["smoke trial"] == {
        "check": "smoke trial", "ok": None, "text": "not run: import failed", "remedy": None, "why": None
    }  # fmt: skip


def test_a_setup_that_fails_is_told_with_its_line_and_last_words_for_each_node(cluster: Cluster):
    found = cluster.check(cluster.write(sweep="setup: ['true', 'echo no room >&2; exit 4', touch staged]\n"))
    assert failed(found) == ["setup"]
    assert found["setup"]["text"].count("`echo no room >&2; exit 4` left with exit code 4: no room") == 2
    assert found["smoke trial"]["text"] == "not run: setup failed"


def test_a_setup_that_takes_longer_than_it_is_waited_for_is_no_fault():
    found = judged_setup(3, [], ["n2"], 0.0, 30)
    assert (found.ok, found.why) == (None, "no answer")
    assert found.text == "it still ran after 30 s on n2, and was ended"
    assert judged_setup(0, [], [], 0.0, 30).text == "not run: no node that could hold a trial is up"


def test_what_no_node_has_is_refused_and_what_an_autoscaler_may_add_is_waited_for(cluster: Cluster):
    sweep = cluster.write(sweep="resources: {gpus: 2}\n")
    refused = cluster.check(sweep)
    assert failed(refused) == ["resources"]
    assert refused["resources"]["text"] == (
        "no node can hold a trial: it asks for 1 CPUs and 2 GPUs, and the nodes have 1 CPUs and 0 GPUs; "
        "2 CPUs and 0 GPUs"
    )
    assert refused["resources"]["remedy"].startswith("Lower resources.cpus or resources.gpus in the sweep file")
    waits = cluster.check(sweep, declared={"CPU": 8, "GPU": 4})
    assert failed(waits) == []
    assert waits["resources"]["text"] == (
        "a trial takes 1 CPUs and 2 GPUs: no node holds one now; it waits for the autoscaler"
    )
    assert waits["smoke trial"]["text"] == "not run: no node that could hold it is up"
    assert failed(cluster.check(sweep, declared={"CPU": 8, "GPU": 1})) == ["resources"]


def test_storage_that_a_node_does_not_share_or_cannot_write_is_told_with_its_name(cluster: Cluster):
    unshared = cluster.write(sweep=f"storage: {cluster.folder}/unshared\n")
    found = cluster.check(unshared)
    assert failed(found) == ["storage"]
    text = found["storage"]["text"]
    assert text.startswith(f"{cluster.folder}/unshared/small is not shared: {socket.gethostname()} (")
    assert text.endswith(") does not see there what is written here")
    assert found["storage"]["remedy"] == "set storage to a folder that every node shares, or to s3://bucket/runs"
    readonly = cluster.check(cluster.write(sweep=f"storage: {cluster.folder}/readonly\n"))
    assert failed(readonly) == ["storage"]
    assert "[Errno 30] Read-only file system" in readonly["storage"]["text"]
    assert readonly["storage"]["remedy"] == "make it writable on every node, or set storage to what is"
    (cluster.folder / "file").touch()
    nowhere = cluster.check(cluster.write(sweep=f"storage: {cluster.folder}/file/runs\n"))
    assert nowhere["storage"]["text"].startswith("it cannot be written here: [Errno 20] Not a directory")
    assert list((cluster.folder / "unshared").iterdir()) == list((cluster.folder / "readonly").iterdir()) == []


def test_a_trial_that_never_reports_is_ended_and_told(cluster: Cluster):
    sweep = cluster.write("""
        import os, time
        from pathlib import Path
        def train(config, trial):
            Path(trial.sweep_folder).parents[3].joinpath("pid").write_text(str(os.getpid()))
            while True:
                time.sleep(1)
        """)
    began = time.monotonic()
    found = cluster.check(sweep, smoke_s=30.0)
    assert time.monotonic() - began < 240
    # Where this machine has more to do than it has CPUs, its slowness says nothing: then the check cannot tell.
    smoke, remedy = found["smoke trial"], "report after every epoch; if one takes longer, check with --patience SECONDS"
    if failed(found):
        assert (failed(found), smoke["text"]) == (["smoke trial"], "no report within 30 s")
        assert smoke["remedy"] == remedy
    else:
        assert (smoke["text"], smoke["why"]) == ("no report within 30 s, on a busy node", "no answer")
        assert smoke["remedy"] == f"start all the same; or {remedy}"
    pid = (sweep.parent / "pid").read_text()
    deadline = time.monotonic() + 240
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "the training is still running"
        time.sleep(0.1)


def test_the_command_says_it_on_a_screen_and_leaves_with_1(cluster: Cluster):
    sweep = cluster.write(sweep="resources: {cpus: 64}\n")
    answered = stepladder("check", "sweep.yaml", "--address", cluster.address, cwd=sweep.parent)
    assert answered.returncode == 1, answered.stderr
    assert max(map(len, answered.stdout.splitlines())) <= 100
    assert "✗ resources   no node can hold a trial: it asks for 64 CPUs" in answered.stdout
    assert "do: Lower resources.cpus" in answered.stdout
    nowhere = stepladder("check", "sweep.yaml", "--address", f"127.0.0.1:{free_port()}", "--json", cwd=sweep.parent)
    assert nowhere.returncode == 1
    finding = json.loads(nowhere.stdout)["preflight"][0]
    assert finding["check"] == "ray"
    assert "no Ray answers at 127.0.0.1" in finding["text"]


NEAR, FAR = Node("1", "near", runs_trials=True), Node("2", "far", runs_trials=True)


def test_another_version_is_told_with_its_node():
    mine = node_versions()
    found = _versions(Replies({NEAR: NodeLook(mine), FAR: NodeLook({**mine, "stepladder": "0.0.9"})}, {}))
    assert (found.ok, found.remedy) == (False, "install the same on every node")
    assert found.text.startswith("far has stepladder 0.0.9; here are ray 2.")
    lacking = _imports("train", Replies({NEAR: None}, {FAR: "Stepladder is not installed there"}))  # type: ignore[arg-type]
    assert (lacking.ok, lacking.text) == (False, "far: Stepladder is not installed there")


def test_a_node_that_is_busy_is_told_from_one_that_is_broken_and_from_an_import_that_hangs():
    """What was not answered in time refuses nothing; what failed, or hangs where nothing else runs, does."""
    silent = {FAR: "no answer within 28 s"}
    shared = Location.parse("/shared/runs/small")
    looks = Replies({NEAR: NodeLook(node_versions(), b"token")}, {}, silent)
    stored = _storage(shared, b"token", None, looks, {"2": "8 of 8 CPUs taken"})
    assert (stored.ok, stored.why, stored.remedy) == (None, "no answer", BUSY)
    assert stored.text == (
        "/shared/runs/small: written and read here and on 1 node; far: no answer within 28 s (8 of 8 CPUs taken)"
    )
    nobody = _versions(Replies({}, {}, silent))
    assert (nobody.ok, nobody.why) == (None, "no answer")
    broken = _storage(shared, b"token", None, Replies({}, {FAR: "Stepladder is not installed there"}), {})
    assert (broken.ok, broken.why) == (False, "wrong")
    imports: Replies[str | None] = Replies({NEAR: None}, {}, silent)
    busy = _imports("train", imports, {FAR})  # type: ignore[arg-type]
    assert (busy.ok, busy.why, busy.text) == (None, "no answer", "str: on 1 node; far: no answer within 28 s")
    hangs = _imports("train", imports)  # type: ignore[arg-type]
    assert (hangs.ok, hangs.why, hangs.text) == (False, "wrong", "far: no answer within 28 s")


def test_a_node_is_busy_where_trials_run_or_more_processes_than_cpus_or_where_it_does_not_answer():
    nodes = [Node(str(number), f"n{number}", runs_trials=True) for number in range(4)]
    looks = Replies({nodes[0]: NodeLook({}, load=0.9), nodes[1]: NodeLook({}, load=9.5), nodes[2]: NodeLook({})}, {},
                    {nodes[3]: "no answer within 28 s"})  # fmt: skip
    assert _busy(nodes, looks, {"2": "1 of 8 CPUs taken"}) == {nodes[1], nodes[2], nodes[3]}
