"""The command `tools/train_demo`."""

import argparse
from importlib import resources
from pathlib import Path

import torch

from demo_model.training import Budget, Training

SHIPPED = Path(str(resources.files("moshi_backend") / "demo"))
WORK = Path(".state/demo-model")


def main() -> int:
    """Run the command; return its exit status: 1 when the evaluation finds a criterion that the model fails."""
    parser = argparse.ArgumentParser(
        prog="tools/train_demo",
        description="Train the demo model and evaluate it. A run that was interrupted goes on where it was.",
    )
    parser.add_argument("--evaluate", action="store_true", help="only evaluate the checkpoint in OUTPUT")
    parser.add_argument("--output", type=Path, default=SHIPPED, help="folder of the checkpoint (the package's own)")
    parser.add_argument(
        "--work", type=Path, default=WORK, help="folder of voices and weights in training (%(default)s)"
    )
    parser.add_argument(
        "--hurry",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="train for this share of the batches, to try the whole program; such a model is not good (%(default)s)",
    )
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="put the figures into this document's table")
    parser.add_argument(
        "--device",
        type=torch.device,
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="where to train; the evaluation runs on the CPU (%(default)s)",
    )
    options = parser.parse_args()
    training = Training(options.work, Budget().times(options.hurry), options.device)
    if options.evaluate:
        training.make_voices()
    else:
        training.run(options.output)
    # Late, because its packages take seconds to import.
    from demo_model.evaluation import evaluate
    from demo_model.evaluation.report import with_table

    report = evaluate(options.output, options.work)
    print(report)
    if options.write:
        options.write.write_text(with_table(options.write.read_text(encoding="utf-8"), report), encoding="utf-8")
    return 0 if report.passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
