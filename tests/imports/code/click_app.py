"""A click command."""

import click


@click.command()
@click.option("--learning-rate", "-l", default=5e-5, show_default=True, help="AdamW's")
@click.option("--warmup-ratio", default=0.06)
@click.option("--warmup", default=500, help="steps, not a share")
@click.option("--per-device-train-batch-size", default=24)
@click.option("--num-train-epochs", default=3)
@click.option("--fp16/--no-fp16", default=True)
@click.option("--scheduler", type=click.Choice(["linear", "cosine"]), default="linear")
@click.option("--output", type=click.Path(), required=True)
def main(**options):
    print(options)


if __name__ == "__main__":
    main()
