"""Format 2: what a key means that an older plan lacks, and who may read what."""

from __future__ import annotations

import functools
import json
import operator
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from sweep_keys import RECORD, keys
from sweeps import SPACE, make_plan, make_spec

from orchestrator.control.session import create, read_events, reopen
from orchestrator.errors import SpecChangedError, StorageError
from orchestrator.project.places import locate
from orchestrator.project.workspace import plan_to_resume
from orchestrator.state.fold import SweepState, replay
from orchestrator.state.reading import read_sweep
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.formats import MEANINGS, Meaning, as_begun, with_meanings
from orchestrator.sweep.spec import SweepSpec

HERE = Path(__file__).parent
KEYS_OF_FORMAT_1 = json.loads((HERE / "keys_of_format_1.json").read_text())
"""Every key that a writer of format 1 knew, with its default of then: written at abf2b37 and never again."""


def covers(meaning: Meaning, path: str) -> bool:
    kinds = re.findall(r"\[(.+?)\]", path)
    told = ".".join(meaning.path) == re.sub(r"\[.+?\]", "", path) and meaning.of in (None, *kinds)
    return told or meaning.unless == path


def unruled(now: Mapping[str, Any], then: Mapping[str, Any], meanings: Sequence[Meaning]) -> list[str]:
    """The keys that are new, or have another default than then, and of which no meaning says what their absence means.

    A stage names a searcher too: a searcher's option is asked for at both places.
    """
    kinds = {path.partition("]")[0] for path in then if "[" in path}
    changed = [path for path, default in now.items() if then.get(path, ...) != default and default != RECORD]
    asked = [path for path in changed if "[" not in path or path.partition("]")[0] in kinds]
    asked += [f"stages.*.{path}" for path in asked if path.startswith("searcher.options")]
    owned = [".".join(meaning.path) + "." for meaning in meanings]
    return [
        path
        for path in asked
        if not any(covers(meaning, path) for meaning in meanings)
        and not any(path.startswith(owner) and owner[:-1] not in then for owner in owned)
    ]


def test_every_key_that_format_1_lacked_or_meant_otherwise_is_ruled():
    assert unruled(keys(), KEYS_OF_FORMAT_1, MEANINGS) == [], "enter them in orchestrator.sweep.formats.MEANINGS"


def test_what_is_new_and_not_ruled_is_found():
    then = {"a": 1, "search_space.*[choice].x": 1, "searcher.options[tpe].n": 10, "scheduler.options[asha].k": 1}
    now = {
        "a": 2, "b": 1, "record": RECORD, "record.c": 1, "search_space.*[choice].ordered": True,
        "search_space.*[text].y": 1, "searcher.options[tpe].n": 20, "searcher.options[gp].n": 1,
        "scheduler.options[asha].k": 1,
    }  # fmt: skip
    found = [
        "a", "b", "record.c", "search_space.*[choice].ordered", "searcher.options[tpe].n",
        "stages.*.searcher.options[tpe].n",
    ]  # fmt: skip
    assert unruled(now, then, ()) == found
    ruled = [
        Meaning(("a",), 1),
        Meaning(("b",), 0),
        Meaning(("record",), None),
        Meaning(("search_space", "*", "ordered"), False, of="choice"),
        Meaning(("searcher", "options", "n"), 10, of="tpe"),
    ]
    assert unruled(now, then, ruled) == ["stages.*.searcher.options[tpe].n"]


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: ".".join(meaning.path))
def test_every_ruled_key_exists_and_may_have_the_value_that_is_ruled(meaning: Meaning):
    paths = [*keys(), *(f"stages.*.{path}" for path in keys() if path.startswith("searcher.options"))]
    assert any(covers(meaning._replace(unless=None), path) for path in paths)
    plan = make_spec().model_dump(mode="json")
    if meaning.path[0] == "stages":
        first: dict[str, Any] = {"name": "one", "tune": ["learning_rate"]}
        if meaning.of is not None:
            first["searcher"] = {"name": meaning.of}
        plan["stages"] = [first, {"name": "two", "tune": ["momentum"]}]
    elif "*" in meaning.path:
        for domain in plan[meaning.path[0]].values():
            domain.pop(meaning.path[-1], None)
    elif {field.alias or name: field for name, field in SweepSpec.model_fields.items()}[meaning.path[0]].is_required():
        del plan[meaning.path[0]][meaning.path[1]]
    else:
        del plan[meaning.path[0]]
    SweepSpec.model_validate(with_meanings(plan, 1, [meaning]))


