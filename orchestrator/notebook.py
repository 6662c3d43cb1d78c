"""The same sweep, built and run in Python.

    from orchestrator import Sweep

    sweep = Sweep(
        name="digits", trainable=train, objective={"metric": "val_accuracy", "goal": "maximize"},
        fidelity={"max": 27}, search_space={"extends": ["sgd"]}, budget={"trials": 40},
    )
    sweep.run()
    sweep.best()["winner"]["config"]

Keywords are the keys of the sweep file, checked by the same code with the same messages; `trainable` may be a function
as well, the domains of the search space may be `Float`, `Int`, `Choice` and `Constant` objects, and a searcher, a
scheduler or a ladder of your own its class.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack

from orchestrator import members
from orchestrator.control.measuring import refuse_to_test
from orchestrator.control.session import create, refuse_existing, reopen
from orchestrator.members.outside import look_beside
from orchestrator.planning.compile import compile_plan
from orchestrator.project.code_in_force import code_to_begin, code_to_go_on
from orchestrator.project.measuring import reopened_to_test
from orchestrator.project.ownership import Meant, SweepThere, refuse_other
from orchestrator.project.provenance import provenance
from orchestrator.project.spec_files import space_finder
from orchestrator.project.throwing_away import refuse_throwing_away, throw_away, what_is_thrown_away
from orchestrator.project.warming import warmed
from orchestrator.project.workspace import sweep_folder
from orchestrator.state.reading import LogReading, sweep_exists
from orchestrator.state.reading import read_sweep as read_state
from orchestrator.storage.location import Location
from orchestrator.storage.under_way import StorageWatch
from orchestrator.sweep.described import SET_BY_PARSER
from orchestrator.sweep.domains import Choice, Constant, Float, Int, Value
from orchestrator.sweep.kept import KeepCheckpoints
from orchestrator.sweepfile.lint import lint
from orchestrator.sweepfile.parse import parse_text
from orchestrator.views.notebook_sweep import SweepViews
from orchestrator.views.python_words import in_python, told_in_python

if TYPE_CHECKING:
    from orchestrator.control.session import Session
    from orchestrator.driver import Ending
    from orchestrator.errors import StepladderError
    from orchestrator.ladders import Ladder
    from orchestrator.ray.host.options import HostKeywords, HostOptions
    from orchestrator.schedulers import Scheduler
    from orchestrator.searchers import Searcher
    from orchestrator.state.fold import SweepState
    from orchestrator.sweep.plan import Plan


_log = logging.getLogger("stepladder")

Domain: TypeAlias = Float | Int | Choice | Constant
"""A hyperparameter's domain as an object."""


