"""Which checkpoints of a sweep stay: the words for it, in the sweep file and on the command line."""

from __future__ import annotations

from typing import Literal, TypeAlias

KeepCheckpoints: TypeAlias = Literal["needed", "last", "all"]
"""`needed`, `last` or `all`: `orchestrator.policies.keeping` says what each of them keeps."""