def test_values_of_a_step_stay_sums_of_floats_where_the_writer_made_them_so_and_nowhere_else():
    stepped = {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1, "default": 0.2}
    space = {"dropout": stepped, "decay": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}}
    plan = make_spec(search_space=space).model_dump(mode="json")
    for domain in plan["search_space"].values():
        del domain["grid"]
    old, new = (SweepSpec.model_validate(with_meanings(plan, written)).search_space for written in (1, 2))
    units = [0.05 + 0.1 * cell for cell in range(10)]
    assert [old["dropout"].from_unit(unit) for unit in units] == [
        min(max(0.0 + min(int(unit * 6), 5) * 0.1, 0.0), 0.5) for unit in units
    ]
    assert {new["dropout"].from_unit(unit) for unit in units} == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert old["decay"] == new["decay"]
    resumed = as_begun(make_spec(search_space=space), 1).search_space
    assert (resumed["dropout"], resumed["decay"]) == (old["dropout"], old["decay"])


SEVERAL = (
    Meaning(("retry", "lost"), 9, unless="max_attempts"),
    Meaning(("resources", "reuse_workers"), True),
    Meaning(("search_space", "*", "cautions"), ["then"], of="choice"),
    Meaning(("searcher", "options", "candidates"), 7, of="tpe"),
    Meaning(("scheduler",), {"name": "median", "options": {}}),
    Meaning(("scheduler", "options", "min_trials"), 5, of="median"),
    Meaning(("scheduler", "options", "brackets"), 2, of="asha"),
    Meaning(("stages", "*", "searcher", "options", "candidates"), 8, of="tpe"),
    Meaning(("keep_checkpoints",), "all", since=3),
)
"""Of every kind that there is; none of them is ruled."""


def test_a_plan_without_a_key_means_what_its_writer_did():
    stages = [{"name": "one", "tune": ["learning_rate"], "searcher": "tpe"}, {"name": "asha", "tune": ["momentum"]}]
    plan = make_spec(stages=stages).model_dump(mode="json")
    before = json.dumps(plan)
    for key in ("retry", "scheduler", "keep_checkpoints"):
        del plan[key]
    del plan["resources"]["reuse_workers"]
    for domain in plan["search_space"].values():
        del domain["cautions"]
    found = SweepSpec.model_validate(with_meanings(plan, 1, SEVERAL))
    assert (found.retry.lost, found.resources.reuse_workers, found.keep_checkpoints) == (9, True, "all")
    assert found.search_space["optimizer"].cautions == ("then",)
    assert found.search_space["momentum"].cautions == ()
    assert dict(found.searcher.options) == {"candidates": 7}
    assert (found.scheduler.name, dict(found.scheduler.options)) == ("median", {"min_trials": 5})
    assert [stage.searcher and dict(stage.searcher.options) for stage in found.stages] == [{"candidates": 8}, None]
    assert json.dumps(make_spec(stages=stages).model_dump(mode="json")) == before


def test_what_a_plan_says_stands_and_a_newer_plan_is_left_alone():
    plan = make_spec(retry={"lost": 1}, scheduler={"name": "asha", "brackets": 3}).model_dump(mode="json")
    found = SweepSpec.model_validate(with_meanings(plan, 1, SEVERAL))
    assert (found.retry.lost, dict(found.scheduler.options)) == (1, {"brackets": 3})
    assert with_meanings(plan, 3, SEVERAL) is plan
    assert with_meanings({"max_attempts": 2}, 1, SEVERAL[:1]) == {"max_attempts": 2}


