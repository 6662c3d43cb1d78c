"""The life of a sweep from a laptop, by the lines of docs/guides/cluster.md themselves."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from heads import Head, ray_head

from orchestrator.demos import write_demo
from orchestrator.state.reading import read_sweep, sweep_exists
from orchestrator.storage.location import Location

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1500)]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "cluster.md"
MAIN = (sys.executable, "-c", "from orchestrator.cli.app import main; main()")


def lines() -> list[str]:
    """Every command of the guide's first part, without its remark."""
    part = GUIDE.read_text().partition("\n## ")[0]
    return [found.partition(" #")[0].strip() for found in re.findall(r"^    (stepladder .*)$", part, re.MULTILINE)]


class Laptop:
    """Types the guide's lines, with the cluster's own address and storage."""

    def __init__(self, head: Head, folder: Path, shared: Path) -> None:
        self.left, self.folder = lines(), folder
        self._named = {"http://127.0.0.1:8265": head.address, "/shared/runs": str(shared)}
        self.environment = head.environment | {"HOME": str(folder)}

    def words(self, *parts: str) -> list[str]:
        """Take the first line left that has all these words, and return what is typed after `stepladder`."""
        line = next(line for line in self.left if set(parts) <= set(shlex.split(line)))
        self.left.remove(line)
        for said, meant in self._named.items():
            line = line.replace(said, meant)
        return shlex.split(line)[1:]

    def types(self, *parts: str) -> subprocess.CompletedProcess[str]:
        """Type such a line, to its end."""
        done = subprocess.run(
            [*MAIN, *self.words(*parts)], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def wait(condition, timeout_s: float = 400.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.5)


def test_the_guide_tells_a_life_that_can_be_lived(tmp_path):
    shared, digits = tmp_path / "shared", write_demo("digits", tmp_path / "digits")
    folder = Location.parse(shared / "digits")
    with ray_head(tmp_path) as head:
        laptop = Laptop(head, digits, shared)
        assert "ray job submit" in laptop.types("submit", "--dry-run").stdout
        assert "accepted: " in laptop.types("submit", "--address").stdout
        wait(lambda: sweep_exists(folder) and read_sweep(folder).reported > 0)
        assert ": running" in laptop.types("status").stdout
        following = subprocess.Popen(
            [*MAIN, *laptop.words("logs", "-f")], cwd=digits, env=laptop.environment, stdout=subprocess.PIPE, text=True
        )
        assert following.stdout is not None
        assert any("started" in line for line in following.stdout), "it ended, and told of no trial"
        assert "no new trials" in laptop.types("stop").stdout
        following.communicate(timeout=400)
        assert following.returncode == 0, "it follows until the driver leaves"
        assert read_sweep(folder).stopped == "stop"
        assert "==> driver 1 <==" in laptop.types("logs", "--driver").stdout
        assert "accepted: " in laptop.types("resume").stdout
        assert "running" in laptop.types("ls").stdout
        ended = subprocess.run([*MAIN, "cancel", "sweep.yaml"], cwd=digits, env=laptop.environment, check=True)
        assert ended.returncode == 0
        here = laptop.types("submit")
        assert "is sent to the background of this machine" in here.stdout
        subprocess.run([*MAIN, "cancel", "sweep.yaml"], cwd=digits, env=laptop.environment, check=True)
    assert laptop.left == [], "what the guide shows and nobody typed"
