"""The sweep file, typed: what a user asks for, before anything is computed from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    field_validator,
    model_serializer,
    model_validator,
)

from orchestrator.secrecy import written_command
from orchestrator.sweep.code import Code
from orchestrator.sweep.constraints import Bound
from orchestrator.sweep.coupling import Coupling
from orchestrator.sweep.domains import Hyperparameter, Record, StrictFloat, StrictInt
from orchestrator.sweep.environment import NOTHING, Environment
from orchestrator.sweep.kept import KeepCheckpoints
from orchestrator.sweep.launching import KubernetesSettings, SlurmSettings
from orchestrator.sweep.machines import Machines
from orchestrator.sweep.notify import Notify
from orchestrator.sweep.patience import Duration, Limits, Retry
from orchestrator.sweep.program import Arguments, Metrics
from orchestrator.sweep.recordable import COUNTED
from orchestrator.sweep.reserve import Confirm
from orchestrator.sweep.resources import Resources
from orchestrator.sweep.setup import SetupLines
from orchestrator.sweep.tested import HeldOut
from orchestrator.sweep.values import JsonValue

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
HYPERPARAMETER_PATTERN = r"^(?=.{1,128}$)[A-Za-z][A-Za-z0-9_]*([./-][A-Za-z0-9_]+)*$"
NAMES_OF_HYPERPARAMETERS = "use letters, digits and _, a letter first, and '.', '-' or '/' between them"

Reason = Annotated[str, Strict(), Field(min_length=1)]
"""Some text."""
Goal: TypeAlias = Literal["maximize", "minimize"]
"""Which way an objective is better; what that means for a number is said in `orchestrator.sweep.standing` alone."""


class Objective(Record):
    """What is optimised, measured on validation data."""

    metric: Annotated[str, Strict()] = Field(min_length=1)
    """Key of the number that the training function reports."""
    goal: Goal
    """Which way is better."""


class Fidelity(Record):
    """How much training a report had, and where trials are compared. `fidelity: none`: a training has one score."""

    metric: Annotated[str, Strict()] = Field(COUNTED, min_length=1)
    """Key under which the training function reports how far it is: epoch, step, tokens. Unset, its reports are
    counted."""
    min: StrictFloat | None = Field(None, gt=0)
    """First rung: no trial is stopped for being weak before it. None: a tenth of `max`, on the grid of `every`."""
    max: StrictFloat = Field(gt=0)
    """A full training; a trial that reports it is complete."""
    reduction_factor: StrictFloat = Field(3.0, gt=1)
    """Each rung lies this many times further than the one before, and keeps one trial in this many (eta)."""
    every: StrictFloat = Field(1.0, gt=0)
    """Distance between two reports of the training function: rungs are put where reports fall."""
    once: Annotated[bool, Strict()] = False
    """What `fidelity: none` stands for, with `max: 1`: a training has one final score, the last that it reports or
    returns, so nothing is compared, and nobody stopped, on the way."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"once": True, "max": 1} if value == "none" else value

    @property
    def unit(self) -> str:
        """What fidelity counts, as people say it: the metric's name; report, or score, where nothing else counts."""
        if self.once:
            return "score"
        return "report" if self.metric == COUNTED else self.metric

    @model_validator(mode="after")
    def _check(self) -> Fidelity:
        if self.once and (self.max != 1 or self.metric != COUNTED):
            raise ValueError("once true leaves nothing to measure; write `fidelity: none`, or remove once")
        if self.min is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; lower min")
        if self.every > self.max:
            raise ValueError(f"every {self.every:g} is above max {self.max:g}: no report would fall inside a training")
        return self


