"""Sweeps of programs on a real local Ray: reports, checkpoints, stops, failures, and nothing left behind."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from pathlib import Path

import pytest
from processes import marked

from orchestrator.policies import shared_files
from orchestrator.ray.worker.trainable import Command
from orchestrator.sweep.program import Metrics

pytestmark = pytest.mark.ray

SCRIPT = """
import json, os, subprocess, sys, time
from pathlib import Path

config = json.loads(os.environ["STEPLADDER_CONFIG"])
number, attempt = int(os.environ["STEPLADDER_NUMBER"]), int(os.environ["STEPLADDER_ATTEMPT"])

def report(**metrics):
    with open(os.environ["STEPLADDER_REPORTS"], "a") as file: file.write(json.dumps(metrics) + "\\n")

"""


@pytest.fixture
def run(host):
    """Run a sweep of a program; `code` becomes train.py, `arguments` follow it unless they name another program."""

    def run(code, *arguments, on_step=lambda _: None, **changes):
        (host.folder / "train.py").write_text(SCRIPT + textwrap.dedent(code))
        program = arguments if arguments[:1] == ("sh",) else ("python", "train.py", *arguments)
        command = Command(host.folder, program, metrics=changes.get("metrics") and Metrics(**changes.pop("metrics")))
        ran = host.run(command, on_step=on_step, **changes)
        deadline = time.monotonic() + 240
        while left(host.folder) and time.monotonic() < deadline:
            time.sleep(0.1)  # the reaper outlives what it ended by a moment
        assert left(host.folder) == []
        return ran

    return run


def left(folder):
    """Return what still runs of programs that were started for a sweep in `folder`."""
    return marked(f"STEPLADDER_SWEEP_FOLDER={folder}")


def workers():
    """Return the processes of Ray's trial workers."""
    titles = {path.parent.name: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [int(pid) for pid, title in titles.items() if title.startswith(b"ray::TrialWorker")]


def logs(ran, trial, name, attempt=0):
    return (ran.folder / f"runs/test/logs/{trial}/{attempt}/{name}").read_text()


JUDGED = {
    "scheduler": "asha",
    "fidelity": {"metric": "epoch", "min": 1, "max": 2, "reduction_factor": 2},
    "resources": {"max_concurrent": 1},
    "budget": {"trials": 4},
}


def test_asha_stops_a_script_and_all_that_it_started(run):
    ran = run(
        """
        print("lr", sys.argv[2], flush=True)
        subprocess.Popen(["setsid", "sleep", "600"])
        for epoch in (1, 2):
            report(epoch=epoch, score=(0.5, 0.9, 0.1, 0.2)[number])
            time.sleep(600 if number > 1 else 0)
        time.sleep(600)
        """,
        "--lr",
        "{x}",
        **JUDGED,
    )
    assert [trial.state.value for trial in ran.state.trials] == ["completed", "completed", "pruned", "pruned"]
    assert [trial.values for trial in ran.state.trials][1:3] == [{1.0: 0.9, 2.0: 0.9}, {1.0: 0.1}]
    assert logs(ran, 0, "stdout.txt") == "lr 0.5\n"


def test_a_program_pays_for_what_it_takes_after_a_stop(run):
    ran = run(
        """
        import signal
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(3), sys.exit(0)))
        report(epoch=1, score=0.5)
        time.sleep(600)
        """,
        fidelity={"metric": "epoch", "max": 1},
        budget={"trials": 2},
        resources={"max_concurrent": 1},
    )
    assert [ran.outcomes(number) for number in range(2)] == [["stopped"]] * 2
    assert all(trial.attempt.charged_s >= 3 for trial in ran.state.trials)


def test_a_shell_script_is_stopped_likewise(run):
    ran = run(
        "",
        "sh",
        "-c",
        textwrap.dedent(
            """
            sleep 600 &
            epoch=1
            while [ $epoch -le 2 ]; do
                echo "{{\\"epoch\\": $epoch, \\"score\\": $1}}" >> "$STEPLADDER_REPORTS"
                epoch=$((epoch + 1))
            done
            wait
            """
        ),
        "sh",
        "{x}",
        **(JUDGED | {"budget": {"trials": 2}}),
    )
    assert ran.state.trials[0].values == {1.0: 0.5, 2.0: 0.5}
    assert {trial.state.value for trial in ran.state.trials} <= {"completed", "pruned"}


def test_a_killed_worker_leaves_no_orphan_and_the_program_goes_on_from_its_checkpoint(run, host):
    killed = []

    def kill(session):
        worker = host.folder / "worker"
        if not killed and worker.exists() and worker.read_text():
            own = worker.read_text()
            [killed_now] = [pid for pid in workers() if str(Path(f"/proc/{pid}/cwd").readlink()) == own]
            killed.append(killed_now)
            os.kill(killed_now, signal.SIGKILL)

    ran = run(
        """
        start, folder = 0, Path(os.environ["STEPLADDER_CHECKPOINTS"])
        if len(sys.argv) > 1:
            assert sys.argv[1:] == ["--resume", os.environ["STEPLADDER_CHECKPOINT"]]
            start = int(Path(sys.argv[2]).read_text())
            assert Path(sys.argv[2]) == folder / "epoch-2"
        for epoch in range(start + 1, 5):
            if epoch == 3 and attempt == 0:
                subprocess.Popen(["sleep", "600"])
                time.sleep(1)  # until the report before is taken
                Path(__file__).with_name("worker").write_text(os.environ["STEPLADDER_TRIAL_FOLDER"])
                time.sleep(600)
            (folder / f"epoch-{epoch}").write_text(str(epoch))
            report(epoch=epoch, score=epoch, checkpoint=f"epoch-{epoch}")
        """,
        "--resume",
        "{trial.checkpoint}",
        on_step=kill,
        budget={"trials": 1},
        fidelity={"metric": "epoch", "max": 4},
    )
    [trial] = ran.state.trials
    assert ran.outcomes(0) == ["lost", "stopped"]
    assert trial.attempts[1].resumed_from == 2.0
    assert [path.name for path in Path(trial.checkpoint).iterdir()] == ["epoch-4"]


@pytest.mark.parametrize(
    ("code", "outcome", "error"),
    [
        ("sys.exit('no data')", "error", "the program exited with code 1; its stderr ends with:\nno data"),
        ("sys.exit(3)", "error", "the program exited with code 3, stderr is empty"),
        (
            "os.abort()",
            "error",
            "the program was ended by SIGABRT, stderr is empty",
        ),
        (
            "report(epoch=1, score=1); sys.exit('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB')",
            "out_of_memory",
            "the program exited with code 1; its stderr ends with:\n"
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
        ),
        (
            "pass",
            "error",
            'python train.py ended without a report; append lines such as {"epoch": 1, "score": 0.5} to '
            "STEPLADDER_REPORTS, or say by `metrics` where it writes them",
        ),
        (
            "report(epoch=1, score=1); report(epoch=2, loss=1); time.sleep(600)",
            "error",
            "line 2 of STEPLADDER_REPORTS: a report without 'score': it held epoch, loss. The sweep file says "
            "`objective.metric: score`; report that key with every line, or name another one there",
        ),
        (
            "report(epoch=1, score=1, checkpoint='model.pt'); time.sleep(600)",
            "error",
            "line 1 of STEPLADDER_REPORTS: there is no 'model.pt' in STEPLADDER_CHECKPOINTS; "
            "write the checkpoint before the report that names it",
        ),
    ],
    ids=["message", "code", "signal", "memory", "silent", "report", "checkpoint"],
)
def test_what_a_program_does_wrong_is_told(run, code, outcome, error):
    ran = run(code, budget={"trials": 1})
    assert ran.outcomes(0) == [outcome]
    assert ran.state.trials[0].attempt.error == error


def test_a_program_that_is_killed_is_lost(run):
    ran = run("if attempt == 0: os.kill(os.getpid(), 9)\nreport(epoch=3, score=1)", budget={"trials": 1})
    assert ran.outcomes(0) == ["lost", "stopped"]
    assert ran.state.trials[0].attempts[0].error == "the program was ended by SIGKILL, stderr is empty"


def test_a_program_that_returns_early_has_completed_what_it_reported(run):
    ran = run("report(epoch=1, score=0.25)\nreport(epoch=2, score=float('nan'))\n", budget={"trials": 1})
    assert ran.outcomes(0) == ["stopped"]
    assert ran.state.trials[0].state.value == "diverged"


def test_arguments_a_file_and_a_linked_checkpoint_reach_a_program_that_goes_on(run):
    """A program that keeps `last.pt` as a link to the newest of its files and dies in its first attempt."""
    ran = run(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--x", type=float)
        parser.add_argument("--config")
        parser.add_argument("--out", type=Path)
        given = parser.parse_args()
        assert Path(given.config).read_text() == f"x: {given.x}\\n", given
        folder = Path(os.environ["STEPLADDER_CHECKPOINTS"])
        assert given.out == folder
        saved = os.environ.get("STEPLADDER_CHECKPOINT")
        start = int(Path(saved).read_text()) if saved else 0
        for epoch in range(start + 1, 5):
            (folder / f"epoch-{epoch}.pt").write_text(str(epoch))
            (folder / "last.pt").unlink(missing_ok=True)
            (folder / "last.pt").symlink_to(f"epoch-{epoch}.pt")
            report(epoch=epoch, score=given.x, came_from=start, checkpoint="last.pt")
            if epoch == 2 and attempt == 0:
                time.sleep(1)  # until the report is taken
                os.kill(os.getpid(), 9)
        """,
        "{args}",
        "--config={config}",
        "--out",
        "{trial.checkpoints}",
        budget={"trials": 1},
        fidelity={"metric": "epoch", "max": 4},
    )
    [trial] = ran.state.trials
    assert ran.outcomes(0) == ["lost", "stopped"]
    assert trial.attempts[1].resumed_from == 2.0
    assert Path(trial.checkpoint, "last.pt").read_text() == "4"


@pytest.mark.parametrize(
    ("metrics", "say"),
    [
        ({"stdout": r"epoch (?P<epoch>\d+) score (?P<score>[\d.]+)"}, "print(f'epoch {epoch} score {epoch / 4}')"),
        (
            {"csv": "out/*.csv"},
            "out = Path(sys.argv[1]) / 'out'; out.mkdir(exist_ok=True)\n"
            "    with (out / 'm.csv').open('a') as file:\n"
            "        file.write(('epoch,score\\n' if epoch == 1 else '') + f'{epoch},{epoch / 4}\\n')",
        ),
    ],
    ids=["stdout", "csv"],
)
def test_a_program_that_reports_nothing_is_read_where_it_prints_or_keeps_its_metrics(run, host, metrics, say):
    code = f"for epoch in range(1, 9):\n    {say}\n    if epoch == 4: time.sleep(600)\n"
    ran = run(
        code,
        "{trial.folder}",
        metrics=metrics,
        budget={"trials": 1},
        fidelity={"metric": "epoch", "max": 4},
    )
    assert ran.outcomes(0) == ["stopped"]
    assert ran.state.trials[0].values == {1.0: 0.25, 2.0: 0.5, 3.0: 0.75, 4.0: 1.0}


@pytest.mark.long
def test_a_file_of_the_project_that_two_programs_change_is_told_of_once(run, host, caplog, monkeypatch):
    def told():
        return [record.message for record in caplog.records if "beside the sweep file" in record.message]

    monkeypatch.setattr(shared_files, "SLACK_NS", 10**8)
    run(
        """
        # They change it in turns, each longer than the one before: a busy machine looks at the folder seconds apart.
        turn, pause = Path(".turn"), 2
        Path(f"of-{number}.pt").write_text("x")
        while len(list(Path().glob("of-*.pt"))) < 2: time.sleep(0.1)  # both run
        for second in range(400):
            now = int(turn.read_text()) if turn.exists() else 0
            pause = pause - 1 if now % 2 == number else 2 * 1.5**now
            if now % 2 == number and pause <= 0:
                was_told = Path(".told").exists()
                Path("model.pt").write_bytes(bytes(10**6))
                Path(f"of-{number}.pt").write_text(f"{second}")
                Path(f".turn-{number}").write_text(f"{now + 1}")
                Path(f".turn-{number}").replace(turn)
                if was_told: break  # and each changed it once more
            report(epoch=second, score=1)
            time.sleep(1)
        """,
        on_step=lambda _: told() and (host.folder / ".told").touch(),
        budget={"trials": 2},
        baseline_first=False,
        fidelity={"metric": "epoch", "max": 400},
    )
    assert told() == [
        "model.pt, beside the sweep file, is changed by more than one of the programs that ran at one time (trials "
        "0, 1): what they write there is lost or mixed; let them write below {trial.folder}"
    ]
