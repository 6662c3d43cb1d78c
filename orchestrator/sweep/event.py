"""The records of the log. Once written, a kind of record keeps its meaning for ever: only the format number moves.

What a new version adds:

    a field of a kind that exists   has a default that means "its writer did not say"; older versions would skip it
    a kind of record                belongs to the format it came with (the list at `FORMAT`); older versions refuse it
    a key of the sweep file         `orchestrator.sweep.formats` says what its absence means in an older plan

A version refuses a log that a newer one wrote in, with a sentence: a sweep begun in a newer format says so in its first
record, and every driver states its format, from format 2 on. A version of format 1 reads neither in a sweep begun in
its own: it skips fields that it does not know, and fails on such kinds of record. So the first driver of a newer format
writes `FormatRaised`, in the frame of its own first record: an older version then says that it cannot read the log.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import field

from orchestrator.sweep.awaited import AwaitedPlaces
from orchestrator.sweep.dated import DatedRecord
from orchestrator.sweep.domains import Value
from orchestrator.sweep.judgement import Judgement
from orchestrator.sweep.trial import Outcome, StopReason

FORMAT = 2
"""Version of the log. A reader refuses a newer one and reads every older one.

1   planned, driver_started, amended, stage_entered, proposed, attempt_started, placed, reported, attempt_ended,
    heartbeat, driver_stopped
2   format_raised, reopened, storage_was_away, places_awaited, place_held, asked, withdrawn, refused; monotonic seconds
    on every record; judgements, causes, texts, what a proposal rests on, whether an attempt is repeated, what the brake
    acted on; the outcome and the stop of an overtime, who is silent, which nodes are avoided, when a function was
    entered; test_begun, test_measured, checkpoint_removed; that a driver only tests, or clears; what was never read,
    who was promoted; how long checkpoints took
"""


class SweepPlanned(DatedRecord, frozen=True, tag="planned"):
    """The first record: the whole plan, so that the log alone is enough."""

    format: int
    """Format that the sweep was begun in: what a key means that the plan lacks (`orchestrator.sweep.formats`)."""
    plan: dict[str, Any]


class DriverStarted(DatedRecord, frozen=True, tag="driver_started"):
    """A driver took the lease; everything after it was written by that driver."""

    epoch: int
    holder: str
    """host:pid of the driver, for people."""
    code_hash: str
    versions: dict[str, str]
    changes: list[str] = field(default_factory=list)
    """What differs from the driver before (budget, code, versions), said to the user as well."""
    sealed: dict[str, int] = field(default_factory=dict)
    """File of the journal to the byte up to which it counts: whatever an older driver wrote later is refused."""
    format: int = 1
    """Format that this driver writes."""
    pinned: str | None = None
    """Key of the pinned code that its trials run (`orchestrator.storage.pinned_code`). None: they run what lies in the
    user's folder, as in format 1, and as programs and functions of a notebook do."""
    tests: bool = False
    """Whether it only measures the winner on the test set: where the sweep stands stays as it was."""
    clears: bool = False
    """Whether it only removes what nobody can need any more: where the sweep stands stays as it was."""


class FormatRaised(DatedRecord, frozen=True, tag="format_raised"):
    """The log goes on in a newer format than before; stands behind the record of the first driver that writes it."""

    format: int


class SpecAmended(DatedRecord, frozen=True, tag="amended"):
    """A changed budget, resources or other part that may change between drivers; replaces the plan's spec."""

    spec: dict[str, Any]
    changes: list[str]
    overrides: list[str] = field(default_factory=list)
    """`key=value` overrides in force from now on."""


class StageEntered(DatedRecord, frozen=True, tag="stage_entered"):
    """The ladder moved on: what the stage starts from (the carry)."""

    stage: str
    incumbent: int | None
    """Trial that led when the stage began; None before any report."""
    value: float | None


