"""A network whose layers have names of their own, reports by the way, and a pruner."""

import optuna

EPOCHS = 12


def define_model(trial):
    n_layers = trial.suggest_int("n_layers", 1, 3)
    return [
        (trial.suggest_int(f"n_units_l{i}", 4, 128), trial.suggest_float(f"dropout_l{i}", 0.2, 0.5))
        for i in range(n_layers)
    ]


def objective(trial):
    define_model(trial)
    optimizer = trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"])
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    for epoch in range(EPOCHS):
        accuracy = 1 - abs(lr - 0.01) - (optimizer == "SGD") / (epoch + 2)
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.exceptions.TrialPruned
    return accuracy


if __name__ == "__main__":
    study = optuna.create_study(study_name="layers demo", direction="maximize", pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=50)
