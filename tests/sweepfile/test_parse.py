"""What a valid sweep file means: shorthands, extended spaces, members, overrides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import SpecError
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile.parse import parse

HEAD = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
budget: {trials: 60, wall: 8h}
"""
SPACE = "search_space:\n  learning_rate: {low: 1e-3, high: 0.1, scale: log, default: 0.01}\n"
FILES = {
    "sgd": """\
hyperparameters:
  learning_rate: {low: 1e-3, high: 0.1, scale: log, default: 0.01, tier: 1, source: "[A]"}
  momentum: {low: 0.5, high: 0.99, default: 0.9, tier: 2}
""",
    "adam": "hyperparameters:\n  learning_rate: {low: 1e-4, high: 0.01, scale: log, default: 0.001}\n",
    "batch": """\
description: powers of two
hyperparameters:
  batch_size: {choices: [16, 32, 64], default: 32, tier: 2, unit: examples}
""",
    "mine/space.yaml": "hyperparameters: {width: {low: 16, high: 64, default: 32}, depth: 3}\n",
    "broken": """\
hyperparametres: 1
hyperparameters:
  a: {low: 1, high: 2}
  b: {low: 2.0, high: 1.0, default: 1.0}
  b: 3
  c: [1]
  d: {low: 1, hihg: 2, default: 1}
""",
    "list": "- a\n",
    "garbled": "a: [1\n",
}


def find(entry: str) -> tuple[str, bytes]:
    if entry not in FILES:
        raise SpecError(f"{entry!r} is nowhere")
    return f"spaces/{entry.removesuffix('.yaml')}.yaml", FILES[entry].encode()


def spec(text: str, *overrides: str) -> SweepSpec:
    return parse((HEAD + text).encode(), "sweep.yaml", overrides, find)


