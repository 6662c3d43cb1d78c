"""Whatever became of the trials, everything that names a winner names the same one, or says that there is none."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb
import pytest

from orchestrator import Sweep
from orchestrator.control.answers import Report, ResumeTrial, StartTrial, Verdict
from orchestrator.control.controller import Controller
from orchestrator.control.recovery import ended_by_crash
from orchestrator.control.simulator import MemoryJournal, VirtualClock
from orchestrator.errors import UsageError
from orchestrator.policies.ending import exit_code_of
from orchestrator.results.best import best_document
from orchestrator.results.columns import DriverPeriod, Paid, TrialColumns
from orchestrator.results.diagnoses import winner_diagnosis
from orchestrator.results.export import export
from orchestrator.results.follower import Follower
from orchestrator.results.tables import Tables
from orchestrator.state.fold import SweepState, replay
from orchestrator.storage.journal import JournalWriter
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.trial import Outcome, TrialState
from orchestrator.views.diagnosis import reading_text
from orchestrator.views.render import make_console, show
from orchestrator.views.status import status_answer, status_document

ON_DISK = 40  # one history in so many is also written, read back and asked for in SQL
FOLDER = Location.parse("/data/runs/test")
BAD = ("diverged", "failed")
GOALS = ("maximize", "minimize")
VALUES = [0.1, 0.4, 0.5, 0.5, 0.8, 0.9]  # few, so that ties are common
PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "storage.md").read_text()

KINDS = [
    {"search": {"name": "joint", "prior_trials": 2}, "searcher": {"name": "random"}, "scheduler": {"name": "asha"}},
    {
        "search": {"name": "soft-stages", "block_after": 2},
        "searcher": {"name": "random"},
        "scheduler": {"name": "median", "min_trials": 1},
    },
    {
        "search": {"name": "hard-stages"},
        "searcher": {"name": "coarse-to-fine", "rounds": 1, "round_trials": 3, "coarse_fidelity": 2},
        "scheduler": {"name": "none"},
    },
]


def make_sweep(folder, goal, kind) -> Sweep:
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text("def train(config): ...\n")
    rate = {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log", "default": 0.01, "tier": 1}
    return Sweep(
        name="test",
        trainable="train.py:train",
        objective={"metric": "score", "goal": goal},
        fidelity={"min": 1, "max": 4, "reduction_factor": 2},
        search_space={"rate": rate, "momentum": rate | {"default": 0.5, "tier": 2}},
        budget={"trials": 9},
        max_attempts=2,
        seed=7,
        folder=folder,
        **KINDS[kind],
    )


@dataclass
class Play:
    """A sweep in which anything may happen at any time, driven by the controller itself."""

    first: ev.SweepPlanned
    dice: Random
    clock: VirtualClock = field(default_factory=VirtualClock)
    running: list[StartTrial | ResumeTrial] = field(default_factory=list)

    def __post_init__(self):
        self.journal = MemoryJournal([self.first])
        self._drive(SweepState(self.first))

    def log(self, steps: int) -> list[ev.Event]:
        for _ in range(steps):
            self.clock.now += 1
            if len(self.running) < 3 and self.dice.random() < 0.5:
                step = self.controller.next_step()
                if isinstance(step, StartTrial | ResumeTrial):
                    self.running.append(step)
            elif self.dice.random() < 0.02:
                self._crash()
            elif self.running:
                self._go_on(self.running.pop(self.dice.randrange(len(self.running))))
        return self.journal.events

    def _drive(self, state):
        self.controller = Controller(state, self.journal, self.clock)

    def _crash(self):
        state = replay(self.journal.events)
        for record in ended_by_crash(state, self.clock.now):
            state.apply(record)
            self.journal.append(record)
        self.running = []
        self._drive(state)

    def _go_on(self, started):
        dice, controller, which = self.dice, self.controller, (started.trial, started.attempt)
        controller.on_placed(*which, "node")
        if dice.random() < 0.17:
            controller.on_attempt_end(*which, dice.choice([*Outcome, Outcome.RETURNED, Outcome.LOST]), "it ended")
            return
        fidelity = controller.state.trials[started.trial].attempt.fidelity or started.from_fidelity
        value = dice.choice(VALUES) if dice.random() < 0.9 else dice.choice([float("nan"), float("inf")])
        checkpoint = "a/checkpoint" if dice.random() < 0.3 else None
        report = Report(*which, min(fidelity + 1, started.max_fidelity), {"score": value}, checkpoint)
        if controller.on_report(report) is Verdict.STOP:
            if dice.random() < 0.8:
                controller.on_attempt_end(*which, Outcome.STOPPED)
        else:
            self.running.append(started)


def expected(state: SweepState) -> list[int]:
    """The ranking by a plain reading: completed ones first, better ones first, earlier ones first."""
    turn = -1 if state.plan.goal == "maximize" else 1
    alive = [trial for trial in state.trials if trial.value is not None and trial.state.value not in BAD]
    return [t.number for t in sorted(alive, key=lambda t: (t.state.value != "completed", turn * t.value, t.number))]


def by_rows(state: SweepState) -> list[int]:
    """The ranking by the rows of the trials table alone."""
    columns = TrialColumns(state.plan)
    rows = [
        dict(zip(columns.schema.names, columns.row(trial, Paid(0.0, 0.0), DriverPeriod()), strict=True))
        for trial in state.trials
    ]
    turn = -1 if state.plan.goal == "maximize" else 1
    ranked = [row for row in rows if row["score"] is not None and row["state"] not in BAD]
    ranked.sort(key=lambda row: (row["state"] != "completed", turn * row["score"], row["trial"]))
    return [row["trial"] for row in ranked]


def exported(state: SweepState, top: int) -> list[int]:
    """The trials that `export --top` names, in its order."""
    if state.winner() is None:
        with pytest.raises(UsageError, match=r": nothing to export; see `stepladder status`$"):
            export(state, "args", top)
        return []
    text = export(state, "args", top)
    return [int(number) for number in re.findall(r"^# \d+: trial (\d+), ", text, re.MULTILINE)]


def named(document: dict | None) -> list[int]:
    return [] if document is None else [document["trial"]]


def check(state: SweepState, events: list[ev.Event]) -> None:
    ranking = expected(state)
    first, winner = ranking[:1], state.winner()
    diagnosis = winner_diagnosis(state, events)
    status = status_document(state, FOLDER, None, state.last_t, diagnosis=diagnosis)
    document = best_document(state, FOLDER, diagnosis)
    assert ([] if winner is None else [winner.number]) == first
    assert exported(state, 99) == ranking
    assert exported(state, 2) == ranking[:2]
    assert by_rows(state) == ranking
    assert named(status["summary"]["best"]) == first
    assert named(document["winner"]) == first
    if not first:
        assert status["winner_config"] is document["rerun"]["arguments"] is None
        assert reading_text(state, diagnosis) is None
    else:
        assert json.loads(export(state, "json")) == status["winner_config"] == document["winner"]["config"]
        assert document["rerun"]["arguments"] == export(state, "args").strip()
    assert exit_code_of("finished", state) == (1 if winner is None else 0)
    check_words(state, status, document)
    check_stages(state, status, document)


def check_words(state, status, document):
    """Who is no winner yet is nowhere called one without a word."""
    winner, note = state.winner(), document["note"]
    assert status["summary"]["note"] == note
    if winner is None:
        reported = any(trial.values for trial in state.trials)
        assert note == (
            "every trial that reported a finite value diverged or failed"
            if reported
            else "no trial has reported a finite value yet"
        )
    elif winner.state is not TrialState.COMPLETED:
        assert re.fullmatch(rf"no trial has completed yet: trial {winner.number} leads at report \d of 4", note)
        assert reading_text(state, None) == note
    else:
        assert note in (None, "the sweep has unfinished trials: a better one may still come")
        assert reading_text(state, None) is None


def check_stages(state, status, document):
    """What a stage found is a finished value: the best of the trials that were proposed by then and completed."""
    pick = max if state.plan.goal == "maximize" else min
    for shown, written in zip(status["summary"]["stages"], document["stages"], strict=True):
        own = [trial.number for trial in state.trials if trial.stage == shown["name"]]
        for mark, end in (("before", own[0] if own else 0), ("after", own[-1] + 1 if own else 0)):
            found = shown[mark]
            assert written[mark] == (None if found is None else {"trial": found["trial"], "value": found["value"]})
            completed = [t for t in state.trials[:end] if t.state is TrialState.COMPLETED]
            if not own:
                continue
            assert (found is None) == (completed == [])
            if found is not None:
                assert found["state"] == "completed"
                assert found["value"] == state.trials[found["trial"]].value == pick(t.value for t in completed)


def check_on_disk(folder, goal, kind, events):
    """The same from the folder of a sweep: its best.json, its table in SQL, the notebook, the terminal."""
    sweep = make_sweep(folder, goal, kind)
    place = sweep.sweep_folder
    files = place.files()
    journal = JournalWriter(files, 1)
    for event in events:
        journal.append(event)
    journal.commit()
    Follower(files, [Tables(files, place)]).advance()
    files.close()
    state = sweep.state()
    ranking = expected(state)
    assert [number for (number,) in duckdb.sql(readme_query(place, goal)).fetchall()] == ranking
    written = json.loads((folder / "runs" / "test" / "best.json").read_text())
    assert named(written["winner"]) == named(sweep.best()["winner"]) == ranking[:1]
    assert {**written, "stages": None} == {**sweep.best(), "stages": None}
    stream = io.StringIO()
    show(make_console(stream), status_answer(state, place, None))
    said = re.findall(r"^(winner|leader) +(?:trial (\d+): |none: )", stream.getvalue(), re.MULTILINE)
    winner = state.winner()
    label = "winner" if winner is None or winner.state is TrialState.COMPLETED else "leader"
    assert said == [(label, "" if winner is None else str(winner.number))]


def readme_query(place, goal):
    """The ranking in SQL as docs/guides/storage.md writes it, for this sweep."""
    (query,) = re.findall(r"^-- the trials as `export --top` ranks them.*\n(select [^;]*);", PAGE, re.MULTILINE)
    query = query.replace("runs/digits/", f"{place}/").replace("val_accuracy", "score").replace("*", "trial", 1)
    return query if goal == "maximize" else query.replace("score desc", "score asc")


def endings(state: SweepState) -> Counter:
    """What became of the trials, by state and by how the last attempt ended."""
    seen = Counter(trial.state.value for trial in state.trials)
    seen.update(
        f"{trial.state.value} by {trial.attempt.outcome.value}"
        for trial in state.trials
        if trial.attempts and trial.attempt.outcome is not None
    )
    seen.update(
        "failed without a report"
        for trial in state.trials
        if trial.state is TrialState.FAILED and trial.attempt.outcome is Outcome.RETURNED
    )
    ranking, turn = expected(state), -1 if state.plan.goal == "maximize" else 1
    bad = [turn * t.value for t in state.trials if t.value is not None and t.state.value in BAD]
    if not ranking:
        seen["none, though a trial has a value" if bad else "none"] += 1
        return seen
    winner = state.trials[ranking[0]]
    seen["led by one that has not completed" if winner.state is not TrialState.COMPLETED else "won"] += 1
    seen["better ones ended badly"] += any(value < turn * winner.value for value in bad)
    seen["tied"] += sum(t.value == winner.value and t.state is winner.state for t in state.trials) > 1
    return seen


@pytest.mark.parametrize(
    "histories", [pytest.param(100, marks=pytest.mark.thorough), pytest.param(2_000, marks=pytest.mark.long)]
)
def test_all_name_the_same_winner(tmp_path, histories):
    firsts = {}
    for goal in GOALS:
        for kind in range(len(KINDS)):
            plan = make_sweep(tmp_path / "plans", goal, kind).plan()
            firsts[goal, kind] = ev.SweepPlanned(0.0, ev.FORMAT, plan.model_dump(mode="json"))
    seen: Counter = Counter()
    for number in range(histories):
        goal, kind = GOALS[number % 2], number // 2 % len(KINDS)
        dice = Random(f"history {number}")
        log = Play(firsts[goal, kind], dice).log(dice.randint(0, 90))
        events = log[: dice.randint(1, len(log))] if dice.random() < 0.3 else log  # a driver may die after any record
        state = replay(events)
        check(state, events)
        seen += endings(state)
        if number % ON_DISK == 0:
            check_on_disk(tmp_path / str(number), goal, kind, events)
    rare = {ending: seen[ending] for ending in EVERY_ENDING if seen[ending] < histories // 200}
    assert rare == {}, seen


EVERY_ENDING = [
    *(state.value for state in TrialState),
    "completed by stopped",
    "completed by returned",
    "pruned by stopped",
    "pruned by returned",
    "diverged by stopped",
    "failed by error",
    "failed by out_of_memory",
    "failed by lost",
    "failed without a report",
    "interrupted by lost",
    "interrupted by interrupted",
    "none",
    "none, though a trial has a value",
    "led by one that has not completed",
    "won",
    "better ones ended badly",
    "tied",
]
