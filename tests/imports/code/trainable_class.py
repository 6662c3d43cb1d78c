"""A class that Ray Tune trains: keys in setup, and of the class's own config."""

import torch
from ray import tune


def loader(batch_size):
    return range(batch_size)


class TrainDigits(tune.Trainable):
    def setup(self, config):
        self.device = "cuda" if config.get("use_gpu", False) else "cpu"
        self.model = torch.nn.Linear(64, 10)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=config.get("lr", 0.01), momentum=config.get("momentum", 0.9)
        )

    def step(self):
        seen = len(loader(self.config.get("batch_size", 64)))
        return {"mean_accuracy": 1 / seen}