@pytest.mark.parametrize(
    ("written", "retries", "scheduler", "reuses"),
    [
        ({}, 9, "median", True),
        ({"max_attempts": 3}, 2, "median", True),
        ({"retry": {"lost": 4}}, 4, "median", True),
        ({"retry": {}}, 9, "median", True),
        ({"scheduler": "asha"}, 9, "asha", True),
        ({"resources": {"cpus": 2}}, 9, "median", True),
        ({"resources": {"reuse_workers": None}}, 9, "median", None),
    ],
)
def test_a_file_without_a_key_means_to_an_old_sweep_what_it_meant_then(written, retries, scheduler, reuses):
    spec = make_spec(**written)
    found = as_begun(spec, 1, SEVERAL)
    assert (found.retry.lost, found.scheduler.name, found.resources.reuse_workers) == (retries, scheduler, reuses)
    assert as_begun(spec, 3, SEVERAL) is spec


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"max_attempts": 2},
        {"command": ["python", "train.py", "{learning_rate}"], "trainable": None},
        {"searcher": {"name": "coarse-to-fine", "rounds": 1}, "budget": {"trials": 5, "wall": "8h"}},
        {"couple": {"learning_rate": {"with": "batch_size", "rule": "linear"}}, "ignore": {"no-schedule": "why not"}},
        {"stages": [{"name": "one", "tune": ["learning_rate"], "share": 0.5}, {"name": "two", "tune": ["momentum"]}]},
    ],
)
def test_a_file_means_the_same_where_nothing_of_it_is_ruled_otherwise(changes):
    then = {"retry": {"error": 0, "hung": 0}, "brake": False, "rules": [], "nested": False}
    then["code"] = {"root": ".", "pin": False}
    then["limits"] = {"storage": 0.0, "silence": 0.0, "start": 0.0}
    then |= {"seeding": False, "workdir": "attempt", "page": False, "keep_checkpoints": "last"}
    then["search"] = {"name": "soft-stages", "repeated": "anywhere"}  # which is ruled, of every ladder
    then["searcher"] = changes.get("searcher", {"name": "tpe"}) | {"densities": "optuna"}  # of every one that has it
    then["scheduler"] = {"name": "asha", "ranks": -1.0}
    then["search_space"] = {name: dict(fields) for name, fields in SPACE.items()}
    then["search_space"]["optimizer"]["ordered"] = False  # which is ruled, of every choice
    assert as_begun(make_spec(**changes), 1) == make_spec(**changes | then)


