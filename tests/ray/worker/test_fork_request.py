"""Which workers are forked: ordinary ones in Python; Ray starts all others, by its own command."""

from __future__ import annotations

import json
import sys

import pytest

from orchestrator.ray.worker.fork_request import worker_arguments

WORKER = "/ray/default_worker.py"
OWN = [WORKER, "--node-ip-address=127.0.0.1", "--worker-id=a1"]


def asked(*options: str, worker: str = WORKER) -> list[str] | None:
    return worker_arguments(WORKER, [sys.executable, "/ray/setup_worker.py", worker, *OWN[1:], *options])


@pytest.mark.parametrize(
    "context",
    ["", "{}", json.dumps({"command_prefix": [], "env_vars": {}, "py_executable": sys.executable, "java_jars": []})],
)
def test_an_ordinary_worker_is_forked_with_its_own_options(context):
    assert asked(f"--serialized-runtime-env-context={context}", "--language=PYTHON") == OWN


@pytest.mark.parametrize(
    "context",
    ["{", '{"env_vars": {"A": "1"}}', '{"command_prefix": ["conda"]}', '{"py_executable": "/other/python"}'],
)
def test_one_with_an_environment_of_its_own_is_not(context):
    assert asked(f"--serialized-runtime-env-context={context}", "--language=PYTHON") is None


def test_one_that_spills_or_is_of_another_language_or_another_program_is_not():
    assert asked("--language=PYTHON", "--worker-type=SPILL_WORKER") is None
    assert asked("--language=JAVA") is None
    assert asked() is None
    assert asked("--language=PYTHON", worker="/other.py") is None
