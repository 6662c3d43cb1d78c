"""In the structure of everybody's first example: argparse in main, options with dashes, a printed accuracy."""

import argparse


def train(args, model, epoch):
    for batch_index in range(3):
        if batch_index % args.log_interval == 0:
            print(f"Train Epoch: {epoch} Loss: {1 / (epoch + args.lr):.6f}")
            if args.dry_run:
                break


def test(args, model):
    print(f"Test set: Accuracy: {10 * args.gamma:.0f}/100")


def main():
    parser = argparse.ArgumentParser(description="MNIST Example")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="input batch size for training")
    parser.add_argument("--test-batch-size", type=int, default=1000, metavar="N")
    parser.add_argument("--epochs", type=int, default=14, metavar="N")
    parser.add_argument("--lr", type=float, default=1.0, metavar="LR")
    parser.add_argument("--gamma", type=float, default=0.7, metavar="M")
    parser.add_argument("--no-accel", action="store_true", help="disables accelerator")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--optimizer", choices=["adadelta", "sgd"], default="adadelta")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-interval", type=int, default=10)
    args = parser.parse_args()
    for epoch in range(1, args.epochs + 1):
        train(args, None, epoch)
        test(args, None)


if __name__ == "__main__":
    main()
