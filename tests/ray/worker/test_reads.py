"""What counts as reading a hyperparameter, at every way in which Python, and C, gets at a dict."""

from __future__ import annotations

import collections
import copy
import io
import json
import operator
import pickle
import pprint
import string
import sys

import pytest
import yaml

from orchestrator.ray.worker.given import Configuration, TrialInfo
from orchestrator.ray.worker.reads import Reads
from orchestrator.training import optimizers

TRIAL = TrialInfo.of({"trial_id": "0000-abc", "number": 0, "seed": 1, "max_fidelity": 9.0})
VALUES = {"lr": 0.1, "model.width": 64, "model.depth": 2, "bs": 32}


def unread(use, values=VALUES, examined=(__file__,)):
    reads = Reads(examined)
    use(Configuration(values, TRIAL, reads=reads))
    return reads.unread(values)


@pytest.mark.parametrize(
    "use",
    [
        lambda config: config["lr"],
        lambda config: config.get("lr"),
        lambda config: config.get("lr", 0.0),
        lambda config: config.setdefault("lr", 0.0),
        lambda config: config.pop("lr"),
        lambda config: "lr" in config,
        lambda config: operator.itemgetter("lr")(config),
        lambda config: list(map(config.get, ["lr"])),
        lambda config: "%(lr)s" % config,  # noqa: UP031 - one way into a mapping
        lambda config: "{lr}".format_map(config),
        lambda config: "{[lr]}".format(config),  # noqa: UP032 - another
        lambda config: [config[key] for key in ("lr",)],
        lambda config: config.apart()["lr"],
    ],
)
def test_a_key_that_is_asked_for_is_read_and_no_other(use):
    assert unread(use) == ["model.width", "model.depth", "bs"]


def test_a_pattern_reads_what_it_names():
    def use(config):
        match config:
            case {"lr": float()}:
                return

    assert unread(use) == ["model.width", "model.depth", "bs"]


def test_what_is_nested_is_read_with_its_group_or_by_its_own_name():
    assert unread(lambda config: config["model"]["width"]) == ["lr", "bs"], "nobody knows what became of the group"
    assert unread(lambda config: config["model.width"]) == ["lr", "model.depth", "bs"]
    assert unread(lambda config: "model.width" in config) == ["lr", "model.depth", "bs"]


@pytest.mark.parametrize(
    "use",
    [
        lambda config: (lambda **all_: all_)(**config),
        lambda config: {**config},
        lambda config: dict(config),
        lambda config: {}.update(config),
        lambda config: config | {},
        lambda config: {} | config,
        lambda config: config.copy(),
        lambda config: copy.copy(config),
        lambda config: copy.deepcopy(config),
        lambda config: [*config],
        lambda config: [*reversed(config)],
        lambda config: config.keys(),
        lambda config: config.values(),
        lambda config: config.items(),
        lambda config: config.popitem(),
        lambda config: config == {},
        lambda config: config != {},
        lambda config: operator.eq({}, config),
        lambda config: json.dumps(config),
        lambda config: json.dump(config, io.StringIO(), indent=2),
        lambda config: pickle.dumps(config),
        lambda config: pickle.dumps({"all": config}, protocol=2),
        lambda config: yaml.safe_dump(config),
        lambda config: yaml.dump(config, Dumper=yaml.CSafeDumper),
        lambda config: str(config),
        lambda config: f"{config}",
        lambda config: pprint.pformat(config),
        lambda config: next(iter(config)),
        lambda config: sorted(config, key=str),
        lambda config: collections.ChainMap({}, config)["lr"],
        lambda config: string.Template("$lr").substitute(config),
        lambda config: type("Namespace", (), {})().__dict__.update(config),
    ],
)
def test_whoever_sees_the_whole_reads_all(use):
    assert unread(use) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda config: len(config),
        lambda config: bool(config),
        lambda config: isinstance(config, dict),
        lambda config: config.__setitem__("lr", 1.0),
        lambda config: config.update(epochs=3),
        lambda config: config.__delitem__("lr"),
        lambda config: config.apart(),
    ],
)
def test_what_only_writes_or_counts_reads_nothing(use):
    assert unread(use) == list(VALUES)


def test_a_reader_whose_source_is_not_examined_may_read_more_another_time():
    reader: dict = {}
    exec(compile("def read(config): return config['lr']", "/lib/site-packages/lib.py", "exec"), reader)
    assert unread(reader["read"]) == []
    assert unread(reader["read"], examined=(__file__, "/lib/site-packages/lib.py")) == [
        "model.width", "model.depth", "bs",
    ]  # fmt: skip


def test_the_parts_for_trainings_that_come_with_this_package_are_a_library_too():
    reader: dict = {}
    exec(compile("def read(config): return config['lr']", optimizers.__file__, "exec"), reader)
    assert unread(reader["read"]) == []


def test_with_nothing_examined_everything_counts_as_read():
    assert unread(lambda config: config["lr"], examined=()) == []


def test_asking_costs_little():
    config = Configuration(VALUES, TRIAL, reads=Reads((__file__,)))
    before = sys.getrefcount(config)
    for _ in range(1000):
        assert config["lr"] == 0.1
    assert sys.getrefcount(config) == before, "no frame is kept"
