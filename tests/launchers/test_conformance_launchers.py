import sys
from pathlib import Path

import pytest

from orchestrator import launchers, members
from orchestrator.errors import SpecError, UsageError
from orchestrator.members import outside
from orchestrator.project import sending
from orchestrator.testing.launcher_conformance import LauncherConformance, example, written

GOLDEN = Path(__file__).parent / "golden"
LAUNCHERS = members.names("orchestrator.launchers")


def targets():
    """Yield every launcher with a cluster that it can send to: the shipped definitions say which they are for."""
    yield "local", ""
    yield "ray-job", "http://127.0.0.1:8265"
    for path in sorted(members.definitions("cluster").rglob("*")):
        if path.suffix in (".sbatch", ".yaml", ".yml"):
            try:
                yield sending.choose(None, str(path))
            except UsageError:  # a cluster to be started first, then sent to by its address
                continue


TARGETS = list(targets())


def test_every_launcher_has_a_target():
    assert {name for name, _ in TARGETS} == set(LAUNCHERS)


class TestEveryLauncher(LauncherConformance):
    @pytest.fixture(params=TARGETS, ids=[f"{name}-{Path(target).stem}" for name, target in TARGETS])
    def sent(self, request):
        return request.param

    @pytest.fixture
    def member(self, sent):
        return members.load("orchestrator.launchers", sent[0])

    @pytest.fixture
    def target(self, sent):
        return sent[1]


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """A folder whose files are launchers as if they lay in `orchestrator/launchers`."""
    monkeypatch.setattr(launchers, "__path__", [*launchers.__path__, str(tmp_path)])
    found = members.names("orchestrator.launchers")
    monkeypatch.setattr(
        members, "names", lambda package: [*found, *sorted(path.stem for path in tmp_path.glob("*.py"))]
    )
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"orchestrator.launchers.{path.stem}", None)


LSF = """
from orchestrator.launchers import Launcher

class Lsf(Launcher):
    targets = "an LSF queue (lsf:QUEUE)"
    render = submit = status = logs = stop = None

    @classmethod
    def takes(cls, target):
        return target.startswith("lsf:")

MEMBER = Lsf
"""


def test_to_add_a_launcher_is_to_add_one_file(planted):
    (planted / "lsf.py").write_text(LSF)
    assert sending.choose("lsf:night", None) == ("lsf", "lsf:night")
    name, launcher = sending.launcher_at("lsf:night", print)
    assert (name, type(launcher).__name__, launcher.target) == ("lsf", "Lsf", "lsf:night")
    with pytest.raises(UsageError, match=r"an LSF queue \(lsf:QUEUE\)"):
        sending.choose("ftp://somewhere", None)


def test_a_cluster_that_two_launchers_take_is_refused(planted):
    (planted / "lsf.py").write_text(LSF)
    (planted / "moab.py").write_text(LSF)
    with pytest.raises(UsageError, match="--address lsf:night: the launchers lsf and moab both take it"):
        sending.choose("lsf:night", None)


def test_a_launcher_of_ones_own_is_named_by_its_class(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "farm.py").write_text(LSF)
    assert sending.choose(None, "farm:Lsf@lsf:night", tmp_path) == ("farm:Lsf", "lsf:night")
    assert sending.launcher_of("farm:Lsf", "lsf:night", print).target == "lsf:night"
    with pytest.raises(SpecError, match=r"farm:Lsff: farm\.py defines no 'Lsff'; choose one of Lsf"):
        sending.choose(None, "farm:Lsff", tmp_path)
    outside.forget()


def test_what_no_launcher_takes_is_refused_with_what_they_do_take():
    with pytest.raises(UsageError) as refused:
        sending.choose(None, "aws")
    assert str(refused.value) == (
        "--cluster aws: no launcher takes it; sweeps are sent to a KubeRay RayJob (.yaml), a Ray cluster's dashboard "
        "(http://127.0.0.1:8265) or a Slurm script (.sbatch). A cluster that is started otherwise is started as the "
        "head of its file says, and sent to by --address"
    )
    with pytest.raises(UsageError, match="--cluster slrm: there is no such cluster definition; give a file, or one of"):
        sending.choose(None, "slrm")
    with pytest.raises(UsageError, match="name two clusters; give one of them"):
        sending.choose("http://127.0.0.1:8265", "slurm")


@pytest.mark.parametrize(("name", "target"), TARGETS[:2], ids=[name for name, _ in TARGETS[:2]])
def test_a_launch_is_what_its_golden_file_holds(name, target):
    launcher = members.load("orchestrator.launchers", name)
    launch = launcher(target).render(example(launcher, target))
    assert written(launch) == (GOLDEN / f"{name}.txt").read_text()