class TrialProposed(DatedRecord, frozen=True, tag="proposed"):
    """A configuration was decided on."""

    trial: int
    config: dict[str, Value]
    stage: str
    move: str
    block: list[str]
    parent: int | None
    bracket: int
    notes: list[str] = field(default_factory=list)
    """What people should know of it: values re-scaled by a coupling, ranges that a searcher narrowed, and why."""
    max_fidelity: float | None = None
    """Where its training ends; None: at a full training."""
    replicates: int | None = None
    """Trial whose configuration it repeats with another seed; None for a configuration of its own."""
    learned_from: int | None = None
    """How many trials the searcher had learned from; 0 for a draw around the defaults; None where nothing was modelled
    (a uniform draw, an entry of a list, the baseline)."""
    nearest: int | None = None
    """Number of the earlier trial nearest to it (`orchestrator.ladders._nearest`), wherever `learned_from` is said."""


class AttemptStarted(DatedRecord, frozen=True, tag="attempt_started"):
    """A trial is handed to the host, from its checkpoint or from the start."""

    trial: int
    attempt: int
    checkpoint: str | None = None
    fidelity: float = 0.0
    """Fidelity of that checkpoint."""


class AttemptPlaced(DatedRecord, frozen=True, tag="placed"):
    """A worker took the attempt. It is paid for since its place was set aside, where that is known."""

    trial: int
    attempt: int
    node: str | None = None
    gpu_ids: str | None = None
    reserved_t: float | None = None
    """When the cluster had set its resources aside, seconds since the epoch; None where the host does not know."""
    code_hash: str | None = None
    """Hash of a program's code as the attempt found it. None: that of the driver's record, and in format 1."""
    outside_hash: str | None = None
    """Hash of what a function imports from outside its pinned code and the installed packages, as far as the attempt
    got; None where there is nothing, and in format 1."""
    entered: bool = False
    """Whether the training function has been entered, all that it imports imported; a program counts as placed."""


class Reported(DatedRecord, frozen=True, tag="reported"):
    """A report and its verdict: `stop` None is CONTINUE."""

    trial: int
    attempt: int
    fidelity: float
    metrics: dict[str, float | str]
    """Numbers; those that are not finite as the strings nan, inf, -inf, which JSON lacks."""
    checkpoint: str | None = None
    stop: StopReason | None = None
    judgement: Judgement | None = None
    """What the scheduler found; None where no rung judged, and in format 1."""
    texts: dict[str, str] = field(default_factory=dict)
    """What it reported that is text, by name. A name may be a metric's too."""


class AttemptEnded(DatedRecord, frozen=True, tag="attempt_ended"):
    """The attempt is over and its resources are free."""

    trial: int
    attempt: int
    outcome: Outcome
    error: str | None = None
    charged_until: float | None = None
    """Where spend ends if not at `t`: the last sign of life of a driver that died. It dates; `charged_s` counts."""
    cause: str | None = None
    """Why it was ended from outside: a cap (gpu_hours, cpu_hours, wall, limits.trial), a request (stop, cancel), a
    signal (SIGINT, SIGTERM, SIGHUP), `storage` that was away, `driver_died`, or what else the driver left for. None
    where it ended by itself, obeyed a judgement, or was lost; None in format 1."""
    repeats: bool | None = None
    """Whether the trial is offered again, where that does not follow from the outcome and `retry.lost` alone."""
    charged_s: float | None = None
    """Seconds that it is charged, where another driver wrote this than the one that had it: by the clock of that one,
    up to the newest record it left. None: from its reservation, or in format 1 from placement to `charged_until`."""
    unread: tuple[str, ...] | None = None
    """Hyperparameters that a training begun anew and ended well never read, nor names. None: not known, or format 1."""
    gpu_memory_bytes: int | None = None
    """The most memory in use on one of its GPUs, as sampled up to its last report; None where that is not known."""
    gpu_busy_percent: float | None = None
    """Mean part of the time in which a kernel ran on its GPUs, sampled likewise; None where that is not known."""
    checkpoints_s: float | None = None
    """Seconds that its training waited for checkpoints to be put, up to its last report; None where none was put."""


