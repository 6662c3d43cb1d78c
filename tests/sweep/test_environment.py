"""The key `environment`: what it takes, and the secrets that it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.sweep.code import Code
from orchestrator.sweep.environment import NOTHING, Environment


def test_what_is_asked_for_is_named_in_order_and_numbers_are_texts():
    asked = Environment(pip=("einops",), env={"OMP_NUM_THREADS": 4}, modules=("cuda/12.4",))  # type: ignore[dict-item]
    assert asked.given == ("pip", "env", "modules")
    assert asked.env == {"OMP_NUM_THREADS": "4"}
    assert NOTHING.given == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"env": {"WANDB_API_KEY": "abc"}}, "WANDB_API_KEY: looks like a secret, and Ray writes a job's variables"),
        ({"env": {"INDEX": "https://ada:hunter2@pypi.example"}}, "INDEX: its value holds a secret"),
        ({"env": {"1X": "a"}}, "'1X' cannot name a variable"),
        ({"pip": ["--extra-index-url https://ada:hunter2@pypi.example"]}, "it holds a secret, and Ray writes it"),
        ({"conda": {"dependencies": [{"pip": ["git+https://ghp_aaaaaaaaaaaaaaaaaaaaaaaa@x"]}]}}, "it holds a secret"),
        ({"pip": ["a"], "uv": ["b"]}, "pip and uv both say which packages there are; write one of them"),
        ({"image": "x:1", "conda": "base"}, "an image holds its packages; put those of conda into it"),
    ],
)
def test_what_cannot_be_is_refused_without_the_secret(wrong: dict[str, Any], said: str):
    with pytest.raises(ValidationError) as refused:
        Environment.model_validate(wrong)
    text = refused.value.errors()[0]["msg"]
    assert said in text
    assert "hunter2" not in text
    assert "ghp_" not in text


def test_where_a_sweep_file_lies_below_the_root_of_its_code(tmp_path):
    (tmp_path / ".hidden" / "exp").mkdir(parents=True)
    assert Code(root="..").inside(tmp_path / "exp") == "exp"
    assert Code(root="../..").inside(tmp_path / ".hidden" / "exp") == ".hidden/exp"
    assert Code().inside(tmp_path) == ""
