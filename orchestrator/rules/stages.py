"""How the budget is spent: on what, in which order, and whether it suffices."""

from __future__ import annotations

from orchestrator.rules import Applies, Subject, at, has_word, rule

TRIALS_PER_HYPERPARAMETER = 3
"""Trials below which a stage is a guess: the issue's figure."""
MINOR = ("beta1", "beta2", "epsilon", "eps", "weight_decay")
DEPTH = ("depth", "layers", "num_layers", "n_layers")
MANY_TRIALS = 1000
"""A budget above which better data is asked about: ours."""


@rule(
    "betas-few-trials",
    "warning",
    reason="Below 10 trials tune Adam's learning rate only, 10 to 25 add beta1, 25 and more epsilon, beta2 last.",
    source="[F] Google's tuning playbook; [A]: use the suggested values, few trials",
    fix="Hold them (beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8), or raise budget.trials to 25 and more.",
)
def betas_few_trials(subject: Subject) -> Applies:
    """Fire where Adam's own parameters are tuned with fewer than 25 trials."""
    opened = [name for name in subject.tuned if has_word(name, "beta1", "beta2", "epsilon", "eps")]
    if opened and subject.spec.budget.trials < 25:
        yield at(opened[0]), f"{', '.join(opened)} tuned within {subject.spec.budget.trials} trials"


@rule(
    "minor-share",
    "warning",
    reason="Adam's betas, epsilon and weight decay do well at the suggested values and deserve few trials.",
    source="[A]",
    fix="Lower the stage's share, or hold them.",
)
def minor_share(subject: Subject) -> Applies:
    """Fire where stages that open nothing else get more than two fifths of the budget."""
    for number, stage in enumerate(subject.stages):
        if stage.tune and stage.share > 0.4 and all(has_word(name, *MINOR) for name in stage.tune):
            yield _stage(subject, number, stage.tune[0]), f"{', '.join(stage.tune)} get {stage.share:.0%} of the trials"


@rule(
    "unimportant-first",
    "info",
    reason="What matters most is tuned first: the learning rate, then batch size and momentum, then the rest.",
    source="[A][B]; the order depends on model and data",
    fix="Order the stages by tier, or write stages: auto.",
)
def unimportant_first(subject: Subject) -> Applies:
    """Fire where a stage of written-out ones opens only less important hyperparameters than a later one."""
    tiers = [min((subject.tuned[name].tier for name in stage.tune), default=1) for stage in subject.stages]
    for number, tier in enumerate(tiers):
        later = min(tiers[number + 1 :], default=tier)
        if tier > later:
            yield _stage(subject, number, ""), f"opens tier {tier} before tier {later}"


@rule(
    "depth-early",
    "info",
    reason="Fix the depth first, and deepen only once the rest is tuned.",
    source="[A]",
    fix="Hold it, or give it a later tier, or a last stage of its own.",
)
def depth_early(subject: Subject) -> Applies:
    """Fire where a depth is opened with or before something else than the network's shape."""
    for name in (name for name in subject.tuned if has_word(name, *DEPTH)):
        stage = subject.stage_of(name)
        after = [other for later in subject.stages[max(stage, 0) :] for other in later.tune]
        others = [other for other in after if not has_word(other, *DEPTH, "width", "units")]
        if others:
            yield at(name), f"{name} is opened with or before {', '.join(others[:3])}"


@rule(
    "thin-stage",
    "warning",
    reason="With fewer than about three trials for each hyperparameter, chance decides a stage.",
    source="ours; the tuning playbook asks for more",
    fix="Raise budget.trials or the stage's share, or open fewer hyperparameters.",
)
def thin_stage(subject: Subject) -> Applies:
    """Fire where a stage has fewer trials than three for each hyperparameter that it opens."""
    for number, stage in enumerate(subject.stages):
        trials = int(stage.share * subject.spec.budget.trials)
        if trials < TRIALS_PER_HYPERPARAMETER * len(stage.tune):
            names = f"{len(stage.tune)} hyperparameter{'s' if len(stage.tune) > 1 else ''}"
            yield _stage(subject, number, ""), f"stage {stage.name} has about {trials} trials for {names}"


@rule(
    "wide-grid",
    "warning",
    reason="A grid spends its trials on combinations: in three dimensions each value is seen in few places.",
    source="[B]: brute force; [F] Bergstra and Bengio 2012",
    fix="Use random, quasirandom or tpe, or open two hyperparameters at most.",
)
def wide_grid(subject: Subject) -> Applies:
    """Fire where a grid has more than two dimensions."""
    if subject.spec.searcher.name == "grid":
        for stage in subject.stages:
            if len(stage.tune) > 2:
                yield ("searcher",), f"a grid over {len(stage.tune)} hyperparameters: {', '.join(stage.tune)}"


@rule(
    "tuned-epochs",
    "warning",
    reason="Epochs are the fidelity: early stopping compares trials at equal ones.",
    source="[B]: until validation accuracy falls; [C]: early stopping",
    fix="Remove it, and set fidelity.max.",
)
def tuned_epochs(subject: Subject) -> Applies:
    """Fire where the length of the training is a hyperparameter."""
    for name in subject.tuned:
        if name in {"epochs", "epoch", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs"}:
            yield at(name), f"{name} is tuned"


@rule(
    "tuned-seed",
    "warning",
    reason="A seed is no property of a configuration: the luckiest draw would win.",
    source="[F] part of a trial's identity, recorded, never tuned; [B]: the draw itself can matter much",
    fix="Remove it; each trial is given its own seed, and the winner is compared over several.",
)
def tuned_seed(subject: Subject) -> Applies:
    """Fire where a seed is a hyperparameter."""
    for name in subject.tuned:
        if has_word(name, "seed", "random_state"):
            yield at(name), f"{name} is tuned"


@rule(
    "data-first",
    "info",
    reason="Better data usually gains more than a better model or better tuning.",
    source="[A]",
    fix="Look at the examples that the best model gets wrong before this many trials are spent.",
)
def data_first(subject: Subject) -> Applies:
    """Fire where the budget is so large that the question pays."""
    if subject.spec.budget.trials > MANY_TRIALS:
        yield ("budget", "trials"), f"{subject.spec.budget.trials:,} trials"


def _stage(subject: Subject, number: int, name: str) -> tuple[str | int, ...]:
    """Return where a stage is written, or what makes it."""
    if subject.spec.stages == "auto":
        return at(name) if name else ("stages",)
    return ("stages", number)


MEMBER = (
    betas_few_trials,
    minor_share,
    unimportant_first,
    depth_early,
    thin_stage,
    wide_grid,
    tuned_epochs,
    tuned_seed,
    data_first,
)
