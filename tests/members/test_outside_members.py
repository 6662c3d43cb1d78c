"""Members by `module:Class`: beside the sweep file first, then in the environment; what is wrong is told by line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from orchestrator import members
from orchestrator.control.session import create, reopen
from orchestrator.errors import SpecChangedError, SpecError
from orchestrator.members import outside
from orchestrator.planning.making import make_ladder, make_scheduler
from orchestrator.project.code_in_force import code_to_begin
from orchestrator.project.places import locate
from orchestrator.project.workspace import linted_plan, plan_from_file, plan_to_resume
from orchestrator.state.fold import replay
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev

SWEEP = """\
name: own
trainable: train.py:train
objective: {metric: score, goal: maximize}
fidelity: {max: 9}
search_space: {rate: {low: 0.1, high: 1.0, default: 0.5}, batch_size: 32}
budget: {trials: 4}
"""
SEARCHER = """\
from orchestrator import Searcher
from lab_parts import MIDDLE

class Middle(Searcher):
    class Options(Searcher.Options):
        at: float = MIDDLE

    def propose(self, request, trials):
        drawn = {name: self.space[name].from_unit(self.options.at) for name in request.block}
        return self.space.complete({**request.held, **drawn})

class Unfinished(Searcher):
    pass

class WithoutOptions(Middle):
    Options = dict

def helper(config): ...
"""
OTHERS = """\
from orchestrator import Bracket, Rule, Scheduler, rule
from orchestrator.ladders.random import Random as Shipped

class Never(Scheduler):
    @classmethod
    def plan(cls, fidelity, options):
        return (Bracket(rungs=(3.0,), share=1.0),)
    def show(self, trial, bracket, fidelity, value):
        return False
    def snapshot(self):
        return None

class Wrong(Never):
    @classmethod
    def plan(cls, fidelity, options):
        return fidelity["max"]

class Nothing(Never):
    @classmethod
    def plan(cls, fidelity, options):
        return [1]

class Mine(Shipped):
    pass

@rule("no-big-batch", "warning", reason="It is slow here.", source="ours", fix="Write 16.")
def no_big_batch(subject):
    if subject.batch_sizes:
        yield ("search_space", "batch_size"), "the batch has 32"

@rule("no-schedule", "info", reason="r", source="s", fix="f")
def taken(subject):
    yield from ()

@rule("broken", "info", reason="r", source="s", fix="f")
def broken(subject):
    yield ("nowhere",), {}["x"]
"""


@pytest.fixture
def folder(tmp_path: Path):
    """A sweep file's folder with members of its own; what it made Python import and know is forgotten afterwards."""
    path, known = list(sys.path), set(sys.modules)
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "train.py").write_text("def train(config): ...\n")
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "bo.py").write_text(SEARCHER)
    (tmp_path / "lab" / "more.py").write_text(OTHERS)
    (tmp_path / "lab_parts.py").write_text("MIDDLE = 0.5\n")
    yield tmp_path
    for name in set(sys.modules) - known:
        if not name.startswith("orchestrator"):
            del sys.modules[name]
    outside.forget()
    sys.path[:] = path


def refusal(folder: Path, *overrides: str) -> str:
    with pytest.raises(SpecError) as refused:
        plan_from_file(folder / "sweep.yaml", overrides)
    return str(refused.value)


def test_a_searcher_beside_the_sweep_file_proposes(folder: Path):
    plan = plan_from_file(folder / "sweep.yaml", ["searcher={name: lab.bo:Middle, at: 1.0}", "search=hard-stages"])
    assert plan.spec.searcher.name == "lab.bo:Middle"
    ladder = make_ladder(plan)
    assert ladder.searcher.options.at == 1.0
    assert type(ladder.searcher).__name__ == "Middle"


