"""tyro over nested dataclasses, as in single-file reinforcement learning."""

from dataclasses import dataclass, field
from typing import Literal

import tyro


@dataclass
class Optim:
    name: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 2.5e-4
    beta_1: float = 0.9
    eps: float = 1e-5


@dataclass
class Args:
    exp_name: str = "ppo"
    optim: Optim = field(default_factory=Optim)
    gamma: float = 0.99
    num_minibatches: int = 4
    anneal_lr: bool = True
    activation: Literal["tanh", "relu"] = "tanh"
    layers: int = field(default=2)


if __name__ == "__main__":
    args = tyro.cli(Args)
    print({"episodic_return": 1.0}, args)
