"""The batch size: its extremes, what must move with it, and what depends on it."""

from __future__ import annotations

from orchestrator.rules import Applies, Subject, at, bounds, listed, rule
from orchestrator.sweep.domains import Constant, Float, Int

TINY = 8
"""Batches below this many examples are very small for batch normalisation: ours, [A] gives no figure beside 1."""
CROWDED = 256
"""Batches above this many examples are asked about where trials share a GPU: ours."""
_PAIRED = ("n_pair", "npair", "triplet", "contrastive", "info_nce", "infonce", "nt_xent", "ntxent")


@rule(
    "batch-size-uncoupled",
    "warning",
    reason="When the batch size changes the learning rate must change with it, else large batches seem bad.",
    source="[E]; the best rate shifts 3 to 16 times across batch sizes in public grids",
    fix="Write couple: {learning_rate: {with: batch_size}}.",
)
def batch_size_uncoupled(subject: Subject) -> Applies:
    """Fire where batch size and learning rate are both tuned, and the one does not follow the other."""
    for name, domain in subject.batch_sizes.items():
        coupled = any(coupling.with_ == name for coupling in subject.spec.couple.values())
        if not isinstance(domain, Constant) and subject.learning_rates and not coupled:
            yield at(name), f"{name} is tuned, {', '.join(subject.learning_rates)} does not follow it"


@rule(
    "extreme-batch-size",
    "warning",
    reason="At one example, and above 6000, learning-rate strategy and normalisation need adjusting.",
    source="[A]",
    fix="Leave these sizes out, or adjust both and ignore this rule.",
)
def extreme_batch_size(subject: Subject) -> Applies:
    """Fire where a batch holds one example or more than 6000."""
    for name, domain in subject.batch_sizes.items():
        ends = bounds(domain)
        if ends and ends[0] <= 1:
            yield at(name), f"{name} can be {ends[0]:g}"
        if ends and ends[1] > 6000:
            yield at(name), f"{name} can be {ends[1]:g}"


@rule(
    "large-batch",
    "info",
    reason="Large batches may settle in poor optima and generalise worse; equal accuracy takes longer.",
    source="[A][C][E]: 1 to 1024, 32 to 256 to start",
    fix="Stay at 1024 or below unless the hardware idles otherwise.",
)
def large_batch(subject: Subject) -> Applies:
    """Fire between 1024 and 6000 examples; above, `extreme-batch-size` does."""
    for name, domain in subject.batch_sizes.items():
        ends = bounds(domain)
        if ends and 1024 < ends[1] <= 6000:
            yield at(name), f"{name} reaches up to {ends[1]:g}"


@rule(
    "batch-powers-of-two",
    "info",
    reason="Sizes between powers of two cost like the next one and tell little more.",
    source="[A][C]",
    fix="Extend batch, or write choices: [16, 32, 64, 128].",
)
def batch_powers_of_two(subject: Subject) -> Applies:
    """Fire where a batch size is drawn from a range, or a choice is no power of two."""
    for name, domain in subject.batch_sizes.items():
        if isinstance(domain, Float | Int):
            yield at(name), f"{name} is any number from {domain.low:g} to {domain.high:g}"
            continue
        odd = [value for value in listed(domain) if isinstance(value, int) and value.bit_count() != 1]
        if odd:
            yield at(name), f"{name} can be {odd[0]}"


@rule(
    "batch-dependent-loss",
    "info",
    reason="A loss that takes its samples from the batch is another loss at another batch size.",
    source="[A]: N-pair and its like",
    fix="Fix the batch size, or open it with the loss's parameters in one stage.",
)
def batch_dependent_loss(subject: Subject) -> Applies:
    """Fire where a tuned batch size meets a loss that draws pairs from the batch."""
    sizes = [name for name, domain in subject.batch_sizes.items() if not isinstance(domain, Constant)]
    for name, domain in subject.spec.search_space.items():
        words = [name, *(str(value) for value in listed(domain))]
        paired = [word for word in words if any(mark in word.lower().replace("-", "_") for mark in _PAIRED)]
        if sizes and paired:
            yield at(name), f"{paired[0]} beside a tuned {sizes[0]}"


@rule(
    "batch-memory",
    "info",
    reason="Trials that share a GPU share its memory: the largest batch of one may end them both.",
    source="[C]: mind memory limits",
    fix="Try the largest batch with as many trials on the GPU as planned, or raise resources.gpus.",
)
def batch_memory(subject: Subject) -> Applies:
    """Fire where several trials share a GPU and batches are large."""
    gpus = subject.spec.resources.gpus
    for name, domain in subject.batch_sizes.items():
        ends = bounds(domain)
        if ends and 0 < gpus < 1 and ends[1] > CROWDED:
            yield at(name), f"{name} up to {ends[1]:g}, {1 / gpus:.0f} trials on a GPU"


@rule(
    "tiny-batch-normalised",
    "warning",
    reason="Batch normalisation over very few examples converges badly or collapses.",
    source="[A]",
    fix="Leave the small sizes out, or normalise by layer or group.",
)
def tiny_batch_normalised(subject: Subject) -> Applies:
    """Fire where the model normalises over batches that can be tiny."""
    if subject.model is None or not subject.model.norms:
        return
    for name, domain in subject.batch_sizes.items():
        ends = bounds(domain)
        if ends and ends[0] < TINY:
            layers = _shortened(subject.model.norms)
            yield at(name), f"{name} can be {ends[0]:g}, and {subject.model.target} normalises by batch in {layers}"


def _shortened(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


MEMBER = (
    batch_size_uncoupled,
    extreme_batch_size,
    large_batch,
    batch_powers_of_two,
    batch_dependent_loss,
    batch_memory,
    tiny_batch_normalised,
)