def test_a_ladder_a_scheduler_and_a_stages_searcher_are_taken_likewise(folder: Path):
    more = ["search=lab.more:Mine", "scheduler=lab.more:Never"]
    plan = plan_from_file(folder / "sweep.yaml", more)
    assert type(make_ladder(plan)).__name__ == "Mine"
    assert type(make_scheduler(plan)).__name__ == "Never"
    assert [bracket.rungs for bracket in plan.brackets] == [(3.0,)]
    stages = "stages=[{name: a, tune: [rate], searcher: lab.bo:Middle}]"
    plan = plan_from_file(folder / "sweep.yaml", [stages, "search=hard-stages"])
    assert [stage.searcher.name for stage in plan.stages if stage.searcher] == ["lab.bo:Middle"]
    assert list(plan.provenance.members) == ["lab.bo:Middle"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("searcher=labs.bo:Middle", "searcher: there is no module 'labs.bo', neither beside the sweep file in "),
        ("searcher=lab.boo:Middle", "put lab/boo.py beside the sweep file, or install the package that has it"),
        ("searcher=lab.bo:Midle",
         "searcher: lab.bo:Midle: lab/bo.py defines no 'Midle'; choose one of Middle, Unfinished, WithoutOptions "
         "(did you mean 'Middle'?)"),
        ("scheduler=lab.bo:Midle", "lab/bo.py defines no 'Midle'; it has no scheduler at all"),
        ("searcher=lab.bo:helper",
         "searcher: lab.bo:helper is not a searcher; derive the class from orchestrator.Searcher"),
        ("scheduler=lab.bo:Middle", "lab.bo:Middle is not a scheduler; derive the class from orchestrator.Scheduler"),
        ("searcher=lab.bo:Unfinished", "lab.bo:Unfinished does not define propose, which every searcher must"),
        ("searcher=lab.bo:WithoutOptions", "its Options must be a class derived from orchestrator.Searcher.Options"),
        ("searcher={name: lab.bo:Middle, att: 1}", "searcher.att: unknown key; choose one of at (did you mean 'at'?)"),
        ("searcher={name: lab.bo:Middle, at: high}", "searcher.at: "),
        ("searcher=lab/bo.py:Middle",
         "searcher: 'lab/bo.py:Middle' names a file; name its module, as in lab.bo:Middle"),
        ("searcher='lab.bo:'", "searcher: 'lab.bo:' names no class; write module:Class, e.g. my_lab.bo:MySearcher"),
        ("searcher=failing:Mine", "searcher: failing cannot be imported: failing.py:2: ZeroDivisionError: division by"),
        ("searcher=lacking:Mine", "lacking cannot be imported: lacking.py:1: ModuleNotFoundError: No module named"),
        ("searcher=unreadable:Mine", "unreadable cannot be imported: unreadable.py:1: SyntaxError: "),
        ("searcher=leaving:Mine", "leaving cannot be imported: leaving.py:1: SystemExit: 3; mend it"),
        ("searcher=json:Mine", "'json' beside the sweep file has the name of a module that is imported already"),
        ("scheduler=lab.more:Wrong", "scheduler: lab.more:Wrong: lab/more.py:16: TypeError: "),
        ("scheduler=lab.more:Nothing", "lab.more:Nothing: its plan() returns [1]; return a tuple of"),
        ("rules=[no_big_batch]", "rules[0]: 'no_big_batch' names no rule; write module:name, e.g. my_lab.rules:no_big"),
        ("rules=[lab.more:Never]", "rules[0]: lab.more:Never is not a rule; make it one with the decorator"),
        ("rules=[lab.more:taken]", "rules[0]: lab.more:taken: a shipped rule has the id 'no-schedule' already"),
        ("rules=[lab.more:broken]", "rules[0]: lab.more:broken: lab/more.py:37: KeyError: 'x'; mend it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_one_sentence_with_its_place(folder: Path, override: str, said: str):
    (folder / "failing.py").write_text("print('hello')\n1 / 0\n")
    (folder / "lacking.py").write_text("import nope\n")
    (folder / "unreadable.py").write_text("def f(:\n")
    (folder / "leaving.py").write_text("raise SystemExit(3)\n")
    (folder / "json.py").write_text("")
    message = refusal(folder, override)
    assert said in message
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1


def test_what_is_wrong_in_the_file_is_told_with_its_line(folder: Path):
    (folder / "sweep.yaml").write_text(SWEEP + "searcher:\n  name: lab.bo:Nobody\n")
    assert refusal(folder).startswith(f"{folder / 'sweep.yaml'}:8: searcher.name: lab.bo:Nobody: lab/bo.py defines no")


def test_an_import_prints_nothing_into_an_answer(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "loud.py").write_text("print('loading')\nfrom lab.bo import Middle\n")
    plan_from_file(folder / "sweep.yaml", ["searcher=loud:Middle"])
    assert capsys.readouterr() == ("", "loading\n")


def test_beside_the_sweep_file_comes_before_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch):
    site = folder / "site"
    (site / "lab").mkdir(parents=True)
    for name, at in (("bo", "0.9"), ("installed", "0.8")):
        (site / "lab" / f"{name}.py").write_text(SEARCHER.replace("from lab_parts import MIDDLE", f"MIDDLE = {at}"))
    (site / "other.py").write_text(SEARCHER.replace("from lab_parts import MIDDLE", "MIDDLE = 0.7"))
    monkeypatch.syspath_prepend(str(site))
    assert members.load("orchestrator.searchers", "lab.bo:Middle").Options().at == 0.9
    for name in [name for name in sys.modules if name.partition(".")[0] == "lab"]:
        del sys.modules[name]
    plan_from_file(folder / "sweep.yaml", ["searcher=lab.bo:Middle"])
    assert members.load("orchestrator.searchers", "lab.bo:Middle").Options().at == 0.5
    assert members.load("orchestrator.searchers", "other:Middle").Options().at == 0.7


def test_two_sweep_files_have_modules_of_one_name(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other") / "project"
    shutil.copytree(folder, other)
    (other / "lab" / "bo.py").write_text(SEARCHER.replace("from lab_parts import MIDDLE", "MIDDLE = 0.25"))
    for place, at in ((folder, 0.5), (other, 0.25), (folder, 0.5)):
        plan_from_file(place / "sweep.yaml", ["searcher=lab.bo:Middle"])
        assert members.load("orchestrator.searchers", "lab.bo:Middle").Options().at == at


def test_a_module_that_changed_is_imported_anew(folder: Path):
    first = plan_from_file(folder / "sweep.yaml", ["searcher=lab.bo:Middle"])
    before = members.load("orchestrator.searchers", "lab.bo:Middle")
    again = plan_from_file(folder / "sweep.yaml", ["searcher=lab.bo:Middle"])
    assert members.load("orchestrator.searchers", "lab.bo:Middle") is before
    assert again.provenance.members == first.provenance.members
    (folder / "lab" / "bo.py").write_text(SEARCHER.replace("MIDDLE\n\n    def", "0.75\n\n    def"))
    changed = plan_from_file(folder / "sweep.yaml", ["searcher=lab.bo:Middle"])
    assert members.load("orchestrator.searchers", "lab.bo:Middle").Options().at == 0.75
    assert changed.provenance.members != first.provenance.members
    assert changed.sweep_id != first.sweep_id, "its default is another"


def test_a_rule_of_ones_own_is_said_and_ignored_like_any(folder: Path):
    own = "rules=[lab.more:no_big_batch]"
    plan, remarks = linted_plan(folder / "sweep.yaml", [own])
    (said,) = [remark for remark in remarks if remark.rule.id == "no-big-batch"]
    assert "search_space.batch_size: the batch has 32" in str(said.message)
    assert list(plan.provenance.members) == ["lab.more:no_big_batch"]
    assert plan.sweep_id == plan_from_file(folder / "sweep.yaml").sweep_id, "it decides nothing"
    _, remarks = linted_plan(folder / "sweep.yaml", [own, "ignore={no-big-batch: it is ours}"])
    assert "no-big-batch" not in {remark.rule.id for remark in remarks}


def test_changed_code_is_told_and_gone_code_can_still_be_read(folder: Path):
    place = Location.parse(str(folder / "runs" / "own"))
    mine = ["searcher=lab.bo:Middle", "scheduler=lab.more:Never"]
    create(place, plan_from_file(folder / "sweep.yaml", mine), b"").close("finished")
    (folder / "lab" / "more.py").write_text(OTHERS + "# later\n")
    session, changes = reopen(place, plan_from_file(folder / "sweep.yaml", mine))
    session.close("finished")
    told = [line for line in changes if line.startswith(("lab.", "code"))]
    assert [line.partition(":")[0] for line in told] == ["code", "lab.more"]
    shutil.rmtree(folder / "lab")
    plan = plan_from_file(folder / "sweep.yaml")  # forgets what is gone
    state = read_sweep(place)
    assert state.plan.spec.searcher.name == "lab.bo:Middle"
    with pytest.raises(SpecChangedError, match=r"searcher.name: \"lab.bo:Middle\" -> \"auto\""):
        reopen(place, plan)


def test_reports_wait_for_a_scheduler_until_it_is_asked_for(folder: Path):
    plan = plan_from_file(folder / "sweep.yaml", ["scheduler={name: asha}"])
    events: list[ev.Event] = [ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))]
    for trial in range(3):
        events.append(
            ev.TrialProposed(1.0, trial, {"rate": 0.5, "batch_size": 32}, "tier-1", "uniform", ["rate"], None, 0)
        )
        events.append(ev.AttemptStarted(1.0, trial, 0, None, 0.0))
        events.append(ev.Reported(2.0, trial, 0, 1.0, {"score": float(trial)}, None, None))
    state = replay(events)
    assert state.scheduler.snapshot() == {0: {1.0: {0: 0.0, 1: 1.0, 2: 2.0}}}


@pytest.mark.parametrize("is_remote", [False, True], ids=["folder", "object store"])
def test_a_sweep_goes_on_with_its_own_members_from_its_storage_alone(folder, tmp_path_factory, request, is_remote):
    """Another machine: the project's folder is gone, and its modules with it."""
    place = request.getfixturevalue("bucket") if is_remote else Location.parse(tmp_path_factory.mktemp("store"))
    place = place / "own"
    plan = plan_from_file(folder / "sweep.yaml", ["searcher={name: lab.bo:Middle, at: 1.0}", "search=hard-stages"])
    force = code_to_begin(plan, folder, 0.0)
    create(place, force.plan, (folder / "sweep.yaml").read_bytes(), force.taken).close("stop")
    shutil.rmtree(folder)
    outside.forget()
    with pytest.raises(SpecError, match=r"there is no module 'lab\.bo'"):
        make_ladder(read_sweep(place).plan)
    again, _ = plan_to_resume(locate(str(place)), "+1")
    ladder = make_ladder(again)
    assert ladder.searcher.options.at == 1.0
    assert again.spec.budget.trials == 5
    session, changes = reopen(place, again, lambda _: None, code=force.key)
    session.release()
    assert changes == ["budget.trials: 4 -> 5"]
