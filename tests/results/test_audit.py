"""A sweep that ran on Ray, with one part after the other broken: each is named, and made again where it follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sweeps import make_plan

from orchestrator.control.answers import Report, StartTrial
from orchestrator.control.session import create
from orchestrator.errors import JournalDamagedError, SweepNotFoundError, UsageError
from orchestrator.results.audit import audit, repair
from orchestrator.results.rebuilt import are_equal
from orchestrator.storage.lease import Holder, acquire
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import PinnedCode, TakenCode, hashed

REAL = Path(__file__).parents[1] / "formats/format_1/real/old"
TRIALS, REPORTS = "trials/trials.parquet", "reports/part-00000.parquet"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the sweep, whose best.json names its new place."""
    shutil.copytree(REAL, tmp_path / "old")
    repair(Location.parse(tmp_path / "old"))
    return tmp_path / "old"


def found(place: Path) -> dict[str, str]:
    return {finding.part: finding.problem for finding in audit(Location.parse(place)).findings}


def contents(place: Path) -> dict[str, object]:
    """What is in each file: of tables, which keep their earlier versions, the rows; of JSON what it says."""

    def content(path: Path) -> object:
        if path.suffix == ".parquet":
            return repr(pq.read_table(path).to_pylist())
        return json.loads(path.read_text()) if path.suffix == ".json" else path.read_bytes()

    return {str(path): content(path) for path in sorted(place.rglob("*")) if path.is_file()}


def with_rows(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def test_nothing_is_wrong_with_a_whole_sweep(place: Path):
    looked = audit(Location.parse(place))
    assert (looked.findings, looked.holder) == ((), None)
    assert looked.looked_at == ("the log (36 trials, 2 drivers), plan.json, sweep.yaml, checkpoints, tables, best.json")
    assert repair(Location.parse(place)) == []


def edited(path: Path) -> None:
    plan = json.loads(path.read_text())
    plan["sweep_id"] = "mine"
    path.write_text(json.dumps(plan))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("part", "change", "problem"),
    [
        ("plan.json", Path.unlink, "is missing"),
        ("plan.json", lambda path: path.write_text("{"), "cannot be read"),
        ("plan.json", edited, "is not the plan that the log began with: sweep_id differ"),
        ("best.json", Path.unlink, "is missing"),
        ("best.json", lambda path: path.write_text("[1"), "cannot be read"),
        ("best.json", lambda path: path.write_text('{"note": null}'), "is not what the log makes: sweep, obje"),
        (TRIALS, lambda path: path.write_bytes(b"PAR1 nothing PAR1"), "cannot be read"),
        (TRIALS, lambda path: with_rows(path, lambda table: table.slice(1)), "holds 35 rows, and the log makes 36"),
        (TRIALS, lambda path: with_rows(path, lambda table: table.take([0] * 36)), "does not hold what the log makes"),
        (REPORTS, Path.unlink, "is missing"),
        (REPORTS, lambda path: with_rows(path, lambda table: table.drop_columns(["t"])), "was written by another ver"),
    ],
)  # fmt: skip
def test_what_follows_from_the_log_is_named_and_made_again(
    place: Path, part: str, change: Callable[[Path], object], problem: str
):
    before = contents(place)
    change(place / part)
    ((name, said),) = found(place).items()
    assert (name, said[: len(problem)]) == (part, problem)
    assert repair(Location.parse(place)) == [part]
    assert contents(place) == before
    assert found(place) == {}


@pytest.mark.thorough
def test_trials_that_lay_in_one_file_and_are_gone_are_made_again_in_parts(place: Path):
    rows = pq.read_table(place / TRIALS).to_pylist()
    (place / TRIALS).unlink()
    assert found(place) == {"trials/part-00000.parquet": "is missing"}
    assert repair(Location.parse(place)) == ["trials/part-00000.parquet"]
    assert (pq.read_table(place / "trials").to_pylist(), found(place)) == (rows, {})
    (place / TRIALS).write_bytes((place / "trials/part-00000.parquet").read_bytes())  # a copy from somewhere
    assert found(place) == {"trials/part-00000.parquet": "holds 36 rows that the log does not know"}
    assert repair(Location.parse(place)) == ["trials/part-00000.parquet"]
    assert (pq.read_table(place / "trials").to_pylist(), found(place)) == (rows, {})


