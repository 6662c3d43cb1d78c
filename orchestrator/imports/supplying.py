"""What a drafted sweep leaves to the sweep file's own rules, said beside each hyperparameter.

Tier and default of an imported hyperparameter are nobody's: they are left out, and the language supplies them
(`orchestrator.sweepfile.supply`). A scale is written where the language would supply another than was meant.
"""

from __future__ import annotations

from orchestrator.imports.draft import Draft, Entry
from orchestrator.sweep.nesting import clashes
from orchestrator.sweepfile.messages import SWEEP_FILE, Place, Problems, quote
from orchestrator.sweepfile.spaces import FindSpace, expand
from orchestrator.sweepfile.supply import supply


def tell_supplied(draft: Draft, find_space: FindSpace) -> None:
    """Add to each hyperparameter's comment what stands for what it leaves out, and where that comes from.

    Where one name would be a value and a mapping at once, the names are kept flat.
    """
    if (beside := next(clashes(draft.space), None)) is not None and "nested" not in draft.keys:
        draft.write("nested", False, "{!r} stands beside {!r}".format(*beside))  # noqa: FBT003 - a key's value
    problems = Problems({(): Place(SWEEP_FILE, draft.source)}, {})
    raw = {name: entry.value for name, entry in draft.space.items()}
    complete = supply(expand(raw, find_space, problems).definitions, find_space)
    for name, entry in draft.space.items():
        fields = complete.get(name, {})
        told = dict(fields.get("supplied", {}))
        value, said = dict(entry.value), list(entry.told)
        if "scale" in told:
            value["scale"] = "linear"
            said.append(f"linear there; {told.pop('scale')} advises log")
        by_source: dict[str, list[str]] = {}
        told = {key: source for key, source in told.items() if key != "tier" or fields["tier"] != 1}
        for key, source in told.items():
            by_source.setdefault(source, []).append(f"{key} {quote(fields[key])}")
        said += [f"{' and '.join(keys)} invented: {source}" for source, keys in by_source.items() if source]
        draft.space[name] = Entry(value, tuple(said))
