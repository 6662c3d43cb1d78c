"""Stepladder: one YAML file becomes a staged hyperparameter sweep, and the winner comes out as JSON.

In a notebook: `from orchestrator import Sweep`. Everything else is reached through the command `stepladder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.notebook import Sweep

__version__ = "0.1.0"
__all__ = ["Sweep", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Sweep":
        from orchestrator.notebook import Sweep  # imported when asked for: `stepladder plan` must be quick

        return Sweep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
