"""How a program failed: by its exit status, and by what it said last of all.

What ended a program is what stands at the end of what it printed, not an error that it met, printed and got over an
hour before. And who started it speaks last: Hydra advises to set a variable, torchrun and accelerate add tracebacks
of their own. Below these lies the cause.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

from orchestrator.ray.worker.failure import ERROR, LOST, OUT_OF_MEMORY, AttemptFailed, cut, speaks_of_memory

SHOWN_LINES, SHOWN_BYTES = 20, 1500
"""How much of what was printed an error tells."""
JUDGED_LINES = 3
"""How many of the last lines say whether memory ran out, where there is no traceback."""

_TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\):$|^╭─+ Traceback \(most recent call last\) ─+╮$")
"""Python's own first line, and Rich's."""
_RAISED_FROM = "The above exception was the direct cause of the following exception:"
_RANK = re.compile(r"^\[(?:rank|default)(\d+)\]:\s?")
_FIRST_TO_FAIL = re.compile(r"Root Cause.*?^\s*rank\s*:\s*(\d+)", re.DOTALL | re.MULTILINE)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?::|$)")
_OF_LAUNCHERS = re.compile(
    r"^Set the environment variable HYDRA_FULL_ERROR=1"
    r"|^[EWI]\d{4} .*torch/distributed/"
    r"|^\[?\d{4}-\d\d-\d\d .*torch\.distributed\."
    r"|^(?:ERROR|WARNING|INFO):torch\.distributed\."
    r"|multiprocessing/resource_tracker\.py:\d+: UserWarning|^\s+warnings\.warn\("
    r"|^\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\]? \[(?:ERROR|INFO)\] \[launch\.py"
)
_LAUNCHERS_ERROR = re.compile(
    r"^(?:torch\.distributed\.elastic\.multiprocessing\.errors\.(?:error_handler\.)?ChildFailedError"
    r"|(?:subprocess\.)?CalledProcessError: Command .* returned non-zero exit status)",
    re.MULTILINE,
)
_LAUNCHERS_FRAME = re.compile(
    r"torch/distributed/(?:run|launcher)|accelerate/commands/|simple_launcher|/deepspeed/launcher/"
)
_GOES_ON = re.compile(
    r"^(?:\s|$|CUDA kernel errors|For debugging|Compile with|Device-side|Exception raised from|frame #)"
)


def failure_of_program(
    status: int, printed: str, *, is_memory_killer_seen: bool, printed_to_stdout: str = ""
) -> AttemptFailed:
    """Say how a program failed: `status` as `subprocess` has it, never 0, and the end of what it `printed` to stderr.

    What it printed to stdout is told where it left stderr empty. A kill is a person's, the scheduler's or the node's,
    and the trial is repeated; unless the kernel's memory killer was at work meanwhile. A shell tells of a child's
    kill by the code 137.
    """
    how = f"exited with code {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
    lines, where = said_last(printed), "its stderr ends with"
    if not lines:
        lines, where = said_last(printed_to_stdout), "stderr is empty, its stdout ends with"
    last = "\n".join(lines[-SHOWN_LINES:]).strip()[-SHOWN_BYTES:]
    text = cut(f"the program {how}; {where}:\n{last}" if last else f"the program {how}, stderr is empty")
    if speaks_of_memory("\n" + "\n".join(final_words(lines))):
        return AttemptFailed(OUT_OF_MEMORY, text)
    is_killed = status in (-signal.SIGKILL, 128 + signal.SIGKILL)
    if is_killed and is_memory_killer_seen:
        return AttemptFailed(OUT_OF_MEMORY, f"{text}\nmemory ran out and the kernel ended it")
    return AttemptFailed(LOST if status == -signal.SIGKILL else ERROR, text)


def said_last(printed: str) -> list[str]:
    """Return what a program printed up to its own last line: what its launchers say behind that is left out."""
    lines = _of_first_to_fail(printed)
    while lines:
        start = _last_traceback(lines)
        if start is not None and _is_launchers("\n".join(lines[start:])):
            del lines[start:]
        elif not lines[-1].strip() or _is_remark(lines[-1]):
            lines.pop()
        else:
            break
    return lines


def final_words(lines: Sequence[str]) -> list[str]:
    """Return the message that a program ended with: of its last traceback if it ended there, else its last lines."""
    start = _last_traceback(lines)
    if start is None:
        return _spoken(lines)
    raised = next((number for number in range(start + 1, len(lines)) if _RAISED.match(lines[number])), None)
    if raised is None:
        return list(lines[start + 1 :])
    end = next((number for number in range(raised + 1, len(lines)) if not _GOES_ON.match(lines[number])), None)
    if end is None:
        return [*_direct_cause(lines[:start]), *lines[raised:]]
    return _spoken(lines[end:])


def _spoken(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not _GOES_ON.match(line)][-JUDGED_LINES:]


def _direct_cause(before: Sequence[str]) -> list[str]:
    """Return the final words of what was raised before, where the last exception says that it was raised from that."""
    said = [number for number, line in enumerate(before) if line.strip()]
    return final_words(before[: said[-1]]) if said and before[said[-1]].strip() == _RAISED_FROM else []


def _of_first_to_fail(printed: str) -> list[str]:
    """Return the lines of the process that torchrun calls the root cause, where lines say whose they are; else all."""
    lines = printed.rstrip().splitlines()
    found = _FIRST_TO_FAIL.search(printed)
    own = [line for line in lines if found and (rank := _RANK.match(line)) and rank[1] == found[1]]
    return [_RANK.sub("", line) for line in own or lines]


def _last_traceback(lines: Sequence[str]) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if _TRACEBACK.match(lines[at])), None)


def _is_launchers(traceback: str) -> bool:
    return _LAUNCHERS_ERROR.search(traceback) is not None and _LAUNCHERS_FRAME.search(traceback) is not None


def _is_remark(line: str) -> bool:
    return _OF_LAUNCHERS.search(line) is not None and not line.lstrip().startswith("File ")
