"""Each kind of blow of `scripts/kills` once: a real sweep that is struck, gone on with, and has lost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from kill_kinds import KINDS
from kills import Scene, suffer
from s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_blow_at_a_drawn_moment_loses_nothing(kind: str, tmp_path: Path, s3: S3Server):
    scene = suffer(KINDS[kind], Random(kind), tmp_path / kind.replace(" ", "_"), s3)
    assert (scene.problems, scene.lost) == ([], 0), (scene.done, scene.code, scene.saw, scene.again)


@pytest.mark.parametrize("error", [ValueError("no such trial"), KeyError("winner"), RuntimeError("odd")])
def test_whatever_goes_wrong_with_one_blow_is_its_problem_and_says_what_its_driver_said(error, tmp_path: Path):
    def blow(scene: Scene) -> None:
        scene.log.write_text(f"reading {scene.folder}/sweep.yaml\nwithdrawn\n")
        raise error

    scene = suffer(blow, Random(1), tmp_path / "0")

    assert scene.problems[0].startswith(f"{type(error).__name__} in blow, line ")
    assert scene.problems[1:] == ["its driver said last: reading sweep.yaml / withdrawn"]


def test_a_blow_that_cannot_fall_here_is_passed_over(tmp_path: Path):
    def blow(scene: Scene) -> None:
        pytest.skip("needs root")

    with pytest.raises(pytest.skip.Exception, match="needs root"):
        suffer(blow, Random(1), tmp_path / "0")