class Sweep(SweepViews):
    """A sweep built in Python; its folder lies below `folder`, the present one unless said otherwise."""

    _has_warned = False

    def __init__(
        self,
        *,
        name: str,
        objective: Mapping[str, Any],
        fidelity: Mapping[str, Any] | Literal["none"],
        search_space: Mapping[str, Domain | Mapping[str, Any] | Sequence[str] | Value],
        budget: Mapping[str, Any],
        trainable: str | Callable[[dict[str, Any]], Any] | None = None,
        command: Sequence[str] | None = None,
        args: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None,
        constraints: Mapping[str, Mapping[str, float]] | None = None,
        test: Mapping[str, Any] | None = None,
        stages: Literal["auto"] | Sequence[Mapping[str, Any]] | None = None,
        seeds: int | None = None, nested: bool | None = None,
        couple: Mapping[str, Mapping[str, Any]] | None = None,
        search: str | Mapping[str, Any] | type[Ladder] | None = None,
        searcher: str | Mapping[str, Any] | type[Searcher] | None = None,
        scheduler: str | Mapping[str, Any] | type[Scheduler] | None = None,
        confirm: Literal["none"] | Mapping[str, Any] | None = None,
        warm_start: Sequence[str] | None = None,
        try_: Sequence[Mapping[str, Any]] | None = None,
        resources: Mapping[str, Any] | None = None,
        slurm: Mapping[str, Any] | None = None, kubernetes: Mapping[str, Any] | None = None,
        promote: int | None = None, retry: Mapping[str, Any] | None = None,
        max_attempts: int | None = None,
        limits: Mapping[str, Any] | None = None,
        brake: bool | None = None, baseline_first: bool | None = None,
        seeding: bool | None = None,
        workdir: Literal["trial", "project", "attempt"] | None = None,
        keep_checkpoints: KeepCheckpoints | None = None,
        page: bool | None = None,
        sinks: Sequence[str | Mapping[str, Any]] | None = None, notify: Mapping[str, Any] | None = None,
        code: Mapping[str, Any] | None = None, environment: Mapping[str, Any] | None = None,
        setup: str | Sequence[str] | None = None, storage: str | None = None, seed: int | None = None,
        ignore: Mapping[str, str] | None = None,
        rules: Sequence[str] | None = None,
        folder: str | Path = ".",
    ) -> None:  # fmt: skip
        """Check what a sweep file of these keys would ask for; None: as in a file without the key.

        Raises SpecError with everything that is wrong, TypeError for a value that cannot stand in a file.
        """
        self._read({key: value for key, value in locals().items() if key not in ("self", "folder")}, Path(folder))

    def _read(self, given: Mapping[str, Any], folder: Path) -> None:
        keys = {key.removesuffix("_"): value for key, value in given.items() if value is not None}
        self.folder, trainable = folder.absolute(), keys.get("trainable")
        self._function = None if trainable is None or isinstance(trainable, str) else trainable
        if self._function is not None:
            keys["trainable"] = f"{self._function.__name__}.py:{self._function.__name__}"
        self._check(keys)

    def _check(self, keys: Mapping[str, Any]) -> None:
        self._text = json.dumps(keys, default=_plain, indent=1).encode()
        look_beside(self.folder)
        parsed = parse_text(self._text, "Sweep(...)", (), space_finder(self.folder), lambda _: ())
        self.spec, self._has_warned = parsed.spec, False
        self._remarks = lint(parsed.spec, parsed.problems, parsed.shipped)

    def plan(self) -> Plan:
        """Return what the sweep compiles to."""
        look_beside(self.folder)
        ground = provenance(self.folder, self.spec)
        if self._function is not None:
            ground = ground.model_copy(update={"code_hash": _hash_of(self._function)})
        return compile_plan(self.spec, ground)

    def check(self) -> None:
        """Print what was supplied where nothing was written, and what is known to go wrong: reason, source, remedy."""
        from orchestrator.views.lint import lint_answer
        from orchestrator.views.render import make_console, show
        from orchestrator.views.supplied import supplied_answer

        if (told := supplied_answer(self.spec)) is not None:
            show(make_console(sys.stdout), told)
        if self._remarks:
            show(make_console(sys.stdout), lint_answer(self._remarks))
        else:
            sys.stdout.write("nothing is known to go wrong\n")

    @property
    def sweep_folder(self) -> Location:
        """Where the sweep lies, once it has begun."""
        return sweep_folder(self.plan(), self.folder)

    @told_in_python()
    def run(self, *, fresh: bool = False, **ray: Unpack[HostKeywords]) -> Ending:
        """Run a new sweep; the keywords beside `fresh` are those of `orchestrator.ray.host.options.HostOptions`.

        Says first, once, what is known to go wrong (see `check`). With `fresh`, a sweep that has begun under this name
        is thrown away first, with all its results; else that raises SweepExistsError (then `resume`). One whose
        baseline fails before anything was reported leaves nothing behind.
        """
        options = _options(ray)
        self._warn()
        with _watched():
            folder = self.sweep_folder
            if fresh and what_is_thrown_away(folder) is not None:
                refuse_throwing_away(folder, self.folder / "sweep.yaml")
                throw_away(folder)
            refuse_existing(folder)
            plan, left_out = warmed(self.plan(), self.folder)
            sys.stderr.writelines(f"warm_start: {told}\n" for told in left_out)
            begun = code_to_begin(plan, self.folder, time.time(), is_in_file=self._function is None)
            session = create(folder, begun.plan, self._text, begun.taken)
        return self._drive(session, options, begun.said)

    def _own_log(self, verb: str) -> tuple[LogReading, SweepState]:
        """Read how the sweep stands. Raises UsageError where it is somebody else's."""
        folder, reading = self.sweep_folder, LogReading(self.sweep_folder, self.sweep_folder.files())
        state = reading.go_on()
        refuse_other(Meant(verb, shlex.quote(str(folder)), None), SweepThere.of(state), folder)
        return reading, state

    @told_in_python()
    def resume(
        self, *, retry_failed: bool = False, code: Literal["here"] | None = None, **ray: Unpack[HostKeywords]
    ) -> Ending:
        """Go on with the sweep, or extend a finished one whose budget was raised; keywords as those of `run`.

        With `retry_failed`, trials that failed run again, the baseline first. `code="here"` goes on with the code of a
        `trainable` in a file as it is now, not as it was pinned.
        """
        options = _options(ray)
        with _watched():
            plan, folder, (reading, state) = self.plan(), self.sweep_folder, self._own_log("resume")
            force = code_to_go_on(state, folder, plan, self.folder, time.time(), here=code == "here")
            pinned = force.taken or force.key
            session, _ = reopen(folder, force.plan, retry_failed=retry_failed, code=pinned, reading=reading)
        return self._drive(session, options, force.said)

    @told_in_python()
    def test(self, *, again: bool = False, reason: str | None = None, **ray: Unpack[HostKeywords]) -> Ending:
        """Measure the finished sweep's winner on the test set, once; `best()["test"]` then says what that found.

        `again`, with a `reason` that is recorded, does so another time. The other keywords are those of `run`.
        """
        options = _options(ray)
        with _watched():
            folder, (reading, state) = self.sweep_folder, self._own_log("test")
            refuse_to_test(state, str(folder), again=again, reason=reason)
            ground = state.plan.model_copy(update={"provenance": self.plan().provenance})
            force = code_to_go_on(state, folder, ground, self.folder, time.time(), here=False)
            session = reopened_to_test(folder, force, str(folder), again=again, reason=reason, reading=reading)
        return self._drive(session, options, force.said)

    def exists(self) -> bool:
        """Say whether the sweep has begun."""
        return sweep_exists(self.sweep_folder)

    def state(self) -> SweepState:
        """Return everything known about the sweep, living or dead."""
        return read_state(self.sweep_folder)

    def best(self) -> dict[str, Any]:
        """Return what best.json says."""
        from orchestrator.results.best import best_document  # notebooks that only plan need no report
        from orchestrator.results.diagnoses import diagnosed_winner

        state = self.state()
        return best_document(state, self.sweep_folder, diagnosed_winner(self.sweep_folder, state))

    def _warn(self) -> None:
        from orchestrator.views.lint import warning_lines

        lines = [] if self._has_warned else warning_lines(self._remarks, "Sweep.check()")
        sys.stderr.writelines(f"{line}\n" for line in lines)
        self._has_warned = True

    def _drive(self, session: Session, options: HostOptions, said: Sequence[str]) -> Ending:
        from orchestrator.driver import run_session

        sys.stderr.writelines(f"{in_python(line)}\n" for line in said)
        return run_session(session, self._function or self.folder, options, _tell_stuck)


