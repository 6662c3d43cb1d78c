"""What a training function prints on Ray lies in the sweep's folder, an attempt by itself, every rank of a gang too."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.ray


def test_each_attempt_of_a_reused_worker_has_its_own_prints(host):
    ran = host.run(
        """
        import os, subprocess, sys
        from ray import tune

        print("imported")

        def train(config, trial):
            print("trial", trial.number)
            subprocess.run(["sh", "-c", f"echo child of {trial.number}"])
            print("warning", trial.number, file=sys.stderr)
            for epoch in (1, 2, 3):
                tune.report({"epoch": epoch, "score": config["x"]})
                print("never seen" if epoch == 3 else f"epoch {epoch}")
        """,
        budget={"trials": 3},
        resources={"max_concurrent": 1},
    )
    assert [trial.state.value for trial in ran.state.trials] == ["completed"] * 3
    logs = ran.folder / "runs" / "test" / "logs"
    for number in range(3):
        lines = (logs / str(number) / "0" / "stdout.txt").read_text().splitlines()
        assert [line for line in lines if line != "imported"] == [
            f"trial {number}", f"child of {number}", "epoch 1", "epoch 2",
        ]  # fmt: skip
        assert f"warning {number}\n" in (logs / str(number) / "0" / "stderr.txt").read_text()
    assert "imported" in (logs / "0" / "0" / "stdout.txt").read_text()


def test_links_inside_a_functions_checkpoint_are_kept_with_their_content(host):
    """A folder with links: to a file, to a folder, to nowhere and back to itself, as frameworks leave them."""
    from pathlib import Path

    ran = host.run(
        """
        import tempfile
        from pathlib import Path
        from ray import tune

        def train(config):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "model.pt").write_text("3")
                (folder / "latest").symlink_to("model.pt")
                (folder / "tokenizer").mkdir()
                (folder / "tokenizer" / "vocab.txt").write_text("a")
                (folder / "tok").symlink_to("tokenizer")
                (folder / "events").symlink_to("/nowhere/at/all")
                (folder / "self").symlink_to(".")
                tune.report({"epoch": 3, "score": 1}, checkpoint=tune.Checkpoint.from_directory(name))
        """,
        budget={"trials": 1},
    )
    [trial] = ran.state.trials
    assert trial.state.value == "completed"
    kept = Path(trial.checkpoint)
    for name, content in {"model.pt": "3", "latest": "3", "tokenizer/vocab.txt": "a", "tok/vocab.txt": "a"}.items():
        assert (kept / name).read_text() == content
    assert sum(1 for _ in kept.rglob("*.pt")) < 50


def test_of_a_huge_error_the_record_has_both_ends_and_the_logs_have_all(host):
    ran = host.run(
        """
        def train(config):
            deep(40)

        def deep(levels):
            if levels:
                deep(levels - 1)
            raise ValueError("begins " + "x" * 10_000_000 + " ends")
        """,
        budget={"trials": 1},
    )
    [attempt] = ran.state.trials[0].attempts
    assert attempt.outcome.value == "error"
    assert len(attempt.error) <= 10_000
    *frames, _begins, _left_out, last = attempt.error.splitlines()
    assert frames == ["train.py:7 in deep: deep(levels - 1)"] * 2 + [
        'train.py:8 in deep: raise ValueError("begins " + "x" * 10_000_000 + " ends")'
    ]
    assert last.endswith("xx ends")
    assert "\n... 9,99" in attempt.error
    assert " characters are left out here; the whole is in the sweep's logs/, where the attempt printed it ...\n" in (
        attempt.error
    )
    whole = (ran.folder / "runs" / "test" / "logs" / "0" / "0" / "stderr.txt").read_text()
    assert "begins " + "x" * 10_000_000 + " ends" in whole
    assert "[Previous line repeated 37 more times]" in whole