def said(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        spec(text, *overrides)
    return str(caught.value).splitlines()


def domains(text: str, *overrides: str):
    return spec("search_space:\n" + text, *overrides).search_space


# shorthands


def test_bounds_that_are_whole_numbers_make_an_int_and_others_a_float():
    found = domains(
        "  a: {low: 1, high: 4, default: 2, tier: 1}\n  b: {low: 1, high: 4.0, default: 2, tier: 1}\n"
        "  c: {low: 1, high: 4, default: 2.5, type: float, tier: 1}\n  d: {low: 0, high: 1e3, default: 1, tier: 1}\n"
    )
    assert found["a"] == Int(low=1, high=4, default=2)
    assert found["b"] == Float(low=1, high=4, default=2)
    assert found["c"] == Float(low=1, high=4, default=2.5)
    assert isinstance(found["d"], Float)


def test_choices_make_a_choice_and_single_values_constants():
    found = domains(
        "  a: {low: 1, high: 4, default: 2}\n  b: {choices: [on, true, 1, 1.5], default: on, tier: 1}\n"
        "  c: {value: 1e-5}\n  d: 32\n  e: adam\n  f: false\n"
    )
    assert found["b"] == Choice(choices=("on", True, 1, 1.5), default="on")
    assert [found[name] for name in "cdef"] == [
        Constant(value=1e-5), Constant(value=32), Constant(value="adam"), Constant(value=False),
    ]  # fmt: skip


def test_the_smallest_file_gets_every_default():
    found = spec(SPACE)
    assert (found.search.name, found.searcher.name, found.scheduler.name) == ("soft-stages", "auto", "asha")
    assert (found.stages, found.storage, found.seed, found.retry.lost) == ("auto", "runs", 0, 3)
    assert found.budget.wall == 8 * 3600
    assert found.resources.cpus == 1


def test_a_members_options_stand_beside_its_name_or_below_it():
    beside = spec(SPACE + "searcher: {name: tpe, candidates: 3}\n").searcher
    below = spec(SPACE + "searcher: {name: tpe, options: {candidates: 3}}\n").searcher
    assert beside == below
    assert beside.options == {"candidates": 3}


def test_stages_written_out_are_kept_as_they_are():
    found = spec(
        "search_space: {a: {low: 0, high: 9, default: 1}, b: {low: 0, high: 9, default: 1}}\n"
        "stages:\n- {name: first, tune: [b], share: 0.7}\n- {name: second, tune: [a]}\n"
    ).stages
    assert [(stage.name, stage.tune, stage.share) for stage in found] == [
        ("first", ("b",), 0.7),
        ("second", ("a",), None),
    ]


def test_a_hyperparameter_that_no_stage_opens_is_no_mistake():
    text = "search_space: {a: {low: 0, high: 9, default: 1}, b: {low: 0, high: 9, default: 1}}\n"
    assert spec(text + "stages: [{name: first, tune: [b]}]\n").stages != "auto"


# extends


def test_extended_spaces_give_their_hyperparameters_and_the_file_lays_its_own_over_them_field_by_field():
    own = "  momentum: {high: 0.95, tier: 1}\n  width: {low: 1, high: 8, default: 4}\n"
    found = domains("  extends: [sgd, batch]\n" + own)
    assert set(found) == {"learning_rate", "momentum", "batch_size", "width"}
    assert found["momentum"] == Float(low=0.5, high=0.95, default=0.9, tier=1, provenance="catalogue")
    assert found["learning_rate"].source == "[A]"


def test_only_a_default_that_a_shipped_space_recommends_is_of_catalogue_provenance():
    found = domains(
        "  extends: [sgd, batch, mine/space.yaml]\n"
        "  learning_rate: {low: 0.005, default: 0.01}\n  momentum: {default: 0.95}\n"
        "  gamma: {low: 0, high: 3, default: 2}\n"
    )
    assert {name: domain.provenance for name, domain in found.items()} == {
        "learning_rate": "catalogue", "momentum": "user", "batch_size": "catalogue",
        "width": "user", "depth": "user", "gamma": "user",
    }  # fmt: skip


def test_another_kind_of_definition_keeps_what_is_said_about_it_and_drops_the_old_range():
    own = "  batch_size: {low: 16, high: 128, scale: log, default: 32}\n  momentum: 0.9\n"
    found = domains("  extends: [batch, sgd]\n" + own)
    assert found["batch_size"] == Int(
        low=16, high=128, scale="log", default=32, tier=2, unit="examples", provenance="catalogue"
    )
    assert found["momentum"] == Constant(value=0.9, tier=2)


def test_two_spaces_may_share_a_name_that_the_file_defines_in_full():
    text = "  extends: [sgd, adam]\n  learning_rate: {low: 1e-4, high: 0.1, scale: log, default: 0.01}\n"
    found = domains(text)["learning_rate"]
    told = {"tier": "the catalogue's learning_rate, search space sgd"}
    assert found == Float(low=1e-4, high=0.1, scale="log", default=0.01, provenance="catalogue", supplied=told)
    assert domains(text.replace("default: 0.01", "default: 0.02"))["learning_rate"].provenance == "user"
    assert said("search_space:\n  extends: [sgd, adam]\n  learning_rate: {low: 1e-4}\n") == [
        "sweep.yaml:8: search_space.learning_rate.high: is missing; write e.g. `high: 0.1`",
    ]


def test_a_mistake_in_an_extended_file_is_said_with_that_files_line():
    assert said("search_space:\n  extends: [broken]\n") == [
        "spaces/broken.yaml:1: hyperparametres: unknown key; choose one of description, extends, "
        "hyperparameters, couple (did you mean 'hyperparameters'?)",
        "spaces/broken.yaml:5: hyperparameters.b: duplicate key, given in line 4 already; keep one",
        "spaces/broken.yaml:6: hyperparameters.c: [1] defines nothing; write {low: ..., high: ...}, "
        "{choices: [...]}, {value: ...} or one plain value",
        "spaces/broken.yaml:7: hyperparameters.d.hihg: unknown key; choose one of advised, also, cautions, default, "
        "grid, high, low, mean, scale, sd, source, step, tier, type, unit, when (did you mean 'high'?)",
    ]


def test_a_range_broken_by_both_files_is_said_where_the_wrong_bound_is_written():
    assert said("search_space:\n  extends: [sgd]\n  momentum: {high: 0.4}\n") == [
        "spaces/sgd.yaml:3: hyperparameters.momentum.low: low 0.5 is above high 0.4; swap them"
    ]


def test_an_extended_file_that_is_no_space_is_refused():
    assert said("search_space: {extends: [list]}\n") == [
        "spaces/list.yaml:1: a search space is a mapping; write description: and hyperparameters:"
    ]
    assert said("search_space: {extends: [garbled]}\n") == [
        "spaces/garbled.yaml:1: not valid YAML: a bracket is not closed, or a comma is missing"
    ]
    assert said("search_space: {extends: [nowhere, 3]}\n") == [
        "sweep.yaml:6: search_space.extends[0]: 'nowhere' is nowhere",
        "sweep.yaml:6: search_space.extends[1]: 3 is not a search space; write a name such as sgd, or a path",
    ]


def test_without_a_place_to_look_extends_is_refused():
    with pytest.raises(SpecError, match=r"extends\[0\]: 'sgd' cannot be looked up here; write the hyperparameters out"):
        parse((HEAD + "search_space: {extends: [sgd]}\n").encode(), "sweep.yaml")


# overrides


def test_overrides_set_what_is_there_and_what_is_not():
    found = spec(
        SPACE + "resources: {cpus: 2}\n",
        "budget.trials=20", "budget.gpu_hours=1.5", "search_space.learning_rate.high=0.5", "stages=auto",
        "resources.gpus=0.25", "seed=3", "name=other", "storage=/data/runs", "budget.wall=",
    )  # fmt: skip
    assert (found.budget.trials, found.budget.gpu_hours, found.budget.wall) == (20, 1.5, None)
    assert found.search_space["learning_rate"].high == 0.5
    assert (found.resources.cpus, found.resources.gpus, found.seed, found.name) == (2, 0.25, 3, "other")
    assert found.storage == "/data/runs"


def test_of_two_overrides_of_one_key_the_later_counts():
    assert spec(SPACE, "seed=1", "seed=2").seed == 2


def test_overrides_take_yaml_and_a_mapping_is_merged_into_a_mapping():
    found = spec(SPACE, "search_space={width: {low: 1, high: 9, default: 3}}", "search_space.learning_rate={high: 0.2}")
    assert set(found.search_space) == {"learning_rate", "width"}
    assert found.search_space["learning_rate"].high == 0.2
    assert found.search_space["learning_rate"].default == 0.01


def test_overrides_reach_into_a_member_in_its_short_form():
    assert spec(SPACE, "searcher.gp_share=0.3").searcher.options == {"gp_share": 0.3}
    found = spec(SPACE + "scheduler: median\n", "scheduler.min_trials=5").scheduler
    assert (found.name, found.options) == ("median", {"min_trials": 5})
    assert spec(SPACE + "searcher: {name: tpe, candidates: 3}\n", "searcher=random").searcher.options == {}


def test_overrides_reach_into_lists_as_messages_write_them_and_as_hydra_does():
    stages = SPACE + "stages: [{name: a, tune: [learning_rate], share: 0.9}]\n"
    for key in ("stages[0].share", "stages.0.share"):
        found = spec(stages, f"{key}=1.0").stages
        assert found[0].share == 1.0


def test_overrides_change_what_extended_spaces_say():
    found = domains("  extends: [sgd]\n", "search_space.momentum.high=0.95", "search_space.learning_rate=0.1")
    assert found["momentum"] == Float(low=0.5, high=0.95, default=0.9, tier=2, provenance="catalogue")
    assert found["learning_rate"] == Constant(value=0.1, tier=1, source="[A]")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.trials=0", "budget.trials: 0 is too small; choose 1 or more"),
        ("budget.trails=3", "budget.trails: unknown key; choose one of cpu_hours, gpu_hours, trials, wall "
                            "(did you mean 'trials'?)"),
        ("confirm=5", "confirm: 5 is neither none nor a mapping; write none, or {share: 0.15, top: 4}"),
        ("confirm=[none]", 'confirm: ["none"] is neither none nor a mapping; write none, or {share: 0.15, top: 4}'),
        ("confirm.share=0.9", "confirm.share: 0.9 is too large; choose 0.5 or less"),
        ("confirm={share: 0.2, trainings: 8}", "confirm.trainings: trainings stands beside share; write one of them"),
        ("search_space.learning_rate.high=0.001", "search_space.learning_rate.high: "),
        ("searcher=tpee", "searcher: 'tpee' is not a searcher; "
                          "choose one of auto, coarse-to-fine, gp, grid, manual, quasirandom, random, "
                          "tpe (did you mean 'tpe'?), or your own as module:Class"),
        ("stages[0].share=1", "stages[0].share: stages is not written in the file; 0 cannot be set inside it"),
        ("budget.trials.x=1", "budget.trials.x: budget.trials is 60; 'x' cannot be set inside it"),
        ("search_space.extends[3]=sgd", "search_space.extends[3]: search_space.extends is a list of 1; "
                                        "3 is no position in it, the first is 0"),
        ("seed=[1", "not valid YAML: a bracket is not closed, or a comma is missing"),
        ("seed=*x", "seed: an alias (*x) is not allowed; write the value out"),
        ("seed=1e999", "seed: 1e999 is not a finite number; write a finite one"),
        ("seed", "this is not key=value; write it as in budget.trials=20, without + or ~"),
        ("+seed=1", "this is not key=value; write it as in budget.trials=20, without + or ~"),
        ("=1", "this is not key=value; write it as in budget.trials=20, without + or ~"),
        ("seed..x=1", "this is not key=value; write it as in budget.trials=20, without + or ~"),
    ],
)  # fmt: skip
def test_errors_of_overrides_name_the_override(override, message):
    text = "search_space: {extends: [mine/space.yaml], learning_rate: {low: 1e-2, high: 0.1, default: 0.01}}\n"
    if override.startswith("search_space.learning_rate"):
        assert said(text, override) == [
            "sweep.yaml:6: search_space.learning_rate.low: low 0.01 is above high 0.001; swap them"
        ]
    else:
        assert said(text, override) == [f"override {override}: {message}"]


