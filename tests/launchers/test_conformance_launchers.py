from pathlib import Path

import pytest

from orchestrator import members
from orchestrator.errors import UsageError
from orchestrator.project import sending
from orchestrator.testing import launcher_conformance

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


@pytest.mark.parametrize("check", launcher_conformance.CHECKS)
@pytest.mark.parametrize(("name", "target"), TARGETS, ids=[f"{name}-{Path(target).stem}" for name, target in TARGETS])
def test_every_launcher_conforms(name, target, check):
    check(members.load("orchestrator.launchers", name), target)


@pytest.mark.parametrize(("name", "target"), TARGETS[:2], ids=[name for name, _ in TARGETS[:2]])
def test_a_launch_is_what_its_golden_file_holds(name, target):
    launcher = members.load("orchestrator.launchers", name)
    launch = launcher(target).render(launcher_conformance.example(launcher, target))
    assert launcher_conformance.written(launch) == (GOLDEN / f"{name}.txt").read_text()
