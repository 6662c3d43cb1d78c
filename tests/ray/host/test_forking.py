"""What forks workers, with a program in the place of Ray's worker: a fork is what Ray would have started."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.ray.host import forking
from orchestrator.ray.host.options import HostOptions
from orchestrator.ray.worker import fork_request
from orchestrator.sweep.resources import Resources

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are followed by descriptors of them"),
]

WORKER = """
import json, os, random, resource, signal, sys, time
told = {
    "arguments": sys.argv, "environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path[0],
    "niceness": os.getpriority(os.PRIO_PROCESS, 0), "session": os.getsid(0), "leads": os.getpgid(0) == os.getpid(),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE), "main": [__name__, __file__],
    "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    "ignored": sorted(int(n) for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN),
    "open": sorted(int(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")),
}
mask = os.umask(0)
os.umask(mask)
other = {"parent": os.getppid(), "draw": random.random(), "pid": os.getpid()}
other["has"] = [name for name in MODULES if name in sys.modules]
print(json.dumps([told | {"umask": mask}, other]), flush=True)
how = sys.argv[1]
if how == "wait":
    time.sleep(600)
if how.startswith("kill"):
    os.kill(os.getpid(), int(how[4:]))
sys.exit(int(how))
"""
SETUP = """
import os, sys
os.execv(sys.executable, [sys.executable, *[said for said in sys.argv[1:] if not said.startswith("--")]])
"""


class Server:
    """A server that forks `worker.py` of a folder."""

    def __init__(self, folder: Path, stack: ExitStack, *ahead: str) -> None:
        self._stack = stack
        (folder / "worker.py").write_text(WORKER.replace("MODULES", repr(["wave", *ahead])))
        (folder / "setup.py").write_text(SETUP)
        self.command = [sys.executable, str(folder / "setup.py"), str(folder / "worker.py")]
        self.forks = forking._served(stack, folder / "worker.py", ahead, HostOptions())

    def ask(self, how: str, **given: object) -> subprocess.Popen[str]:
        asks = [sys.executable, "-I", "-S", fork_request.__file__, str(self.forks.path), str(self.forks.worker)]
        return self._start([*asks, *self.command, how, "--language=PYTHON"], **given)

    def plainly(self, how: str, **given: object) -> subprocess.Popen[str]:
        return self._start([sys.executable, self.command[2], how], **given)

    def _start(self, command: list[str], **given: object) -> subprocess.Popen[str]:
        usual = {
            "process_group": 0,
            "env": dict(os.environ),
        }  # as Ray gives it
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **(usual | given))
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forking, "NEEDED", ("wave",))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ExitStack() as found:
        yield found
    assert forking.servers() == []


def told(process: subprocess.Popen[str]) -> tuple[dict[str, object], dict[str, object]]:
    """What a worker says of itself."""
    known, other = json.loads(process.stdout.readline())
    return known, other


def wait_for(condition) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def prepare() -> None:
    """What a process may be given that the server was not."""
    os.umask(0o27)
    os.nice(1)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def test_a_fork_is_what_would_have_been_started(tmp_path, stack):
    server = Server(tmp_path, stack)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    hears, says = os.pipe()
    stack.callback(os.close, hears)
    environment = os.environ | {"RAY_JOB_ID": "01000000"}
    given = {"cwd": elsewhere, "env": environment, "preexec_fn": prepare, "pass_fds": [says]}
    forked, plain = server.ask("0", **given), server.plainly("0", **given)
    os.close(says)
    (mine, other), (theirs, _) = told(forked), told(plain)
    assert mine == theirs
    assert other["parent"] in forking.__dict__["_running"]
    assert other["has"] == ["wave"]
    assert os.read(hears, 1) == b"", "nothing else holds what the worker was given"
    assert (forked.wait(240), plain.wait(240)) == (0, 0)


def test_two_forks_draw_differently_and_end_as_their_workers_end(tmp_path, stack):
    server = Server(tmp_path, stack)
    asked = [server.ask(how) for how in ("0", "3", "kill9", "kill11")]
    assert len({told(process)[1]["draw"] for process in asked}) == len(asked)
    assert [process.wait(240) for process in asked] == [0, 3, -signal.SIGKILL, -signal.SIGSEGV]


def test_a_signal_reaches_the_worker_and_whoever_kills_what_was_started_kills_it(tmp_path, stack):
    server = Server(tmp_path, stack)
    asked, killed = server.ask("wait"), server.ask("wait")
    pids = [told(process)[1]["pid"] for process in (asked, killed)]
    time.sleep(0.2)
    asked.terminate()
    assert asked.wait(240) == -signal.SIGTERM
    killed.kill()
    wait_for(lambda: not any(map(is_alive, pids)))


def test_without_the_server_ray_starts_the_worker_and_the_driver_says_so_once(tmp_path, stack, caplog):
    server = Server(tmp_path, stack)
    living = server.ask("wait")
    pid = told(living)[1]["pid"]
    (process,) = forking.servers()
    os.kill(process, signal.SIGKILL)
    plain = server.ask("3")
    assert told(plain)[1]["has"] == []
    assert plain.wait(240) == 3
    assert is_alive(pid), "a worker goes on"
    wait_for(lambda: caplog.messages)
    assert caplog.messages == [
        "Ray starts the workers itself, which takes longer: what forked them has ended (SIGKILL)"
    ]
    os.kill(pid, signal.SIGKILL)
    living.wait(240)


def test_a_worker_with_another_environment_is_started_by_ray_and_told_once(tmp_path, stack, caplog):
    server = Server(tmp_path, stack)
    for _ in range(2):
        plain = server.ask("0", env=os.environ | {"OMP_NUM_THREADS": "7"})
        known, other = told(plain)
        assert (known["environment"]["OMP_NUM_THREADS"], other["has"], plain.wait(240)) == ("7", [], 0)
    wait_for(lambda: caplog.messages)
    assert caplog.messages == [
        "a worker is started by Ray itself, which takes longer: its environment is another one (OMP_NUM_THREADS)"
    ]


@pytest.mark.parametrize(
    ("source", "does"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            "starts a thread",
        ),
        ("kept = open('/dev/null')", "holds a file or a device open"),
        ("import subprocess\nsubprocess.Popen(['sleep', '60'])", "starts a process"),
        ("import ray", "imports ray"),
    ],
)
def test_what_a_fork_may_not_inherit_is_not_imported_ahead(tmp_path, stack, caplog, monkeypatch, source, does):
    (tmp_path / "fine_one.py").write_text("")
    (tmp_path / "odd_one.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    server = Server(tmp_path, stack, "fine_one", "odd_one", "colorsys")
    forked = server.ask("0")
    assert told(forked)[1]["has"] == ["wave", "fine_one"]
    assert forked.wait(240) == 0
    assert caplog.messages == [f"each worker imports odd_one, and what follows it, by itself: it {does} when imported"]


def test_the_server_ends_with_its_driver(tmp_path):
    script = (
        "import os, sys, time\nfrom contextlib import ExitStack\nfrom pathlib import Path\n"
        "from orchestrator.ray.host import forking\nfrom orchestrator.ray.host.options import HostOptions\n"
        f"forking.NEEDED = ('wave',)\nPath({str(tmp_path)!r}, 'worker.py').write_text('')\n"
        f"forks = forking._served(ExitStack(), Path({str(tmp_path)!r}, 'worker.py'), (), HostOptions())\n"
        "print(*forking.servers(), forks.path, flush=True)\ntime.sleep(600)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    number, path = driver.stdout.readline().split()
    pid, folder = int(number), Path(path).parent
    assert is_alive(pid)
    assert folder.is_dir()
    driver.kill()
    driver.wait()
    wait_for(lambda: not is_alive(pid))
    assert not folder.exists(), "nothing of it is left behind"


def test_only_the_command_of_workers_is_changed(tmp_path):
    forks = forking.Forks(tmp_path / "fork", Path("/ray/default_worker.py"))
    changed = forks.before("--python_worker_command=python setup_worker.py default_worker.py")
    assert changed.endswith(f" {tmp_path}/fork /ray/default_worker.py python setup_worker.py default_worker.py")
    for untouched in ("--cpp_worker_command=a", "--python_worker_command=", "/bin/raylet"):
        assert forks.before(untouched) == untouched


@pytest.mark.parametrize(
    ("said", "gpus", "is_wanted"), [("", 0, True), ("", 1, False), ("0", 0, False), ("1", 1, True), ("1", 0, True)]
)
def test_it_is_done_without_gpus_or_where_a_variable_asks_for_it(monkeypatch, said, gpus, is_wanted):
    monkeypatch.setenv(forking.SWITCH, said)
    assert forking._is_wanted(Resources(gpus=gpus)) is is_wanted
    assert forking._worker().is_file()
