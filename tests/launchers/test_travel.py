"""What travels with a submission: shown by its top-level entries, and packed alike wherever and whenever."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._travel import described, pack, refuse_above
from orchestrator.sweep.resources import Resources


def sent(folder: Path, files: dict[str, int]) -> Submission:
    return Submission("digits", "digits-1", folder, "sweep.yaml", (), "/shared/runs", Resources(), files=files)


def test_the_largest_entries_come_first_and_folders_are_one():
    assert described(sent(Path("/home/ada"), {"sweep.yaml": 300, "src/a.py": 2048, "src/b/c.py": 1024}), 2**20) == [
        "uploads /home/ada: 3 files, 3.3 KiB of at most 1.0 MiB",
        "     3.0 KiB  src/",
        "   300 bytes  sweep.yaml",
    ]


def test_many_entries_are_counted():
    lines = described(sent(Path("/home/ada"), {f"{number:02}.py": 100 - number for number in range(20)}), 2**20)
    assert len(lines) == 14
    assert lines[-1] == "   676 bytes  8 more"


def test_more_than_is_taken_is_refused():
    submission = sent(Path("/home/ada"), {"a": 9, "b/c": 20})
    refuse_above(29, submission, "it", "do")
    with pytest.raises(UsageError) as refused:
        refuse_above(28, submission, "it", "do that")
    assert str(refused.value) == (
        "/home/ada would upload 29 bytes, and it takes 28 bytes at most. The largest are b/ (20 bytes), a (9 bytes): "
        "do that"
    )


def test_a_package_holds_the_files_that_may_travel_and_is_the_same_again(tmp_path: Path):
    for name, content in {"train.sh": "train", "nets/cnn.py": "layers = 3", ".env": "KEY=1"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "train.sh").chmod(0o755)
    (tmp_path / "link.py").symlink_to("nets/cnn.py")
    submission = sent(tmp_path, {"train.sh": 5, "nets/cnn.py": 10, "link.py": 10})
    packages = [tmp_path / "first.zip", tmp_path / "second.zip"]
    for package in packages:
        pack(submission, package)
        os.utime(tmp_path / "train.sh", (0, 0))
    assert packages[0].read_bytes() == packages[1].read_bytes()
    with zipfile.ZipFile(packages[0]) as archive:
        assert archive.namelist() == ["link.py", "nets/cnn.py", "train.sh"]
        assert archive.read("link.py") == b"layers = 3"
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"train.sh": 0o755, "nets/cnn.py": 0o644, "link.py": 0o644}


def test_a_file_that_went_meanwhile_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"gone\.py: No such file or directory; it is to be sent along"):
        pack(sent(tmp_path, {"gone.py": 1}), tmp_path / "package.zip")
