"""Reads what other tools search with (W&B, Optuna, Ray Tune, Hydra) and what training code takes, as a sweep file."""
