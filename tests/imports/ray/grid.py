"""Nothing but grids, in a function, after ray.init."""

import ray
from ray import tune


def train(config):
    tune.report({"acc": config["a"] + config["b"]})


def main():
    ray.init(num_cpus=2)
    tuner = tune.Tuner(train, param_space={"a": tune.grid_search([1, 2, 3]), "b": tune.grid_search([0.1, 0.2])})
    tuner.fit()
    ray.shutdown()


if __name__ == "__main__":
    main()
