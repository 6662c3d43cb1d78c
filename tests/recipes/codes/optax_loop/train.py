"""A loop in JAX with optax's Adam; what it reports are arrays without dimensions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from ray import tune
from sklearn.datasets import load_digits


def loss_of(weights, images, labels):
    return optax.softmax_cross_entropy_with_integer_labels(images @ weights["w"] + weights["b"], labels).mean()


def train(config):
    images, labels = load_digits(return_X_y=True)
    images, labels = jnp.asarray(images, jnp.float32) / 16, jnp.asarray(labels)
    weights = {"w": jnp.zeros((64, 10)), "b": jnp.zeros(10)}
    optimizer = optax.chain(optax.clip_by_global_norm(config["clip"]), optax.adam(config["learning_rate"]))
    state = optimizer.init(weights)
    gradient = jax.jit(jax.value_and_grad(loss_of))
    for epoch in range(3):
        for start in range(0, 1400, 200):
            loss, slopes = gradient(weights, images[start : start + 200], labels[start : start + 200])
            updates, state = optimizer.update(slopes, state)
            weights = optax.apply_updates(weights, updates)
        right = (images[1400:] @ weights["w"] + weights["b"]).argmax(1) == labels[1400:]
        tune.report({"epoch": epoch, "val_accuracy": right.mean(), "train_loss": loss})
