"""Nothing is reported: it trains between two suggestions, and after them for hours. There is no study in it."""

import time


def objective(trial):
    lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    batch_size = trial.suggest_categorical("batch_size", [16, 32, 64])
    for _ in range(10**6):
        time.sleep(lr + batch_size / 1000)
    return 0.0
