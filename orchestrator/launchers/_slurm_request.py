"""What Slurm is asked for, as options of `sbatch`: by `resources` and `slurm`, unless the definition says it."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orchestrator import wording
from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._shape import MachineShape, refuse_unknown, shape_of

_MIB = 2**20
_DRIVER = ("--nodes=1", "--ntasks=1", "--cpus-per-task=2")
"""What the job is asked for that only drives a sweep."""
_OF_DRIVER = ("--time", "--partition", "--account", "--qos")
"""What its job and its workers are both asked for."""
_SHORT = {"-N": "--nodes", "-t": "--time", "-p": "--partition", "-A": "--account", "-q": "--qos", "-C": "--constraint",
          "-c": "--cpus-per-task", "-x": "--exclude", "-G": "--gpus"}  # fmt: skip
_SAME = {"--gres": "--gpus-per-node", "--gpus": "--gpus-per-node", "--mem-per-cpu": "--mem", "--mem-per-gpu": "--mem"}
"""Options that say what another says."""


class SlurmRequest(NamedTuple):
    """What a sweep asks of Slurm."""

    options: tuple[str, ...]
    """Options of its job."""
    values: Mapping[str, str]
    """Placeholders of its definition, as a shell writes them."""
    told: str
    """The same for a person, on one line."""


def slurm_request(submission: Submission, *, is_elastic: bool, definition: str = "") -> SlurmRequest:
    """Return what to ask for, where `definition` is the text that may say some of it itself.

    Raises UsageError for what a job of nodes of one kind cannot give.
    """
    settings = submission.slurm
    refuse_unknown(submission, "Slurm", places_by="choose nodes by slurm.constraint")
    if settings.mode == "elastic" and not is_elastic:
        raise UsageError(
            "slurm.mode: elastic needs a definition that submits workers; take a copy of slurm-elastic.sbatch"
        )
    resources = submission.resources
    if "--nodes" in _said(definition):  # which is the last word, whatever runs at once
        resources = resources.model_copy(update={"max_concurrent": resources.max_concurrent or 1})
    shape = shape_of(resources, "slurm", settings.gpus_per_node, settings.cpus_per_node)
    site, each = _site(submission), _each(submission, shape)
    size = f"{wording.counted(shape.cpus, 'CPU')} and {wording.counted(shape.gpus, 'GPU')}"
    if not is_elastic:
        options = (f"--nodes={shape.nodes}", "--ntasks-per-node=1", *each, *site)
        return SlurmRequest(options, {}, f"it is asked for {wording.counted(shape.nodes, 'node')} with {size} each")
    fewest, most = settings.range
    most = shape.nodes if most is None else most
    worker = ("--ntasks-per-node=1", *each, *site)
    values = {
        "STEPLADDER_WORKER": shlex.join(worker),
        "STEPLADDER_FEWEST": str(fewest),
        "STEPLADDER_MOST": str(most),
        "STEPLADDER_EACH": str(max(1, shape.parts // submission.resources.nodes)),
        "STEPLADDER_IDLE_S": str(math.ceil(settings.idle)),
    }
    shared = tuple(option for option in site if option.partition("=")[0] in _OF_DRIVER)
    return SlurmRequest((*_DRIVER, *shared), values, f"{fewest} to {most} workers come and go, with {size} each")


def left_to_ask(options: Sequence[str], definition: str) -> list[str]:
    """Return the options that the definition's own #SBATCH lines leave open: what they say counts."""
    said = _said(definition)
    return [option for option in options if option.partition("=")[0] not in said]


def refuse_too_small(submission: Submission, name: str, definition: str) -> None:
    """Raise UsageError where the nodes that a definition's own #SBATCH lines ask for hold no trial."""
    said, resources = _said(definition), submission.resources
    nodes, gpus = (_number(said.get(option, "")) for option in ("--nodes", "--gpus-per-node"))
    if nodes is None or gpus is None or not resources.gpus:
        return
    each = resources.each[1]
    parts = int(gpus / each + 1e-4) * nodes
    if parts < resources.nodes or (resources.spread and nodes < resources.nodes):
        raise UsageError(
            f"{name}: its #SBATCH lines ask for {wording.counted(nodes, 'node')} with {wording.counted(gpus, 'GPU')} "
            f"each, which hold no trial: it takes {resources.nodes} times {each:g} GPUs; delete those lines, and it is "
            "asked for what the sweep needs"
        )


def _said(definition: str) -> dict[str, str]:
    """Return what a definition's own #SBATCH lines ask for, by the long names of the options."""
    said: dict[str, str] = {}
    for line in re.findall(r"^#SBATCH\s+(.*)$", definition, re.MULTILINE):
        words = shlex.split(line, comments=True)
        for word, following in zip(words, [*words[1:], ""], strict=True):
            name, equals, value = word.partition("=")
            if not name.startswith("-"):
                continue
            if not name.startswith("--"):
                name, value = _SHORT.get(name[:2], name), name[2:] or following
            value = value if equals or value else following
            said |= {name: value, _SAME.get(name, name): value}
    return said


def _number(value: str) -> int | None:
    """Return the number that an option asks for: 2 of `2`, `a100:2` and `gpu:a100:2`; None where it says none."""
    last = value.rpartition(":")[2]
    return int(last) if last.isdecimal() else None


def _each(submission: Submission, shape: MachineShape) -> list[str]:
    """Return what is asked of each node."""
    settings, resources = submission.slurm, submission.resources
    kind = settings.gpu_type or (resources.accelerator_named or "").lower()
    return [
        f"--cpus-per-task={shape.cpus}",
        *([f"--gpus-per-node={f'{kind}:' if kind else ''}{shape.gpus}"] if shape.gpus else []),
        *([f"--mem={math.ceil(shape.memory / _MIB)}M"] if shape.memory else []),
        *(["--exclusive"] if settings.whole_nodes else []),
    ]


def _site(submission: Submission) -> list[str]:
    settings = submission.slurm
    named = {
        "--partition": settings.partition, "--account": settings.account, "--qos": settings.qos,
        "--constraint": settings.constraint, "--exclude": ",".join(submission.resources.avoid or ()),
    }  # fmt: skip
    return [f"--time={math.ceil(settings.time / 60)}", *(f"{name}={value}" for name, value in named.items() if value)]
