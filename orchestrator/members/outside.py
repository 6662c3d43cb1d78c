"""Members from outside the package: `my_lab.bo:MySearcher`, a class in anybody's own module.

A module is looked for beside the sweep file first (see `look_beside`), then in the environment, where `pip install`
puts it. It is imported as a script's neighbours are: code beside a sweep file runs in the process that reads that file.
What goes wrong is one sentence with file and line, never a traceback.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.members._phrases import nearest

PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
"""What `module:Class` looks like."""
_EXAMPLE = "my_lab.bo:MySearcher"

_folders: list[Path] = []
"""Where modules are looked for before the environment, the newest first. One for the process, as Python's path is."""
_loaded: dict[str, tuple[Path, dict[Path, int]]] = {}
"""Top-level modules that were imported beside a sweep file: from which folder, and when each file was written (ns)."""


LONGEST_NAME = 255
"""Characters of a module's name: importing nests once for each of its dots."""


def is_outside(name: str) -> bool:
    """Say whether a member's name means a class outside the package."""
    return ":" in name


def look_beside(folder: Path) -> None:
    """Look for modules in `folder`, a sweep file's, first; import anew what changed there since it was imported."""
    folder = folder.resolve()
    _folders[:] = [folder, *(known for known in _folders if known != folder)]
    for top, (_, written) in list(_loaded.items()):
        if written != _written(sys.modules.get(top)):
            _forget(top)


def folders() -> list[str]:
    """Return the folders that are looked into first, the newest first: for a process that is to find the same."""
    return [str(folder) for folder in _folders]


def forget() -> None:
    """Forget every folder, and what was imported beside sweep files: as if the process had just begun."""
    for top, (folder, _) in list(_loaded.items()):
        _forget(top)
        sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
    _folders.clear()


def load(name: str, kind: str, base: type[Any]) -> Any:
    """Import `module:Class` and return the class, which derives from `base`; `kind` is what messages call it.

    Where `base` is no abstract class, an instance of it, or a tuple of them, is meant and a tuple is returned. Raises
    SpecError where there is none, it cannot be imported, or it is something else.
    """
    module, wanted = _parts(name)
    imported = _module(module)
    try:
        found = getattr(imported, wanted)
    except AttributeError:
        known = sorted(key for key, value in vars(imported).items() if _is_meant(value, base))
        choice = f"choose {nearest(wanted, known)}" if known else f"it has no {kind} at all"
        raise SpecError(f"{name}: {_shown(imported)} defines no {wanted!r}; {choice}") from None
    if not inspect.isabstract(base):
        several = tuple(found) if isinstance(found, tuple | list) else (found,)
        if several and all(isinstance(one, base) for one in several):
            return several
        raise SpecError(f"{name} is not a {kind}; make it one with the decorator `orchestrator.{kind}`")
    _judge(name, found, kind, base)
    return found


def code_of(name: str) -> Path | None:
    """Return what the code of the member `name` is: its module's file, or the folder of the package that holds it.

    None where it was defined in an interpreter. Raises SpecError as `load` does.
    """
    module = _parts(name)[0]
    imported = _module(module)
    file = getattr(sys.modules[module.partition(".")[0]], "__file__", None) or getattr(imported, "__file__", None)
    if file is None or not Path(file).is_file():
        return None
    return Path(file).parent if Path(file).name == "__init__.py" else Path(file)


@contextlib.contextmanager
def told(name: str) -> Iterator[None]:
    """Turn whatever the code of the member `name` raises into a SpecError with file and line; our own errors pass."""
    try:
        yield
    except SpecError:
        raise
    except (Exception, SystemExit) as error:
        if not is_outside(name):
            raise
        raise SpecError(f"{name}: {_told(error, _tree(_parts(name)[0]))}; mend it") from error


def _parts(name: str) -> tuple[str, str]:
    file, _, wanted = name.partition(":")
    if re.match(PATTERN, name) is None or name.endswith("\n"):
        if file.endswith(".py") and wanted:
            meant = file.removesuffix(".py").removeprefix("./").replace("/", ".")
            raise SpecError(f"{name!r} names a file; name its module, as in {meant}:{wanted}")
        raise SpecError(f"{name!r} names no class; write module:Class, e.g. {_EXAMPLE}")
    return file, wanted


def _module(name: str) -> ModuleType:
    if len(name) > LONGEST_NAME:
        raise SpecError("the name of a module cannot be so long; write module:Class")
    top = name.partition(".")[0]
    folder = next((folder for folder in _folders if _file(folder, name) is not None), None)
    if folder is not None:
        _make_room(top, folder)
    with _first(folder), contextlib.redirect_stdout(sys.stderr):  # what it prints is no part of any answer
        try:
            imported = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                raise SpecError(_missing(name)) from None
            raise SpecError(f"{name} cannot be imported: {_told(error, folder)}; mend it") from error
        except (Exception, SystemExit) as error:
            raise SpecError(f"{name} cannot be imported: {_told(error, folder)}; mend it") from error
    if folder is not None:
        _loaded.setdefault(top, (folder, _written(sys.modules[top])))
    return imported


