from __future__ import annotations

from orchestrator.storage.location import Location
from orchestrator.storage.object_files import ObjectFileSystem
from orchestrator.storage.retention import Retention
from orchestrator.testing.faults.ground import PretendLocation
from orchestrator.testing.faults.store import PretendStore


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


def test_what_earlier_drivers_left_goes_and_what_the_log_names_or_a_living_driver_makes_stays(tmp_path):
    sweep = tmp_path / "moved" / "sweep"
    kept = ["s-000001/0000-a.0/checkpoint_000001", "s-000003/0002-c.0/checkpoint_000000", "notes/mine/model.pt"]
    left = ["s-000001/0000-a.0/checkpoint_000000", "s-000001/0001-b.0/checkpoint_000004"]
    for name in [*kept, *left]:
        (sweep / "checkpoints" / name / "deep").mkdir(parents=True)
        (sweep / "checkpoints" / name / "deep" / "weights").write_text("x")
    (sweep / "checkpoints" / "s-000001" / ".validate_storage_marker").touch()
    retention = Retention(Location.parse(sweep))
    retention.clear(["/elsewhere/then/checkpoints/s-000001/0000-a.0/checkpoint_000001"], epoch=3)
    retention.stop()
    found = {path.parent.relative_to(sweep / "checkpoints").as_posix() for path in sweep.rglob("deep")}
    assert found == {*kept}
    assert not (sweep / "checkpoints" / "s-000001" / "0001-b.0").exists()


def test_on_an_object_store_too():
    store = PretendStore()
    for name in ("s-000001/a/checkpoint_000000", "s-000001/a/checkpoint_000001", "s-000002/a/checkpoint_000000"):
        store.give(f"bucket/sweep/checkpoints/{name}/model.pt", b"weights")
    folder = PretendLocation("s3://bucket/sweep", pretended=store, opener=lambda place: files(store, place))
    assert [(entry.name, entry.size) for entry in (folder / "checkpoints" / "s-000002").entries()] == [
        ("a/checkpoint_000000/model.pt", 7)
    ]
    retention = Retention(folder)
    retention.clear(["s3://bucket/sweep/checkpoints/s-000001/a/checkpoint_000001"], epoch=2)
    retention.remove(["s3://bucket/sweep/checkpoints/s-000002/a/checkpoint_000000", "s3://bucket/other/x"])
    retention.stop()
    assert store.keys("bucket/sweep") == ["bucket/sweep/checkpoints/s-000001/a/checkpoint_000001/model.pt"]


def files(store: PretendStore, place: str) -> ObjectFileSystem:
    return ObjectFileSystem(store, place.removeprefix("s3://"), place)
