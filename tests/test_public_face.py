"""What `import orchestrator` hands on: a sorted list, each name documented and imported only when it is asked for."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import orchestrator
from orchestrator import Sweep, errors
from orchestrator.sweep.spec import SweepSpec


def test_the_list_is_sorted_and_every_name_is_there_and_documented():
    names = orchestrator.__all__
    assert names == sorted(set(names))
    for name in names:
        value = getattr(orchestrator, name)
        assert name == "__version__" or (value.__name__ == name and inspect.getdoc(value)), name
        assert name in dir(orchestrator)


def test_the_list_holds_what_is_promised():
    promised = "Sweep Float Int Choice Constant Searcher Scheduler Ladder Launcher read_sweep SweepState __version__"
    assert set(promised.split()) <= set(orchestrator.__all__)
    raised = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert raised <= set(orchestrator.__all__)


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="module 'orchestrator' has no attribute 'Swep'"):
        orchestrator.Swep  # noqa: B018 - to be looked up is all it is for


@pytest.mark.parametrize("name", ["__version__", "SpecError", "Float", "Searcher"])
def test_a_light_name_costs_nothing_heavy(name: str):
    heavy = "{'ray', 'torch', 'pyarrow'}"
    code = f"import sys\nfrom orchestrator import {name}\nprint(sorted(sys.modules.keys() & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_package_alone_imports_none_of_its_rooms():
    code = "import sys, orchestrator\nprint(sorted(name for name in sys.modules if name.startswith('orchestrator')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['orchestrator']\n"


def test_a_sweep_takes_the_keys_of_the_sweep_file():
    parameters = dict(inspect.signature(Sweep).parameters)
    assert parameters.pop("folder").default == "."
    assert set(parameters) == set(SweepSpec.model_fields)
    for name, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        needed = SweepSpec.model_fields[name].is_required()
        assert parameter.default is (inspect.Parameter.empty if needed else None), name
        assert parameter.annotation != "Any"


@pytest.mark.parametrize(("method", "own"), [(Sweep.run, {"fresh"}), (Sweep.resume, {"retry_failed", "code"})])
def test_run_and_resume_take_keywords_of_their_own_beside_those_of_ray(method, own):
    *named, ray = list(inspect.signature(method).parameters.values())[1:]
    assert {parameter.name for parameter in named} == own
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in named)
    assert ray.kind is inspect.Parameter.VAR_KEYWORD
    assert "HostKeywords" in str(ray.annotation)
