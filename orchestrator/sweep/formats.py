"""What a key means that is missing in an older plan: what its writer did. Ruled here, once, for everybody.

A sweep goes on as its writer would have, whatever the defaults became since. Ruled of format 1:

    no confirming, no limits, no brake         a writer of format 1 had none of them
    what was stopped for being weak stays so   nothing was promoted
    every trial's newest checkpoint is kept    it removed those alone that a newer one replaced
    every place is filled at once              nobody waited for the baseline
    choices are unordered                      whatever their values look like, and equally often drawn
    configurations are flat                    their names had no dots
    tier 1, a linear scale                     where the file did not say; a default was always written
    values of a step are sums of floats        0.30000000000000004 and all: each draw is the writer's, bit for bit
    searcher, scheduler, their options         as recorded; an option that is not recorded had the default of then
    stages and brackets                        as recorded: a plan is never compiled again
    no searcher is named                       TPE proposes
    retries                                    as `max_attempts` says; an error was never repeated, every death was a
                                               machine's
    what failures teach                        only divergence and out of memory are told to a searcher
    every rung of asha judges                  whatever its ranks said of the next
    densities of TPE                           were Optuna's own, over all trials
    what was tried already                     gave way to an untried configuration from anywhere
    the code is not pinned                     each driver ran what it found
    spend runs from `placed`                   records that lack `reserved_t`, or `m`, are counted as they were

What of this is a key of the sweep file stands in `MEANINGS`. **Whoever gives `SweepSpec`, a record inside it, or a
member's options a new key enters it there in the same commit, and so does whoever changes a default**:
`tests/formats/test_formats.py` holds every key of format 1 with its default of then, and fails until that is done. The
value is what a writer without the key did, which need not be the new default:

    Meaning(("notify",), None)                                     a new key of the file

It counts where a plan is read (replay) and where a sweep is resumed under its file, which may lack the key as well:
there it is the sweep's age that says what the absence means, until the user writes the key. A key that the catalogue
supplied (`supplied` of a hyperparameter) was not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from orchestrator.sweep.domains import Record
from orchestrator.sweep.event import FORMAT
from orchestrator.sweep.spec import Member, SweepSpec


class Meaning(NamedTuple):
    """What the absence of one key means."""

    path: tuple[str, ...]
    """Key path below the specification; `*` stands for every name, or position, at its place."""
    value: Any
    """What its writer did, as the sweep file would say it; plain JSON."""
    since: int = 2
    """Format whose writers always record the key: it counts for the plans of older ones."""
    of: str | None = None
    """Only hyperparameters of this type, or members of this name, for a path that leads into some. None: all."""
    unless: str | None = None
    """An older key of the file that says the same; where it is written, it counts. None: there was none."""
    beside: str | None = None
    """Only where this key has a value beside it: without one the meant key says nothing. None: everywhere."""


MEANINGS: tuple[Meaning, ...] = (
    Meaning(("searcher",), {"name": "tpe", "options": {}}),
    Meaning(("retry", "lost"), 3, unless="max_attempts"),
    Meaning(("retry", "error"), 0),
    Meaning(("retry", "hung"), 0),
    Meaning(("limits", "storage"), 0.0),
    Meaning(("limits", "silence"), 0.0),
    Meaning(("limits", "trial"), None),
    Meaning(("limits", "start"), 0.0),
    Meaning(("limits", "stop"), None),
    Meaning(("brake",), value=False),
    Meaning(("baseline_first",), value=False),
    Meaning(("page",), value=False),
    Meaning(("sinks",), []),
    Meaning(("keep_checkpoints",), "last"),
    Meaning(("notify",), None),
    Meaning(("confirm",), "none"),
    Meaning(("promote",), 0),
    Meaning(("resources", "priority"), "normal"),
    *(
        Meaning(("resources", key), None)
        for key in ("accelerator", "memory", "labels", "custom", "spot", "avoid", "within")
    ),
    Meaning(("stages", "*", "resources"), None),
    Meaning(("slurm",), {}),
    Meaning(("kubernetes",), {}),
    Meaning(("warm_start",), []),
    Meaning(("test",), None),
    Meaning(("try",), []),
    Meaning(("constraints",), {}),
    Meaning(("nested",), value=False),
    Meaning(("seeds",), None),
    Meaning(("rules",), []),
    Meaning(("fidelity", "metric"), "epoch"),
    Meaning(("seeding",), value=False),
    Meaning(("workdir",), "attempt"),
    Meaning(("fidelity", "once"), value=False),
    Meaning(("args",), None),
    Meaning(("metrics",), None),
    Meaning(("code", "root"), "."),
    Meaning(("code", "path"), []),
    Meaning(("code", "pin"), value=False),
    Meaning(("environment",), {}),
    Meaning(("setup",), []),
    *(
        Meaning(("search", "options", "repeated"), "anywhere", of=ladder)
        for ladder in ("soft-stages", "hard-stages", "screen-stages-joint", "joint", "random")
    ),
    *(
        Meaning((*where, "options", "densities"), "optuna", of=searcher)
        for where in (("searcher",), ("stages", "*", "searcher"))
        for searcher in ("tpe", "coarse-to-fine")
    ),
    Meaning(("scheduler", "options", "ranks"), -1.0, of="asha"),
    Meaning(("search_space", "*", "grid"), "binary", of="float", beside="step"),
    Meaning(("search_space", "*", "ordered"), value=False, of="choice"),
    Meaning(("search_space", "*", "weights"), None, of="choice"),
    *(Meaning(("search_space", "*", key), None, of="float") for key in ("mean", "sd")),
    Meaning(("search_space", "*", "tier"), 1),
    *(Meaning(("search_space", "*", "scale"), "linear", of=kind) for kind in ("float", "int")),
    Meaning(("search_space", "*", "supplied"), {}),
)
"""In the order in which they are applied."""


def refuse_newer(written_in: int) -> None:
    """Raise ValueError for a log of a format that this version does not know."""
    if written_in > FORMAT:
        raise ValueError(f"log format {written_in} is newer than this version reads (up to {FORMAT}); upgrade")


def with_meanings(
    spec: Mapping[str, Any], written_in: int, meanings: Sequence[Meaning] = MEANINGS
) -> Mapping[str, Any]:
    """Return a specification as plain data with every key that the writer of format `written_in` did not know."""
    missing = [meaning for meaning in meanings if written_in < meaning.since and meaning.unless not in spec]
    if not missing:
        return spec
    supplied = deepcopy(dict(spec))
    for meaning in missing:
        _supply(supplied, meaning.path, meaning)
    return supplied


def as_begun(spec: SweepSpec, begun_in: int, meanings: Sequence[Meaning] = MEANINGS) -> SweepSpec:
    """Return what a sweep file means to a sweep that was begun in format `begun_in`: keys not written mean as then."""
    if all(begun_in >= meaning.since for meaning in meanings):
        return spec
    written = spec.model_dump(mode="json", exclude_unset=True)
    for name, domain in spec.search_space.items():
        fields = written["search_space"][name]
        fields["type"] = domain.type  # what tells domains apart is part of each
        for key in domain.supplied.keys() & {"tier", "scale"}:  # nothing else could be left out
            del fields[key]
        fields.pop("supplied", None)
    return SweepSpec.model_validate(with_meanings(written, begun_in, meanings)).in_order()


def _supply(node: Any, path: tuple[str, ...], meaning: Meaning) -> None:
    key, rest = path[0], path[1:]
    if key == "*":
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            _supply(inner, rest, meaning)
    elif isinstance(node, dict) and _concerns(node, key, rest, meaning):
        value = _absent(path, meaning) if rest else deepcopy(meaning.value)
        if key not in node and not (rest and value is None):
            node[key] = value
        if rest:
            _supply(node.get(key), rest, meaning)


def _concerns(node: Mapping[str, Any], key: str, rest: tuple[str, ...], meaning: Meaning) -> bool:
    """Say whether the meaning is for what lies here: the options of a member, a key of a hyperparameter, all else."""
    if meaning.of is None:
        return True
    if key == "options":
        return node.get("name") == meaning.of
    if not rest and meaning.beside is not None and node.get(meaning.beside) is None:
        return False
    return bool(rest) or "options" in meaning.path or node.get("type") == meaning.of


def _absent(path: tuple[str, ...], meaning: Meaning) -> dict[str, Any] | None:
    """Return what stands for a mapping on the way that was not written at all; None where nothing can.

    A member's options are none; at the top a member is the one that counts by default, another record is empty.
    """
    if path[0] == "options":
        return {}
    default = SweepSpec.model_fields[path[0]].default if path == meaning.path else None
    if isinstance(default, Member):
        return default.model_dump(mode="json")
    return {} if isinstance(default, Record) else None
