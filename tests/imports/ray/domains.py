"""Every distribution that Tune has, nested, and values of every kind."""

import numpy as np
from ray import tune
from ray.tune.search import BasicVariantGenerator


def train_fn(config):
    tune.report({"loss": config["lr"]})


space = {
    "lr": tune.loguniform(1e-4, 1e-1),
    "wd": tune.qloguniform(1e-3, 1e-1, 5e-4),
    "momentum": tune.quniform(0.1, 0.9, 0.1),
    "layers": tune.randint(1, 9),
    "heads": tune.lograndint(1, 64),
    "size": tune.qrandint(8, 128, 8),
    "wide": tune.qlograndint(4, 256, 4),
    "noise": tune.randn(0.5, 0.1),
    "noisy": tune.qrandn(10, 2, 1),
    "shape": tune.choice([[2, 3, 4, 5], [3, 4, 6, 3]]),
    "power": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
    "depends": tune.sample_from(lambda spec: spec.config.lr * 2),
    "anything": tune.sample_from(lambda: np.random.random()),
    "metrics": ["loss", "acc"],
    "nothing": None,
    "device": object(),
    "model": {"optimizer": {"beta": tune.uniform(0.8, 0.99)}, "norm": tune.choice(["bn", "ln", None])},
    "one": tune.choice([3]),
}

if __name__ == "__main__":
    tune.run(
        train_fn,
        config=space,
        metric="loss",
        mode="max",
        num_samples=10,
        resources_per_trial={"cpu": 2, "gpu": 0.5, "TPU": 1, "memory": 2 * 1024**3},
        max_concurrent_trials=4,
        time_budget_s=3600,
        search_alg=BasicVariantGenerator(points_to_evaluate=[{"lr": 0.01, "model": {"optimizer": {"beta": 0.9}}}]),
    )
