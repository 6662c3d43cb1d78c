"""The user's training function: where it is, and how a worker process gets hold of it.

The file is imported under its own name, with its folder first on `sys.path`, as if it had been started as a script
beside its neighbours. A process imports it once and again only after the file changed. Needs neither ray nor the rest
of the package: a worker imports this before anything else.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from orchestrator.secrecy import written_command

if TYPE_CHECKING:
    from orchestrator.sweep.code import Code
    from orchestrator.sweep.program import Arguments, Metrics
from orchestrator.sweep.spec import SweepSpec

TRIAL_KEY = "_trial"
"""The one key of what the driver sends that is no hyperparameter: what the training may know of its trial.

A training is given it apart from the configuration (see `given`); docs/guides/training.md has it.
"""

TrainingFunction: TypeAlias = Callable[..., Any]


class TrainableNotFoundError(Exception):
    """The file or the function that the sweep file names is not there."""


@dataclass(frozen=True, slots=True)
class PinnedPlace:
    """Where a worker finds the pinned code."""

    sweep: str
    """The sweep's folder, absolute: a path or a URL."""
    key: str
    """Which code of that sweep."""
    inside: str
    """The sweep file's folder within the code's root; empty where it is the root."""
    root: str
    """The root as the user knows it: what messages show."""
    copy: str | None
    """The working copy that all nodes see, made by the driver; None: each node makes one of its own."""

    def folder(self, user_folder: Path) -> Path:
        """Return the sweep file's folder in the working copy; `user_folder` is the user's own as this node sees it.

        Raises StorageError where a copy cannot be made.
        """
        return Path(self._root(user_folder), self.inside)

    def _root(self, user_folder: Path) -> str:
        if self.copy is not None:
            return self.copy
        if self not in _copies:
            from orchestrator.storage.code_copy import working_copy  # a shared copy needs none of it
            from orchestrator.storage.location import Location

            root = self.root_of(user_folder)
            _copies[self] = str(working_copy(Location.parse(self.sweep), self.key, root, is_shared=False))
        return _copies[self]

    def root_of(self, folder: Path) -> Path:
        """Return the root around the sweep file's folder."""
        return _above(folder, self.inside)

    def as_users(self, text: str) -> str:
        """Write the user's own path wherever a text has that of the working copy."""
        copy = self.copy or _copies.get(self)
        return text.replace(copy, self.root) if copy else text


_copies: dict[PinnedPlace, str] = {}
"""Working copies that this process made ready."""


@dataclass(frozen=True, slots=True)
class TrainableFile:
    """A training function by file and name, as the sweep file gives it."""

    folder: Path
    """Folder of the sweep file, absolute, as the driver sees it."""
    file: str
    """The Python file, relative to `folder`."""
    function: str
    """Name of the function in it."""
    pinned: PinnedPlace | None = None
    """Where its pinned code lies; None: it is taken from the folder."""
    inside: str = ""
    """Where the folder lies below the root of the code, with forward slashes; empty: it is the root."""
    paths: tuple[str, ...] = ()
    """Folders below that root from which it imports, too."""

    @classmethod
    def from_spec(cls, folder: Path, trainable: str, code: Code | None = None) -> TrainableFile:
        """Read the sweep file's `file.py:function`, and its `code`; `folder` is the sweep file's."""
        file, _, function = trainable.rpartition(":")
        here = folder.absolute()
        if code is None:
            return cls(here, file, function)
        return cls(here, file, function, inside=code.inside(here), paths=code.path)

    def found_folder(self) -> Path:
        """Return the sweep file's folder as this process sees it: in the working copy, where the code is pinned.

        Else that is the driver's path, else the entry of `sys.path` that holds the file: Ray unpacks what was submitted
        with a job under another path on each node, and puts that path there. Raises StorageError where a copy of the
        pinned code cannot be made.
        """
        return self.user_folder() if self.pinned is None else self.pinned.folder(self.user_folder())

    def code_folder(self) -> Path:
        """Return the folder that holds the sweep's code as this process sees it: the root of the pinned code's copy."""
        folder = self.found_folder()
        return folder if self.pinned is None else self.pinned.root_of(folder)

    def user_folder(self) -> Path:
        """Return the sweep file's own folder as this process sees it, there or not."""
        return _folder_with((self.file,), self.folder, self.inside)

    def as_users(self, text: str) -> str:
        """Write the user's own path wherever a text has that of a working copy."""
        return text if self.pinned is None else self.pinned.as_users(text)

    def load(self) -> TrainingFunction:
        """Import the file, unless this process did, and return the function.

        Raises TrainableNotFoundError where file or function are missing, and whatever the import raises.
        """
        folder = self.found_folder()
        if not (folder / self.file).is_file():
            raise TrainableNotFoundError(f"{folder / self.file} is not there, {self._where_it_should_be()}")
        for path in reversed(self.paths):
            _put_first(_above(self.user_folder(), self.inside) / path)
        if self.pinned is not None:
            _put_before(self.pinned.root_of(self.user_folder()), self.pinned.root_of(folder))
        module = _imported(folder / self.file, folder)
        function = getattr(module, self.function, None)
        if not callable(function):
            defined = sorted(name for name, value in vars(module).items() if callable(value) and name[0] != "_")
            raise TrainableNotFoundError(
                f"{self.file} defines no function {self.function!r}; it defines {', '.join(defined) or 'none at all'}. "
                f"Correct `trainable: {self.file}:<function>` in the sweep file"
            )
        loaded: TrainingFunction = function
        return loaded

    def _where_it_should_be(self) -> str:
        if self.pinned is not None:
            return "the sweep's pinned code; every node must see the sweep's folder under this path"
        return (
            "though `trainable` names it; every node must see it under this path, unless the sweep was sent by "
            "`stepladder submit`, which takes the sweep file's folder along"
        )


