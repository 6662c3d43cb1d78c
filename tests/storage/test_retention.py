from __future__ import annotations

from orchestrator.storage.location import Location
from orchestrator.storage.retention import Retention


def test_it_removes_inside_the_sweep_and_nothing_else(tmp_path):
    sweep, outside = tmp_path / "sweep", tmp_path / "outside"
    old = sweep / "checkpoints" / "old"
    for folder in (old, outside):
        folder.mkdir(parents=True)
        (folder / "weights").write_text("x")
    (sweep / "link").symlink_to(outside)
    retention = Retention(Location.parse(sweep))
    retention.remove(
        [str(old), str(outside), str(sweep), str(sweep / "link"), str(sweep / ".." / "outside"), "/nowhere"]
    )
    retention.stop()
    assert not old.exists()
    assert (outside / "weights").exists()
    assert sweep.exists()
