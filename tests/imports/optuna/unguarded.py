"""A script as it is written in an afternoon: no guard, a database, two configurations to begin with."""

import optuna


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    y = trial.suggest_int("y", 0, 100, step=10)
    return (x - 2) ** 2 + y


study = optuna.create_study(
    study_name="afternoon",
    storage="sqlite:///afternoon.db",
    load_if_exists=True,
    sampler=optuna.samplers.RandomSampler(seed=3),
    pruner=optuna.pruners.HyperbandPruner(),
)
study.enqueue_trial({"x": 1.0, "y": 10})
study.optimize(objective, n_trials=40, timeout=60.5, n_jobs=2)
print(study.best_params)
