"""Dropout and weight decay: how strong, and where in the model."""

from __future__ import annotations

from orchestrator.rules import Applies, Subject, at, bounds, has_word, rule

MODEL = ("trainable",)
"""Where the sweep file speaks of the model: what is found in the model is said of this key."""


@rule(
    "strong-dropout",
    "warning",
    reason="Too high a dropout underfits.",
    source="[A]: 0 to 0.5; [B]",
    fix="End the range at 0.5.",
)
def strong_dropout(subject: Subject) -> Applies:
    """Fire where dropout can exceed a half."""
    for name, domain in subject.tuned.items():
        ends = bounds(domain) if has_word(name, "dropout") else None
        if ends and ends[1] > 0.5:
            yield at(name), f"{name} reaches up to {ends[1]:g}"


@rule(
    "strong-weight-decay",
    "warning",
    reason="Too strong a decay hurts what the model can express.",
    source="[C]; the highest that any of the sources names is 0.01 [D]",
    fix="End the range at 0.01; AdamW alone takes 0.1.",
)
def strong_weight_decay(subject: Subject) -> Applies:
    """Fire where weight decay can exceed 0.01, for AdamW 0.1."""
    limit = 0.1 if subject.words("optimizer") == {"adamw"} else 0.01
    for name, domain in subject.tuned.items():
        ends = bounds(domain) if has_word(name, "weight_decay", "l2") else None
        if ends and ends[1] > limit:
            yield at(name), f"{name} reaches up to {ends[1]:g}"


@rule(
    "recurrent-dropout",
    "warning",
    reason="Dropout inside an RNN's memory cell amplifies noise from step to step.",
    source="[A]",
    fix="Put it at the input and the output of the RNN.",
)
def recurrent_dropout(subject: Subject) -> Applies:
    """Fire where a dropout is named after the recurrence, or found in the model's."""
    for name in subject.tuned:
        if has_word(name, "dropout") and has_word(name, "recurrent", "recurrence", "cell", "hidden_state"):
            yield at(name), f"{name} is a dropout inside the recurrence, by its name"
    for layer in subject.model.recurrent_dropouts if subject.model else ():
        assert subject.model is not None
        yield MODEL, f"in {subject.model.target}, {layer} drops from the state that the next step gets"


@rule(
    "dropout-before-norm",
    "warning",
    reason="Dropout directly before batch normalisation shifts the variance between training and inference.",
    source="[A]: inference can collapse",
    fix="Move the dropout behind the last batch normalisation.",
)
def dropout_before_norm(subject: Subject) -> Applies:
    """Fire where a dropout feeds a batch normalisation of the model."""
    for dropout, norm in subject.model.dropouts_before_norms if subject.model else ():
        assert subject.model is not None
        yield MODEL, f"in {subject.model.target}, {dropout} comes directly before {norm}"


MEMBER = (strong_dropout, strong_weight_decay, recurrent_dropout, dropout_before_norm)
