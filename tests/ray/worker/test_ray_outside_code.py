"""What a process imported from elsewhere: hashed as it was imported; programs are hashed as an attempt finds them."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path

import pytest

from orchestrator.control.session import Session
from orchestrator.ray.worker.outside_code import imported_from_outside
from orchestrator.ray.worker.trainable import Command
from orchestrator.sweep.trial import TrialState


def test_editable_code_is_outside_and_packages_and_the_sweep_s_own_are_not(tmp_path: Path, monkeypatch):
    (tmp_path / "lab").mkdir()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "lab" / "elsewhere_net.py").write_text("LAYERS = 3\n")
    (tmp_path / "sweep" / "own_net.py").write_text("LAYERS = 3\n")
    for folder in ("lab", "sweep"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    for name in ("elsewhere_net", "own_net"):
        importlib.import_module(name)
    file = tmp_path / "lab" / "elsewhere_net.py"
    expected = hashlib.sha256(b"LAYERS = 3\n").hexdigest()[:12]
    found = imported_from_outside(tmp_path / "sweep")
    assert found[str(file)] == expected
    assert str(tmp_path / "sweep" / "own_net.py") not in found
    assert not [path for path in found if "site-packages" in path or "/orchestrator/" in path]
    assert sys.modules["json"].__file__ not in found
    file.write_text("LAYERS = 4\n")
    assert imported_from_outside(tmp_path / "sweep")[str(file)] == expected, "what was imported is what runs"


@pytest.mark.ray
def test_a_program_that_is_edited_is_hashed_for_each_attempt_and_told(host, caplog):
    code = (
        "import json, os\n"
        "with open(os.environ['STEPLADDER_REPORTS'], 'a') as file: file.write('{\"epoch\": 3, \"score\": 1}\\n')\n"
    )
    file = host.folder / "train.py"
    file.write_text(code)

    def edit(session: Session) -> None:
        if session.state.trials and session.state.trials[0].state is TrialState.COMPLETED and not edited:
            edited.append(len(session.state.trials))
            file.write_text(code + "# edited\n")

    edited: list[int] = []
    ran = host.run(Command(host.folder, ("python", "train.py")), on_step=edit, resources={"max_concurrent": 1})
    assert ran.error is None
    hashes = [trial.attempt.code_hash for trial in ran.state.trials]
    assert None not in hashes
    assert len(set(hashes)) == 2
    old, new = dict.fromkeys(hashes)
    first = hashes.index(new)
    assert hashes == [old] * first + [new] * (len(hashes) - first)
    assert f"the program's code changed from trial {first} on: {old} -> {new}" in caplog.text


@pytest.mark.ray
def test_what_a_function_imports_from_elsewhere_is_recorded(host, tmp_path_factory):
    lab = tmp_path_factory.mktemp("lab")
    (lab / "lab_of_mine.py").write_text("VALUE = 1\n")
    ran = host.run(
        f"""
        import sys
        sys.path.insert(0, {str(lab)!r})
        import lab_of_mine
        from ray import tune

        def train(config):
            tune.report({{"epoch": 3, "score": lab_of_mine.VALUE}})
        """
    )
    assert ran.error is None
    assert None not in {trial.attempt.outside_hash for trial in ran.state.trials}
    assert {trial.attempt.code_hash for trial in ran.state.trials} == {None}
