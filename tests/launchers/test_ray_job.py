"""A sweep on a real Ray head with token authentication, sent and watched from another folder, as a laptop would."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from heads import Head, ray_head
from slow_training import write_slow_sweep

from orchestrator.demos import write_demo
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location
from orchestrator.sweep.trial import Trial, TrialState

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    with ray_head(tmp_path_factory.mktemp("head")) as head:
        yield head


@pytest.fixture
def laptop(tmp_path):
    return write_demo("digits", tmp_path / "digits")


def typed(head: Head, folder: Path, *arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from orchestrator.cli.app import main; main()", *map(str, arguments)],
        cwd=folder, env=head.environment | {"HOME": str(folder)} | changes, capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip


def wait(condition, timeout_s=240.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.2)


def test_a_sweep_is_sent_watched_cancelled_and_resumed(head, laptop, tmp_path):
    shared = tmp_path / "shared"
    folder = Location.parse(shared / "digits")
    sent = typed(
        head,
        laptop,
        "submit",
        "sweep.yaml",
        "--address",
        head.address,
        "budget.trials=60",
        f"storage={shared}",
        "--no-check",
    )
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.startswith(f"digits is sent to {head.address} as digits-")
    assert "\naccepted: " in sent.stdout
    assert "uploads" in sent.stderr
    assert "next: stepladder logs -f sweep.yaml" in sent.stderr
    (kept,) = (laptop / ".stepladder").glob("digits.*.json")
    record = json.loads(kept.read_text())
    assert (record["launcher"], record["folder"]) == ("ray-job", str(folder))
    assert head.token_file.read_text() not in kept.read_text()

    wait(lambda: sweep_exists(folder) and read_sweep(folder).reported > 0)
    status = json.loads(typed(head, laptop, "status", "sweep.yaml", "--json").stdout)
    assert (status["condition"], status["job"]["state"]) == ("running", "running")
    again = typed(head, laptop, "resume", "sweep.yaml")
    assert again.returncode == 2
    assert "runs already" in again.stderr

    cancelled = typed(head, laptop, "cancel", "sweep.yaml")
    assert cancelled.returncode == 0, cancelled.stderr
    assert read_sweep(folder).stopped == "cancel"
    logs = typed(head, laptop, "logs", "sweep.yaml", "-f")
    assert "trial 0 (the baseline) started" in logs.stdout

    trials = len(read_sweep(folder).trials)
    resumed = typed(head, laptop, "resume", "sweep.yaml", "--trials", trials, "--detach")
    assert resumed.returncode == 0, resumed.stderr
    assert "accepted" not in resumed.stdout, "who is detached is not waited for"
    wait(lambda: read_sweep(folder).stopped == "finished")
    listed = json.loads(typed(head, laptop, "ls", "--address", head.address, "--json").stdout)
    assert {(row["sweep"], row["owner"]) for row in listed} == {(read_sweep(folder).plan.sweep_id, getpass.getuser())}
    assert len({row["job"] for row in listed}) == 2
    unseen = read_through_the_cluster(head, laptop, shared)
    assert "digits" in unseen.stdout


def test_what_would_fail_there_is_refused_by_the_preflight(head, laptop, tmp_path):
    """By the preflight of a submission, and by one without: nothing is sent either way."""
    at = ("--address", head.address)
    well = typed(head, laptop, "check", "sweep.yaml", *at, f"storage={tmp_path}/shared", "--json", "--patience", "200")
    assert well.returncode == 0, well.stdout
    found = json.loads(well.stdout)["preflight"]
    assert [finding["check"] for finding in found if finding["ok"] is False or finding["why"] == "wrong"] == []
    assert "next: stepladder submit sweep.yaml --address http" in well.stderr
    assert typed(head, laptop, "ls", *at, "--json").stdout.count("-check") == 0
    (laptop / "train.py").write_text("import not_installed_anywhere\n\ndef train(config): ...\n")
    checked = typed(head, laptop, "check", "sweep.yaml", *at, f"storage={tmp_path}/shared")
    assert checked.returncode == 1
    assert "\u2717 import" in checked.stdout
    assert "No module named 'not_installed_anywhere'" in checked.stdout
    sent = typed(head, laptop, "submit", "sweep.yaml", "--address", head.address, f"storage={tmp_path}/shared")
    assert sent.returncode == 1
    assert "error: sweep.yaml: valid, sweep digits-" in sent.stderr, "what Ray says of its job is left out"
    assert "\u2717 import" in sent.stderr
    assert "--no-check sends it all the same" in sent.stderr
    assert not (laptop / ".stepladder").exists()


def test_what_its_driver_refuses_is_heard_with_its_reason_and_not_remembered(head, laptop, tmp_path):
    sent = typed(
        head, laptop, "submit", "sweep.yaml", "--address", head.address, f"storage={tmp_path}/shared", "--no-check",
        "resources.gpus=64",
    )  # fmt: skip
    assert sent.returncode == 1
    assert sent.stdout.startswith("digits is sent to")
    assert "refused the sweep: no node can hold a trial: it asks for 1 CPUs and 64 GPUs" in sent.stderr
    assert list((laptop / ".stepladder").glob("*.json")) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_trial_is_stopped_from_here_and_run_again_from_the_cluster(head, tmp_path):
    """No trial ends by itself: each step is looked for in the log, however slow the machine is."""
    laptop, shared = tmp_path / "laptop", tmp_path / "shared"
    laptop.mkdir()
    write_slow_sweep(laptop, epochs=100_000, epoch_s=0.2, trials=2)
    sent = typed(
        head, laptop, "submit", "sweep.yaml", "--address", head.address, f"storage={shared}", "confirm=none",
        "resources.cpus=0.5",  # its driver takes as much of the two
        "--no-check",
    )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    folder = Location.parse(shared / "slow")

    def trial() -> Trial | None:
        trials = read_sweep(folder).trials if sweep_exists(folder) else []
        return trials[1] if len(trials) == 2 and trials[1].report_count else None

    wait(trial)
    stopped = typed(head, laptop, "stop", "sweep.yaml", "--trial", "1")
    assert (stopped.returncode, stopped.stderr) == (0, "next: stepladder show sweep.yaml 1\n")
    assert stopped.stdout == "asked for the end of trial 1\nthe sweep's driver takes it within 2 s, and says so\n"
    wait(lambda: trial().state is TrialState.PRUNED)
    assert read_sweep(folder).trials[0].is_open, "the other goes on"

    again = asked_through_the_cluster(head, laptop, "retry", folder, "--trial", "1")
    assert again.stdout.startswith("asked for another run of trial 1\n")
    wait(lambda: len(trial().attempts) == 2 and trial().attempt.has_reported)
    assert typed(head, laptop, "cancel", "sweep.yaml").returncode == 0
    said = typed(head, laptop, "logs", "sweep.yaml").stdout
    assert "the end of trial 1 was asked for: it is stopped" in said
    assert "trial 1 was asked for once more: it runs again" in said


def read_through_the_cluster(head: Head, laptop: Path, shared: Path) -> subprocess.CompletedProcess[str]:
    """Ask as a laptop that does not see the storage: by a job."""
    return asked_through_the_cluster(head, laptop, "status", shared / "digits")


def asked_through_the_cluster(
    head: Head, laptop: Path, verb: str, folder: object, *words: str
) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from orchestrator.launchers.ray_job import MEMBER; print(MEMBER(sys.argv[1]).run(*sys.argv[2:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, head.address, verb, str(folder), *words],
        cwd=laptop, env=head.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip


def refused(head: Head, laptop: Path, *arguments: str, **changes: str) -> str:
    given = arguments or ("storage=/shared/runs",)
    result = typed(head, laptop, "submit", "sweep.yaml", "--address", head.address, "--no-check", *given, **changes)
    assert result.returncode != 0
    assert result.stdout == ""
    assert not (laptop / ".stepladder").exists()
    assert "Traceback" not in result.stderr
    return result.stderr


def test_without_a_token_it_says_what_to_do(head, laptop):
    text = refused(head, laptop, RAY_AUTH_MODE="disabled")
    assert "wants a token, and RAY_AUTH_MODE=disabled says to send none: put the cluster's token into a file" in text


def test_a_wrong_token_is_told_from_a_missing_one_and_a_readable_file_is_warned_of(head, laptop):
    wrong = laptop / "token"
    wrong.write_text("0" * 64)
    assert f"refuses the token from {wrong}" in refused(head, laptop, RAY_AUTH_TOKEN_PATH=str(wrong))
    assert "is not a mode of Ray's; use token or disabled" in refused(head, laptop, RAY_AUTH_MODE="tokne")


@pytest.mark.parametrize("name", ["RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"])
def test_a_variable_that_would_send_it_elsewhere_is_refused_with_both_addresses(head, laptop, name):
    text = refused(head, laptop, **{name: "http://10.9.8.7:8265"})
    assert f"{name}=http://10.9.8.7:8265 is set" in text
    assert head.address in text


def test_what_is_too_large_is_refused_before_the_upload(head, laptop):
    with (laptop / "data.bin").open("wb") as file:
        os.truncate(file.fileno(), 120 * 2**20)
    too_large = r"120\.\d MiB, and the cluster takes 100\.0 MiB at most\. The largest are data\.bin"
    assert re.search(too_large, refused(head, laptop))
    (laptop / ".gitignore").write_text("*.bin\n")
    dry = typed(head, laptop, "submit", "sweep.yaml", "--address", head.address, "storage=/shared/runs", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "without what .gitignore names" in dry.stderr
    assert dry.stdout.startswith("ray job submit \\\n  --address http://127.0.0.1:")
    assert f"-- stepladder resume --auto --owner {getpass.getuser()} sweep.yaml storage=/shared/runs\n" in dry.stdout


def test_what_holds_a_secret_stays_here_and_what_leads_out_is_refused(head, laptop):
    (laptop / ".env").write_text("WANDB_API_KEY=abcdef0123\n")
    dry = typed(head, laptop, "submit", "sweep.yaml", "--address", head.address, "storage=/shared/runs", "--dry-run")
    assert "left out, for it holds a secret: .env" in dry.stderr
    assert ": 3 files, " in dry.stderr  # the schema that `init` writes for editors, too
    (laptop / ".gitignore").write_text("sweep.yaml\n")
    assert "sweep.yaml would not travel, and the sweep needs it: an ignore file names it" in refused(head, laptop)
    (laptop / ".gitignore").unlink()
    (laptop / "data").symlink_to("/usr")
    assert "what these symbolic links lead to lies outside the folder and would not travel: data" in refused(
        head, laptop
    )


def test_a_secret_and_a_folder_of_this_machine_are_refused(head, laptop):
    text = refused(head, laptop, "storage=/shared/runs", "--env", "WANDB_API_KEY=abcdef0123")
    assert "--env WANDB_API_KEY: looks like a secret" in text
    assert "abcdef0123" not in text
    assert "storage 'runs' lies beside the sweep file" in refused(head, laptop, "budget.trials=3")
