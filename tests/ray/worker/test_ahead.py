"""What is imported ahead must not have looked for a GPU: which did, and what the processes after that import."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from orchestrator.ray.worker import ahead


@pytest.fixture
def store(monkeypatch):
    """Ray's key-value store of one cluster."""
    kept = {}
    monkeypatch.setattr(ahead, "_internal_kv_put", lambda key, value, namespace: kept.update({key: value}))
    monkeypatch.setattr(ahead, "_internal_kv_get", lambda key, namespace: kept.get(key))
    monkeypatch.setattr(ahead, "_internal_kv_list", lambda prefix, namespace: [k for k in kept if k.startswith(prefix)])
    monkeypatch.setattr(ahead, "has_looked", False)
    return kept


@pytest.fixture
def joined(store, monkeypatch):
    """A driver on a cluster that it joined, and a process of its job."""

    def delete(key, namespace, *, del_by_prefix=False):
        gone = [known for known in store if known == key or (del_by_prefix and known.startswith(key))]
        for known in gone:
            del store[known]
        return len(gone)

    context = SimpleNamespace(get_worker_id=lambda: str(len(store)))
    monkeypatch.setattr(ahead, "_internal_kv_del", delete)
    monkeypatch.setattr(ahead.ray, "get_runtime_context", lambda: context)
    monkeypatch.setenv(ahead.DRIVER, "-1")
    return store


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Three importable modules: the second holds a device open, the third cannot be imported."""
    (tmp_path / "nvidiactl").write_text("")
    monkeypatch.setattr(ahead, "DEVICES", str(tmp_path / "nvidia"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    sources = {
        "plain_library": "",
        "looking_library": f"held = open({str(tmp_path / 'nvidiactl')!r})\n",
        "broken_library": "raise SystemExit(3)\n",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    yield list(sources)
    for name in sources:
        module = sys.modules.pop(name, None)
        if hasattr(module, "held"):
            module.held.close()


def test_a_process_that_looked_takes_no_trial_and_those_after_it_import_less(store, libraries):
    ahead.tell(libraries, with_gpus=True)
    ahead.import_ahead()
    assert ahead.has_looked
    assert "broken_library" not in sys.modules
    sys.modules.pop("looking_library").held.close()
    ahead.has_looked = False
    ahead.import_ahead()
    assert not ahead.has_looked
    assert "plain_library" in sys.modules
    assert "looking_library" not in sys.modules


def test_without_gpus_nobody_asks_and_what_fails_is_left_to_the_trial(store, libraries):
    ahead.tell([libraries[2], *libraries], with_gpus=False)
    ahead.import_ahead()
    assert not ahead.has_looked
    assert "looking_library" in sys.modules


def test_without_a_word_nothing_is_imported(store):
    before = set(sys.modules)
    ahead.import_ahead()
    assert set(sys.modules) == before


def test_on_a_joined_cluster_a_process_imports_where_there_is_memory_and_ours_that_are_no_trials_do_not(
    joined, libraries, monkeypatch
):
    ahead.tell(libraries[:1], with_gpus=True)
    monkeypatch.setattr(ahead, "has_memory", lambda: False)
    ahead.prepare()
    assert (ahead.ready(), "plain_library" in sys.modules) == (1, False)
    monkeypatch.setattr(ahead, "has_memory", lambda: True)
    assert ahead.apart() == {"runtime_env": {"env_vars": {ahead.DRIVER: ""}}}
    with monkeypatch.context() as patch:
        patch.setenv(ahead.DRIVER, "")
        ahead.prepare()
    assert (ahead.ready(), "plain_library" in sys.modules) == (1, False)
    ahead.prepare()
    assert (ahead.ready(), "plain_library" in sys.modules) == (2, True)
    ahead.forget()
    assert joined == {}


def test_on_a_ray_of_our_own_nothing_is_set_apart(store):
    ahead.tell(["plain_library"], with_gpus=True)
    ahead.forget()
    assert ahead.apart() == {}
    assert store, "which ends with its Ray"
