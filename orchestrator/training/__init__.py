"""PyTorch parts that a training function may use: what makes every hyperparameter of the catalogue real.

    from orchestrator.training import build_lr_scheduler, build_optimizer, check_keys

    def train(config, trial):
        seed_everything(trial)
        known = check_keys(config, own=["heads"])
        optimizer = build_optimizer(known, model.parameters())
        scheduler = build_lr_scheduler(known, optimizer, trial.max_fidelity, trial.rungs)

Nothing else of the package imports this room, and no training function has to. Each module's docstring lists the keys
it reads, with their ranges; `keys` holds them as one table. They are torch's own classes wherever torch has one.
"""

from orchestrator.training.early_stopping import EarlyStopping
from orchestrator.training.initialise import initialise
from orchestrator.training.keys import TrainingConfigError, check_keys
from orchestrator.training.losses import CenterLoss, FocalLoss, TaskLoss, WithCenterLoss, build_loss, build_task_loss
from orchestrator.training.optimizers import build_optimizer
from orchestrator.training.schedules import build_lr_scheduler
from orchestrator.training.seeding import seed_everything
from orchestrator.training.splits import Split, held_out_share, split

__all__ = [
    "CenterLoss",
    "EarlyStopping",
    "FocalLoss",
    "Split",
    "TaskLoss",
    "TrainingConfigError",
    "WithCenterLoss",
    "build_loss",
    "build_lr_scheduler",
    "build_optimizer",
    "build_task_loss",
    "check_keys",
    "held_out_share",
    "initialise",
    "seed_everything",
    "split",
]
