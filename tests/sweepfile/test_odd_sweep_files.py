"""Sweep files that are valid piece by piece and that nothing can be made of: a sentence each, at once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.ladders._coupling import Couplings
from orchestrator.planning.estimate import estimate
from orchestrator.project.spec_files import load_parsed
from orchestrator.project.workspace import plan_from_file
from orchestrator.schedulers import rungs
from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.domains import Choice
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import Fidelity
from orchestrator.sweepfile.circles import circle, phrase_circle

VALID = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
search_space:
  learning_rate: {low: 1.0e-3, high: 1.0e-1, scale: log, default: 1.0e-2}
budget: {trials: 60}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("def train(config):\n    pass\n")
    return tmp_path / "sweep.yaml"


def said(file: Path, text: str, *overrides: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_parsed(file, overrides)
    return [line.removeprefix(f"{file.parent}/") for line in str(caught.value).splitlines()]


def space(*lines: str) -> str:
    return VALID.replace("budget:", "".join(f"  {line}\n" for line in lines) + "budget:")


def conditions(count: int, *, is_circle: bool, is_reversed: bool) -> str:
    above = [*([count - 1] if is_circle else []), *range(count - 1)]
    first = [] if is_circle else ["w0: {choices: [1, 2], default: 1}"]
    rest = [
        f"w{name}: {{choices: [1, 2], default: 1, when: {{w{parent}: [1]}}}}"
        for name, parent in zip(range(0 if is_circle else 1, count), above, strict=True)
    ]
    lines = [*first, *rest]
    return space(*(reversed(lines) if is_reversed else lines))


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_chain_of_conditions_of_any_length_is_walked(file, is_reversed):
    file.write_text(conditions(400, is_circle=False, is_reversed=is_reversed))
    plan = plan_from_file(file)
    names = [name for name in plan.space if name != "learning_rate"]
    assert names == [f"w{number}" for number in range(400)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_circle_of_conditions_of_any_length_is_named(file, is_reversed):
    (line,) = said(file, conditions(400, is_circle=True, is_reversed=is_reversed))
    assert "the conditions go in a circle: w" in line
    assert ", ... 390 more ..., " in line
    assert line.endswith("; drop one of them")


def test_a_circle_of_couplings_of_any_length_is_named(file):
    lines = [f"w{number}: {{low: 0.1, high: 1.0, default: 0.5}}" for number in range(400)]
    ring = [f"  w{one}: {{with: w{other}, rule: linear}}\n" for one, other in pairwise([*range(400), 0])]
    (line,) = said(file, space(*lines) + "couple:\n" + "".join(ring))
    assert "couple.w0.with: the couplings go in a circle: w0 follows w1, w1 follows w2" in line


@pytest.mark.thorough
def test_circles_are_found_wherever_they_lie_and_however_long():
    chain = {f"n{number}": [f"n{number + 1}"] for number in range(50_000)}
    assert circle(chain) == []
    assert circle({**chain, "n50000": ["n49999"]}) == ["n49999", "n50000", "n49999"]
    assert circle({"a": ["a"]}) == ["a", "a"]
    assert circle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["gone"]}) == []
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert phrase_circle(["a", "b", "a"], "needs") == "a needs b, b needs a"


def test_a_chain_of_couplings_is_settled_from_its_end_however_long():
    couplings = {f"n{number}": Coupling.model_validate({"with": f"n{number + 1}"}) for number in range(5000)}
    assert list(Couplings(Space({}), couplings)._couplings) == [f"n{number}" for number in reversed(range(5000))]


def test_hyperparameters_are_ordered_by_the_conditions_above_them_else_as_written():
    def choice(*parents: str) -> Choice:
        return Choice(choices=(1, 2), default=1, when=dict.fromkeys(parents, (1,)))

    ordered = Space(
        {"e": choice("d", "a"), "d": choice("b"), "c": choice("a"), "b": choice("a"), "a": choice(), "f": choice()}
    )
    assert list(ordered) == ["a", "f", "c", "b", "d", "e"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max: 27", "max: 27, reduction_factor: 1.0000001",
         "4: fidelity.reduction_factor: 1.0000001 puts rungs too close together; choose 1.1 or more, such as 3"),
        ("max: 27", "max: 1.0e+308",
         "4: fidelity.max: 1e+308 is too large; count in a larger unit, 1e+15 at most"),
        ("max: 27", "max: 27, every: 1.0e-300",
         "4: fidelity.every: 1e-300 makes 2.7e+301 reports of one training; write the distance between two reports"),
        ("budget:", "  m: {low: 0, high: 1.0e300, step: 1.0e-300, default: 0.5, type: float}\nbudget:",
         "7: search_space.m.high: high 1e+300 is not low 0.0 plus a multiple of step 1e-300"),
        ("budget:", "  m: {low: 0.0, high: 1.0, step: 1.0e-12, default: 0.5}\nbudget:",
         "7: search_space.m.step: step 1e-12 makes 1e+12 values of the range; drop it, or write a wider one"),
        ("budget:", "  m: {low: 1.0e+9, high: 1.000000001e+9, step: 1.0e-7, default: 1.0e+9}\nbudget:",
         "7: search_space.m.step: step 1e-07 is finer than what a float can tell apart at 1e+09; drop it, or write a "
         "wider one"),
        ("budget:", "  m: {low: 0.0, high: 1.0, step: 1.0e+8, default: 0.0}\nbudget:",
         "7: search_space.m.step: step 100000000.0 is wider than the range [0.0, 1.0]; write a narrower one"),
        ("budget:", "  m: {low: 0.0, high: 1.0e400, default: 0.5}\nbudget:",
         "7: search_space.m.high: 1.0e400 is not a finite number; write a finite one"),
        ("name: digits", 'name: "\\U7fffffff"',
         "1: not valid YAML: an escape or a number from this line on is out of range; write the character itself"),
        ("name: digits", 'name: "\\ud800"',
         "1: name: has half a character (a surrogate) in it; write the whole character"),
        ("budget:", '  m: {choices: ["\\ud800", b], default: b}\nbudget:',
         "7: search_space.m.choices[0]: has half a character (a surrogate) in it; write the whole character"),
        ("name: digits", "n\u0430me: digits",
         "1: n\u0430me: unknown key; it has \\u0430 (CYRILLIC SMALL LETTER A) in it. Choose one of args, "),
        ("budget", "bud\u200bget",
         "7: bud\\u200bget: unknown key; it has \\u200b (ZERO WIDTH SPACE) in it. Choose one of "),
        ("name: digits", "name: digits\u2028",
         "1: this is a binary file, or has a control character here; a sweep file "),
        ("name: digits", "name: digits\x85",
         "1: this is a binary file, or has a control character here; a sweep file "),
        ("trainable: train.py:train", 'command: [python, "a\\0b"]',
         "2: command[1]: 'a\\x00b' has a NUL in it, which no argument can have; remove it"),
        ("trainable: train.py:train", f"command: [python, {'x' * 5000}.py]",
         f"2: command[1]: '{'x' * 49}...' cannot be read: File name too long"),
        ("trainable: train.py:train", f"trainable: {'x' * 5000}.py:train",
         f"2: trainable: '{'x' * 49}...' cannot be read: File name too long"),
        ("trainable: train.py:train", "trainable: $CODE/train.py:train",
         "2: trainable: '$CODE/train.py:train': $CODE is not expanded; write the path out, or ./... for a folder of "
         "that name"),
        ("  learning_rate", "  extends: [$SPACES/a.yaml]\n  learning_rate",
         "6: search_space.extends[0]: '$SPACES/a.yaml': $SPACES is not expanded; write the path out, or ./... for a "
         "folder of that name"),
        ("  learning_rate", "  extends: [~/a.yaml]\n  learning_rate",
         "6: search_space.extends[0]: '~/a.yaml': ~ is not expanded; write the absolute path"),
        ("budget:", "storage: s3:/bucket/x\nbudget:",
         "7: storage: s3: is no folder and, without two slashes, no URL; write s3://bucket/runs, or ./s3:... for a "
         "folder"),
        ("budget:", "storage: gs:bucket\nbudget:",
         "7: storage: gs: is no folder and, without two slashes, no URL; write gs://bucket/runs, or ./gs:... for a "
         "folder"),
        ("budget:", "storage: /data/${USER}/runs\nbudget:",
         "7: storage: '/data/${USER}/runs': ${USER} is not expanded; write the path out, or ./... for a folder of that "
         "name"),
        ("budget:", f"storage: {'x' * 5000}\nbudget:",
         "7: storage: is longer than any file system takes (5,000 characters); shorten it"),
        ("budget:", f"searcher: '{'a.' * 3000}b:c'\nbudget:",
         "7: searcher: the name of a module cannot be so long; write module:Class"),
    ],
)  # fmt: skip
def test_each_is_answered_by_one_sentence(file, old, new, message):
    assert old in VALID
    (line,) = said(file, VALID.replace(old, new, 1))
    assert line.startswith(f"sweep.yaml:{message}")


@pytest.mark.parametrize("storage", ["./s3:/x", "./a$b", "./$HOME/x", "exp:1", "a/~/b"])
def test_folders_of_odd_names_are_folders(file, storage):
    file.write_text(VALID + f"storage: '{storage}'\n")
    assert load_parsed(file).spec.storage == storage


@pytest.mark.thorough
def test_too_many_of_anything_is_said_before_each_is_looked_at(file):
    names = [f"w{number}" for number in range(1000)]
    lines = [f"{name}: {{choices: [1, 2], default: 1}}" for name in names]
    assert said(file, space(*lines)) == [
        "sweep.yaml:5: search_space: 1,001 hyperparameters are more than a search can tell apart; keep 500 at most"
    ]
    stages = "stages:\n" + "".join(f"  - {{name: {name}, tune: [{name}]}}\n" for name in names[:400])
    assert said(file, space(*lines[:400]) + stages) == [
        "sweep.yaml:408: stages: 400 stages are more than any budget feeds; write 100 at most"
    ]
    many = said(file, VALID + "".join(f"x{number}: 1\n" for number in range(4000)))
    assert (len(many), many[-1]) == (41, "... and 3960 more problems")


def test_many_values_of_a_condition_are_looked_up_and_not_searched_for(file):
    listed = ",".join(map(str, range(4500)))
    lines = f"m: {{choices: [{listed}], default: 1}}", f"q: {{low: 0, high: 1, default: 1, when: {{m: [{listed}]}}}}"
    file.write_text(space(*lines))
    assert len(load_parsed(file).spec.search_space["q"].when["m"]) == 4500


def test_a_million_trials_are_planned_as_few_are(file):
    file.write_text(VALID)
    few, many = (
        estimate(plan_from_file(file, [f"budget.trials={count}", "confirm=none"]), 8) for count in (4000, 1_000_000)
    )
    assert sum(stage.trials for stage in many.stages) == 1_000_000
    for one, other in zip(few.stages, many.stages, strict=True):
        assert one.model_based / one.trials == pytest.approx(other.model_based / other.trials, abs=0.02)
    assert few.expected_fidelity is not None
    assert many.expected_fidelity == pytest.approx(few.expected_fidelity * 250, rel=1e-9)


def test_a_run_of_alike_trials_is_counted_as_one_by_one(file, monkeypatch):
    file.write_text(VALID)
    plan = plan_from_file(file, ["budget.trials=700", "searcher=coarse-to-fine"])
    quick = estimate(plan, 8)
    monkeypatch.setattr("orchestrator.planning.estimate.ASKED_SINGLY", 10_000)
    slow = estimate(plan, 8)
    assert quick.expected_fidelity == pytest.approx(slow.expected_fidelity)
    for one, other in zip(quick.stages, slow.stages, strict=True):
        assert (one.model_based, one.short) == pytest.approx((other.model_based, other.short))


@pytest.mark.parametrize("factor", [1.1, 3.0, 1e308])
@pytest.mark.parametrize(("first", "every", "end"), [(None, 1.0, 27.0), (5e-324, 5e-324, 1e-320), (1.0, 1.0, 1e15)])
def test_rungs_rise_below_the_full_training_however_far_the_factor_reaches(factor, first, every, end):
    found = rungs(Fidelity(min=first, max=end, every=every, reduction_factor=factor))
    assert all(one < other for one, other in pairwise(found))
    assert all(0 < rung < end for rung in found)


def test_of_an_override_all_is_taken_or_nothing(file):
    file.write_text(VALID)
    assert load_parsed(file, ["storage='runs #1'"]).spec.storage == "runs #1"
    assert load_parsed(file, ["storage=runs#1"]).spec.storage == "runs#1"
    for override in ("storage=runs #1", "seed=3 # three", "storage=#runs", "search_space.a={value: 1} #"):
        key = override.partition("=")[0]
        assert said(file, VALID, override) == [
            f"override {override}: {key}: what follows '#' would be dropped as a comment; put the value in quotes"
        ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("storage=~/runs", "storage: '~/runs': ~ is not expanded; write the absolute path"),
        ("storage=$HOME/runs",
         "storage: '$HOME/runs': $HOME is not expanded; write the path out, or ./... for a folder of that name"),
        ("stages.²=1", "this is not key=value; write it as in budget.trials=20, without + or ~"),
        ("stages[9999999]=1", "this is not key=value; write it as in budget.trials=20, without + or ~"),
        (".".join(["a"] * 30) + "=1", "reaches deeper than 20 levels; is it the right key?"),
        ("name=a\udcff", "has bytes that are no UTF-8; write it in UTF-8"),
    ],
)  # fmt: skip
def test_odd_overrides_are_answered(file, override, message):
    (line,) = said(file, VALID, override)
    assert line.startswith("override ")
    assert line.endswith(message)
    assert line.isprintable()


@pytest.mark.parametrize(
    "override",
    [
        "storage=s3://AKIA:hunter2@bucket/x",
        "storage=s3:/AKIA:hunter2@bucket/x",
        "storage=https://me:hunter2@bucket/x",
        "name=s3://AKIAXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:hunter2@bucket",
        "search_space.api_key={low: hunter2, high: 1.0, default: 1.0}",
        "search_space.db_password.low=hunter2",
        "budget.trials=s3://me:hunter2@bucket",
        "wandb_api_key=hunter2",
        "storage=s3://me:hunter2@bucket/x #",
    ],
)
def test_no_message_repeats_the_secret_of_an_override(file, override):
    for line in said(file, VALID, override):
        assert "hunter2" not in line


@pytest.mark.parametrize("other", ["[a, 1]", "{a: 1}", "7"])
def test_a_coupling_of_a_space_that_names_no_name_is_refused(file: Path, other: str):
    (file.parent / "space.yaml").write_text(
        "hyperparameters:\n  batch_size: {type: int, low: 16, high: 256, default: 32}\n"
        f"couple:\n  learning_rate: {{with: {other}, rule: linear}}\n"
    )
    (line,) = said(file, space("extends: [./space.yaml]"))
    assert "couple.learning_rate.with: " in line
    assert " is not text; put it in quotes" in line
