"""Training functions for trials of several processes."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch
from ray import tune
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

HERE = Path(os.environ.get("GANG_FOLDER", "."))
if "GANG_FOLDER" in os.environ:  # the tests import this file too
    sys.path.insert(0, f"{HERE}-elsewhere")
    import lab_of_mine  # noqa: F401 - from outside the pinned code
STEPS, BATCH = 20, 16


def network_and_batch():
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(BATCH, 8, generator=generator)
    torch.manual_seed(4)
    network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    return network, inputs, inputs.sum(1, keepdim=True).sin()


def losses(network, inputs, targets, share=slice(None)):
    """Train on a share of each batch; yields the loss over the whole one."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    loss_of = torch.nn.MSELoss()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_of(network(inputs[share]), targets[share]).backward()
        optimizer.step()
        with torch.no_grad():
            yield float(loss_of(network(inputs), targets))


def fit(config):
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank, size = distributed.get_rank(), distributed.get_world_size()
    names = ("RANK", "LOCAL_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "CUDA_VISIBLE_DEVICES",
             "OMP_NUM_THREADS")  # fmt: skip
    (HERE / f"rank-{rank}.json").write_text(json.dumps({name: os.environ[name] for name in names}))
    network, inputs, targets = network_and_batch()
    part = BATCH // size
    share = slice(rank * part, (rank + 1) * part)
    for step, loss in enumerate(losses(DistributedDataParallel(network), inputs, targets, share), 1):
        tune.report({"score": loss, "step": step})


def judged(config, trial):
    """Reports in rank 0 alone; the others are in a collective when it is stopped. Rank 1 alone reads `y`."""
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    assert rank != 1 or config["y"] >= 0
    with (HERE / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    try:
        for step in range(1, 3):
            distributed.all_reduce(torch.ones(1))
            if rank == 0:
                tune.report({"score": (0.5, 0.9, 0.1, 0.2)[trial.number], "step": step})
    finally:
        with (HERE / f"finally-{trial.number}-{rank}").open("w") as file:
            file.write("done")


def killed(config, trial):
    """All ranks report; rank 1 of the first attempt names itself for the kill at its third step."""
    distributed.init_process_group("gloo")
    checkpoint, start, rank = tune.get_checkpoint(), 0, distributed.get_rank()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            start = int(Path(folder, "step").read_text())
        (HERE / f"resumed-{rank}").write_text(str(start))
    for step in range(start + 1, 5):
        if step == 3 and rank == 1 and trial.attempt == 0:
            (HERE / "victim").write_text(str(os.getpid()))
            time.sleep(60)
        distributed.all_reduce(torch.ones(1))
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "step").write_text(str(step))
            kept = tune.Checkpoint.from_directory(folder) if rank == 0 else None
            tune.report({"score": step, "step": step}, checkpoint=kept)


def broken(config):
    """Rank 1 has a bug; the other waits for it."""
    distributed.init_process_group("gloo")
    if distributed.get_rank() == 1:
        raise KeyError("of rank 1")
    distributed.all_reduce(torch.ones(1))
