"""The command `test`: the winner, measured once on the test set."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import SWEEP, AddressOption, CpusOption, GpusOption, IdOption, JsonOption, SweepArgument
from orchestrator.cli.run import leave_at_once
from orchestrator.cli.say import answer_json, answer_text, say
from orchestrator.cli.storage_waits import WATCH
from orchestrator.project.address import to_join

if TYPE_CHECKING:
    from orchestrator.control.session import Session

AgainOption = Annotated[bool, typer.Option("--again", help="Use the test set another time; needs --reason.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why it is used again; recorded.", show_default=False)]


def measure(
    sweep: SweepArgument = SWEEP,
    again: AgainOption = False,
    reason: ReasonOption = None,
    sweep_id: IdOption = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a finished sweep's winner on the test set, once: what `test` in the sweep file names.

    Without --address, on a Ray that is started on this machine.
    """
    from orchestrator.project.measuring import taken_to_test
    from orchestrator.project.ownership import Meant, SweepThere, refuse_other
    from orchestrator.project.places import locate
    from orchestrator.state.reading import read_sweep

    joined = to_join(address, "test")
    found = locate(sweep)
    named = Meant("test", shlex.quote(sweep), sweep_id)
    refuse_other(named, SweepThere.of(read_sweep(found.folder)), found.folder, found.file)
    session, folder, said = taken_to_test(sweep, say, again=again, reason=reason)
    for line in said:
        say(line)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
    from orchestrator.driver import run_session
    from orchestrator.ray.host.options import HostOptions, job_address

    options = HostOptions(joined or job_address(os.environ), cpus, gpus)
    with WATCH.paused():
        ending = run_session(session, folder, options, partial(leave_at_once, None))
    for problem in ending.problems:
        say(f"warning: {problem}")
    raise typer.Exit(ending.exit_code if _answer(session, as_json=as_json) else ending.exit_code or 1)


def _answer(session: Session, *, as_json: bool) -> bool:
    """Say what was measured; returns whether anything was by the look that was just taken."""
    from orchestrator.results.tested import winner_on_test_set
    from orchestrator.views.tested import rows_of_test

    found = winner_on_test_set(session.state)
    if as_json:
        answer_json(None if found is None else asdict(found))
    else:
        for _, text in rows_of_test(found, session.state.plan.spec.fidelity.unit):
            answer_text(text)
    return found is not None and found.problem is None
