"""From a sweep file to its plan: to begin with, or to go on with under the overrides that are in force."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestrator.control.drivers import pinned_by_last
from orchestrator.errors import StepladderError, UsageError
from orchestrator.members.outside import look_beside
from orchestrator.planning.compile import compile_plan
from orchestrator.project.places import Target, folder_of, source_of
from orchestrator.project.provenance import provenance
from orchestrator.project.spec_files import load_parsed
from orchestrator.rules import ModelFacts
from orchestrator.state.fold import SweepState
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.state.spend import seconds_per_fidelity
from orchestrator.storage.code_copy import working_copy
from orchestrator.storage.location import Location
from orchestrator.storage.pinned_code import folder_of_code, read_code
from orchestrator.sweep.credentials import refuse_credentials
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.space import Space
from orchestrator.sweep.trial import Trial
from orchestrator.sweepfile.lint import Remark, lint
from orchestrator.sweepfile.parse import parse_text
from orchestrator.sweepfile.spaces import no_spaces


def plan_from_file(source: Path, overrides: Sequence[str] = (), *, is_code_pinned: bool = False) -> Plan:
    """Read and compile a sweep file, its training code unjudged where that is pinned.

    Raises SpecError with every problem found.
    """
    return linted_plan(source, overrides, is_code_pinned=is_code_pinned, is_begun=True)[0]


def linted_plan(
    source: Path, overrides: Sequence[str] = (), inspect: Callable[[Config], ModelFacts] | None = None,
    *, is_code_pinned: bool = False, is_begun: bool = False,
) -> tuple[Plan, list[Remark]]:  # fmt: skip
    """Read and compile a sweep file, and tell what is known to go wrong with what it asks for.

    `inspect` is handed the default configuration and returns what is known of the model. Raises SpecError with every
    problem found, and, unless the sweep is begun, where a value holds a credential.
    """
    parsed = load_parsed(source, overrides, is_code_pinned=is_code_pinned)
    spec = parsed.spec
    if not is_begun:
        refuse_credentials(spec)
    facts = None if inspect is None else inspect(Space(spec.search_space).baseline)
    remarks = lint(spec, parsed.problems, parsed.shipped, facts)
    ground = provenance(source.parent, spec).model_copy(
        update={"source": str(source.absolute()), "overrides": tuple(overrides)}
    )
    return compile_plan(spec, ground), remarks


def sweep_folder(plan: Plan, beside: Path) -> Location:
    """Return the folder of a plan's sweep; a relative storage lies beside the sweep file, in the folder `beside`."""
    return folder_of(plan.spec.storage, plan.spec.name, beside)


def measured_seconds(folder: Location) -> float | None:
    """Return what a unit of fidelity took in the sweep of `folder`, in seconds; None without a sweep or a report."""
    trials: Sequence[Trial] = read_sweep(folder).trials if sweep_exists(folder) else []
    return seconds_per_fidelity(attempt for trial in trials for attempt in trial.attempts)


def plan_to_resume(
    target: Target, trials: str | None = None, state: SweepState | None = None, *, takes_code: bool = False
) -> tuple[Plan, Path]:
    """Compile what a sweep should go on with: its file as it is now, under the overrides in force.

    Those are the recorded ones, then those just given; `trials` is what `--trials` says, `state` the sweep's where it
    is known. Where the code is pinned, and not to be taken anew (`takes_code`), that beside the file is not judged, and
    where the file is gone the sweep goes on as recorded. Returns the plan and the folder of the sweep file. Raises
    SweepNotFoundError, UsageError, and SpecError with every problem of the file.
    """
    state = state or read_sweep(target.folder)
    plan, source = state.plan, target.file or source_of(target.folder, state.plan)
    more = more_trials(trials, lambda: plan.spec.budget.trials)
    key = None if takes_code else pinned_by_last(state)
    if source is not None and source.exists():
        in_force = (*plan.provenance.overrides, *target.overrides, *more)
        return plan_from_file(source, in_force, is_code_pinned=key is not None), source.parent
    if source is not None and target.file is None and key is not None:
        look_beside(_pinned_beside(target.folder, key))  # for members of the user's own
        return recorded_plan(state, (*target.overrides, *more)), source.parent
    copy = "" if source is None else f" ({target.folder / 'sweep.yaml'} is a copy of what it was started with)"
    raise UsageError(
        f"{target.folder}: its sweep file is not where it was{copy}; give it: `stepladder resume SWEEP_FILE`"
    )


def _pinned_beside(sweep: Location, key: str) -> Path:
    """Return the sweep file's folder in the pinned code; of a sweep on an object store in a copy that is fetched."""
    code = read_code(sweep.files(), key)
    if not sweep.is_remote:
        return sweep.path / folder_of_code(key) / code.inside
    return working_copy(sweep, key, Path(code.root), is_shared=False) / code.inside


def recorded_plan(state: SweepState, overrides: Sequence[str]) -> Plan:
    """Compile what a sweep's log says it is, under further `overrides`. Raises SpecError with every problem."""
    plan = state.plan
    written = plan.spec.model_dump(mode="json", exclude_unset=True)
    for name, domain in plan.spec.search_space.items():
        fields = {key: value for key, value in written["search_space"][name].items() if key not in SET_BY_PARSER}
        written["search_space"][name] = fields | {"type": domain.type}
    parsed = parse_text(json.dumps(written).encode(), "the sweep's log", overrides, no_spaces, lambda _: ())
    space = dict(parsed.spec.search_space)
    for name in space.keys() & plan.spec.search_space:
        set_then = {key: getattr(plan.spec.search_space[name], key) for key in SET_BY_PARSER}
        space[name] = space[name].model_copy(update=set_then)
    spec = parsed.spec.model_copy(update={"search_space": space})
    ground = plan.provenance.model_copy(update={"overrides": (*plan.provenance.overrides, *overrides)})
    return compile_plan(spec, ground)


def more_trials(text: str | None, planned: Callable[[], int]) -> list[str]:
    """Turn what `--trials` says, N or +N, into an override; `planned` tells how many there are. Raises UsageError."""
    if text is None:
        return []
    number = text.removeprefix("+")
    if not number.isdecimal():
        raise UsageError(f"--trials {text}: write a number, or + and a number, e.g. --trials +20")
    return [f"budget.trials={int(number) + (planned() if text.startswith('+') else 0)}"]


def trouble_now(file: Path, overrides: Sequence[str]) -> str | None:
    """Say in one line that a sweep file is not there or not valid now; None where nothing is wrong with it."""
    if not file.exists():
        return f"{file} is not there now"
    try:
        load_parsed(file, overrides)
    except StepladderError as error:
        return f"{file} is not valid now ({str(error).splitlines()[0]})"
    except Exception:  # noqa: BLE001 - what is said beside an answer must never stand in its way
        return f"{file} cannot be judged now"
    return None
