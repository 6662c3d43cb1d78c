"""A function that takes its hyperparameters by name, and a typer program around it."""

import typer


def train(lr: float = 0.1, momentum: float = 0.9, *, batch_size: int = 50, epochs: int = 8, name: str = "run"):
    accuracy = lr * momentum * batch_size
    return {"accuracy": accuracy, "loss": 1 - accuracy}


if __name__ == "__main__":
    typer.run(train)
