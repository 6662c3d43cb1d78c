"""A Hydra app with structured configurations; what it reads of them beyond, it has from YAML."""

from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class OptimizerConfig:
    lr: float = 0.01
    weight_decay: float = 5e-4
    momentum: float = 0.9


@dataclass
class Config:
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batch_size: int = 128
    max_epochs: int = 30


ConfigStore.instance().store(name="config", node=Config)


def fit(cfg):
    rate = cfg.optimizer.lr
    drop = cfg.model.dropout
    return {"val_acc": rate * drop}


@hydra.main(version_base=None, config_name="config")
def main(cfg):
    metrics = fit(cfg)
    return metrics["val_acc"]


if __name__ == "__main__":
    main()
