r"""The best configurations in the formats that training scripts read. Every value parses back to itself.

    json    {"learning_rate": 0.01, ...}; with `top` above 1 a list of such objects, best first
    yaml    the same in YAML 1.2, written so that YAML 1.1 readers (PyYAML) agree
    args    --learning_rate=0.01 ...       one configuration a line, quoted for a shell that reads it as a command: one
                                           pasted into, or `eval "python train.py $(...)"`
    argv0   the same arguments, each with a NUL behind it and nothing quoted: `... | xargs -0 python train.py`
    env     LEARNING_RATE=0.01             one variable a line, quoted for a POSIX shell
    hydra   learning_rate=0.01 ...         one configuration a line, quoted for Hydra's grammar and then for a shell

The arguments of a sweep of a program are the program's own, as its `command` writes them; those of a function are
`--name=value`, and true and false are written out. With `top` above 1, `yaml`, `args`, `env` and `hydra` say before
each configuration which trial it is, in a comment. Names are the search space's own; in `json` and `yaml` those with
dots are nested, as the trial was given them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.results.summary import note, valued_at
from orchestrator.secrecy import masked_config
from orchestrator.sweep.domains import Config
from orchestrator.sweep.nesting import nested
from orchestrator.sweep.program import Arguments
from orchestrator.sweep.trial import Trial, training_seed
from orchestrator.sweepfile.arguments import hydra_value, plain, written, yaml_key, yaml_value
from orchestrator.sweepfile.placeholders import carried, carrying, names_config_file

if TYPE_CHECKING:
    from orchestrator.state.fold import SweepState

SPELT_OUT = Arguments(booleans="value")
"""How arguments are written of which no command says how."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One of the best configurations."""

    config: Config
    """Its hyperparameters, in the order of the search space."""
    arguments: list[str] | None
    """How a program takes them; None where its command wants them in a file."""


def export(
    state: SweepState,
    format: str,  # noqa: A002 - the command line's own word
    top: int = 1,
    *,
    is_shown: bool = False,
) -> str:
    """Return the `top` best configurations, 0 for all, the best first, as text that ends with a newline (`argv0`: NUL).

    Where it `is_shown` to people, secrets are masked, which only a sweep that began with some has: refused today.
    Trials that diverged or failed are not among them; fewer come where fewer have a value. Raises UsageError for an
    unknown format, for `top` below 0, for what a format cannot hold, and while no trial leads.
    """
    if format not in _WRITERS:
        raise UsageError(f"--format {format!r} is not a format; choose one of {', '.join(_WRITERS)}")
    if top < 0:
        raise UsageError(f"--top {top}: export at least 1 configuration, or 0 for all of them")
    trials = state.ranked()[: top or None]
    if not trials:
        raise UsageError(f"{note(state)}: nothing to export; see `stepladder status`")
    configs = [shown_config(state, trial) if is_shown else ordered(state, trial) for trial in trials]
    found = [Exported(each, arguments_of(state, trial, each)) for each, trial in zip(configs, trials, strict=True)]
    if format in _NESTING and state.plan.spec.nested:
        found = [replace(each, config=nested(each.config)) for each in found]
    comments = [_comment(state, rank, trial) for rank, trial in enumerate(trials, 1)]
    return _WRITERS[format](found, comments if top != 1 else [])


def ordered(state: SweepState, trial: Trial) -> Config:
    """Return a trial's configuration in the order of the search space."""
    return {name: trial.config[name] for name in state.plan.space if name in trial.config}


def shown_config(state: SweepState, trial: Trial) -> Config:
    """Return the same as it may be shown: without secrets."""
    return masked_config(ordered(state, trial))


def arguments_of(state: SweepState, trial: Trial, config: Config | None = None) -> list[str] | None:
    """Return a trial's configuration as the arguments of its program that carry it; no shell is thought of.

    `config` is the configuration as it is to be written; None: as the trial has it.
    None where the program's command wants them in a file. A function has no program: `--name=value` then.
    """
    spec, config = state.plan.spec, ordered(state, trial) if config is None else config
    if spec.command is None:
        return written(config, SPELT_OUT)
    if not carried(spec.command, config):
        return (
            None if names_config_file(spec.command, list(state.plan.space)) else written(config, spec.args or SPELT_OUT)
        )
    told = {
        "number": trial.number,
        "trial_id": trial.trial_id,
        "seed": training_seed(spec.seed, trial.number),
        "max_fidelity": trial.max_fidelity or spec.fidelity.max,
    }
    return carrying(spec.command, config, told, spec.args or Arguments())


