"""A sweep on a real local Ray whose training reports of the test set: nobody sees it, then `test` measures it once."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest

from orchestrator.control.session import read_events
from orchestrator.errors import UsageError
from orchestrator.project.code_in_force import CodeInForce
from orchestrator.project.measuring import reopened_to_test
from orchestrator.ray.worker.trainable import Command
from orchestrator.results.best import best_text
from orchestrator.results.export import export
from orchestrator.results.sink_export import fill, sink_at, sink_formats
from orchestrator.state.reading import read_sweep
from orchestrator.storage.location import Location
from orchestrator.sweep import event as ev
from orchestrator.sweep.program import Metrics
from orchestrator.views.page.contents import page_of
from orchestrator.views.page.html import html
from orchestrator.views.page.making import read_source
from orchestrator.views.render import make_console, show
from orchestrator.views.status import status_answer, status_document

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

KEY, SECRET = "test_score", 0.91357

FUNCTION = f"""
    import os, tempfile
    from ray import tune
    from ray.tune import Checkpoint

    def train(config, trial):
        if trial.purpose == "test":
            assert tune.get_checkpoint() is not None
            tune.report({{"nested": {{"{KEY}": {SECRET}}}}})
            return
        for epoch in (1, 2, 3):
            said = {{"epoch": epoch, "score": config["x"], "nested": {{"{KEY}": {SECRET}}}}}
            with tempfile.TemporaryDirectory() as folder:
                open(os.path.join(folder, "weights"), "w").close()
                if int(os.environ.get("RANK", 0)) == 0:
                    tune.report(said, checkpoint=Checkpoint.from_directory(folder))
                else:
                    tune.report(said)
            if trial.number == 1:
                raise ValueError("it had 0.9136 of it")
    """
PROGRAM = f"""
import os

if os.environ["STEPLADDER_PURPOSE"] == "test":
    print("{KEY}={SECRET}")
else:
    for epoch in (1, 2, 3):
        print(f"epoch={{epoch}} score=0.5 {KEY}={SECRET}", flush=True)
        if os.environ["STEPLADDER_NUMBER"] == "1":
            raise SystemExit("{KEY} was {SECRET}")
"""
PATTERNS = (rf"{KEY}=(?P<{KEY}>\S+)", r"epoch=(?P<epoch>\d+) score=(?P<score>\S+)")
KINDS = {
    "function": ({"test": {"metric": f"nested/{KEY}"}}, f"nested/{KEY}"),
    "ranks": ({"test": {"metric": f"nested/{KEY}"}, "resources": {"cpus": 2, "processes": 2}}, f"nested/{KEY}"),
    "program": (
        {"trainable": None, "command": ["python", "train.py"], "metrics": {"stdout": list(PATTERNS)},
         "test": {"metric": KEY}}, KEY,
    ),
}  # fmt: skip


def driven(host, session, trainable):
    from orchestrator.driver import drive

    return drive(session, trainable, host.options, lambda state, now: None)


def told(folder: Location) -> dict[str, str]:
    """Everything that we say of a sweep, by where it stands; what the user wrote, printed and saved aside."""
    state, said = read_sweep(folder), {}
    said["journal"] = repr([event for event in read_events(folder) if not isinstance(event, ev.SweepPlanned)])
    for file in folder.path.rglob("*.parquet"):
        table = pq.read_table(file)
        said[str(file.relative_to(folder.path))] = f"{table.column_names} {table.to_pylist()}"
    said["best.json"] = (folder.path / "best.json").read_text() + best_text(state, folder)
    said["status"] = json.dumps(status_document(state, folder, None), default=str)
    said["export"] = "".join(export(state, form, 3) for form in ("json", "yaml"))
    said["page"] = html(page_of(read_source(folder)))
    for form in sink_formats():
        if form == "mlflow" and find_spec("mlflow") is None:
            continue  # an extra; the same test with it installed looks there too
        place = folder.path.parent / f"{folder.path.name}-{form}"
        fill(sink_at(form, Location.parse(place), "mine"), folder)
        files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
        assert files, form
        said[form] = "".join(file.read_bytes().decode("latin-1") for file in files)
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_the_test_set_is_nowhere_until_it_is_measured_and_then_once(host, capfd, caplog, kind):
    changes, metric = KINDS[kind]
    trainable = host.write(FUNCTION)
    if kind == "program":
        (host.folder / "train.py").write_text(PROGRAM)
        trainable = Command(host.folder, ("python", "train.py"), metrics=Metrics(stdout=PATTERNS))
    session = host.session(budget={"trials": 2}, brake=False, **changes)
    assert driven(host, session, trainable).reason == "finished"
    folder = session.folder
    show(make_console(sys.stdout), status_answer(session.state, folder, None))
    said = told(folder) | {"printed": "".join(capfd.readouterr()), "logged": caplog.text}
    assert "stays in" in said["logged"], "it is told once that it is held back"
    assert said["logged"].count("`stepladder test`") == 1
    for where, text in said.items():
        assert KEY not in text, where
        assert "0.9135" not in text, where
        assert "0.9136" not in text, where
    assert [trial.state for trial in session.state.trials] == ["completed", "failed"]

    force = CodeInForce(session.state.plan, None, None)
    testing = reopened_to_test(folder, force, str(folder), again=False, reason=None)
    assert driven(host, testing, trainable).reason == "finished"
    found = json.loads((folder.path / "best.json").read_text())["test"]
    assert (found["metric"], found["value"], found["times"], found["problem"]) == (metric, SECRET, 1, None)
    assert found["from_fidelity"] == (0.0 if kind == "program" else 3.0)
    state = read_sweep(folder)
    assert state.stopped == "finished"
    assert len(state.trials) == 2
    (measured,) = [event for event in read_events(folder) if isinstance(event, ev.WinnerTestMeasured)]
    assert measured.value == SECRET
    with pytest.raises(UsageError, match="the test set was used on"):
        reopened_to_test(folder, force, str(folder), again=False, reason=None)
    assert read_sweep(folder).tests[0].value == SECRET, "and the sweep was let go"
