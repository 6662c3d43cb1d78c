"""Code as a ConfigMap: whatever a folder holds arrives as it was, or is refused."""

from __future__ import annotations

import base64

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.launchers._config_map import code_files, keys, manifest

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


def test_caches_hidden_files_and_earlier_sweeps_stay(tmp_path):
    for name in ("sweep.yaml", "parts/net.py", "parts/__pycache__/net.pyc", ".env", ".git/config", "venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("runs/digits/plan.json", "runs/digits/journal/000001.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert code_files(tmp_path) == {"sweep.yaml": b"sweep.yaml", "parts/net.py": b"parts/net.py"}


def test_too_much_is_refused_with_the_largest_named(tmp_path):
    (tmp_path / "train.py").write_text("pass\n")
    (tmp_path / "images.npz").write_bytes(bytes(1_500_000))
    with pytest.raises(UsageError) as caught:
        code_files(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds 1.5 MB, and a ConfigMap takes 0.9 MB; largest: images.npz (1.5 MB), train.py (0.0 MB). "
        "Put data into the storage; or put the folder into the image (`COPY . /sweep`) and delete the volume `code`, "
        "with its mounts, from a copy of the definition"
    )
