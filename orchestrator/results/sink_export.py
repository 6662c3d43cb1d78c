"""A sink filled once, from a sweep's log as it is now: what `stepladder export --format tensorboard` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator import members
from orchestrator.errors import StorageError
from orchestrator.planning.compile import SINKS
from orchestrator.results.follower import Follower
from orchestrator.sweep.spec import Member

if TYPE_CHECKING:
    from orchestrator.results.sinks import Sink
    from orchestrator.storage.location import Location


def sink_formats() -> list[str]:
    """Return the names of the sinks that are shipped."""
    return members.names(SINKS)


def sink_at(form: str, place: Location | None, sweep: str, options: Mapping[str, Any] | None = None) -> Sink:
    """Return a sink of the kind `form`, one that is shipped or `module:Class`, that keeps a sweep at `place`.

    `place` None: in the present folder, called after the `sweep`, or where the sink's own `options` or environment say.
    Raises SpecError where there is no such sink, UsageError where it cannot work here.
    """
    from orchestrator.storage.location import Location

    member, checked = members.build(SINKS, Member(name=form, options=options or {}))
    unnamed = Location.parse(f"{sweep}-{member.file}")
    made: Sink = member(place or unnamed, checked, is_chosen=place is not None)
    return made


def fill(sink: Sink, folder: Location) -> None:
    """Bring the sink up to the log of the sweep in `folder`; what lies there from an earlier time is gone on with.

    Raises StorageError where either cannot be read or written, JournalDamagedError, and what the sink raises.
    """
    follower = Follower(folder.files(), [sink])
    try:
        follower.advance()
    finally:
        follower.close()
    for error in follower.errors.values():
        raise error
    for problem in follower.problems.values():
        raise StorageError(problem.removeprefix(f"{sink.name} fell behind the journal: "))