def _missing(name: str) -> str:
    beside = f" in {_folders[0]}" if _folders else ""
    return (
        f"there is no module {name!r}, neither beside the sweep file{beside} nor installed in {sys.prefix}; put "
        f"{name.replace('.', '/')}.py beside the sweep file, or install the package that has it"
    )


def _file(folder: Path, module: str) -> Path | None:
    """Return the file of `module` in `folder`; None where it has none."""
    path = folder.joinpath(*module.split("."))
    found = (path.with_suffix(".py"), path / "__init__.py")
    try:
        return next((file for file in found if file.is_file()), None)
    except OSError:  # a name that is too long for a file
        return None


def _make_room(top: str, folder: Path) -> None:
    """Forget a module of this name that lay beside another sweep file; refuse where the name is the environment's."""
    known = sys.modules.get(top)
    if known is None or top == "__main__":
        return
    if top in _loaded:
        if _loaded[top][0] != folder:
            _forget(top)
        return
    origin = next(iter(_origins(known)), None)
    if origin is None or not origin.is_relative_to(folder):
        raise SpecError(
            f"{top!r} beside the sweep file has the name of a module that is imported already, from "
            f"{origin or 'Python itself'}; give it another name"
        )


def _forget(top: str) -> None:
    _loaded.pop(top, None)
    for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _origins(module: ModuleType) -> list[Path]:
    file = getattr(module, "__file__", None)
    return [Path(file).resolve()] if file else [Path(place).resolve() for place in getattr(module, "__path__", [])]


def _written(module: ModuleType | None) -> dict[Path, int]:
    """Return when each file of a top-level module was written; nothing where it is gone."""
    if module is None:
        return {}
    folders = [Path(place) for place in getattr(module, "__path__", [])]
    files = [file for folder in folders for file in folder.rglob("*.py")] or _origins(module)
    return {file: file.stat().st_mtime_ns for file in files if file.is_file()}


@contextlib.contextmanager
def _first(folder: Path | None) -> Iterator[None]:
    """Put `folder` first on Python's path while something in it is imported; later it is last, for later imports."""
    if folder is None:
        yield
        return
    entry = str(folder)
    was_there = entry in sys.path
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)  # the first one
        if not was_there:
            sys.path.append(entry)


def _is_meant(value: Any, base: type[Any]) -> bool:
    if not inspect.isabstract(base):
        return isinstance(value, base)
    return isinstance(value, type) and issubclass(value, base) and value is not base


def _judge(name: str, found: Any, kind: str, base: type[Any]) -> None:
    public = f"orchestrator.{base.__name__}"
    if not isinstance(found, type) or not issubclass(found, base):
        raise SpecError(f"{name} is not a {kind}; derive the class from {public}")
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise SpecError(f"{name} does not define {', '.join(missing)}, which every {kind} must; see {public}")
    options = getattr(found, "Options", None)
    record = getattr(getattr(base, "Options", None), "__base__", None)
    if record is not None and not (isinstance(options, type) and issubclass(options, record)):
        raise SpecError(f"{name}: its Options must be a class derived from {public}.Options")


def _tree(module: str) -> Path | None:
    top = sys.modules.get(module.partition(".")[0])
    origin = next(iter(_origins(top)), None) if top is not None else None
    return origin.parent if origin is not None else None


def _told(error: BaseException, tree: Path | None) -> str:
    """Say where an error came up, nearest to the user's own code, and what it is: `my_lab/bo.py:3: KeyError: 'x'`."""
    text = str(error).partition("\n")[0]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(Path(error.filename))}:{error.lineno or 1}: {type(error).__name__}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    frames = [frame for frame in frames if Path(frame.filename) != Path(__file__)]
    own = [frame for frame in frames if tree is not None and Path(frame.filename).resolve().is_relative_to(tree)]
    for frame in reversed(own or frames):
        return f"{_relative(Path(frame.filename))}:{frame.lineno}: {what}"
    return what


def _shown(module: ModuleType) -> str:
    origin = next(iter(_origins(module)), None)
    return str(_relative(origin)) if origin is not None else module.__name__


def _relative(path: Path) -> Path:
    """Shorten a path for a message: from the sweep file's folder where it lies there."""
    path = path.resolve()
    folder = next((folder for folder in _folders if path.is_relative_to(folder)), None)
    return path.relative_to(folder) if folder is not None else path
