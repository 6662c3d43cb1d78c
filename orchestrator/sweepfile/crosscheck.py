"""What only the whole sweep file can show to be wrong: names that must exist, members that must fit together.

Each check looks at a specification that is typed and in range; it yields key paths and sentences.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection

from orchestrator.members import nearest
from orchestrator.storage.url import storage_problem, unexpanded
from orchestrator.sweep.asked import objections
from orchestrator.sweep.domains import Constant
from orchestrator.sweep.nesting import clashes
from orchestrator.sweep.space import Space
from orchestrator.sweep.spec import SweepSpec
from orchestrator.sweepfile import placeholders
from orchestrator.sweepfile.circles import circle, phrase_circle
from orchestrator.sweepfile.counting import seeds_problem
from orchestrator.sweepfile.couplings import coupling_problems
from orchestrator.sweepfile.held_out import constraint_problems, held_out_problems
from orchestrator.sweepfile.lint import rules
from orchestrator.sweepfile.magnitudes import fidelity_problems, size_problems, space_problems
from orchestrator.sweepfile.membership import check_members, misfits, own_rule_ids, rule_problems
from orchestrator.sweepfile.messages import Complaints, KeyPath, Problems, quote
from orchestrator.sweepfile.metrics import metrics_problems
from orchestrator.sweepfile.spaces import leaves_folder

WITHOUT_MOMENTUM = ("adagrad", "adadelta")
"""Optimizers with neither momentum nor betas in torch."""
SHARES_AT_LEAST = 0.985
"""Sum of written shares that still counts as 1: three times 0.33 does."""

_TRAINABLE = re.compile(r"[^:]+\.py:[A-Za-z_]\w*")


def crosscheck(spec: SweepSpec, problems: Problems, broken: Collection[str | int] = ()) -> None:
    """Note every problem between the parts of `spec`; parts named in `broken` are placeholders and stay unjudged."""
    for path, text in size_problems(spec):
        problems.add(path, text)
        broken = {*broken, path[0]}
    for parts, check in _CHECKS:
        if parts.isdisjoint(broken):
            for path, text in check(spec):
                problems.add(path, text)
    check_members(spec, problems, broken)
    if not problems:
        for path, text in (*misfits(spec), *_asked(spec)):
            problems.add(path, text)


def _trainable(spec: SweepSpec) -> Complaints:
    if spec.trainable is None:
        return
    if _TRAINABLE.fullmatch(spec.trainable) is None:
        yield ("trainable",), f"{quote(spec.trainable)} names no function; write file.py:function, e.g. train.py:train"
    elif (told := unexpanded(spec.trainable)) is not None:
        yield ("trainable",), told
    elif leaves_folder(spec.trainable):
        yield ("trainable",), f"{quote(spec.trainable)} leads out of the sweep file's folder; keep it in there or below"


def _command(spec: SweepSpec) -> Complaints:
    if spec.command is None:
        return
    for name in spec.search_space:
        if name.startswith(placeholders.PREFIX):
            yield ("search_space", name), f"'{{{name}}}' in a command is what is known of the trial; rename it"
    for position, text in placeholders.problems(spec.command, list(spec.search_space)):
        yield ("command", position), text
    for position, argument in enumerate(spec.command):
        if "\0" in argument:
            yield ("command", position), f"{quote(argument)} has a NUL in it, which no argument can have; remove it"
    if not spec.command:
        yield ("command",), "is empty; write the program and its arguments, as in [python, train.py]"


def _args(spec: SweepSpec) -> Complaints:
    if spec.command is None and spec.args is not None:
        yield ("args",), "says how a command is written, and there is none; remove it, or write `command`"
    if spec.command is None and spec.metrics is not None:
        yield ("metrics",), "says where a program's metrics are read, and there is no `command`; remove it"


def _places_of_command(spec: SweepSpec) -> Complaints:
    """Yield what asks for another place than a command has, or for processes, of which it starts its own."""
    if spec.command is None:
        return
    if spec.workdir != "project" and "workdir" in spec.model_fields_set:
        yield ("workdir",), "a command runs in the sweep file's folder; remove it"
    if spec.resources.nodes > 1:
        remedy = "remove it, or write `trainable: file.py:function`, which runs on several nodes"
        yield ("resources", "nodes"), f"a command runs on one node; {remedy}"
    elif spec.resources.processes not in (None, 1):
        remedy = "remove it, and let torchrun or the like do so (torchrun --standalone --nproc-per-node ...)"
        yield ("resources", "processes"), f"a command starts its processes itself; {remedy}"


def _storage(spec: SweepSpec) -> Complaints:
    path: KeyPath = ("storage",)
    if problem := storage_problem(spec.storage):
        yield path, problem


def _metrics(spec: SweepSpec) -> Complaints:
    if spec.objective.metric == spec.fidelity.metric:
        metric = quote(spec.objective.metric)
        yield ("objective", "metric"), f"{metric} counts the training (fidelity.metric); optimise another metric"


def _conditions(spec: SweepSpec) -> Complaints:
    space = spec.search_space
    for name, domain in space.items():
        for parent, wanted in domain.when.items():
            path: KeyPath = ("search_space", name, "when", parent)
            if parent not in space:
                yield path, f"{parent!r} is not in the search space; choose {nearest(parent, sorted(space))}"
                continue
            for position, value in enumerate(wanted):
                if not space[parent].contains(value):
                    yield (*path, position), f"{parent!r} can never be {quote(value)}; choose values that it can take"
    if ring := circle({name: domain.when for name, domain in space.items()}):
        chain = phrase_circle(ring, "needs")
        yield ("search_space", ring[0], "when"), f"the conditions go in a circle: {chain}; drop one of them"


def _nested(spec: SweepSpec) -> Complaints:
    """Yield names that would be a value and a mapping of values at once."""
    for shorter, longer in clashes(spec.search_space) if spec.nested else ():
        what = f"{shorter!r} stands beside {longer!r}, which makes a mapping of it in the configuration"
        yield ("search_space", shorter), f"{what}; rename one of them, or write nested: false"


def _tunable(spec: SweepSpec) -> Complaints:
    if (problem := seeds_problem(spec)) is not None:
        yield ("seeds",), problem
    if spec.seeds is None and all(isinstance(domain, Constant) for domain in spec.search_space.values()):
        what = "nothing can be tuned, every value is a constant; give one a range or choices"
        yield ("search_space",), f"{what}, or write seeds: 5 to train it five times"


def _asked(spec: SweepSpec) -> Complaints:
    """Yield what keeps the configurations of `try` from being tried."""
    if not spec.try_:
        return
    space = Space(spec.search_space)
    for position, values in enumerate(spec.try_):
        at: KeyPath = ("try", position)
        for name, text in objections(space, values):
            yield (at if name is None else (*at, name)), text
        first = spec.try_.index(values)
        if first < position:
            yield at, f"is the same as try[{first}]; remove one of them"


def _stages(spec: SweepSpec) -> Complaints:
    stages = () if spec.stages == "auto" else spec.stages
    if not spec.stages:
        yield ("stages",), "is empty; write auto, or at least one stage"
    owners: dict[str, str] = {}
    names: set[str] = set()
    for number, stage in enumerate(stages):
        if stage.name in names:
            yield ("stages", number, "name"), f"{stage.name!r} names an earlier stage already; choose another name"
        names.add(stage.name)
        for position, name in enumerate(stage.tune):
            path: KeyPath = ("stages", number, "tune", position)
            domain = spec.search_space.get(name)
            if domain is None:
                yield path, f"{name!r} is not in the search space; choose {nearest(name, sorted(spec.search_space))}"
            elif isinstance(domain, Constant):
                yield path, f"{name!r} is a constant; remove it here, or give it a range or choices"
            elif name in owners:
                yield path, f"{name!r} is opened by stage {owners[name]!r} already; keep it in one of them"
            owners.setdefault(name, stage.name)


def _ignored(spec: SweepSpec) -> Complaints:
    known = sorted({*rules(), *own_rule_ids(spec)})
    for name in spec.ignore:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            yield ("ignore", name), f"{name!r} is no rule{meant}; `stepladder check` names each rule that it applies"


def _schedules(spec: SweepSpec) -> Complaints:
    """Yield schedules that swing a momentum which an optimizer of the same configuration does not have."""
    space = spec.search_space
    schedule, optimizer = space.get("schedule"), space.get("optimizer")
    if schedule is None or optimizer is None:
        return
    swinging = [name for name in ("cyclic", "one_cycle") if schedule.contains(name)]
    met = [name for name in schedule.when.get("optimizer", WITHOUT_MOMENTUM) if name in WITHOUT_MOMENTUM]
    lacking = [name for name in met if optimizer.contains(name)]
    if swinging and lacking:
        cannot = f"{' and '.join(swinging)} swing the momentum, which {' and '.join(map(str, lacking))} lacks"
        yield ("search_space", "schedule"), f"{cannot}; extend schedules-without-momentum, or another optimizer"


def _shares(spec: SweepSpec) -> Complaints:
    stages = () if spec.stages == "auto" else spec.stages
    shares = [stage.share for stage in stages if stage.share is not None]
    total, complete = sum(shares), len(shares) == len(stages)
    if total > 1 + 1e-9:
        yield ("stages",), f"the shares sum to {total:.4g}; lower them to 1 at most"
    elif shares and not complete and total > 1 - 1e-9:
        yield ("stages",), "the shares sum to 1, nothing is left for the stages without one; lower them"
    elif shares and complete and total < SHARES_AT_LEAST:
        yield ("stages",), f"the shares sum to {total:.4g}; raise them to 1, or leave one out: it gets the rest"


_CHECKS: tuple[tuple[frozenset[str], Callable[[SweepSpec], Complaints]], ...] = (
    (frozenset({"trainable"}), _trainable),
    (frozenset({"command", "search_space"}), _command),
    (frozenset({"command", "args", "metrics"}), _args),
    (frozenset({"metrics", "objective", "fidelity"}), metrics_problems),
    (frozenset({"command", "resources"}), _places_of_command),
    (frozenset({"storage"}), _storage),
    (frozenset({"objective", "fidelity"}), _metrics),
    (frozenset({"test", "objective", "constraints", "fidelity", "metrics"}), held_out_problems),
    (frozenset({"constraints", "fidelity", "metrics"}), constraint_problems),
    (frozenset({"search_space"}), _conditions),
    (frozenset({"search_space", "nested"}), _nested),
    (frozenset({"search_space"}), space_problems),
    (frozenset({"fidelity"}), fidelity_problems),
    (frozenset({"search_space", "seeds"}), _tunable),
    (frozenset({"search_space", "stages"}), _stages),
    (frozenset({"stages"}), _shares),
    (frozenset({"search_space"}), _schedules),
    (frozenset({"ignore", "rules"}), _ignored),
    (frozenset({"rules"}), rule_problems),
    (frozenset({"search_space", "couple"}), coupling_problems),
)
"""Each check with the parts it looks at."""
