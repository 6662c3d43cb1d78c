"""best.json: the winner with everything needed to believe it, to use it and to run it again.

Rewritten while the sweep runs, so it always says who leads now; `note` says what keeps the winner from being final.
Every number is finite: what is unknown is null.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.curves.reading import curve_reading
from orchestrator.results.confirm_summary import ConfirmSummary
from orchestrator.results.export import arguments_of, ordered
from orchestrator.results.summary import Mark, StageSummary, summarise, valued_at
from orchestrator.storage.checkpoints import path_inside
from orchestrator.sweep.standing import best
from orchestrator.sweep.trial import Trial, training_seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.curves.diagnosis import Diagnosis
    from orchestrator.state.fold import SweepState
    from orchestrator.storage.filesystem import FileSystem
    from orchestrator.storage.location import Location
    from orchestrator.sweep.confirmation import FreshScore

NAME = "best.json"


def best_document(state: SweepState, folder: Location, diagnosis: Diagnosis | None = None) -> dict[str, Any]:
    """Return the content of best.json as plain data, keys in the order they are written.

    `folder` is the sweep's folder as a person would type it; checkpoints are given relative to it and in full.
    `diagnosis` is the winner's, None while it is trained. Spend is counted until the newest record, so the same log
    gives the same content.
    """
    summary, spec = summarise(state, state.last_t), state.plan.spec
    winner, baseline = state.winner(), state.baseline
    return {
        "sweep": {"id": summary.sweep_id, "name": spec.name, "seed": spec.seed},
        "objective": {"metric": summary.metric, "goal": summary.goal, "fidelity": summary.fidelity_metric},
        "note": summary.note,
        "winner": None if winner is None else _winner(state, winner, folder, diagnosis, summary.confirm.winner),
        "baseline": None if baseline is None else _evaluated(state, baseline, summary.confirm.baseline),
        "improvement": summary.improvement,
        "verdict": summary.confirm.verdict,
        "confirm": _confirm(summary.confirm),
        "constraints": None if summary.constraints is None else asdict(summary.constraints),
        "test": None if summary.tested is None else asdict(summary.tested),
        "stages": [_stage(stage) for stage in summary.stages],
        "trials": {"planned": summary.planned, **{found.value: count for found, count in state.counts().items()}},
        "spend": {
            "gpu_hours": summary.spend.gpu_hours,
            "cpu_hours": summary.spend.cpu_hours,
            "worker_s": summary.spend.worker_s,
            "fidelity": summary.spend.fidelity,
        },
        "provenance": _provenance(state),
        "rerun": _rerun(state, winner, folder),
    }


def best_text(state: SweepState, folder: Location, diagnosis: Diagnosis | None = None) -> str:
    """Return best.json as it is written: UTF-8 JSON, two spaces, a newline at the end."""
    return json.dumps(best_document(state, folder, diagnosis), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_best(files: FileSystem, state: SweepState, folder: Location, diagnosis: Diagnosis | None = None) -> None:
    """Put best.json in place, atomically. Raises StorageError as the file system does."""
    files.replace(NAME, best_text(state, folder, diagnosis).encode())


def _winner(
    state: SweepState, trial: Trial, folder: Location, diagnosis: Diagnosis | None, score: FreshScore | None
) -> dict[str, Any]:
    return {
        **_evaluated(state, trial, score),
        "best_value": best(state.plan.goal, trial.values.values()),
        "stage": trial.stage,
        "move": trial.move,
        "seed": training_seed(state.plan.spec.seed, trial.number),
        "checkpoint": _checkpoint(trial, folder),
        "notes": list(trial.notes),
        "diagnosis": None if diagnosis is None else asdict(curve_reading(state.plan, trial, diagnosis, state.trials)),
    }


def _confirm(found: ConfirmSummary) -> dict[str, Any]:
    return {
        "replicates": found.begun,
        "is_over": found.is_over,
        "difference": None if found.difference is None else asdict(found.difference),
        "text": found.text,
    }


def _evaluated(state: SweepState, trial: Trial, score: FreshScore | None) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "trial_id": trial.trial_id,
        "config": ordered(state, trial),
        "metric": state.plan.spec.objective.metric,
        "value": trial.value,
        "fidelity": valued_at(trial),
        "confirmed": None if score is None else asdict(score),
        "state": trial.state.value,
        "rungs": list(state.plan.brackets[trial.bracket].rungs_to(trial.max_fidelity or state.plan.spec.fidelity.max)),
    }


def _checkpoint(trial: Trial, folder: Location) -> dict[str, Any] | None:
    if trial.checkpoint is None:
        return None
    inside = path_inside(trial.checkpoint, folder)
    return {
        "path": inside or trial.checkpoint,
        "absolute": trial.checkpoint if inside is None else str(folder.absolute() / inside),
        "fidelity": trial.checkpoint_fidelity,
    }


def _stage(stage: StageSummary) -> dict[str, Any]:
    tally = stage.tally
    return {
        "name": stage.name,
        "block": list(stage.block),
        "planned": stage.planned,
        "proposed": tally.proposed,
        "done": tally.done,
        "stopped": tally.stopped,
        "failed": tally.failed,
        "before": _reached(stage.before),
        "after": _reached(stage.after),
    }


def _reached(found: Mark | None) -> dict[str, Any] | None:
    return None if found is None else {"trial": found.trial, "value": found.value}


def _provenance(state: SweepState) -> dict[str, Any]:
    planned = state.plan.provenance
    hashes = dict.fromkeys([planned.code_hash, *(session.code_hash for session in state.sessions)])
    return {
        "versions": dict(sorted((state.sessions[-1].versions if state.sessions else planned.versions).items())),
        "git_commit": planned.git_commit,
        "sweep_file": planned.source,
        "overrides": list(planned.overrides),
        "code_hashes": list(hashes),
        "code_changed": len(hashes) > 1,
        "drivers": len(state.sessions),
    }


def is_of_another_folder(found: object, known: Mapping[str, Any]) -> bool:
    """Say whether the content of a best.json is `known` but for the folder that it names: that of a moved sweep."""
    return isinstance(found, dict) and _without_folder(found) == _without_folder(known)


def _without_folder(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(document)
    if isinstance(rerun := kept.get("rerun"), dict):
        kept["rerun"] = {**rerun, "command": None}
    if isinstance(winner := kept.get("winner"), dict) and isinstance(lies := winner.get("checkpoint"), dict):
        kept["winner"] = {**winner, "checkpoint": {**lies, "absolute": None}}
    return kept


def _rerun(state: SweepState, winner: Trial | None, folder: Location) -> dict[str, Any]:
    arguments = None if winner is None else arguments_of(state, winner)
    return {
        "trainable": state.plan.spec.program,
        "arguments": None if arguments is None else shlex.join(arguments),
        "command": f"stepladder export {shlex.quote(str(folder))} --format args" if winner else None,
    }