class Heartbeat(DatedRecord, frozen=True, tag="heartbeat"):
    """Every 30 s: the placed attempts are still being paid for."""

    running: list[tuple[int, int]]
    """(trial, attempt) of each."""
    silent: list[tuple[int, float]] = field(default_factory=list)
    """(trial, seconds) of those that give no sign of life for longer than any took between two reports."""
    avoided: list[str] = field(default_factory=list)
    """Names of the nodes on which attempts keep dying, so that none is placed there."""


class DriverStopped(DatedRecord, frozen=True, tag="driver_stopped"):
    """The driver left in order: finished, signal, wall, budget or brake."""

    reason: str
    note: str | None = None
    """What it found, for people: what the brake acted on. None where the reason says all, and in format 1."""


class TrialReopened(DatedRecord, frozen=True, tag="reopened"):
    """A trial that was over is to run again: somebody asked for that, or it was stopped early and budget is left."""

    trial: int
    wish: str | None = None
    """Name of the wish that this answers (`orchestrator.storage.wishes`); None where it came with a `resume`."""
    promoted: bool = False
    """Whether it was stopped for being weak and goes on from its checkpoint (`promote`): its attempts count on."""


class ConfigurationAsked(DatedRecord, frozen=True, tag="asked"):
    """A person asked for a configuration: it is the next trial that the search begins."""

    config: dict[str, Value]
    """Whole, as it will be tried."""
    notes: list[str]
    """What was asked for, and where the rest comes from."""
    wish: str | None = None
    """Name of the wish that this answers; None where the sweep file asks."""


class TrialWithdrawn(DatedRecord, frozen=True, tag="withdrawn"):
    """A person asked for the end of one trial: stopped early where it has reported, else failed."""

    trial: int
    wish: str


class WishRefused(DatedRecord, frozen=True, tag="refused"):
    """What a person asked for cannot be done; nothing follows."""

    wish: str
    why: str


class WinnerTestBegun(DatedRecord, frozen=True, tag="test_begun"):
    """The winner is to be measured on the test set: its configuration runs once more, for that alone."""

    trial: int
    """Number of the run, from `FIRST_TEST` on; its attempts are recorded under it."""
    winner: int
    """Trial whose configuration, and checkpoint where one is kept, it takes."""
    reason: str | None = None
    """Why the test set is used again; None where it never was before."""


class WinnerTestMeasured(DatedRecord, frozen=True, tag="test_measured"):
    """What the run measured: the one value of the test set's metric that ever left a worker."""

    trial: int
    """Number of the run."""
    attempt: int
    value: float | str
    """A number; one that is not finite as nan, inf or -inf, which JSON lacks."""


class CheckpointRemoved(DatedRecord, frozen=True, tag="checkpoint_removed"):
    """A trial's newest checkpoint goes: nobody can need it any more. Written before it is removed."""

    trial: int
    checkpoint: str


class StorageWasAway(DatedRecord, frozen=True, tag="storage_was_away"):
    """Storage took no writes for a while and is back; what was decided meanwhile waited. Written right after."""

    seconds: float
    """For how long, up to this record."""
    problem: str
    """What it said, in one sentence."""


class PlacesAwaited(DatedRecord, frozen=True, tag="places_awaited"):
    """What the driver waits for on its cluster from now on, until the next such record, or another driver's."""

    awaited: AwaitedPlaces


class PlaceHeld(DatedRecord, frozen=True, tag="place_held"):
    """A place was held for so many seconds more than attempts are charged, by an attempt's worker or by none."""

    seconds: float
    trial: int | None = None
    attempt: int | None = None


Event: TypeAlias = (
    SweepPlanned | DriverStarted | FormatRaised | SpecAmended | TrialProposed | AttemptStarted | AttemptPlaced
    | Reported | AttemptEnded | Heartbeat | DriverStopped | TrialReopened | WinnerTestBegun | WinnerTestMeasured
    | ConfigurationAsked | StageEntered | TrialWithdrawn | WishRefused | StorageWasAway | PlacesAwaited | PlaceHeld
    | CheckpointRemoved
)  # fmt: skip
