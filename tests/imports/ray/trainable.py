"""A class, a searcher around a searcher, PBT, a stopper that is a function; it starts whenever it is imported."""

from ray import tune
from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch


class Walk(tune.Trainable):
    def setup(self, config):
        self.x = config["x"]

    def step(self):
        self.x += 1
        return {"score": self.x}


tuner = tune.Tuner(
    Walk,
    param_space={"x": tune.uniform(-1, 1)},
    tune_config=tune.TuneConfig(
        metric="score",
        mode="max",
        num_samples=-1,
        search_alg=ConcurrencyLimiter(OptunaSearch(), max_concurrent=2),
        scheduler=PopulationBasedTraining(perturbation_interval=2, hyperparam_mutations={"x": [0.0, 1.0]}),
    ),
    run_config=tune.RunConfig(stop=lambda trial, result: result["score"] > 10),
)
tuner.fit()
