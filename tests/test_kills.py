"""Each kind of blow of `scripts/kills` once: a real sweep that is struck, gone on with, and has lost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from kill_kinds import KINDS
from kills import suffer
from s3_server import S3Server, s3_server

pytestmark = [pytest.mark.ray, pytest.mark.nightly, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.mark.parametrize("kind", KINDS)
def test_a_blow_at_a_drawn_moment_loses_nothing(kind: str, tmp_path: Path, s3: S3Server):
    scene = suffer(KINDS[kind], Random(kind), tmp_path / kind.replace(" ", "_"), s3)
    assert (scene.problems, scene.lost) == ([], 0), (scene.done, scene.code, scene.saw, scene.again)
