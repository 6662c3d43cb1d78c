"""Cluster definitions as templates, and what every launcher by a definition refuses.

A definition is a file of cluster/, or a user's copy of one. A placeholder in it, `${STEPLADDER_NAME}`, is a whole value
at the end of its line: `A=${STEPLADDER_FOLDER}`, `A=(${STEPLADDER_COMMAND})` in a shell, `a: ${STEPLADDER_JOB}` in
YAML. The launcher writes each value in the file's own language, quoted, so that no value can be read as anything
else. Everything else that begins with a dollar, and every comment, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.members import definitions, nearest

_MENTIONED = re.compile(r"\$\{(STEPLADDER_\w*)\}")
_WHOLE_VALUE = re.compile(r"(\s*(?:[\w./-]+=\(?|(?:- )?[\w./-]+: |- ))\$\{(STEPLADDER_\w*)\}(\)?\s*(?:\s#.*)?)")
_ENDINGS = (".sbatch", ".yaml", ".yml")
_COMMAND = "STEPLADDER_COMMAND"


@dataclass(frozen=True, slots=True)
class Definition:
    """A cluster definition as it lies on disk."""

    name: str
    """What messages call it: its path as it was given, or its name in cluster/."""
    text: str
    """Its content, placeholders and all."""

    @classmethod
    def read(cls, target: str) -> Definition:
        """Read the definition that `target` means; raises UsageError as `find_definition`."""
        path = find_definition(target)
        return cls(target if path == Path(target) else path.name, path.read_text())

    def mentions(self, name: str) -> bool:
        """Say whether the definition has the placeholder `name`."""
        return any(name in _MENTIONED.findall(line) for line in self.text.splitlines() if not _is_comment(line))

    def fill(self, values: Mapping[str, str | None]) -> str:
        """Return the text with each placeholder replaced by its value, written in the file's own language.

        A line whose value is None is left out.

        Raises UsageError, by line, for a placeholder that is unknown or not a whole value, and where the definition
        does not run the sweep's command.
        """
        if not self.mentions(_COMMAND):
            raise UsageError(f"{self.name}: it never runs the sweep; put ${{{_COMMAND}}} where the driver is started")
        lines = self.text.split("\n")
        filled = (self._filled(number, line, values) for number, line in enumerate(lines, start=1))
        return "\n".join(line for line in filled if line is not None)

    def _filled(self, number: int, line: str, values: Mapping[str, str | None]) -> str | None:
        mentioned = [] if _is_comment(line) else _MENTIONED.findall(line)
        for name in mentioned:
            if name not in values:
                known = ", ".join(values)
                raise UsageError(f"{self.name}:{number}: ${{{name}}} is not a placeholder; choose one of {known}")
        if not mentioned:
            return line
        found = _WHOLE_VALUE.fullmatch(line)
        if found is None:
            raise UsageError(
                f"{self.name}:{number}: a placeholder is a whole value at the end of its line, without quotes: "
                f"`NAME=${{{mentioned[0]}}}`, or `name: ${{{mentioned[0]}}}` in YAML"
            )
        value = values[found[2]]
        return None if value is None else f"{found[1]}{value}{found[3]}"


def find_definition(target: str) -> Path:
    """Return the file that `target` means: a path, or a name in cluster/, whose ending may be left out.

    Raises UsageError where there is none, with the names that there are.
    """
    if Path(target).is_file():
        return Path(target)
    shipped = [path for path in sorted(definitions("cluster").rglob("*")) if path.suffix in _ENDINGS]
    for path in shipped:
        if target in (path.name, path.stem):
            return path
    choice = nearest(target, [path.stem for path in shipped]) if shipped else "the path of one"
    raise UsageError(f"{target}: there is no such cluster definition; give a file, or {choice}")


def refuse_relative(storage: str) -> None:
    """Raise UsageError for a storage that means another place on another machine."""
    if not storage.startswith("/") and "://" not in storage:
        raise UsageError(
            f"storage {storage}: it is relative to the sweep file, and the cluster has another disk than this machine; "
            "give a folder that all nodes see, or a bucket, e.g. storage=/shared/runs or storage=s3://bucket/runs"
        )


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
