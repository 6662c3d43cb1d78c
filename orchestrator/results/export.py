r"""The best configurations in the formats that training scripts read. Every value parses back to itself.

    json    {"learning_rate": 0.01, ...}, `model.lr` nested; with `top` above 1 a list of such objects, best first
    yaml    the same in YAML 1.2, written so that YAML 1.1 readers (PyYAML) agree
    args    --learning_rate=0.01 ...       one configuration a line, quoted for a POSIX shell
    env     LEARNING_RATE=0.01             one variable a line, quoted for a POSIX shell; `model.lr` is MODEL_LR
    hydra   learning_rate=0.01 ...         one configuration a line, quoted for Hydra's grammar and then for a shell

With `top` above 1, `yaml`, `args`, `env` and `hydra` say before each configuration which trial it is, in a comment.
Truth values are `true` and `false`, null is `null`, lists and mappings are JSON in `args` and `env`; names are the
search space's own.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.results.summary import note, valued_at
from orchestrator.sweep.domains import Config, Value
from orchestrator.sweep.nesting import nested
from orchestrator.sweep.standing import ranked
from orchestrator.sweep.trial import Trial

if TYPE_CHECKING:
    from orchestrator.control.fold import SweepState


def export(state: SweepState, format: str, top: int = 1) -> str:  # noqa: A002 - the command line's own word
    """Return the `top` best configurations, the winner's first, as text that ends with a newline.

    Trials that diverged or failed are not among them; fewer come where fewer have a value. Raises UsageError for an
    unknown format, for `top` below 1, and while no trial leads.
    """
    if format not in _WRITERS:
        raise UsageError(f"--format {format!r} is not a format; choose one of {', '.join(_WRITERS)}")
    if top < 1:
        raise UsageError(f"--top {top}: export at least 1 configuration")
    trials = ranked(state.plan.goal, state.trials)[:top]
    if not trials:
        raise UsageError(f"{note(state)}: nothing to export; see `stepladder status`")
    configs = [ordered(state, trial) for trial in trials]
    if format in _NESTING and state.plan.spec.nested:
        configs = [nested(config) for config in configs]
    comments = [_comment(state, rank, trial) for rank, trial in enumerate(trials, 1)]
    return _WRITERS[format](configs, comments if top > 1 else [])


def ordered(state: SweepState, trial: Trial) -> Config:
    """Return a trial's configuration in the order of the search space."""
    return {name: trial.config[name] for name in state.plan.space if name in trial.config}


def shell_arguments(config: Mapping[str, Value]) -> str:
    """Return `--name=value ...` quoted for a POSIX shell."""
    return " ".join(shlex.quote(f"--{name}={_plain(value)}") for name, value in config.items())


def _comment(state: SweepState, rank: int, trial: Trial) -> str:
    spec = state.plan.spec
    reached = f"{spec.fidelity.unit} {valued_at(trial):g}"
    return f"# {rank}: trial {trial.number}, {spec.objective.metric} {trial.value!r} at {reached}, {trial.state.value}"


def _json(configs: list[Config], comments: list[str]) -> str:
    return json.dumps(configs if comments else configs[0], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _yaml(configs: list[Config], comments: list[str]) -> str:
    if not comments:
        return "".join(f"{_yaml_key(name)}: {_yaml_value(value)}\n" for name, value in configs[0].items())
    lines = []
    for config, comment in zip(configs, comments, strict=True):
        lines.append(comment)
        entries = "\n  ".join(f"{_yaml_key(name)}: {_yaml_value(value)}" for name, value in config.items())
        lines.append(f"- {entries}")
    return "\n".join(lines) + "\n"


def _args(configs: list[Config], comments: list[str]) -> str:
    return _lines([shell_arguments(config) for config in configs], comments)


def _env(configs: list[Config], comments: list[str]) -> str:
    blocks = []
    for config in configs:
        variables = {_variable(name): name for name in config}
        clash = next((name for name in config if variables[_variable(name)] != name), None)
        if clash is not None:
            both, variable = " and ".join(sorted([clash, variables[_variable(clash)]])), _variable(clash)
            raise UsageError(f"--format env: {both} would be the same variable {variable}; choose another format")
        blocks.append("\n".join(f"{_variable(name)}={shlex.quote(_plain(value))}" for name, value in config.items()))
    return _lines(blocks, comments)


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _hydra(configs: list[Config], comments: list[str]) -> str:
    overrides = ([f"{name}={_hydra_value(value)}" for name, value in config.items()] for config in configs)
    return _lines([shlex.join(override) for override in overrides], comments)


def _lines(blocks: list[str], comments: list[str]) -> str:
    if not comments:
        return blocks[0] + "\n"
    return "".join(f"{comment}\n{block}\n" for comment, block in zip(comments, blocks, strict=True))


_WRITERS: dict[str, Callable[[list[Config], list[str]], str]] = {
    "json": _json,
    "yaml": _yaml,
    "args": _args,
    "env": _env,
    "hydra": _hydra,
}

_NESTING = frozenset({"json", "yaml"})
"""Formats that a training reads back as a configuration: names with dots are nested as they were for the trial."""

FORMATS = tuple(_WRITERS)
"""What `export` can write."""


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_AMBIGUOUS_KEYS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNPRINTABLE = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def _yaml_key(name: str) -> str:
    return json.dumps(name) if name.lower() in _AMBIGUOUS_KEYS or name.isdecimal() else name


def _yaml_value(value: Value) -> str:
    if isinstance(value, str):
        return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_yaml_value(key)}: {_yaml_value(inner)}' for key, inner in value.items())}}}"
    text = json.dumps(value)
    mantissa, exponent, power = text.partition("e")
    lacks_dot = isinstance(value, float) and exponent and "." not in mantissa
    return f"{mantissa}.0e{power}" if lacks_dot else text  # YAML 1.1 needs the dot


_HYDRA_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HYDRA_RESERVED = frozenset({"true", "false", "null", "nan", "inf"})


def _hydra_value(value: Value) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_hydra_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_hydra_value(key)}:{_hydra_value(inner)}' for key, inner in value.items())}}}"
    if not isinstance(value, str):
        return json.dumps(value)
    if _HYDRA_WORD.fullmatch(value) and value.lower() not in _HYDRA_RESERVED:
        return value
    # OmegaConf reads ${...} as an interpolation unless a backslash stands before it; Hydra's quoted strings double the
    # backslashes that stand before a quote, and only those.
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", value)
    quoted = re.sub(r'(\\*)"', lambda found: found[1] * 2 + r"\"", literal)
    trailing = len(quoted) - len(quoted.rstrip("\\"))
    return f'"{quoted}{quoted[len(quoted) - trailing :]}"'
