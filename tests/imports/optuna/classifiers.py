"""Conditions on conditions, a branch that only another machine enters, and categories of every kind."""

import os

import optuna


def objective(trial: optuna.Trial) -> float:
    name = trial.suggest_categorical("classifier", ["svc", "forest"])
    if name == "svc":
        kernel = trial.suggest_categorical("kernel", ["linear", "rbf", "poly"])
        if kernel == "poly":
            trial.suggest_int("degree", 2, 5)
        trial.suggest_float("svc.c", 1e-10, 1e10, log=True)
    else:
        trial.suggest_int("max_depth", 2, 32, log=True)
        trial.suggest_categorical("max_features", [None, "sqrt", 0.5, True])
    if os.environ.get("NO_SUCH_VARIABLE_HERE"):
        trial.suggest_float("only_there", 0.0, 1.0)
    trial.suggest_categorical("hidden", [(32, 32), (64,)])
    trial.suggest_float("quarter", 0.0, 1.0, step=0.25)
    return 1.0


if __name__ == "__main__":
    optuna.create_study(directions=["minimize", "maximize"]).optimize(objective, n_trials=10)