def test_a_table_that_knows_more_than_the_log_says_that_the_log_was_cut(place: Path):
    with_rows(place / REPORTS, lambda table: pa.concat_tables([table, table.slice(0, 2)]))
    rows = pq.read_table(place / REPORTS).num_rows
    assert found(place) == {
        REPORTS: f"holds {rows} rows, and the log makes {rows - 2}: was the log cut, or restored from an older copy?"
    }


def test_rows_that_no_log_knows_are_taken_out(place: Path):
    stray = place / "reports/part-00007.parquet"
    shutil.copy(place / REPORTS, stray)
    rows = pq.read_table(stray).num_rows
    assert found(place) == {"reports/part-00007.parquet": f"holds {rows} rows that the log does not know"}
    assert repair(Location.parse(place)) == ["reports/part-00007.parquet"]
    assert (pq.read_table(stray).num_rows, found(place)) == (0, {})


@pytest.mark.parametrize("name", ["plan.json", "best.json", TRIALS, REPORTS])
def test_a_folder_in_a_files_place_is_named_beside_all_else_and_is_not_removed(place: Path, name: str):
    (place / name).unlink()
    (place / name).mkdir()
    other = "best.json" if name == "plan.json" else "plan.json"
    (place / other).unlink()
    problems = found(place)
    assert problems.keys() == {name, other}
    assert problems[name].startswith("is no file: a folder lies in its place; move that away")
    assert repair(Location.parse(place)) == [other]
    assert (place / name).is_dir()
    (place / name).rmdir()
    assert len(repair(Location.parse(place))) == 1  # under the name that a table has today
    assert found(place) == {}


def test_a_folder_in_the_sweep_files_place_is_named(place: Path):
    (place / "sweep.yaml").unlink()
    (place / "sweep.yaml").mkdir()
    assert found(place).keys() == {"sweep.yaml"}


def test_a_sweep_that_was_moved_is_whole(place: Path):
    place.rename(place.parent / "elsewhere")
    audited = audit(Location.parse(place.parent / "elsewhere"))
    (finding,) = audited.findings
    assert (finding.part, finding.is_behind, audited.is_whole) == ("best.json", True, True)
    assert finding.problem.startswith("names the folder in which the sweep lay before")
    best = place.parent / "elsewhere/best.json"
    content = json.loads(best.read_text())
    assert content["winner"]["checkpoint"]["path"].startswith("checkpoints/"), "it moved along"
    assert content["winner"]["checkpoint"]["absolute"].startswith(f"{place}/checkpoints/")
    best.write_text(json.dumps({**content, "rerun": {**content["rerun"], "arguments": "--lr=7"}}))
    assert not audit(Location.parse(place.parent / "elsewhere")).is_whole
    repair(Location.parse(place.parent / "elsewhere"))
    lies = json.loads(best.read_text())["winner"]["checkpoint"]
    assert lies["absolute"] == str(place.parent / "elsewhere" / lies["path"])
    assert Path(lies["absolute"]).is_dir()


def test_what_cannot_be_made_again_is_named(place: Path):
    (place / "sweep.yaml").unlink()
    shutil.rmtree(place / "checkpoints")
    said = found(place)
    assert said.keys() == {"sweep.yaml", "checkpoints"}
    assert said["sweep.yaml"].startswith("is missing; it was a copy of /")
    assert said["checkpoints"].startswith("the winner's is gone (trial 27, /")
    assert repair(Location.parse(place)) == []


