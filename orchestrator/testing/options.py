"""Options for a member that is only to be looked at: its defaults, or the examples that it gives."""

from __future__ import annotations

from typing import Any

from orchestrator.sweep.domains import Record


def options_of(member: type[Any], **given: Any) -> Record:
    """Return a member's default options but for those `given`; one without a default takes its first example."""
    fields = member.Options.model_fields.items()
    required = {name: field.examples[0] for name, field in fields if field.is_required() and field.examples}
    options: Record = member.Options.model_validate({**required, **given})
    return options
