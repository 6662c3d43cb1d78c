from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.storage.location import Location


def test_a_path_stays_what_was_typed(tmp_path: Path):
    folder = Location.parse("runs/digits/")
    assert (str(folder), folder.path, folder.is_remote) == ("runs/digits", Path("runs/digits"), False)
    assert folder.absolute().path == Path.cwd() / "runs/digits"
    assert str(folder / "best.json") == "runs/digits/best.json"
    (Location.parse(tmp_path) / "new").files().replace("a/b", b"content")
    assert (tmp_path / "new/a/b").read_bytes() == b"content"


def test_a_url_is_no_path():
    folder = Location.parse("s3://bucket/runs/") / "digits"
    assert (str(folder), folder.is_remote, folder.absolute()) == ("s3://bucket/runs/digits", True, folder)
    with pytest.raises(ValueError, match="s3://bucket/runs/digits is no path"):
        _ = folder.path


@pytest.mark.parametrize(
    ("folder", "place", "inside"),
    [
        ("/runs/a", "/runs/a/checkpoints/0", "checkpoints/0"),
        ("/runs/a", "/runs/ab/checkpoints", None),
        ("/runs/a", "/runs/a", None),
        ("/runs/a", "s3://runs/a/b", None),
        ("s3://runs/a", "s3://runs/a/checkpoints/0", "checkpoints/0"),
        ("s3://runs/a", "s3://runs/ab/checkpoints", None),
        ("s3://runs/a", "/runs/a/checkpoints", None),
    ],
)
def test_what_lies_inside(folder: str, place: str, inside: str | None):
    assert Location.parse(folder).inside(place) == inside


def test_a_url_with_credentials_is_refused_without_repeating_them():
    with pytest.raises(UsageError, match="holds credentials before its '@'") as told:
        Location.parse("s3://AKIAEXAMPLE:hunter2@bucket/runs")
    assert "hunter2" not in str(told.value)