@pytest.mark.parametrize("part", ["000001.jsonl", "000002.jsonl"])
def test_a_damaged_log_is_the_one_finding_and_nothing_is_made_from_it(place: Path, part: str):
    (place / "journal" / part).write_bytes((place / "journal" / part).read_bytes()[:-3000])
    before = contents(place)
    if part == "000002.jsonl":  # an older version's lease does not say how much was committed
        assert found(place).keys() >= {REPORTS, TRIALS}
        assert found(place)[REPORTS].endswith("was the log cut, or restored from an older copy?")
        return
    ((name, said),) = found(place).items()
    assert name == "journal"
    assert said.startswith(f"{place}/journal/{part}: damaged at byte ")
    with pytest.raises(JournalDamagedError, match="restore it from a copy"):
        repair(Location.parse(place))
    assert contents(place) == before


def test_while_a_driver_works_the_tables_are_its_own(place: Path):
    location = Location.parse(place)
    acquire(location.files(), Holder.current(), 0.0, lambda _: None)
    (place / TRIALS).unlink()
    (place / "plan.json").unlink()
    assert found(place) == {"plan.json": "is missing"}
    assert audit(location).holder is not None
    with pytest.raises(UsageError, match=r"the sweep is driven by process .*, and it keeps its tables itself; stop it"):
        repair(location)


def test_where_there_is_no_sweep_it_is_said(tmp_path: Path):
    with pytest.raises(SweepNotFoundError, match="there is no sweep"):
        audit(Location.parse(tmp_path))


def test_tables_are_equal_by_their_rows():
    nan = float("nan")
    one = pa.table({"a": [1, 2], "b": [nan, None], "c": ["x", None]})
    assert are_equal(one, one.select(["c", "b", "a"]))
    for other in ([nan, nan], [None, nan], [0.0, None]):
        assert not are_equal(one, one.set_column(1, "b", pa.array(other, pa.float64())))
    assert not are_equal(one, one.set_column(0, "a", pa.array([1, 3])))
    assert not are_equal(one, one.set_column(0, "a", pa.array([1.0, 2.0])))
    assert not are_equal(one, one.slice(1))


def test_a_checkpoint_that_an_unfinished_trial_needs_is_named(tmp_path: Path):
    session = create(Location.parse(tmp_path / "new"), make_plan(budget={"trials": 2}, scheduler="none"), b"")
    for _ in range(2):
        step = session.controller.next_step()
        assert isinstance(step, StartTrial)
        gone = str(tmp_path / f"new/checkpoints/{step.trial}")
        session.controller.on_report(Report(step.trial, step.attempt, 3.0, {"score": 0.5}, gone))
    session.close("SIGTERM")
    assert found(tmp_path / "new")["checkpoints"] == (
        "gone for unfinished trials, which start again from the beginning on `resume`: 0 and 1"
    )


def test_pinned_code_that_is_not_as_it_was_is_named(tmp_path: Path):
    contents = {"train.py": b"import net\n", "nets/net.py": b"LAYERS = 3\n"}
    code = PinnedCode("/home/ada/digits", "", {path: hashed(content) for path, content in contents.items()})
    folder = Location.parse(tmp_path / "test")
    create(folder, make_plan(), b"", TakenCode(code, contents)).close("stop")
    repair(folder)
    kept = tmp_path / "test" / "code" / code.key
    assert (found(tmp_path / "test"), "the pinned code" in audit(folder).looked_at) == ({}, True)
    (kept / "train.py").write_text("import other\n")
    (kept / "nets" / "net.py").unlink()
    again = "it was pinned from /home/ada/digits. `resume` with --code here takes the code as it is now"
    assert found(tmp_path / "test") == {
        f"code/{code.key}/nets/net.py": f"is missing; {again}",
        f"code/{code.key}/train.py": f"was changed; {again}",
    }
    assert repair(folder) == []
    kept.with_suffix(".json").unlink()
    assert list(found(tmp_path / "test")) == [f"code/{code.key}.json"]
    assert found(tmp_path / "test")[f"code/{code.key}.json"].startswith(
        "the list of the sweep's pinned code is missing"
    )
