"""The same sweep, built and run in Python.

    from orchestrator import Sweep

    sweep = Sweep(
        name="digits", trainable=train, objective={"metric": "val_accuracy", "goal": "maximize"},
        fidelity={"max": 27}, search_space={"extends": ["sgd"]}, budget={"trials": 40},
    )
    sweep.run()
    sweep.best()["winner"]["config"]

Keywords are the keys of the sweep file, checked by the same code with the same messages; `trainable` may be a function
as well, the domains of the search space may be `Float`, `Int`, `Choice` and `Constant` objects.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.control.session import create, read_log, read_sweep, reopen, sweep_exists
from orchestrator.planning.compile import compile_plan
from orchestrator.project.provenance import provenance
from orchestrator.project.spec_files import space_finder
from orchestrator.project.workspace import sweep_folder
from orchestrator.storage.location import Location
from orchestrator.sweep.domains import Choice, Constant, Float, Int
from orchestrator.sweepfile.lint import lint
from orchestrator.sweepfile.parse import parse_text

if TYPE_CHECKING:
    from orchestrator.control.fold import SweepState
    from orchestrator.driver import Ending
    from orchestrator.sweep.plan import Plan


class Sweep:
    """A sweep built in Python; its folder lies below `folder`, the present one unless said otherwise."""

    def __init__(
        self, *, trainable: str | Callable[[dict[str, Any]], Any] | None = None, folder: str | Path = ".", **keys: Any
    ) -> None:
        self.folder = Path(folder).absolute()
        self._function = trainable if callable(trainable) else None
        named = f"{trainable.__name__}.py:{trainable.__name__}" if callable(trainable) else trainable
        written = keys if named is None else {**keys, "trainable": named}
        self._text = json.dumps(written, default=_plain, indent=1).encode()
        parsed = parse_text(self._text, "Sweep(...)", (), space_finder(self.folder), lambda _: ())
        self.spec = parsed.spec
        self._remarks = lint(parsed.spec, parsed.problems, parsed.shipped)
        self._has_warned = False

    def plan(self) -> Plan:
        """Return what the sweep compiles to."""
        ground = provenance(self.folder, self.spec)
        if self._function is not None:
            ground = ground.model_copy(update={"code_hash": _hash_of(self._function)})
        return compile_plan(self.spec, ground)

    def check(self) -> None:
        """Print what is known to go wrong with what this sweep asks for: the reason, its source, what to do instead."""
        from orchestrator.views.lint import lint_answer
        from orchestrator.views.render import make_console, show

        if self._remarks:
            show(make_console(sys.stdout), lint_answer(self._remarks))
        else:
            sys.stdout.write("nothing is known to go wrong\n")

    @property
    def sweep_folder(self) -> Location:
        """Where the sweep lies, once it has begun."""
        return sweep_folder(self.plan(), self.folder)

    def run(self, **ray: Any) -> Ending:
        """Run a new sweep; keywords as in `orchestrator.ray.host.host.HostOptions`, e.g. `num_cpus=4`.

        Says first, once, what is known to go wrong (see `check`). Raises SweepExistsError where it has begun before
        (then `resume`).
        """
        self._warn()
        session = create(self.sweep_folder, self.plan(), self._text)
        return self._drive(session, ray)

    def resume(self, **ray: Any) -> Ending:
        """Go on with the sweep, or extend a finished one whose budget was raised."""
        return self._drive(reopen(self.sweep_folder, self.plan())[0], ray)

    def exists(self) -> bool:
        """Say whether the sweep has begun."""
        return sweep_exists(self.sweep_folder)

    def state(self) -> SweepState:
        """Return everything known about the sweep, living or dead."""
        return read_sweep(self.sweep_folder)

    def best(self) -> dict[str, Any]:
        """Return what best.json says."""
        from orchestrator.results.best import best_document  # notebooks that only plan need no report
        from orchestrator.results.diagnoses import winner_diagnosis

        state, events = read_log(self.sweep_folder)
        return best_document(state, self.sweep_folder, winner_diagnosis(state, events))

    def _warn(self) -> None:
        from orchestrator.views.lint import warning_lines

        lines = [] if self._has_warned else warning_lines(self._remarks, "Sweep.check()")
        sys.stderr.writelines(f"{line}\n" for line in lines)
        self._has_warned = True

    def _drive(self, session: Any, ray: dict[str, Any]) -> Ending:
        from orchestrator.driver import run_session
        from orchestrator.ray.host.options import HostOptions

        return run_session(session, self._function or self.folder, HostOptions(**ray))


def _plain(value: Any) -> Any:
    if isinstance(value, Float | Int | Choice | Constant):
        return value.model_dump(mode="json", exclude_defaults=True, exclude={"provenance"}) | {"type": value.type}
    raise TypeError(f"{value!r} cannot stand in a sweep; use plain numbers, text, lists, mappings, or domain objects")


def _hash_of(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(function)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