def read_sweep(folder: str | Path) -> SweepState:
    """Return the state of the sweep in `folder` (`runs/digits`, or a URL) from its log alone, living or dead.

    Takes no lock. Raises SweepNotFoundError where there is none, JournalDamagedError where its log is damaged.
    """
    return read_state(Location.parse(str(folder)))


def _watched() -> StorageWatch:
    """Say so where storage does not answer, before there is a driver that does."""
    return StorageWatch(_log.warning, None)


def _tell_stuck(error: StepladderError) -> None:
    """Say what holds the thread that runs a sweep: this process is not ours to end."""
    _log.error("%s (this run cannot return before: restart the kernel, then Sweep.resume())", error)


def _options(ray: HostKeywords) -> HostOptions:
    """Return the keywords as options, before anything begins. Raises TypeError for one that there is not."""
    from orchestrator.ray.host.options import HostOptions

    return HostOptions(**ray)


def _plain(value: Any) -> Any:
    if isinstance(value, type):
        return members.qualify(value)
    if isinstance(value, Float | Int | Choice | Constant):
        return value.model_dump(mode="json", exclude_unset=True, exclude=set(SET_BY_PARSER)) | {"type": value.type}
    raise TypeError(f"{value!r} cannot stand in a sweep; use plain numbers, text, lists, mappings, or domain objects")


def _hash_of(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(function)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
