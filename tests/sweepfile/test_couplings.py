"""What `couple` and a stage's `searcher` may say, and what is answered to the rest."""

import pytest

from orchestrator.errors import SpecError
from orchestrator.planning.compile import compile_plan, differences
from orchestrator.sweep.plan import Plan, Provenance
from orchestrator.sweepfile.parse import parse

SWEEP = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
search_space:
  learning_rate: {low: 1.0e-3, high: 1.0e-1, scale: log, default: 1.0e-2}
  momentum: {low: 0.5, high: 0.95, default: 0.9, tier: 2}
  batch_size: {choices: [16, 32, 64, 128], default: 32, tier: 2}
  optimizer: {choices: [sgd, adam], default: sgd, tier: 3}
  layers: {low: 1, high: 4, default: 2, tier: 3}
  width: {low: 0.5, high: 2.0, step: 0.5, default: 1.0, tier: 3}
  classes: 10
budget: {trials: 60}
"""
GROUND = Provenance(versions={}, git_commit=None, code_hash="")


def parsed(line: str, old: str = "", new: str = ""):
    return parse(f"{SWEEP.replace(old, new)}{line}\n".encode(), "sweep.yaml")


@pytest.mark.parametrize(
    ("text", "rule", "reference"),
    [
        ("{learning_rate: {with: batch_size}}", "auto", None),
        ("{learning_rate: {with: batch_size, rule: linear, reference: 64}}", "linear", 64),
        ("{learning_rate: {with: momentum, rule: effective-rate}}", "effective-rate", None),
        ("{learning_rate: {with: classes, rule: sqrt}}", "sqrt", None),
    ],
)
def test_a_coupling_is_read_and_survives_the_log(text, rule, reference):
    plan = compile_plan(parsed(f"couple: {text}"), GROUND)
    again = Plan.model_validate(plan.model_dump(mode="json"))
    assert again == plan
    coupling = again.spec.couple["learning_rate"]
    assert (coupling.rule, coupling.reference) == (rule, reference)


@pytest.mark.parametrize(
    ("couple", "message"),
    [
        ("{lr: {with: batch_size}}",
         "couple.lr: 'lr' is not in the search space; choose one of batch_size, classes, layers, learning_rate, "
         "momentum, optimizer, width"),
        ("{learning_rate: {with: batchsize}}",
         "couple.learning_rate.with: 'batchsize' is not in the search space; choose one of batch_size, classes, "
         "layers, learning_rate, momentum, optimizer, width (did you mean 'batch_size'?)"),
        ("{learning_rate: {rule: linear}}",
         "couple.learning_rate.with: is missing; write e.g. `with: batch_size`"),
        ("{learning_rate: {with: optimizer, rule: linear}}",
         "couple.learning_rate.with: 'optimizer' is not numeric, nothing can be in proportion to it; name one that is"),
        ("{learning_rate: {with: batch_size, rule: cubic}}",
         "couple.learning_rate.rule: 'cubic' is not a rule; choose auto, linear, sqrt or effective-rate"),
        ("{learning_rate: {with: batch_size, reference: 1024}}",
         "couple.learning_rate.reference: 1024 lies outside the values of 'batch_size', 16 to 128; "
         "choose the one that the default is meant for"),
        ("{learning_rate: {with: batch_size, rule: effective-rate}}",
         "couple.learning_rate.with: 'batch_size' can be 128; effective-rate holds for 0 and above, below 1"),
        ("{learning_rate: {with: batch_size, refrence: 64}}",
         "couple.learning_rate.refrence: unknown key; choose one of reference, rule, with "
         "(did you mean 'reference'?)"),
        ("{classes: {with: batch_size}}",
         "couple.classes: 'classes' is a constant and cannot follow anything; give it a range {low, high, default}"),
        ("{layers: {with: batch_size}}",
         "couple.layers: 'layers' is no real number, which re-scaling makes of it; couple one of type: float"),
        ("{width: {with: batch_size}}",
         "couple.width: 'width' has a step, which re-scaled values miss; drop the step, or the coupling"),
        ("{learning_rate: {with: learning_rate, rule: linear}}",
         "couple.learning_rate.with: the couplings go in a circle: learning_rate follows learning_rate; "
         "drop one of them"),
        ("{learning_rate: {with: momentum}, momentum: {with: learning_rate, rule: linear}}",
         "couple.learning_rate.with: the couplings go in a circle: learning_rate follows momentum, "
         "momentum follows learning_rate; drop one of them"),
    ],
)  # fmt: skip
def test_a_coupling_that_cannot_be_is_refused(couple, message):
    with pytest.raises(SpecError) as refused:
        parsed(f"couple: {couple}")
    assert str(refused.value) == f"sweep.yaml:14: {message}"


def test_auto_needs_an_optimizer_that_it_knows():
    remedy = "write rule: linear (SGD kinds), sqrt (Adam kinds) or effective-rate"
    text = "couple: {learning_rate: {with: batch_size}}"
    with pytest.raises(SpecError) as refused:
        parsed(text, "[sgd, adam]", "[sgd, lion]")
    assert str(refused.value).startswith(
        "sweep.yaml:14: couple.learning_rate.rule: auto knows no rule for optimizer 'lion'"
    )
    with pytest.raises(SpecError) as refused:
        parsed(text, "  optimizer: {choices: [sgd, adam], default: sgd, tier: 3}\n", "")
    lacks = "auto goes by a choice or constant `optimizer`, which the search space lacks"
    assert str(refused.value) == f"sweep.yaml:13: couple.learning_rate.rule: {lacks}; {remedy}"


def test_a_batch_of_zero_is_in_proportion_to_nothing():
    with pytest.raises(SpecError) as refused:
        parsed("couple: {learning_rate: {with: batch_size}}", "[16, ", "[0, 16, ")
    needs = "'batch_size' can be 0; linear or sqrt needs values above 0: raise its lowest"
    assert str(refused.value) == f"sweep.yaml:14: couple.learning_rate.with: {needs}"


def test_a_sweep_without_couplings_keeps_its_id_and_one_with_them_is_another():
    plain, coupled = parsed(""), parsed("couple: {learning_rate: {with: batch_size}}")
    assert compile_plan(plain, GROUND).sweep_id != compile_plan(coupled, GROUND).sweep_id
    _, refused = differences(plain, coupled)
    assert refused[0] == 'couple.learning_rate.with: (nothing) -> "batch_size"'


STAGES = "stages: [{{name: a, tune: [learning_rate], searcher: {}}}, {{name: b, tune: [momentum]}}]"


def test_a_stage_may_name_its_searcher_with_options():
    spec = parsed(STAGES.format("{name: grid, points: 3}") + "\nsearch: hard-stages")
    plan = compile_plan(spec, GROUND)
    assert plan.stages[0].searcher.name == "grid"
    assert plan.stages[1].searcher is None
    assert Plan.model_validate(plan.model_dump(mode="json")) == plan
    written_out = parsed(STAGES.format("{name: grid, points: 3, values: {}}") + "\nsearch: hard-stages")
    assert differences(spec, written_out) == ([], [])


@pytest.mark.parametrize(
    ("searcher", "search", "message"),
    [
        ("gird", "soft-stages",
         "stages[0].searcher: 'gird' is not a searcher; choose one of auto, coarse-to-fine, gp, grid, manual, "
         "quasirandom, random, tpe (did you mean 'grid'?), or your own as module:Class"),
        ("{name: grid, point: 3}", "soft-stages",
         "stages[0].searcher.point: unknown key; choose one of points, values (did you mean 'points'?)"),
        ("{name: manual, configs: [{momentum: 0.6}]}", "hard-stages",
         "stages[0].searcher: configs.0: 'momentum' is opened by no stage; add it to one, or leave it out"),
        ("grid", "joint",
         "stages[0].searcher: joint searches all stages as one; drop it here, or choose another `search`"),
        ("{name: coarse-to-fine, rounds: 0}", "hard-stages",
         "stages[0].searcher.rounds: 0 is too small; choose 1 or more"),
    ],
)  # fmt: skip
def test_a_searcher_that_a_stage_cannot_have_is_refused(searcher, search, message):
    with pytest.raises(SpecError) as refused:
        parsed(f"{STAGES.format(searcher)}\nsearch: {search}")
    assert str(refused.value) == f"sweep.yaml:14: {message}"