def test_what_a_file_leaves_out_means_to_an_old_sweep_what_it_meant_then():
    told = "the catalogue's batch_size, search space batch"
    supplied = {"tier": 2, "scale": "log", "supplied": {"tier": told, "scale": told, "default": told}}
    space = {
        "batch_size": {"type": "float", "low": 16.0, "high": 64.0, "default": 32.0, **supplied},
        "z": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5},
        "sizes": {"type": "choice", "choices": [2, 1], "default": 1},
    }
    found = make_spec(search_space=space).in_order()
    assert list(found.search_space) == ["sizes", "z", "batch_size"]
    old = as_begun(found, 1)
    assert list(old.search_space) == ["batch_size", "sizes", "z"]  # drawn in the order in which its writer drew
    rate = old.search_space["batch_size"]
    assert (rate.tier, rate.scale, rate.default, rate.supplied) == (1, "linear", 32.0, {})
    assert not old.search_space["sizes"].is_ordered
    assert as_begun(found, 2) is found


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A sweep of format 1, as it was left, below the file that it was made from."""
    for name in ("sweep.yaml", "train.py"):
        shutil.copy(HERE / "format_1" / "real" / name, tmp_path)
    shutil.copytree(HERE / "format_1" / "real" / "old", tmp_path / "runs" / "old")
    return tmp_path / "sweep.yaml"


def resumed(file: Path) -> list[ev.Event]:
    """The records with which the next driver goes on."""
    folder = Location.parse(file.parent / "runs" / "old")
    before = len(read_events(folder))
    session, _ = reopen(folder, plan_to_resume(locate(str(file)))[0])
    session.release()
    return read_events(folder)[before:]


def test_an_old_sweep_goes_on_in_the_new_format_and_under_its_old_plan(old: Path):
    folder = Location.parse(old.parent / "runs" / "old")
    before = read_sweep(folder).plan
    first = resumed(old)
    assert [type(event) for event in first[:2]] == [ev.DriverStarted, ev.FormatRaised]
    assert (first[0].format, first[1].format) == (2, 2)
    assert not any(isinstance(event, ev.SpecAmended) for event in first), "max_attempts: 3 is retry.lost 2"
    assert all(event.m is not None for event in first)
    assert not any(isinstance(event, ev.FormatRaised) for event in resumed(old)), "once is enough"
    state = read_sweep(folder)
    assert (state.begun_format, state.format, state.plan) == (1, 2, before)
    assert before.spec.retry.lost == 2


def test_an_old_sweep_whose_retries_are_written_anew_is_amended(old: Path):
    old.write_text(old.read_text().replace("max_attempts: 3", "retry: {lost: 5}"))
    (amended,) = (event for event in resumed(old) if isinstance(event, ev.SpecAmended))
    assert amended.changes == ["retry.lost: 2 -> 5"]
    assert amended.spec["retry"] == {"lost": 5, "error": 0, "hung": 0}
    assert "max_attempts" not in amended.spec
    assert read_sweep(Location.parse(old.parent / "runs" / "old")).plan.spec.retry.lost == 5


def test_what_is_ruled_counts_at_a_resume_until_the_user_writes_the_key(old: Path, monkeypatch: pytest.MonkeyPatch):
    ruling = (Meaning(("scheduler",), {"name": "median", "options": {}}), *MEANINGS)
    monkeypatch.setattr(as_begun, "__defaults__", (ruling,))
    with pytest.raises(SpecChangedError, match=r'scheduler\.name: "asha" -> "median"'):
        resumed(old)
    old.write_text(old.read_text() + "scheduler: asha\n")
    assert not any(isinstance(event, ev.SpecAmended) for event in resumed(old))


def test_a_version_of_format_1_reads_nothing_of_a_log_that_goes_on_in_format_2(old: Path):
    kinds = (kind for kind in get_args(ev.Event) if kind is not ev.FormatRaised)
    of_format_1 = msgspec.json.Decoder(functools.reduce(operator.or_, kinds))
    started, raised = map(msgspec.json.encode, resumed(old)[:2])
    of_format_1.decode(started)  # and it would have gone on
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'format_raised'"):
        of_format_1.decode(raised)
    frame = (old.parent / "runs" / "old" / "journal" / "000003.jsonl").read_bytes().split(b'{"frame"')[1]
    assert b'"driver_started"' in frame
    assert b'"format_raised"' in frame


def test_a_log_of_a_newer_format_is_refused_wherever_it_says_so(tmp_path: Path):
    later = ev.FORMAT + 1
    said = f"log format {later} is newer than this version reads \\(up to {ev.FORMAT}\\); upgrade"
    plan = make_plan().model_dump(mode="json")
    with pytest.raises(ValueError, match=said):
        SweepState(ev.SweepPlanned(0.0, later, plan))
    for newer in (ev.DriverStarted(1.0, 2, "h:1", "c", {}, format=later), ev.FormatRaised(1.0, later)):
        with pytest.raises(ValueError, match=said):
            replay([ev.SweepPlanned(0.0, 1, plan), newer])
    folder = Location.parse(tmp_path / "sweep")
    create(folder, make_plan(), b"").release()
    journal = JournalWriter(folder.files(), 2)
    journal.append(ev.DriverStarted(1.0, 2, "h:1", "c", {}, format=later))
    journal.commit()
    with pytest.raises(StorageError, match=said):
        read_sweep(folder)


def test_a_new_sweep_says_its_format_twice(tmp_path: Path):
    folder = Location.parse(tmp_path / "sweep")
    create(folder, make_plan(), b"").release()
    planned, started = read_events(folder)
    assert (planned.format, started.format) == (ev.FORMAT, ev.FORMAT)
    assert planned.m == started.m is not None


def test_what_an_older_driver_amended_is_read_as_it_meant_it():
    plan = make_plan().model_dump(mode="json")
    spec = {key: value for key, value in plan["spec"].items() if key != "retry"} | {"max_attempts": 2}
    old = [ev.SweepPlanned(0.0, 1, plan | {"spec": spec}), ev.DriverStarted(1.0, 1, "h:1", "c", {})]
    assert replay(old).plan.spec.retry.lost == 1
    assert replay([*old, ev.SpecAmended(2.0, spec | {"max_attempts": 6}, [])]).plan.spec.retry.lost == 5
