"""Every command says the same of `--address`, and refuses with a sentence the form that it cannot take."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import options
from orchestrator.cli.app import app
from orchestrator.cli.verbs import PANELS, function_of
from orchestrator.errors import UsageError

JOINING = ["run sweep.yaml", "resume sweep.yaml --auto", "resume sweep.yaml --cpus 2"]
SENDING = ["submit sweep.yaml", "status sweep.yaml", "ls", "logs sweep.yaml", "stop sweep.yaml", "cancel sweep.yaml"]


def call(line: str) -> None:
    CliRunner().invoke(app, line.split(), catch_exceptions=False)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("line", JOINING)
def test_who_joins_refuses_a_dashboard(line: str):
    with pytest.raises(UsageError, match=r"is a cluster's dashboard, and `stepladder \w+.*` joins a running Ray"):
        call(f"{line} --address http://127.0.0.1:8265")


@pytest.mark.parametrize("line", SENDING)
@pytest.mark.parametrize("address", ["auto", "127.0.0.1:8265"])
def test_who_sends_refuses_a_ray_to_join(line: str, address: str):
    command = line.split()[0]
    with pytest.raises(UsageError, match=f"is a running Ray to join from inside it, and `stepladder {command}` asks"):
        call(f"{line} --address {address}")


@pytest.mark.parametrize("line", ["check sweep.yaml", *JOINING, *SENDING])
@pytest.mark.parametrize(("address", "said"), [("ray://head:10001", "never through a Ray client"), ("head", "no addr")])
def test_everybody_refuses_what_is_neither(line: str, address: str, said: str):
    with pytest.raises(UsageError, match=f"--address {address}: .*{said}"):
        call(f"{line} --address {address}")


def test_each_argument_and_option_of_several_commands_is_one_object():
    """Two commands whose parameters share a name share its meaning: the very alias of `options`."""
    aliases = {id(alias): name for name, alias in vars(options).items() if name.endswith(("Argument", "Option"))}
    seen: dict[str, set[object]] = {}
    for verb in (name for verbs in PANELS.values() for name in verbs if name != "spaces"):
        for name, parameter in inspect.signature(function_of(verb), eval_str=True).parameters.items():
            seen.setdefault(name, set()).add(aliases.get(id(parameter.annotation), parameter.annotation))
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}
    assert seen["address"] == {"AddressOption"}
