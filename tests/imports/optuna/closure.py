"""The objective is a function within a function, and the file is told what to do on its command line."""

import sys

import optuna


def main(rounds):
    data = list(range(rounds))

    def objective(trial):
        return sum(data) * trial.suggest_float("weight", 0.0, 1.0)

    optuna.create_study().optimize(lambda trial: objective(trial), n_trials=5)


if __name__ == "__main__":
    main(int(sys.argv[1]))
