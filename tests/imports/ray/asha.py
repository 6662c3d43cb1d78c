"""A function, a scheduler with its bounds, a stop, in the structure of Ray's own first example."""

from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler


def easy_objective(config):
    for step in range(config["steps"]):
        tune.report(
            {"iterations": step, "mean_loss": (0.1 + config["width"] * step / 100) ** -1 + config["height"] * 0.1}
        )


if __name__ == "__main__":
    scheduler = AsyncHyperBandScheduler(grace_period=5, max_t=100, reduction_factor=4)
    tuner = tune.Tuner(
        tune.with_resources(easy_objective, {"cpu": 1, "gpu": 0}),
        run_config=tune.RunConfig(name="asha_test", stop={"training_iteration": 50}),
        tune_config=tune.TuneConfig(metric="mean_loss", mode="min", scheduler=scheduler, num_samples=20),
        param_space={
            "steps": 100,
            "width": tune.uniform(10, 100),
            "height": tune.uniform(0, 100),
            "activation": tune.grid_search(["relu", "tanh"]),
        },
    )
    results = tuner.fit()
    print(results.get_best_result().config)
