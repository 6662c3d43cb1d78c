"""The JSON Schemas that are installed with the package: `schemas/sweep-file.json`, and one for each verb with `--json`.

They are made from the code by `scripts/schemas`, so that an editor or another program needs no Python to read them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError

FOLDER = Path(__file__).parents[1] / "schemas"
"""Where they lie."""
SWEEP_FILE = FOLDER / "sweep-file.json"
"""That of the sweep file."""


def schema_file(verb: str) -> Path:
    """Return the file of what a verb answers with `--json`."""
    return FOLDER / f"{verb.replace(' ', '-')}.json"


def answer_schema(verb: str) -> dict[str, Any]:
    """Return the schema of what a verb answers with `--json`. Raises UsageError for one that has none."""
    known = {file.stem.replace("-", " ") for file in FOLDER.glob("*.json") if file != SWEEP_FILE}
    if verb not in known:
        raise UsageError(f"{verb}: no verb with --json; choose one of {', '.join(sorted(known))}")
    found: dict[str, Any] = json.loads(schema_file(verb).read_text(encoding="utf-8"))
    return found
