"""The command `confirm`: a finished sweep's winner, trained again over fresh seeds."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from orchestrator.cli.options import SWEEP, AddressOption, CpusOption, GpusOption, IdOption, JsonOption, SweepArgument
from orchestrator.cli.resume import taken_over
from orchestrator.cli.run import drive_and_answer
from orchestrator.project.address import to_join

TrainingsOption = Annotated[int, typer.Option(min=4, help="Full trainings that it may take.")]
ContendersOption = Annotated[int, typer.Option(min=1, max=100, help="How many of the best trials race.")]


def confirm(
    sweep: SweepArgument = SWEEP,
    trainings: TrainingsOption = 8,
    contenders: ContendersOption = 4,
    sweep_id: IdOption = None,
    address: AddressOption = None,
    cpus: CpusOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a finished sweep's best trials and its baseline again with fresh seeds, and choose the winner anew.

    Without --address, on a Ray that is started on this machine.
    """
    from orchestrator.policies.confirming import refuse_to_confirm
    from orchestrator.project.ownership import Meant, SweepThere, refuse_other
    from orchestrator.project.places import locate
    from orchestrator.state.reading import read_sweep

    joined = to_join(address, "confirm")
    named = Meant("confirm", shlex.quote(sweep), sweep_id)
    found = locate(sweep)
    state = read_sweep(found.folder)
    refuse_other(named, SweepThere.of(state), found.folder, found.file)
    refuse_to_confirm(state, sweep)
    target = locate(sweep, [f"confirm={{trainings: {trainings}, top: {contenders}}}"])
    session, folder = taken_over(target, None, named, retry_failed=False, takes_code=False)
    drive_and_answer(session, folder, joined, cpus, gpus, as_json=as_json)