def is_split_by_shells(state: SweepState) -> bool:
    """Say whether a shell would tear the winner's arguments apart where their `args` stand in a bare `$(...)`."""
    winner = state.winner()
    return any(shlex.quote(text) != text for text in (arguments_of(state, winner) or () if winner else ()))


def _comment(state: SweepState, rank: int, trial: Trial) -> str:
    spec = state.plan.spec
    reached = f"{spec.fidelity.unit} {valued_at(trial):g}"
    text = f"# {rank}: trial {trial.number}, {spec.objective.metric} {trial.value!r} at {reached}, {trial.state.value}"
    found = state.confirmation()
    score = None if found is None else found.scores.get(trial.number)
    return text if score is None else f"{text}, {score.mean!r} over {score.n} fresh seeds"


def _json(found: list[Exported], comments: list[str]) -> str:
    configs = [each.config for each in found]
    return json.dumps(configs if comments else configs[0], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _yaml(found: list[Exported], comments: list[str]) -> str:
    if not comments:
        return "".join(f"{_entry(name, value)}\n" for name, value in found[0].config.items())
    lines = []
    for each, comment in zip(found, comments, strict=True):
        lines.append(comment)
        entries = "\n  ".join(_entry(name, value) for name, value in each.config.items())
        lines.append(f"- {entries}")
    return "\n".join(lines) + "\n"


def _entry(name: str, value: object) -> str:
    return f"{yaml_key(name)}: {yaml_value(value)}"


def _args(found: list[Exported], comments: list[str]) -> str:
    return _lines([shlex.join(_arguments(each)) for each in found], comments)


def _argv0(found: list[Exported], comments: list[str]) -> str:
    if comments:
        raise UsageError("--format argv0 holds the arguments of one program; leave out --top")
    arguments = _arguments(found[0])
    odd = next((text for text in arguments if "\0" in text), None)
    if odd is not None:
        raise UsageError(f"--format argv0: {odd!r} has a NUL in it, which no argument can have; choose json or yaml")
    return "".join(f"{text}\0" for text in arguments)


def _arguments(each: Exported) -> list[str]:
    if each.arguments is None:
        raise UsageError(
            "this sweep's command takes its hyperparameters from a file, {config}, not as arguments; "
            "write one: --format yaml -o config.yaml"
        )
    return each.arguments


def _env(found: list[Exported], comments: list[str]) -> str:
    blocks = []
    for config in (each.config for each in found):
        variables = {_variable(name): name for name in config}
        clash = next((name for name in config if variables[_variable(name)] != name), None)
        if clash is not None:
            both, variable = " and ".join(sorted([clash, variables[_variable(clash)]])), _variable(clash)
            raise UsageError(f"--format env: {both} would be the same variable {variable}; choose another format")
        blocks.append("\n".join(f"{_variable(name)}={shlex.quote(plain(value))}" for name, value in config.items()))
    return _lines(blocks, comments)


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _hydra(found: list[Exported], comments: list[str]) -> str:
    overrides = ([f"{name}={hydra_value(value)}" for name, value in each.config.items()] for each in found)
    return _lines([shlex.join(override) for override in overrides], comments)


def _lines(blocks: list[str], comments: list[str]) -> str:
    if not comments:
        return blocks[0] + "\n"
    return "".join(f"{comment}\n{block}\n" for comment, block in zip(comments, blocks, strict=True))


_WRITERS: dict[str, Callable[[list[Exported], list[str]], str]] = {
    "json": _json,
    "yaml": _yaml,
    "args": _args,
    "argv0": _argv0,
    "env": _env,
    "hydra": _hydra,
}

_NESTING = frozenset({"json", "yaml"})
"""Formats that a training reads back as a configuration."""

FORMATS = tuple(_WRITERS)
"""What `export` can write."""
