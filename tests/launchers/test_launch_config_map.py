"""Code as a ConfigMap: whatever a folder holds arrives as it was, or is refused."""

from __future__ import annotations

import base64

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.launchers import Submission
from orchestrator.launchers._config_map import code_files, keys, manifest
from orchestrator.sweep.resources import Resources

TEXTS = st.text(st.sampled_from("ab #:-'\"|\\\t\n\r\u00e9\u2028\x85{}"), max_size=30).map(str.encode)
CONTENTS = st.dictionaries(st.sampled_from(["a.py", "b/a.py", "b_a.py", "ü.py"]), TEXTS | st.binary(max_size=20))


def arrived(text: str) -> dict[str, bytes]:
    document = yaml.safe_load(text)
    assert document["kind"] == "ConfigMap"
    plain = {key: value.encode() for key, value in document.get("data", {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in document.get("binaryData", {}).items()}


@given(CONTENTS)
def test_every_content_arrives_as_it_was(files: dict[str, bytes]):
    key_of = keys(files)
    assert arrived(manifest("code", files)) == {key_of[path]: content for path, content in files.items()}
    assert len(set(key_of.values())) == len(files)


def test_code_is_readable_in_the_manifest():
    assert manifest("code", {"train.py": b"def train(config):\n\n    return 1\n"}) == (
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        '  name: "code"\n'
        "data:\n"
        '  "train.py": |\n'
        "    def train(config):\n"
        "\n"
        "        return 1\n"
    )


def submission(folder, **sizes):
    files = {name.replace("_", "."): size for name, size in sizes.items()}
    for name, size in files.items():
        (folder / name).write_bytes(b"x" * size)
    return Submission("digits", "digits-1", folder, "sweep.yaml", (), "s3://bucket/runs", Resources(), files=files)


def test_the_files_that_may_travel_are_read_and_no_others(tmp_path):
    (tmp_path / ".env").write_text("KEY=1")
    assert code_files(submission(tmp_path, sweep_yaml=2, train_py=3)) == {"sweep.yaml": b"xx", "train.py": b"xxx"}


def test_too_much_is_refused_with_the_largest_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        code_files(submission(tmp_path, train_py=5, images_npz=1_500_000))
    assert str(caught.value) == (
        f"{tmp_path} would upload 1.4 MiB, and a ConfigMap takes 878.9 KiB at most. The largest are images.npz "
        "(1.4 MiB), train.py (5 bytes): "
        "put data into the storage; or put the folder into the image (`COPY . /sweep`) and delete the volume `code`, "
        "with its mounts, from a copy of the definition"
    )
