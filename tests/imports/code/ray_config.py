"""A function for Ray Tune: keys with and without defaults, nested ones, a dict of defaults at the top."""

from ray import tune

DEFAULTS = {"lr": 3e-4, "wd": 0.0, "hidden_size": 256, "data_dir": "/data"}


class Net:
    def __init__(self, config):
        self.width = config["hidden_size"]
        self.dropout = config.get("dropout", 0.1)
        self.act = config["model"]["activation"]


def evaluate(model):
    return {"val_loss": 0.1, "val_accuracy": 0.9}


def train_fn(config):
    model = Net(config)
    lr, wd = config["lr"], config["wd"]
    epochs = config.get("epochs", 20)
    path = config["data_dir"]
    secret = config["mystery"]
    for epoch in range(epochs):
        metrics = {"epoch": epoch, "train_loss": lr * wd, **evaluate(model)}
        tune.report(metrics)
    return path, secret
