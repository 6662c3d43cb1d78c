"""The command `gc`: what nobody can need any more of a sweep's folder, shown, and removed once that is agreed to."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, IdOption, JsonOption, SweepArgument, YesOption
from orchestrator.cli.say import answer_json, answer_text, say
from orchestrator.sweep.kept import KeepCheckpoints

if TYPE_CHECKING:
    from orchestrator.project.clearing import Cleared


KeepOption = Annotated[
    KeepCheckpoints | None,
    typer.Option(help="Which checkpoints stay. Unset: as keep_checkpoints in its sweep file says.", show_default=False),
]
WorkOption = Annotated[
    bool, typer.Option("--work", help="Also the folders of ended trials in which these wrote something of their own.")
]


def gc(
    sweep: SweepArgument = SWEEP,
    yes: YesOption = False,
    keep: KeepOption = None,
    work: WorkOption = False,
    sweep_id: IdOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what lies in a sweep's folder and nobody can need any more, and how large it is; with --yes, remove it.

    Kept are the checkpoints that `resume`, `retry`, confirming, `test` and you may still ask for. The log stays whole.
    """
    from orchestrator.project import clearing
    from orchestrator.project.ownership import Meant, SweepThere, refuse_other
    from orchestrator.project.places import locate
    from orchestrator.state.reading import read_sweep

    found = locate(sweep)
    if yes:
        named = Meant("gc", shlex.quote(sweep), sweep_id)
        refuse_other(named, SweepThere.of(read_sweep(found.folder)), found.folder, found.file)
        cleared = clearing.clear(found.folder, keep, work=work, on_wait=say)
    else:
        cleared = clearing.look(found.folder, keep)
    if as_json:
        answer_json({"sweep": str(found.folder), "is_removed": yes, **asdict(cleared)})
    else:
        _show(cleared, is_removed=yes)
    if not yes:
        _say_next(cleared, shlex.quote(sweep), keep)


def _show(cleared: Cleared, *, is_removed: bool) -> None:
    from orchestrator import wording

    for kind in cleared.clutter:
        also = "; only with --work" if kind.is_own and not is_removed else ""
        answer_text(f"{len(kind.names):>6}  {wording.size(kind.size):>10}  {kind.kind}{also}")
    total, what = sum(kind.size for kind in cleared.clutter), "removed" if is_removed else "that nobody needs"
    stays = f"{wording.counted(cleared.checkpoints, 'checkpoint')} ({wording.size(cleared.size)})"
    answer_text(f"{wording.size(total)} {what}; {stays} stay, by keep_checkpoints: {cleared.keep}")


def _say_next(cleared: Cleared, typed: str, keep: KeepCheckpoints | None) -> None:
    if cleared.holder is not None:
        say(f"{cleared.holder}, and removes such checkpoints itself; the rest once it has left")
        return
    if cleared.clutter:
        options = f" --keep {keep}" * (keep is not None) + " --work" * any(kind.is_own for kind in cleared.clutter)
        say(f"nothing was removed; next: stepladder gc {typed}{options} --yes")
