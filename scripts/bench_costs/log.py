"""The log: durable decisions, reports under group commit, reading it back."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from bench_costs.sweeps import ONE, driven, plan_of
from orchestrator.control.answers import Report
from orchestrator.state.fold import replay
from orchestrator.storage.filesystem import LocalFileSystem
from orchestrator.storage.journal import JournalReader, JournalWriter
from orchestrator.sweep import event as ev

REPORTS = 100_000


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Measure durable decisions (one sync each), reports under group commit, and folding what they wrote."""
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        writer = JournalWriter(LocalFileSystem(Path(folder)), 1)
        begun = time.perf_counter()
        for number in range(500):
            writer.append(ev.AttemptStarted(0.0, number, 0))
            writer.commit()
        decisions = 500 / (time.perf_counter() - begun)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        files = LocalFileSystem(Path(folder))
        controller = driven(plan_of(64, 10**6, ONE), JournalWriter(files, 1), 64)
        begun = time.perf_counter()
        for number in range(REPORTS):
            metrics = {"loss": 0.5, "accuracy": 0.9, "seconds": 0.1}
            controller.on_report(Report(number % 64, 0, number // 64 + 1.0, metrics))
            if number % 100 == 0:
                controller.tick()
        controller.commit()
        reports = REPORTS / (time.perf_counter() - begun)
        begun = time.perf_counter()
        replay(JournalReader(files).read_new())
        folded = time.perf_counter() - begun
    return {
        "durable appends a second, one sync each": decisions,
        "reports a second, group commit every 0.5 s": reports,
        f"s to read and fold {REPORTS:,} events": folded,
    }
