"""The key `setup`: what it takes, and which files its lines name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from sweeps import make_spec

from orchestrator.planning.compile import differences, sweep_id
from orchestrator.sweep.setup import files_named, program_named


def test_one_line_may_stand_alone_and_is_no_part_of_what_a_sweep_is():
    one, none = make_spec(setup="./stage.sh /local"), make_spec()
    assert one.setup == ("./stage.sh /local",)
    assert sweep_id(one) == sweep_id(none)
    assert differences(none, one) == (['setup: [] -> ["./stage.sh /local"]'], [])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["true", "  "], "line 2 is empty; write a command, or leave the line out"),
        (
            ["curl https://ada:hunter2@data.example/x"],
            "line 1 holds a secret, and a sweep's plan, logs and page",
        ),
    ],
)
def test_what_cannot_be_is_refused_without_the_secret(lines: list[str], said: str):
    with pytest.raises(ValidationError) as refused:
        make_spec(setup=lines)
    assert said in str(refused.value.errors()[0]["msg"])
    assert "hunter2" not in str(refused.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("line", "program", "files"),
    [
        ("./stage.sh --to /local", "./stage.sh", ["stage.sh"]),
        ("bash tools/stage.sh data.txt", None, ["bash", "tools/stage.sh", "data.txt"]),
        ("/opt/stage $DATA ~/x", None, []),
        ("$HOME/bin/stage x", None, ["x"]),
        ("echo it's", None, ["echo", "it's"]),
        ("tools/a.sh; ./b.sh", None, ["tools/a.sh;", "b.sh"]),
        ("# nothing", None, []),
    ],
)
def test_which_words_may_be_files_and_which_is_the_program(line: str, program: str | None, files: list[str]):
    assert program_named(line) == program
    assert files_named([line, line]) == files
