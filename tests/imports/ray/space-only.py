"""A module of a project: the space and the function, started elsewhere."""

from ray import tune

LOW = 2**3
SEARCH = {
    "hidden": tune.choice([LOW, 2 * LOW, 64]),
    "lr": tune.loguniform(1e-4, 10**-1),
    "augment": tune.choice([True, False]),
    "epochs": 5,
}


def train(config):
    for _ in range(config["epochs"]):
        tune.report({"acc": 0.5})
