"""Code that is not pinned: a change is told once, with the trial that it begins with."""

from __future__ import annotations

from sweeps import make_plan

from orchestrator.policies.unpinned import UnpinnedCode, outside_hash
from orchestrator.state.fold import SweepState
from orchestrator.sweep import event as ev


def state(*more: ev.Event) -> SweepState:
    made = SweepState(ev.SweepPlanned(0.0, ev.FORMAT, make_plan().model_dump(mode="json")))
    for event in (ev.DriverStarted(0.0, 1, "here:1", "c0de", {}), *more):
        made.apply(event)
    return made


def watched(*more: ev.Event) -> tuple[UnpinnedCode, list[str]]:
    said: list[str] = []
    return UnpinnedCode(state(*more), said.append), said


def attempt(outside: str | None) -> list[ev.Event]:
    proposed = ev.TrialProposed(0.0, 0, {}, "tier-1", "baseline", [], None, 0)
    placed = ev.AttemptPlaced(1.0, 0, 0, "node", None, None, "0dd", outside)
    return [proposed, ev.AttemptStarted(0.0, 0, 0), ev.AttemptPlaced(0.5, 0, 0), placed]


def test_a_program_s_change_is_told_once():
    code, said = watched()
    code.take_program(0, "c0de")
    code.take_program(1, None)
    assert said == []
    code.take_program(2, "beef")
    code.take_program(3, "beef")
    assert said == [
        "the program's code changed from trial 2 on: c0de -> beef (it is not pinned; attempts/ tells which attempt ran "
        "which)"
    ]


def test_a_file_that_is_imported_from_elsewhere_and_changes_is_named_once():
    code, said = watched()
    code.take_imports(0, {"/lab/net.py": "1"})
    code.take_imports(1, {"/lab/net.py": "1", "/lab/late.py": "7"})
    assert said == []
    code.take_imports(2, {"/lab/net.py": "2"})
    code.take_imports(3, {"/lab/net.py": "2", "/lab/late.py": "7"})
    assert said == ["imported from outside the pinned code, and changed from trial 2 on: /lab/net.py"]


def test_a_change_since_the_last_driver_is_told():
    before = outside_hash({"/lab/net.py": "1"})
    code, said = watched(*attempt(before))
    code.take_imports(1, {"/lab/net.py": "1"})
    assert said == []
    code, said = watched(*attempt(before))
    code.take_imports(1, {"/lab/net.py": "2"})
    code.take_imports(2, {"/lab/net.py": "2"})
    assert said == ["what is imported from outside the pinned code changed since the last driver; it is: /lab/net.py"]


def test_the_state_keeps_what_a_second_record_of_a_placement_adds():
    told = state(*attempt("abc")).trials[0].attempt
    assert (told.code_hash, told.outside_hash, told.node, told.placed_t) == ("0dd", "abc", "node", 0.5)


def test_the_hash_is_of_paths_and_contents_in_any_order():
    first = outside_hash({"/a.py": "1", "/b.py": "2"})
    assert first == outside_hash({"/b.py": "2", "/a.py": "1"})
    assert first != outside_hash({"/a.py": "2", "/b.py": "1"})
    assert len(first) == 12