def test_mistakes_of_the_file_come_before_those_of_overrides():
    lines = said(SPACE + "seed: -1\n", "max_attempts=0", "budget.trials=0")
    assert [line.partition(": ")[0] for line in lines] == [
        "sweep.yaml:8", "override budget.trials=0", "override max_attempts=0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "overrides", "lost"),
    [
        ("", (), 3),
        ("max_attempts: 1\n", (), 0),
        ("max_attempts: 6\n", (), 5),
        ("retry: {lost: 5}\n", (), 5),
        ("retry: {}\n", (), 3),
        ("retry: {}\n", ("max_attempts=2",), 1),
        ("retry: {lost: 5}\nmax_attempts: 6\n", (), 5),
        ("max_attempts: 6\n", ("retry.lost=5",), 5),
        ("", ("retry.lost=7",), 7),
    ],
)
def test_retries_are_counted_beyond_the_first_start_and_max_attempts_is_one_more(text, overrides, lost):
    spec = parse((HEAD + SPACE + text).encode(), "sweep.yaml", overrides, find)
    assert spec.retry.lost == lost
    assert spec.model_dump(mode="json")["retry"]["lost"] == lost
    assert "max_attempts" not in spec.model_dump(mode="json")


def test_an_override_that_differs_from_the_retries_of_the_file_is_refused_by_its_own_name():
    assert said(SPACE + "max_attempts: 6\n", "retry.lost=2") == [
        "sweep.yaml:8: max_attempts: max_attempts 6 means retry.lost 5, but retry.lost 2 is written too; remove "
        "max_attempts, which is the older way to write it"
    ]


