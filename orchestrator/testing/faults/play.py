"""Plays a seed, and says what was broken."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from orchestrator.testing.faults import invariants
from orchestrator.testing.faults.damage import damaged
from orchestrator.testing.faults.kinds import FaultKind
from orchestrator.testing.faults.story import Story

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made below; nothing there is trusted
"""Where a folder costs no disk, if there is such a place."""


@dataclass(frozen=True)
class Played:
    """What became of a seed."""

    seed: int
    """It."""
    struck: Counter[FaultKind]
    """Faults that struck, by kind."""
    drivers: int
    """Drivers that it took."""
    records: int
    """Records of its log."""
    broken: tuple[str, ...]
    """What did not hold; empty where all is well."""


def play(seed: int) -> Played:
    """Play a seed to its end, in a folder of its own that is gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="stepladder-faults-", dir=MEMORY if MEMORY.is_dir() else None))
    story, records, problems = None, 0, []
    try:
        story = Story(seed, root)
        story.play()
        events = story.look()
        records = len(events)
        problems = [*story.broken, *invariants.broken(story, events)]
        problems += damaged(story.ground, events, Random(f"{seed}/damage"), story.fates.struck)
    except Exception:  # noqa: BLE001 - whatever it is, nothing of the kind may come to a person
        problems = [*(story.broken if story else ()), traceback.format_exc()]
    finally:
        shutil.rmtree(root, ignore_errors=True)
    struck, drivers = (story.fates.struck, len(story.left)) if story else (Counter[FaultKind](), 0)
    return Played(seed, struck, drivers, records, tuple(problems))
