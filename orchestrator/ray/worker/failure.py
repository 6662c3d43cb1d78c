"""Why a training function failed, in words that every process can unpickle.

The user's own exception classes live in a file that the driver never imports: an exception of such a class would reach
it as a broken message. So a worker turns whatever was raised into an `AttemptFailed`.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

import ray

from orchestrator.project import calling
from orchestrator.sweep.recordable import LONGEST_TEXT, cleaned

ERROR, OUT_OF_MEMORY, LOST = "error", "out_of_memory", "lost"
"""The outcomes that a worker tells, spelled as in `orchestrator.sweep.trial.Outcome`, which workers need not import."""

STORAGE_AWAY = "storage_away"
"""Told by a worker whose checkpoint could not be put for so long that the driver is to leave."""

MAX_FRAMES = 3
LEFT_OUT = (
    "\n... {:,} characters are left out here; the whole is in the sweep's logs/, where the attempt printed it ...\n"
)
"""Stands in the middle of a text that is longer than a record holds."""
_OUT_OF_MEMORY = (
    "CUDA out of memory",
    "HIP out of memory",
    "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
    "not enough memory",
)
_HIDDEN = ("<frozen ", calling.__file__, *(f"{Path(file).parent}{os.sep}" for file in (ray.__file__, __file__)))
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{Path(traceback.__file__).parent}{os.sep}")


_OLD_WAYS = (
    (
        re.compile(r"^report\(\) got an unexpected keyword"),
        "Ray Tune takes metrics as one dict: report({'loss': loss})",
    ),
    (
        re.compile(r"'ray\.tune' has no attribute '(checkpoint_dir|save_checkpoint)'"),
        "Ray Tune takes a checkpoint beside the metrics: report({...}, checkpoint=Checkpoint.from_directory(folder))",
    ),
)
"""What Ray Tune says of ways that it took once, and how the same is written today."""


class AttemptFailed(Exception):  # noqa: N818 - it names an outcome
    """An attempt ended badly; holds words only, so that every process can unpickle it."""

    def __init__(self, outcome: str, text: str) -> None:
        text = cleaned(text)
        super().__init__(outcome, text)
        self.outcome = outcome
        self.text = text

    def __str__(self) -> str:
        return f"{self.outcome}: {self.text}"


def describe(error: BaseException, folder: Path | None = None) -> AttemptFailed:
    """Turn what a training function raised into an outcome and a short text, paths relative to `folder`."""
    if isinstance(error, AttemptFailed):
        return error
    outcome = OUT_OF_MEMORY if is_out_of_memory(error) else ERROR
    return AttemptFailed(outcome, shortened(error, folder))


def shortened(error: BaseException, folder: Path | None = None) -> str:
    """Return what helps of a traceback: the last frames of the user's code, where it ended, and the message."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_HIDDEN)]
    theirs = [at for at, frame in enumerate(frames) if not any(place in frame.filename for place in _LIBRARIES)]
    shown = [frames[at] for at in sorted({*theirs[-MAX_FRAMES:], *range(len(frames))[-1:]})]
    lines = [f"{_relative(f.filename, folder)}:{f.lineno} in {f.name}: {f.line}" for f in shown]
    message = "".join(traceback.format_exception_only(error)).strip()
    if error.__cause__ is not None:
        message += f" (caused by {type(error.__cause__).__name__}: {words_of(error.__cause__)})"
    if isinstance(error, TypeError | AttributeError):
        message += next((f". {today}" for before, today in _OLD_WAYS if before.search(words_of(error))), "")
    return cut("\n".join([*lines, message]))


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether GPU or host memory ran out in this process."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True  # torch.OutOfMemoryError, without importing torch to ask
    return isinstance(error, RuntimeError) and any(words in words_of(error) for words in _OUT_OF_MEMORY)


def words_of(error: BaseException) -> str:
    """Return an exception's own words, where its class can say them: `__str__` may be the user's, and fail, too."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the failure to tell is the first one
        return "<exception str() failed>"  # as Python's own traceback has it


def speaks_of_memory(text: str) -> bool:
    """Say whether the end of what a program printed says that GPU or host memory ran out."""
    return any(
        words in text for words in (*_OUT_OF_MEMORY, "OutOfMemoryError", "\nMemoryError", "cudaErrorMemoryAllocation")
    )


def _relative(filename: str, folder: Path | None) -> str:
    path = Path(filename)
    if folder is not None and path.is_relative_to(folder):
        return str(path.relative_to(folder))
    if "site-packages" in path.parts:
        return str(Path(*path.parts[path.parts.index("site-packages") + 1 :]))
    return filename


def cut(text: str) -> str:
    """Return a text as a record holds it: odd characters as escapes, of a long one the beginning and the end."""
    text = cleaned(text, len(text))
    if len(text) <= LONGEST_TEXT:
        return text
    half = (LONGEST_TEXT - len(LEFT_OUT) - 20) // 2
    return f"{text[:half]}{LEFT_OUT.format(len(text) - 2 * half)}{text[-half:]}"
