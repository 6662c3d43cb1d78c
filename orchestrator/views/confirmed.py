"""What fresh seeds say of winner and baseline, for a person."""

from __future__ import annotations

from orchestrator import wording
from orchestrator.results.summary import Summary
from orchestrator.sweep.confirmation import Difference, FreshScore
from orchestrator.sweep.reserve import NOT_ASKED


def confirmed_rows(summary: Summary) -> list[tuple[str, str]]:
    """Return scores, difference and verdict, each with its label; nothing where nobody asked for that."""
    found = summary.confirm
    rows: list[tuple[str, str | None]] = []
    is_baseline = summary.best is not None and summary.best.trial == 0
    for whose, score in (("winner", None if is_baseline else found.winner), ("baseline", found.baseline)):
        if score is not None:
            rows.append(("confirmed", f"{whose}: {summary.metric} {_score(score)}"))
    if found.difference is not None:
        rows.append(("difference", _difference(found.difference)))
    if found.verdict is not None:
        rows.append(("verdict", found.text if found.is_over else f"{found.text}, so far"))
    elif found.text is not None and found.text != NOT_ASKED:
        rows.append(("verdict", f"not confirmed: {found.text}"))
    return [(label, text or "") for label, text in rows]


def _score(score: FreshScore) -> str:
    margin = "" if score.high is None else f" +- {wording.number(score.high - score.mean, 2)}"
    return f"{wording.number(score.mean, 4)}{margin} over {wording.counted(score.n, 'seed')}"


def _difference(found: Difference) -> str:
    text = f"{wording.number(found.mean, 3)} better than the baseline over fresh seeds"
    if found.mean < 0:
        text = f"what was chosen is {wording.number(-found.mean, 3)} worse than the baseline over fresh seeds"
    if found.low is None or found.high is None:
        return text
    return f"{text} (at 95 % better by {wording.number(found.low, 3)} to {wording.number(found.high, 3)})"