class Member(Record):
    """One member of an open set with its options: `asha`, or `{name: asha, brackets: 2}`."""

    name: Annotated[str, Strict()]
    """Which member: one that is shipped, or your own as `module:Class`."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Its options; unset ones keep their defaults."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "options" not in value:
            return {"name": value.get("name"), "options": {k: v for k, v in value.items() if k != "name"}}
        return value


class Stage(Record):
    """One step of the ladder, written out."""

    name: Annotated[str, Strict()] = Field(pattern=NAME_PATTERN)
    """What progress, tables and files call it."""
    tune: tuple[Annotated[str, Strict()], ...] = Field(min_length=1)
    """The hyperparameters it opens."""
    share: StrictFloat | None = Field(None, gt=0, le=1)
    """Its part of the staged budget; None: an equal part of what the others leave."""
    searcher: Member | None = None
    """What proposes values for this stage's block. None: the sweep's searcher."""
    resources: Machines | None = None
    """Which machines its trials lie on, e.g. `{accelerator: T4}`. None: as the sweep's `resources` say. How many CPUs
    and GPUs a trial takes is the same in all stages."""


class Budget(Record):
    """When to stop asking for more."""

    trials: StrictInt = Field(ge=1, le=1_000_000)
    """How many configurations are tried. `all` in a file: as many as the grid, or another list, has."""
    gpu_hours: StrictFloat | None = Field(None, gt=0)
    """Cap on GPUs times hours from reservation to release, all attempts counted. None: no cap."""
    cpu_hours: StrictFloat | None = Field(None, gt=0)
    """Cap on CPUs times hours, likewise. None: no cap."""
    wall: Duration | None = Field(None, gt=0)
    """Cap on the seconds that the sweep's drivers work, all together; the time between them does not count. None: no
    cap. Of sweeps begun in format 1 each driver has it anew, and leaves with exit code 75."""


class SweepSpec(Record):
    """A sweep file after `extends` and overrides, every value typed and in range on its own."""

    name: Annotated[str, Strict()] = Field(pattern=NAME_PATTERN)
    """Names the sweep and its folder: letters, digits, dot, dash and underscore."""
    trainable: Annotated[str, Strict()] | None = None
    """`file.py:function`, relative to the sweep file: an ordinary Ray Tune training function."""
    command: tuple[Annotated[str, Strict()], ...] | None = None
    """A training program instead: its arguments, `{name}` for a hyperparameter, `{args}` for all of them, `{config}`
    for a file of them. It runs in the sweep file's folder."""
    args: Arguments | None = None
    """How `{args}` and `{config}` are written. None: `--name=value`, true as a flag, lists as JSON; a YAML file."""
    metrics: Metrics | None = None
    """Where the program's metrics are read. None: it appends JSON lines to the file that STEPLADDER_REPORTS names."""
    objective: Objective
    """What is optimised."""
    constraints: Mapping[str, Bound] = Field(default_factory=dict)
    """Bounds on other metrics that every report may hold, e.g. `{latency_ms: {max: 20}}`: what breaks one, or never
    says what one bounds, cannot win."""
    test: HeldOut | None = None
    """What is measured on the test set: dropped from every report in the worker, until `stepladder test` measures it
    once, of the winner. None: nothing is."""
    fidelity: Fidelity
    """How far a training goes and where trials are compared; `none`: it has one final score."""
    search_space: Mapping[str, Hyperparameter] = Field(min_length=1)
    """Hyperparameters by name."""
    seeds: StrictInt | None = Field(None, ge=1, le=10_000)
    """How often the one configuration of a space of constants alone is trained, each time with a seed of its own: the
    number of trials then. None: something is tuned."""
    nested: Annotated[bool, Strict()] = True
    """Whether names with dots are nested in the configuration that a training is given: `config["model"]["lr"]` for
    `model.lr`, beside `config["model.lr"]`. No: as they are written, and nothing else."""
    stages: Literal["auto"] | tuple[Stage, ...] = "auto"
    """`auto`: one stage for each tier, in order; or the stages written out."""
    couple: Mapping[str, Coupling] = Field(default_factory=dict)
    """Hyperparameters that follow others, e.g. `{learning_rate: {with: batch_size}}`."""
    search: Member = Member(name="soft-stages")
    """The ladder: how the budget is spent over the stages."""
    searcher: Member = Member(name="auto")
    """What proposes values."""
    scheduler: Member = Member(name="asha")
    """What stops weak trials early."""
    promote: StrictInt = Field(0, ge=0, le=1000)
    """How many trials that were stopped as weak go on, the best first, once all have begun; caps hold, `trials` not."""
    budget: Budget
    """When to stop asking for more."""
    confirm: Confirm | Literal["none"] = Confirm()
    """How the winner is confirmed over fresh seeds, inside the budget; `none`: not at all."""
    warm_start: tuple[Annotated[str, Strict(), Field(min_length=1)], ...] = ()
    """Earlier sweeps, by folder or URL, whose winners are the first trials after the baseline; counts at the start."""
    try_: tuple[Annotated[Mapping[str, JsonValue], Field(min_length=1)], ...] = Field((), alias="try")
    """Configurations of your own, the next trials after the baseline: `[{lr: 3e-4}]`. What one leaves out is the
    baseline's. More may be added while the sweep is under way."""
    resources: Resources = Resources()
    """What one trial occupies, and which machines it may lie on; a stage, and confirming, may have other machines."""
    slurm: SlurmSettings = SlurmSettings()
    """What Slurm is asked for beside `resources`, where the sweep is sent to it."""
    kubernetes: KubernetesSettings = KubernetesSettings()
    """What Kubernetes is asked for beside `resources`, likewise."""
    retry: Retry = Retry()
    """How often a trial is started again, by what ended it. Its own mistakes are not repeated."""
    limits: Limits = Limits()
    """How long what is away or silent is waited for."""
    brake: Annotated[bool, Strict()] = True
    """Whether a sweep whose code does not work is stopped: once three trials have failed alike while none has reported,
    or once everything that ends fails alike. A failing region of the search space is no reason. Exit code 1."""
    baseline_first: Annotated[bool, Strict()] = True
    """Whether the baseline runs by itself until it has reported, or has trained for 30 s, before the others start: a
    mistake in the code then costs one trial."""
    max_attempts: StrictInt | None = Field(None, ge=1, le=100, exclude=True)
    """An older way to write `retry.lost`, and one more than it: 4 starts are `retry: {lost: 3}`. Write one of them."""
    seeding: Annotated[bool, Strict()] = True
    """Whether Python, NumPy and torch, where imported, are seeded from the trial's seed before a function is called."""
    workdir: Literal["trial", "project", "attempt"] = "trial"
    """Where a function runs: in a folder of its trial, with links to what lies beside the sweep file; in that folder
    itself (`project`, as every program does); or in one of the attempt, on its node (`attempt`)."""
    keep_checkpoints: KeepCheckpoints = "needed"
    """`needed`: the newest checkpoint of each trial that may go on, run again, or be what the sweep found; `last`: of
    every trial; `all`: every one."""
    page: Annotated[bool, Strict()] = True
    """Whether `report.html` is kept in the sweep's folder while it runs; `stepladder report` makes one in any case."""
    sinks: tuple[Member, ...] = ()
    """Other tools' data that is kept in the sweep's folder, below `sinks/`, while it runs: `[tensorboard, optuna]`.
    Where one of them fails, that is told in a line. `stepladder export --format` makes the same afterwards."""
    notify: Notify | None = None
    """A program that is told when the sweep finishes, fails, stalls or gets better. None: nobody is."""
    code: Code = Code()
    """Which code is kept with the sweep."""
    environment: Environment = NOTHING
    """What driver and trials need beside the code: packages, variables, an image, modules."""
    setup: SetupLines = ()
    """Lines for a shell that run once on each node before its first trial, beside the sweep file: `[./stage.sh]`."""
    storage: Annotated[str, Strict()] = Field("runs", min_length=1)
    """Folder that takes the sweep's folder: relative to the sweep file, absolute, or on s3://, gs:// or abfs://."""
    seed: StrictInt = Field(0, ge=0, lt=2**32)
    """Every draw follows from it and from the trial's number."""
    ignore: Mapping[str, Reason] = Field(default_factory=dict)
    """Rules of `stepladder check` that do not hold here, each with a reason: `{no-schedule: train.py has its own}`."""
    rules: tuple[Annotated[str, Strict()], ...] = ()
    """More rules for `stepladder check`, your own, as `module:name`: `[my_lab.rules:no_big_batch]`."""

    def in_order(self) -> SweepSpec:
        """Return it with the hyperparameters in the order in which everything is drawn: by tier, then by name."""
        names = sorted(self.search_space, key=lambda name: (self.search_space[name].tier, name))
        return self.model_copy(update={"search_space": {name: self.search_space[name] for name in names}})

    @property
    def members(self) -> dict[str, str]:
        """Every member that is named, by key path: `{"searcher": "tpe", "stages[0].searcher": "grid", ...}`."""
        found = {key: getattr(self, key).name for key in ("search", "searcher", "scheduler")}
        for number, stage in enumerate(() if self.stages == "auto" else self.stages):
            if stage.searcher is not None:
                found[f"stages[{number}].searcher"] = stage.searcher.name
        found |= {f"sinks[{number}]": sink.name for number, sink in enumerate(self.sinks)}
        return found | {f"rules[{number}]": name for number, name in enumerate(self.rules)}

    @model_validator(mode="after")
    def _one_count_of_retries(self) -> SweepSpec:
        """Turn `max_attempts` into `retry.lost`, so that nothing else needs to know of it."""
        if self.max_attempts is None:
            return self
        lost = self.max_attempts - 1
        if "lost" in self.retry.model_fields_set and self.retry.lost != lost:
            raise ValueError(
                f"max_attempts {self.max_attempts} means retry.lost {lost}, but retry.lost {self.retry.lost} is "
                "written too; remove max_attempts, which is the older way to write it"
            )
        retry = self.retry.model_copy(update={"lost": lost})
        return self.model_copy(update={"retry": retry, "max_attempts": None})

    @property
    def program(self) -> str:
        """What is trained, as a person would write it."""
        return self.trainable or written_command(self.command or ())

    @model_serializer(mode="wrap")
    def _as_written(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"try" if name == "try_" else name: value for name, value in fields(self).items()}

    @field_validator("ignore", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        pairs = [pair for entry in value if isinstance(entry, Mapping) for pair in entry.items()]
        if any(not isinstance(entry, Mapping) for entry in value):
            raise ValueError("ignore needs a reason for each rule; write {rule-id: why it does not hold here}")
        return dict(pairs)

    @field_validator("search_space")
    @classmethod
    def _names(cls, value: Mapping[str, Hyperparameter]) -> Mapping[str, Hyperparameter]:
        for name in value:
            if re.fullmatch(HYPERPARAMETER_PATTERN, name) is None:
                raise ValueError(f"{name!r} cannot name a hyperparameter; {NAMES_OF_HYPERPARAMETERS}")
        return value
