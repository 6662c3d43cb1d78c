"""An app in the structure of a well-known template: everything is instantiated from the configuration."""

from __future__ import annotations

import hydra
import lightning
import torch
from omegaconf import DictConfig
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class DigitsData(lightning.LightningDataModule):
    def __init__(self, batch_size):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage):
        images, labels = load_digits(return_X_y=True)
        images, labels = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
        self.known, self.held = TensorDataset(images[:1400], labels[:1400]), TensorDataset(images[1400:], labels[1400:])

    def train_dataloader(self):
        return DataLoader(self.known, self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.held, 500)


class DigitsModule(lightning.LightningModule):
    def __init__(self, net, optimizer):
        super().__init__()
        self.net, self.optimizer = net, optimizer

    def training_step(self, batch, _):
        images, labels = batch
        loss = nn.functional.cross_entropy(self.net(images), labels)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        images, labels = batch
        self.log("val/acc", (self.net(images).argmax(1) == labels).float().mean())

    def configure_optimizers(self):
        return self.optimizer(params=self.parameters())


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(cfg: DictConfig) -> float:
    lightning.seed_everything(cfg.seed, verbose=False)
    trainer = hydra.utils.instantiate(cfg.trainer, logger=hydra.utils.instantiate(cfg.logger))
    trainer.fit(model=hydra.utils.instantiate(cfg.model), datamodule=hydra.utils.instantiate(cfg.data))
    return trainer.callback_metrics[cfg.optimized_metric].item()


if __name__ == "__main__":
    main()
