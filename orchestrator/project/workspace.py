"""Where things lie: from what a person types (a sweep file, or a sweep's folder) to the plan and the folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.control.session import read_sweep, sweep_exists
from orchestrator.errors import SweepNotFoundError, UsageError
from orchestrator.planning.compile import compile_plan
from orchestrator.project.provenance import provenance
from orchestrator.project.spec_files import load_parsed
from orchestrator.rules import ModelFacts
from orchestrator.storage.location import Location
from orchestrator.storage.url import is_url
from orchestrator.sweep.domains import Config
from orchestrator.sweep.plan import Plan
from orchestrator.sweep.space import Space
from orchestrator.sweepfile.lint import Remark, lint


@dataclass(frozen=True)
class Target:
    """What a person pointed at."""

    folder: Location
    """The sweep's folder, there or not."""
    source: Path | None
    """The sweep file; None where the sweep was built in Python, or its file is gone."""
    overrides: tuple[str, ...]
    """`key=value` overrides in force: the recorded ones, then those just given."""


def plan_from_file(source: Path, overrides: Sequence[str] = ()) -> Plan:
    """Read and compile a sweep file. Raises SpecError with every problem found."""
    return linted_plan(source, overrides)[0]


def linted_plan(
    source: Path, overrides: Sequence[str] = (), inspect: Callable[[Config], ModelFacts] | None = None
) -> tuple[Plan, list[Remark]]:
    """Read and compile a sweep file, and tell what is known to go wrong with what it asks for.

    `inspect` is handed the default configuration and returns what is known of the model. Raises SpecError with every
    problem found.
    """
    parsed = load_parsed(source, overrides)
    spec = parsed.spec
    facts = None if inspect is None else inspect(Space(spec.search_space).baseline)
    remarks = lint(spec, parsed.problems, parsed.shipped, facts)
    ground = provenance(source.parent, spec).model_copy(
        update={"source": str(source.resolve()), "overrides": tuple(overrides)}
    )
    return compile_plan(spec, ground), remarks


def sweep_folder(plan: Plan, beside: Path) -> Location:
    """Return the folder of a plan's sweep; a relative storage lies beside the sweep file, in the folder `beside`."""
    storage = plan.spec.storage
    return Location.parse(storage if is_url(storage) else (beside / storage).absolute()) / plan.spec.name


def locate(place: str, overrides: Sequence[str] = ()) -> Target:
    """Find the sweep that `place` means: a sweep file, or the folder of a sweep, by path or by URL.

    Raises SweepNotFoundError where the folder holds none, SpecError where the file is invalid.
    """
    if not is_url(place) and not Path(place).is_dir():
        return _of_file(Path(place), overrides)
    folder = Location.parse(place).absolute()
    if not sweep_exists(folder):
        raise SweepNotFoundError(f"{place}: there is no sweep in this folder; give a sweep file, or runs/<name>")
    ground = read_sweep(folder).plan.provenance
    source = Path(ground.source) if ground.source else None
    known = source if source is not None and source.is_file() else None
    return Target(folder, known, (*ground.overrides, *overrides))


def _of_file(path: Path, overrides: Sequence[str]) -> Target:
    folder = sweep_folder(plan_from_file(path, overrides), path.parent)
    recorded = read_sweep(folder).plan.provenance.overrides if sweep_exists(folder) else ()
    return Target(folder, path, (*recorded, *overrides))


def plan_to_resume(target: Target) -> Plan:
    """Compile what a sweep should go on with: its file as it is now, under the overrides in force."""
    if target.source is None:
        raise UsageError(
            f"{target.folder}: its sweep file is not where it was; give it: `stepladder resume SWEEP_FILE`"
        )
    return plan_from_file(target.source, target.overrides)