# everything else


def test_a_complaint_about_the_training_function_comes_with_its_line():
    def odd(spec):
        return [(("trainable",), f"{spec.trainable} is odd")]

    with pytest.raises(SpecError, match=r"^sweep.yaml:2: trainable: train.py:train is odd$"):
        parse((HEAD + SPACE).encode(), "sweep.yaml", (), find, odd)


def test_one_broken_part_hides_no_mistake_of_another():
    keys = ", ".join(sorted(field.alias or name for name, field in SweepSpec.model_fields.items()))
    stages = "stages: [{name: a, tune: [learnin_rate]}]\n"
    assert said(SPACE + "budgets: 3\n" + stages + "searcher: {name: tpe, candidates: 0}\n") == [
        f"sweep.yaml:8: budgets: unknown key; choose one of {keys} (did you mean 'budget'?)",
        "sweep.yaml:9: stages[0].tune[0]: 'learnin_rate' is not in the search space; choose one of learning_rate "
        "(did you mean 'learning_rate'?)",
        "sweep.yaml:10: searcher.candidates: 0 is too small; choose 1 or more",
    ]


def test_a_search_by_a_list_is_checked_by_its_searcher():
    text = SPACE + "search: joint\nsearcher: {name: manual, configs: [{learning_rate: 0.02}]}\n"
    assert spec(text).searcher.name == "manual"
    (line,) = said(text.replace("0.02", "7"))
    assert line.startswith("sweep.yaml:9: searcher: ")
    assert "'learning_rate' cannot be 7" in line


STAGES = "stages: [{name: a, tune: [learning_rate], share: 1.0}]\n"
VALID = HEAD + SPACE + STAGES + "searcher: {name: tpe, candidates: 3}\n"
TOKENS = [
    "null", "true", "[]", "{}", "[1, 2]", "{a: b}", "-1", "1e400", "'x'", ":", "- ", "\n", "  ", "*a", "&a ", "!!int ",
    '"', "|", "\t", "#", "---\n", "{name: 3}", "[[[]]]", "type: [1]", "when: {optimizer: 3}", "é", "%", "? ",
]  # fmt: skip
EDIT = st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 12), st.sampled_from(TOKENS))


@given(st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_a_file_mistyped_anywhere_is_read_or_refused_in_our_own_words(edits):
    text = VALID
    for position, length, token in edits:
        text = text[:position] + token + text[position + length :]
    for line in refusal(text):
        assert line.startswith("sweep.yaml:")
        assert not any(word in line for word in ("Input should", "pydantic", "Value error", "validation"))


def refusal(text: str) -> list[str]:
    try:
        parse(text.encode(), "sweep.yaml", (), find)
    except SpecError as error:
        return str(error).splitlines()
    return []