@dataclass(frozen=True, slots=True)
class Command:
    """A training program by its arguments, as the sweep file gives them."""

    folder: Path
    """Folder of the sweep file, absolute, as the driver sees it; the program runs there."""
    arguments: tuple[str, ...]
    """The program and its arguments, `{name}` in them for hyperparameters (see `sweepfile.placeholders`)."""
    files: tuple[str, ...] = ()
    """Those among them that name files of the folder."""
    args: Arguments | None = None
    """How they write the configuration; None: as a sweep file means it that does not say."""
    metrics: Metrics | None = None
    """Where its metrics are read; None: in the lines that it writes for us."""
    inside: str = ""
    """Where the folder lies below what travels, as in `TrainableFile`."""

    def found_folder(self) -> Path:
        """Return the sweep file's folder as this process sees it, as `TrainableFile.found_folder` does."""
        return _folder_with(self.files, self.folder, self.inside)

    def code_hash(self) -> str:
        """Hash the program's code as it is now, as the plan does: what `command` names, and the Python beside it."""
        from orchestrator.project.provenance import code_hash  # functions need none of it

        folder = self.found_folder()
        return code_hash(folder, [folder / argument for argument in self.arguments if argument])

    @property
    def search_path(self) -> str:
        """Where programs are looked for: first among those of this Python's environment."""
        return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def problem(self) -> str | None:
        """Say why this process cannot start it; None where it can."""
        program, folder = self.arguments[0], self.found_folder()
        if not all((folder / file).is_file() for file in self.files) or not folder.is_dir():
            return (
                f"{folder} is not there with {', '.join(self.files) or 'anything in it'}; every node must see it under "
                "this path, unless the sweep was sent by `stepladder submit`, which takes the sweep file's folder along"
            )
        if shutil.which(program if "/" not in program else folder / program, path=self.search_path) is None:
            return f"there is no program {program!r}; install it, or give its path"
        return None


Trainable: TypeAlias = TrainableFile | TrainingFunction | Command
"""A function in a file, or (from a notebook) the function itself, which then travels to the workers by pickle; or a
program."""


def named_in(spec: SweepSpec, folder: Path) -> TrainableFile | Command:
    """Return what a specification trains, whose sweep file lies in `folder`."""
    if spec.trainable is not None:
        return TrainableFile.from_spec(folder, spec.trainable, spec.code)
    named = (argument for argument in spec.command or () if argument and not argument.startswith(("-", "/")))
    files = tuple(argument for argument in named if (folder / argument).is_file())
    here = folder.absolute()
    return Command(here, spec.command or (), files, spec.args, spec.metrics, spec.code.inside(here))


def _above(folder: Path, inside: str) -> Path:
    return folder.parents[len(Path(inside).parts) - 1] if inside else folder


def _folder_with(files: Sequence[str], folder: Path, inside: str) -> Path:
    candidates = (folder, *(Path(entry, inside) for entry in sys.path if entry))
    return next((place for place in candidates if all((place / file).is_file() for file in files)), folder)


def load(trainable: TrainableFile | TrainingFunction) -> TrainingFunction:
    """Return the function; see `TrainableFile.load`."""
    return trainable.load() if isinstance(trainable, TrainableFile) else trainable


def name_of(trainable: Trainable) -> str:
    """Name it as messages do: `train.py:train`."""
    if isinstance(trainable, TrainableFile):
        return f"{trainable.file}:{trainable.function}"
    if isinstance(trainable, Command):
        return written_command(trainable.arguments)
    return str(getattr(trainable, "__name__", type(trainable).__name__))


_STAMP = "__stepladder_stamp__"


def _imported(path: Path, folder: Path) -> ModuleType:
    status = path.stat()
    stamp = (str(path), status.st_mtime_ns, status.st_size)
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(path):
        name = f"{name}__trainable"  # the name is taken by a module that something else may rely on
        known = sys.modules.get(name)
    if known is not None and getattr(known, _STAMP, None) == stamp:
        return known
    _put_first(folder)
    _put_first(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    setattr(module, _STAMP, stamp)
    return module


def _put_before(root: Path, copy: Path) -> None:
    """Put the copy's folder before each entry of `sys.path` that lies in the user's root.

    What PYTHONPATH or an editable installation finds there is pinned too.
    """
    entries = []
    for entry in sys.path:
        path = Path(entry)
        if entry and path.is_relative_to(root) and not path.is_relative_to(copy):
            mapped = str(copy / path.relative_to(root))
            if mapped not in sys.path and mapped not in entries and Path(mapped).is_dir():
                entries.append(mapped)
        entries.append(entry)
    sys.path[:] = entries


def _put_first(folder: Path) -> None:
    entry = str(folder)
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)
