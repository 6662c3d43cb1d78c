"""What is trained is bound to data, and lies in a function; MedianStoppingRule; the script wants an argument."""

import argparse
import functools

from ray import tune
from ray.tune.schedulers import MedianStoppingRule


def train(config, data=None):
    for value in data:
        tune.report({"loss": value * config["rate"]})


def partial_train(config, rounds):
    tune.report({"loss": rounds * config["rate"]})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, required=True)
    arguments = parser.parse_args()
    chosen = functools.partial(partial_train, rounds=3)
    tune.Tuner(
        tune.with_parameters(train, data=[1, 2, 3]),
        param_space={"rate": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            num_samples=arguments.samples, metric="loss", mode="min", scheduler=MedianStoppingRule()
        ),
    ).fit()
