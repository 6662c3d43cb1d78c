"""Forty ways and more to write a sweep file wrong: each is answered by one sentence with file, line and key path."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.project.spec_files import load_parsed
from orchestrator.sweep.spec import SweepSpec

VALID = """\
name: digits
trainable: train.py:train
objective: {metric: val_accuracy, goal: maximize}
fidelity: {metric: epoch, min: 3, max: 27}
search_space:
  learning_rate: {low: 1.0e-3, high: 1.0e-1, scale: log, default: 1.0e-2}
  momentum: {low: 0.5, high: 0.95, default: 0.9, tier: 2}
  optimizer: {choices: [sgd, adam], default: sgd, tier: 3}
stages: auto
budget: {trials: 60}
"""


@dataclass(frozen=True)
class Case:
    """VALID with `old` replaced by `new`, and what is said about it."""

    name: str
    old: str
    new: str
    message: str


TOP_LEVEL = ", ".join(sorted(field.alias or name for name, field in SweepSpec.model_fields.items()))
NUMBER_KEYS = "advised, also, cautions, default, grid, high, low, mean, scale, sd, source, step, tier, type, unit, when"
NAME = "cannot be a name; use at most 64 letters, digits, '.', '-' and '_', none of '.-_' first"
FORMS = "write {low: ..., high: ...}, {choices: [...]}, {value: ...} or one plain value"
EXTENDS = "search_space:\n", "search_space:\n  extends: [{}]\n"

CASES = [
    # the text
    Case("empty", VALID, "", "1: the file is empty; `stepladder init` writes one to start from"),
    Case("only a comment", VALID, "# later\n", "1: the file is empty; `stepladder init` writes one to start from"),
    Case("a list at the top", VALID, "- name: digits\n", "1: a sweep file is a mapping; begin with `name: ...`"),
    Case("a word at the top", VALID, "digits\n", "1: a sweep file is a mapping; begin with `name: ...`"),
    Case("indented with a tab", "  momentum:", "\tmomentum:",
         "7: this line is indented with a tab; YAML allows spaces only"),
    Case("a tab after a key", "stages: auto", "stages:\tauto",
         "9: there is a tab in this line; YAML allows spaces only"),
    Case("two documents", "stages: auto\n", "stages: auto\n---\n",
         "10: a second document begins here; keep one, drop the '---'"),
    Case("another YAML", VALID, "%YAML 1.1\n---\nname: a",
         "2: another YAML than 1.2 is asked for; drop the %YAML line"),
    Case("a Python tag", "stages: auto", "stages: !!python/object/apply:os.system [ls]",
         "9: stages: a tag (!!python/object/apply:os.system) is not allowed; write the plain value"),
    Case("a harmless tag", "stages: auto", "seed: !!int 3",
         "9: seed: a tag (!!int) is not allowed; write the plain value"),
    Case("an alias", "stages: auto", "seed: &x 3\nmax_attempts: *x",
         "10: max_attempts: an alias (*x) is not allowed; write the value out"),
    Case("retries, twice and differing", "stages: auto", "retry: {lost: 3}\nmax_attempts: 3",
         "10: max_attempts: max_attempts 3 means retry.lost 2, but retry.lost 3 is written too; remove max_attempts, "
         "which is the older way to write it"),
    Case("retries of what is not told apart", "stages: auto", "retry: {lsot: 3}",
         "9: retry.lsot: unknown key; choose one of error, hung, lost (did you mean 'lost'?)"),
    Case("retries without end", "stages: auto", "retry: {lost: 100}",
         "9: retry.lost: 100 is too large; choose 99 or less"),
    Case("retries below none", "stages: auto", "retry: {lost: -1}", "9: retry.lost: -1 is too small; choose 0 or more"),
    Case("retries as a number", "stages: auto", "retry: 3",
         "9: retry: 3 is not a mapping; write one such as {key: value}"),
    Case("a limit of what is not limited", "stages: auto", "limits: {storge: 3m}",
         "9: limits.storge: unknown key; choose one of silence, start, stop, storage, trial (did you mean 'storage'?)"),
    Case("a limit without a unit", "stages: auto", "limits: {storage: 10 minutes}",
         "9: limits.storage: '10 minutes' is not a duration; write a number and s, m, h or d, e.g. 8h"),
    Case("storage away without end", "stages: auto", "limits: {storage: 2d}",
         "9: limits.storage: 172800.0 is too large; choose 86400 or less"),
    Case("storage away below none", "stages: auto", "limits: {storage: -1.0}",
         "9: limits.storage: -1.0 is too small; choose 0 or more"),
    Case("an alias bomb", VALID,
         "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")),
         "2: b[0]: an alias (*a) is not allowed; write the value out"),
    Case("nested without end", VALID, "a: " + "[" * 1_000,
         "1: nested deeper than 20 levels; is it the right file?"),
    Case("values without end", VALID, "a:\n" + "- 1\n" * 10_000,
         "10000: more than 10,000 values; is it the right file?"),
    Case("duplicate key", "stages: auto", "name: twice", "9: name: duplicate key, given in line 1 already; keep one"),
    Case("duplicate hyperparameter", "  optimizer: {choices: [sgd, adam], default: sgd, tier: 3}", "  momentum: 0.9",
         "8: search_space.momentum: duplicate key, given in line 7 already; keep one"),
    Case("a key that is a list", "stages: auto", "? [a]\n: b", "9: this key is not plain text; write 'key: value'"),
    Case("two colons", "stages: auto", "stages: auto: b",
         "9: not valid YAML: there is a second ':' here, or the indentation is not its neighbours'"),
    Case("a list left open", "stages: auto", "stages: [auto",
         "9: not valid YAML: a bracket is not closed, or a comma is missing"),
    Case("a quote left open", "stages: auto", "stages: 'auto",
         "9: not valid YAML: a quote or bracket is opened here and never closed"),
    Case("a reserved character", "stages: auto", "stages: @auto", "9: not valid YAML: put the text in quotes"),
    Case("no colon", "stages: auto", "stages", "9: not valid YAML: this line has no 'key: value'"),
    # keys
    Case("unknown key", "budget:", "bugdet:",
         f"10: bugdet: unknown key; choose one of {TOP_LEVEL} (did you mean 'budget'?)"),
    Case("unknown key inside", "trials: 60", "trials: 60, hours: 3",
         "10: budget.hours: unknown key; choose one of cpu_hours, gpu_hours, trials, wall (did you mean 'gpu_hours'?)"),
    Case("unknown key of a number", "low: 1.0e-3", "lwo: 1.0e-3",
         f"6: search_space.learning_rate.lwo: unknown key; choose one of {NUMBER_KEYS} (did you mean 'low'?)"),
    Case("a logarithm as Ray and Optuna write it", "scale: log", "log: true",
         "6: search_space.learning_rate.log: unknown key; that is written `scale: log` here"),
    Case("a range as W&B writes it", "{low: 1.0e-3, high: 1.0e-1, scale: log, default: 1.0e-2}", "{min: 1, max: 2}",
         "6: search_space.learning_rate: has neither low and high, nor choices, nor value; write one of the three; "
         "'min' is written `low` here, 'max' is written `high` here"),
    Case("a direction as Optuna says it", "{metric: val_accuracy, goal: maximize}",
         "{metric: val_accuracy, goal: maximize, direction: minimize}",
         "3: objective.direction: unknown key; that is written `goal: minimize or maximize` here"),
    Case("another tool's count", "stages: auto", "num_samples: 20",
         "9: num_samples: unknown key; that is written `budget: {trials: ...}` here"),
    Case("another tool's parameters", "stages: auto", "parameters: {lr: {values: [1, 2]}}",
         "9: parameters: unknown key; that is written `search_space` here"),
    Case("another tool's word where it says nothing", "budget: {trials: 60}", "budget: {trials: 60, log: true}",
         "10: budget.log: unknown key; choose one of cpu_hours, gpu_hours, trials, wall"),
    Case("a number's key on a choice", "tier: 3", "scale: log",
         "8: search_space.optimizer.scale: unknown key; "
         "choose one of advised, cautions, choices, default, ordered, source, tier, type, unit, weights, when"),
    Case("a median of lognormal draws", "low: 1.0e-3, high: 1.0e-1", "mean: 0.0, sd: 1.0",
         "6: search_space.learning_rate.mean: mean 0.0 is not above 0, which scale log needs; it is the median of the "
         "draws"),
    Case("draws without a spread", "low: 1.0e-3, high: 1.0e-1", "mean: 0.1, sd: 0.0",
         "6: search_space.learning_rate.sd: 0.0 is too small; choose a number above 0"),
    Case("provenance cannot be claimed", "tier: 2", "provenance: catalogue",
         "7: search_space.momentum.provenance: unknown key; it follows from where the default comes from, remove it"),
    Case("missing budget", "budget: {trials: 60}\n", "", "1: budget: is missing; write e.g. `budget: {trials: 60}`"),
    Case("missing metric", "metric: val_accuracy, ", "",
         "3: objective.metric: is missing; write e.g. `metric: val_accuracy`"),
    Case("accelerator", "stages: auto", "resources: {accelerator: a100}",
         "9: resources.accelerator: 'a100' is no accelerator that Ray knows; did you mean 'A100'? Ray's names are such "
         "as T4, A100, H100; for another, give its nodes a label (`ray start --labels gpu=NAME`) and write labels: "
         "{gpu: NAME}"),
    Case("memory", "stages: auto", "resources: {memory: 64 gigs}",
         "9: resources.memory: '64 gigs' is not an amount of memory; write a number and KiB, MiB, GiB or TiB, "
         "e.g. 64GiB"),
    Case("memory without a unit", "stages: auto", "resources: {memory: 64}",
         "9: resources.memory: 64 bytes are no training's; write an amount with its unit, as in 64GiB"),
    Case("label", "stages: auto", "resources: {labels: {a b: x}}",
         "9: resources.labels: 'a b' cannot be a label; use letters, digits, '.', '-' and '_', as in region: eu"),
    Case("selector", "stages: auto", "resources: {labels: {rack: in r1}}",
         "9: resources.labels: 'in r1' selects nothing; write a value, '!value', 'in(one, other)' or "
         "'!in(one, other)'"),
    Case("custom of Ray's own", "stages: auto", "resources: {custom: {GPU: 1}}",
         "9: resources.custom: 'GPU' is Ray's own; write resources.gpus"),
    Case("custom name", "stages: auto", "resources: {custom: {a b: 1}}",
         "9: resources.custom: 'a b' cannot name a resource; use letters, digits, '_', '-', '.', ':' and '/'"),
    Case("custom amount", "stages: auto", "resources: {custom: {a: 0}}",
         "9: resources.custom.a: a 0 cannot be set aside; write an amount from 0.0001 on, as in 1"),
    Case("spot", "stages: auto", "resources: {spot: sometimes}",
         "9: resources.spot: 'sometimes' is not allowed; choose allow or never"),
    Case("avoid", "stages: auto", "resources: {avoid: node7}",
         "9: resources.avoid: 'node7' is not a list; write [node7]"),
    Case("within one node", "stages: auto", "resources: {within: rack}",
         "9: resources.within: within says nothing of a trial on one node; set nodes, or remove it"),
    Case("within no label", "stages: auto", "resources: {within: a b, nodes: 2}",
         "9: resources.within: 'a b' cannot be a label; use letters, digits, '.', '-' and '_', as in within: rack"),
    Case("machines of confirming", "stages: auto", "confirm: {resources: {gpus: 8}}",
         "9: confirm.resources.gpus: unknown key; choose one of accelerator, avoid, custom, labels, memory, spot"),
    Case("confirm", "stages: auto", "confirm: {top: 3, seeds: 5}",
         "9: confirm.seeds: unknown key; choose one of resources, share, top, trainings"),
    Case("missing trainable", "trainable: train.py:train\n", "",
         "1: trainable: is missing; write e.g. `trainable: train.py:train`, or a program as "
         "`command: [python, train.py]`"),
    Case("a trainable without a value", "trainable: train.py:train", "trainable:",
         "2: trainable: is missing; write e.g. `trainable: train.py:train`, or a program as "
         "`command: [python, train.py]`"),
    Case("a misspelt trainable", "trainable:", "trainabel:",
         f"2: trainabel: unknown key; choose one of {TOP_LEVEL} (did you mean 'trainable'?)"),
    Case("a command beside a trainable", "stages: auto", "command: [python, train.py]",
         "9: command: stands beside `trainable`; a sweep trains one of them, remove the other"),
    Case("a command as one text", "trainable: train.py:train", "command: python train.py",
         "2: command: 'python train.py' is not a list; write each argument by itself, as in [python, train.py]"),
    Case("a command of nothing", "trainable: train.py:train", "command: []",
         "2: command: is empty; write the program and its arguments, as in [python, train.py]"),
    Case("a number in a command", "trainable: train.py:train", "command: [python, train.py, --epochs, 3]",
         '2: command[3]: 3 is not text; put it in quotes, as in "1.0"'),
    Case("a command's unknown hyperparameter", "trainable: train.py:train",
         'command: [python, train.py, --lr, "{learning_rat}"]',
         "2: command[3]: '{learning_rat}' is not in the search space; choose one of learning_rate, momentum, optimizer "
         "(did you mean 'learning_rate'?)"),
    Case("a brace in a command", "trainable: train.py:train", 'command:\n  - python\n  - train.py\n  - "{"',
         "5: command[2]: a single '{'; write {name} for a hyperparameter, {{ for a brace"),
    Case("a hyperparameter as program", "trainable: train.py:train", 'command: ["{optimizer}"]',
         "2: command[0]: is no program; write its name or path first, as in [python, train.py]"),
    Case("a script that is not there", "trainable: train.py:train", "command: [python, tarin.py]",
         "2: command[1]: there is no file 'tarin.py' beside the sweep file; give its path from that folder"),
    Case("a program that may not be executed", "trainable: train.py:train", "command: [./train.py]",
         "2: command[0]: './train.py' may not be executed; chmod +x it, or write the program that runs it first"),
    Case("a command on two nodes", "trainable: train.py:train",
         "command: [python, train.py]\nresources: {gpus: 4, nodes: 2}",
         "3: resources.nodes: a command runs on one node; remove it, or write `trainable: file.py:function`, which "
         "runs on several nodes"),
    Case("a command's processes", "trainable: train.py:train",
         "command: [torchrun, train.py]\nresources: {gpus: 4, processes: 4}",
         "3: resources.processes: a command starts its processes itself; remove it, and let torchrun or the like do so "
         "(torchrun --standalone --nproc-per-node ...)"),
    Case("couple inside a hyperparameter", "tier: 2", "couple: {batch_size: linear}",
         f"7: search_space.momentum.couple: unknown key; choose one of {NUMBER_KEYS}"),
    Case("GPUs that do not go into the nodes", "stages: auto", "resources: {gpus: 3, nodes: 2}",
         "9: resources.gpus: gpus 3: cannot be dealt evenly over 2 nodes; use 4"),
    Case("a shared GPU on two nodes", "stages: auto", "resources: {gpus: 0.5, nodes: 2}",
         "9: resources.gpus: gpus 0.5: cannot be dealt evenly over 2 nodes; use 2"),
    Case("processes that do not go into the nodes", "stages: auto", "resources: {nodes: 2, processes: 3}",
         "9: resources.processes: processes 3: cannot be dealt evenly over 2 nodes; use 4"),
    Case("one process on two nodes", "stages: auto", "resources: {gpus: 2, nodes: 2, processes: 1}",
         "9: resources.processes: processes 1: cannot be dealt evenly over 2 nodes; use 2"),
    Case("GPUs that do not go into the processes", "stages: auto", "resources: {gpus: 2, processes: 4}",
         "9: resources.processes: processes 4: 2 GPUs cannot be dealt evenly over them; "
         "use as many processes as GPUs, or a divisor of that number"),
    # values
    Case("a word for a number", "trials: 60", "trials: many",
         "10: budget.trials: 'many' is not a whole number; write one such as 3"),
    Case("a fraction for a whole number", "trials: 60", "trials: 10.5",
         "10: budget.trials: 10.5 is not a whole number; write one such as 3"),
    Case("true for a number", "trials: 60", "trials: true",
         "10: budget.trials: true is not a whole number; write one such as 3"),
    Case("no value", "trials: 60", "trials: ",
         "10: budget.trials: has no value, a whole number is needed; write one such as 3"),
    Case("no trials", "trials: 60", "trials: 0", "10: budget.trials: 0 is too small; choose 1 or more"),
    Case("too many digits", "trials: 60", "trials: 99999999999999999999",
         "10: budget.trials: 99999999999999999999 is too large; write at most 17 digits"),
    Case("a number for a mapping", "{trials: 60}", "60",
         "10: budget: 60 is not a mapping; write one such as {key: value}"),
    Case("a number for a name", "name: digits", "name: 5", '1: name: 5 is not text; put it in quotes, as in "1.0"'),
    Case("a blank in the name", "name: digits", "name: my sweep", f"1: name: 'my sweep' {NAME}"),
    Case("a name that climbs", "name: digits", "name: ../digits", f"1: name: '../digits' {NAME}"),
    Case("no duration", "trials: 60", "trials: 60, wall: 8 hours",
         "10: budget.wall: '8 hours' is not a duration; write a number and s, m, h or d, e.g. 8h"),
    Case("one and a half GPUs", "stages: auto", "resources: {gpus: 1.5}",
         "9: resources.gpus: gpus 1.5: above one GPU only whole numbers can be placed; use 2"),
    Case("nothing to run on", "stages: auto", "resources: {cpus: 0}",
         "9: resources: a trial needs some CPUs or GPUs; set cpus to 1, or gpus to 0.25, for example"),
    Case("British spelling", "goal: maximize", "goal: maximise",
         "3: objective.goal: 'maximise' is not a goal; choose maximize or minimize (did you mean 'maximize'?)"),
    Case("the training's own counter", "metric: val_accuracy", "metric: epoch",
         "3: objective.metric: 'epoch' counts the training (fidelity.metric); optimise another metric"),
    Case("first rung behind the end", "max: 27", "max: 2", "4: fidelity.min: min 3 is above max 2; lower min"),
    Case("negative seed", "stages: auto", "seed: -1", "9: seed: -1 is too small; choose 0 or more"),
    Case("unknown retention", "stages: auto", "keep_checkpoints: best",
         "9: keep_checkpoints: 'best' is not allowed; choose needed, last or all"),
    # the search space
    Case("range upside down", "low: 1.0e-3, high: 1.0e-1", "low: 1.0e-1, high: 1.0e-3",
         "6: search_space.learning_rate.low: low 0.1 is above high 0.001; swap them"),
    Case("log scale at zero", "low: 1.0e-3", "low: 0.0",
         "6: search_space.learning_rate.scale: scale log needs low above 0, not 0.0; "
         "raise low, or choose scale: linear"),
    Case("default outside", "default: 1.0e-2", "default: 0.5",
         "6: search_space.learning_rate.default: default 0.5 lies outside [0.001, 0.1]; choose a default in the range"),
    Case("unknown scale", "scale: log", "scale: logarithmic",
         "6: search_space.learning_rate.scale: 'logarithmic' is not a scale; choose linear or log"),
    Case("not a number", "low: 1.0e-3", "low: .nan",
         "6: search_space.learning_rate.low: .nan is not a finite number; write a finite one"),
    Case("infinite", "high: 1.0e-1", "high: 1e999",
         "6: search_space.learning_rate.high: 1e999 is not a finite number; write a finite one"),
    Case("a number in quotes", "low: 1.0e-3", "low: '1e-3'",
         "6: search_space.learning_rate.low: '1e-3' is not a number; write one such as 0.1 or 1e-3"),
    Case("a fraction between whole bounds", "low: 0.5, high: 0.95, default: 0.9", "low: 1, high: 9, default: 2.5",
         "7: search_space.momentum.default: 2.5 is not a whole number; write one such as 3, or add type: float"),
    Case("step off the grid", "high: 0.95", "high: 0.95, step: 0.1",
         "7: search_space.momentum.high: high 0.95 is not low 0.5 plus a multiple of step 0.1"),
    Case("default no choice", "[sgd, adam]", "[adam]",
         "8: search_space.optimizer.default: default 'sgd' is not a choice; choose one of ['adam']"),
    Case("choice twice", "[sgd, adam]", "[sgd, sgd]",
         "8: search_space.optimizer.choices: choices repeat a value: ['sgd', 'sgd']; name each once"),
    Case("weights for some", "tier: 3", "weights: [1.0]",
         "8: search_space.optimizer.weights: weights are 1 for 2 choices; write one for each"),
    Case("a weight of nothing", "tier: 3", "weights: [1.0, 0.0]",
         "8: search_space.optimizer.weights[1]: 0.0 is too small; choose a number above 0"),
    Case("an order of texts", "tier: 3", "ordered: true",
         "8: search_space.optimizer.ordered: ordered needs numbers, not ['sgd', 'adam']; remove it"),
    Case("a list twice", "[sgd, adam], default: sgd", "[[1, 2], [1.0, 2]], default: [1, 2]",
         "8: search_space.optimizer.choices: choices repeat a value: [[1, 2], [1.0, 2]]; name each once"),
    Case("supplied cannot be claimed", "tier: 2", "supplied: {tier: me}",
         "7: search_space.momentum.supplied: unknown key; it follows from where the default comes from, remove it"),
    Case("one choice, no list", "choices: [sgd, adam]", "choices: sgd",
         "8: search_space.optimizer.choices: 'sgd' is not a list; write [sgd]"),
    Case("unknown type", "choices: [sgd, adam]", "type: real",
         "8: search_space.optimizer.type: 'real' is not a type; choose float, int, choice or constant"),
    Case("no range at all", "choices: [sgd, adam], default", "default",
         "8: search_space.optimizer: has neither low and high, nor choices, nor value; write one of the three"),
    Case("a bare list", "{low: 0.5, high: 0.95, default: 0.9, tier: 2}", "[0.5, 0.9]",
         f"7: search_space.momentum: [0.5, 0.9] defines nothing; {FORMS}"),
    Case("an empty definition", "{low: 0.5, high: 0.95, default: 0.9, tier: 2}", "",
         f"7: search_space.momentum: has no value; {FORMS}"),
    Case("reserved name", "  momentum:", "  _trial:",
         "7: search_space._trial: cannot name a hyperparameter; "
         "use letters, digits and _, a letter first, and '.', '-' or '/' between them"),
    Case("a value and a mapping at once", "  momentum:", "  optimizer.momentum:",
         "8: search_space.optimizer: 'optimizer' stands beside 'optimizer.momentum', which makes a mapping of it in "
         "the configuration; rename one of them, or write nested: false"),
    Case("tier too high", "tier: 3", "tier: 12", "8: search_space.optimizer.tier: 12 is too large; choose 9 or less"),
    Case("when without a list", "tier: 2", "when: {optimizer: sgd}",
         "7: search_space.momentum.when.optimizer: 'sgd' is not a list; write [sgd]"),
    Case("when: impossible value", "tier: 2", "when: {optimizer: [sdg]}",
         "7: search_space.momentum.when.optimizer[0]: 'optimizer' can never be 'sdg'; choose values that it can take"),
    Case("when: unknown parent", "tier: 2", "when: {optimiser: [sgd]}",
         "7: search_space.momentum.when.optimiser: 'optimiser' is not in the search space; "
         "choose one of learning_rate, momentum, optimizer (did you mean 'optimizer'?)"),
    Case("when: a circle", "stages: auto",
         "  x: {low: 0, high: 2, default: 1, when: {y: [1]}}\n  y: {low: 0, high: 2, default: 1, when: {x: [1]}}",
         "9: search_space.x.when: the conditions go in a circle: x needs y, y needs x; drop one of them"),
    Case("only constants", VALID[VALID.index("  learning_rate") : VALID.index("stages")], "  width: 32\n",
         "5: search_space: nothing can be tuned, every value is a constant; give one a range or choices, "
         "or write seeds: 5 to train it five times"),
    Case("unknown space", EXTENDS[0], EXTENDS[1].format("sdg"),
         "6: search_space.extends[0]: 'sdg' is not a search space (did you mean 'sgd'?); `stepladder spaces` lists "
         "them, or give a path such as ./my_space.yaml"),
    Case("a space that leaves the folder", EXTENDS[0], EXTENDS[1].format("../other/space.yaml"),
         "6: search_space.extends[0]: '../other/space.yaml' leads out of the sweep file's folder; "
         "keep search spaces in it or below"),
    Case("an absolute space", EXTENDS[0], EXTENDS[1].format("/etc/space.yaml"),
         "6: search_space.extends[0]: '/etc/space.yaml' leads out of the sweep file's folder; "
         "keep search spaces in it or below"),
    Case("a space that is not there", EXTENDS[0], EXTENDS[1].format("./mine.yaml"),
         "6: search_space.extends[0]: there is no file './mine.yaml' beside the sweep file; "
         "give a path from its folder"),
    Case("a space twice", EXTENDS[0], EXTENDS[1].format("batch, batch"),
         "6: search_space.extends[1]: 'batch' is named twice; keep one"),
    Case("two spaces, one name", "  learning_rate: {low: 1.0e-3, high: 1.0e-1, scale: log, default: 1.0e-2}",
         "  extends: [sgd, adam]",
         "6: search_space.extends[1]: 'adam' defines learning_rate, which 'sgd' defines too; "
         "drop one of the two, or define learning_rate in full in this file"),
    Case("extends without a list", EXTENDS[0], "search_space:\n  extends: sgd\n",
         "6: search_space.extends: 'sgd' is not a list; write [sgd]"),
    # stages
    Case("neither auto nor stages", "stages: auto", "stages: automatic",
         "9: stages: 'automatic' is neither auto nor a list; write auto, or [{name: first, tune: [learning_rate]}]"),
    Case("no stages", "stages: auto", "stages: []", "9: stages: is empty; write auto, or at least one stage"),
    Case("unknown stage member", "stages: auto", "stages: [{name: a, tune: [learning_rate, momentumm]}]",
         "9: stages[0].tune[1]: 'momentumm' is not in the search space; "
         "choose one of learning_rate, momentum, optimizer (did you mean 'momentum'?)"),
    Case("hyperparameter in two stages", "stages: auto",
         "stages:\n- {name: a, tune: [momentum]}\n- {name: b, tune: [optimizer, momentum]}",
         "11: stages[1].tune[1]: 'momentum' is opened by stage 'a' already; keep it in one of them"),
    Case("a constant in a stage", "stages: auto", "  width: 32\nstages: [{name: a, tune: [width]}]",
         "10: stages[0].tune[0]: 'width' is a constant; remove it here, or give it a range or choices"),
    Case("two stages of one name", "stages: auto",
         "stages: [{name: a, tune: [momentum]}, {name: a, tune: [optimizer]}]",
         "9: stages[1].name: 'a' names an earlier stage already; choose another name"),
    Case("a stage without a name", "stages: auto", "stages: [{tune: [momentum]}]",
         "9: stages[0].name: is missing; write e.g. `name: first`"),
    Case("the ladder's own name", "stages: auto", "stages: [{name: refinement, tune: [momentum]}]",
         "9: stages: the ladder adds a stage 'refinement' of its own; give yours another name"),
    Case("shares above one", "stages: auto",
         "stages: [{name: a, tune: [momentum], share: 0.7}, {name: b, tune: [optimizer], share: 0.7}]",
         "9: stages: the shares sum to 1.4; lower them to 1 at most"),
    Case("shares below one", "stages: auto", "stages: [{name: a, tune: [momentum], share: 0.4}]",
         "9: stages: the shares sum to 0.4; raise them to 1, or leave one out: it gets the rest"),
    Case("no share left", "stages: auto",
         "stages: [{name: a, tune: [momentum], share: 1.0}, {name: b, tune: [optimizer]}]",
         "9: stages: the shares sum to 1, nothing is left for the stages without one; lower them"),
    # members
    Case("unknown searcher", "stages: auto", "searcher: tpee",
         "9: searcher: 'tpee' is not a searcher; "
         "choose one of auto, coarse-to-fine, gp, grid, manual, quasirandom, random, tpe (did you mean 'tpe'?), "
         "or your own as module:Class"),
    Case("unknown scheduler", "stages: auto", "scheduler: {name: ashe}",
         "9: scheduler.name: 'ashe' is not a scheduler; choose one of asha, median, none (did you mean 'asha'?), "
         "or your own as module:Class"),
    Case("unknown ladder", "stages: auto", "search: staged",
         "9: search: 'staged' is not a ladder; "
         "choose one of hard-stages, joint, random, screen-stages-joint, soft-stages, or your own as module:Class"),
    Case("unknown option", "stages: auto", "searcher: {name: tpe, candidate: 3}",
         "9: searcher.candidate: unknown key; "
         "choose one of candidates, constant_liar, densities, startup_trials (did you mean 'candidates'?)"),
    Case("option out of range", "stages: auto", "scheduler:\n  name: asha\n  options:\n    brackets: 99",
         "12: scheduler.options.brackets: 99 is too large; choose 10 or less"),
    Case("options without a name", "stages: auto", "searcher: {candidates: 3}",
         "9: searcher.name: is missing; write e.g. `name: tpe`"),
    Case("a list for a model's ladder", "stages: auto", "searcher: grid",
         "9: searcher: grid goes through a list, which soft-stages cannot use; "
         "set the key `search`: choose hard-stages or joint"),
    # files
    Case("no function", "train.py:train", "train",
         "2: trainable: 'train' names no function; write file.py:function, e.g. train.py:train"),
    Case("a function that leaves the folder", "train.py:train", "../train.py:train",
         "2: trainable: '../train.py:train' leads out of the sweep file's folder; keep it in there or below"),
    Case("a function by absolute path", "train.py:train", "/home/train.py:train",
         "2: trainable: '/home/train.py:train' leads out of the sweep file's folder; keep it in there or below"),
    Case("a file that is not there", "train.py:train", "tarin.py:train",
         "2: trainable: there is no file 'tarin.py' beside the sweep file; write file.py:function"),
    Case("a function that is not there", "train.py:train", "train.py:tarin",
         "2: trainable: train.py defines no function 'tarin'; choose one of train (did you mean 'train'?)"),
    Case("an unknown store", "stages: auto", "storage: hdfs://bucket/sweeps",
         "9: storage: hdfs:// is not a storage; choose a folder, or one of s3://, gs://, abfs:// (e.g. s3://bucket/runs)"),
    Case("storage with a key", "stages: auto", "storage: s3://AKIA1234:hunter2@bucket/runs",
         "9: storage: the URL holds credentials before its '@'; they belong into the environment of every node, or a "
         "shared-credentials file there. Write s3://bucket/runs"),
    Case("storage with a key behind it", "stages: auto", "storage: s3://bucket/runs?secret_key=hunter2",
         "9: storage: the URL holds more than a place: what follows '?' or '#' belongs into the environment of every "
         "node, or a shared-credentials file there (AWS_ENDPOINT_URL and AWS_REGION, say). Write s3://bucket/runs"),
    Case("storage that climbs out of its bucket", "stages: auto", "storage: s3://bucket/../runs",
         "9: storage: the URL has an empty part, '.' or '..' in its path; write the path out"),
    Case("storage in no bucket", "stages: auto", "storage: gs:///runs",
         "9: storage: the URL names no bucket; write gs://bucket/runs"),
    Case("storage with a space", "stages: auto", "storage: s3://bucket/my runs",
         "9: storage: the s3:// URL has a space, '%', '\\' or an unprintable character; remove it"),
    Case("storage that climbs", "stages: auto", "storage: ../runs",
         "9: storage: '../runs' climbs out with '..'; write the absolute path"),
    Case("storage at home", "stages: auto", "storage: ~/runs",
         "9: storage: '~/runs': ~ is not expanded; write the absolute path"),
]  # fmt: skip

BYTES = {
    "binary": (b"\x89PNG\r\n\x1a\n\x00\x00", "1: this is a binary file; a sweep file is text in UTF-8"),
    "control character": (b"name: digits\nseed: \x07\n",
                          "2: this is a binary file, or has a control character here; a sweep file is text in UTF-8"),
    "UTF-16": ("name: digits".encode("utf-16"), "1: this is a binary file; a sweep file is text in UTF-8"),
    "Latin-1": ("name: digits\n# für später\n".encode("latin-1"), "2: this line is not UTF-8; save the file as UTF-8"),
    "5 MB": (b"# " + b"x" * 5_000_000, "1: more than 300,000 bytes; is it the right file?"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("def train(config):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(content: bytes) -> str:
    Path("sweep.yaml").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_parsed(Path("sweep.yaml"))
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_mistake_is_answered_by_one_sentence_with_its_place(folder, case):
    assert case.old in VALID
    assert said(VALID.replace(case.old, case.new, 1).encode()) == f"sweep.yaml:{case.message}"


@pytest.mark.parametrize(("content", "message"), BYTES.values(), ids=BYTES)
def test_what_is_no_text_is_refused_with_its_line(folder, content, message):
    assert said(content) == f"sweep.yaml:{message}"


def test_the_file_that_the_mistakes_are_made_in_is_valid(folder):
    (folder / "sweep.yaml").write_text(VALID)
    assert load_parsed(Path("sweep.yaml")).spec.name == "digits"


def test_all_mistakes_are_said_at_once_in_the_order_of_the_lines(folder):
    text = VALID.replace("trials: 60", "trials: 0").replace("scale: log", "scale: lin").replace("digits", "my digits")
    text = text.replace("stages: auto", "searcher: tpee").replace("train.py:train", "tarin.py:train")
    assert [line.partition(": ")[0] for line in said(text.encode()).splitlines()] == [
        "sweep.yaml:1", "sweep.yaml:2", "sweep.yaml:6", "sweep.yaml:9", "sweep.yaml:10",
    ]  # fmt: skip


def test_a_flood_of_mistakes_is_cut(folder):
    text = VALID + "".join(f"key{number}: 1\n" for number in range(50))
    lines = said(text.encode()).splitlines()
    assert len(lines) == 41
    assert lines[-1] == "... and 10 more problems"
