"""Evaluate a checkpoint: `python -m demo_model.evaluation CHECKPOINT [--small] [--only PART]`."""

import argparse
import sys
from pathlib import Path

from demo_model.evaluation import FULL, RANDOM_MODEL, SMALL, Evaluation, cost, material
from demo_model.evaluation.report import with_table


def main() -> int:
    """The exit status: 0 if every criterion holds."""
    parser = argparse.ArgumentParser(description="Measure whether the demo model does what it promises.")
    parser.add_argument("checkpoint", type=Path, help="a folder with the model")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(".state/demo-model"),
        help="the folder in which tools/train_demo made its recordings (%(default)s)",
    )
    parser.add_argument("--small", action="store_true", help="a few events of each kind, in about a minute")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="one part; may be repeated")
    parser.add_argument(
        "--baseline", type=Path, default=RANDOM_MODEL, help="the model whose step the demo's is compared to"
    )
    parser.add_argument(
        "--write", type=Path, metavar="DOCUMENT", help="put the table into this document, between its markers"
    )
    arguments = parser.parse_args()
    evaluation = Evaluation(arguments.checkpoint, material.read(arguments.work), SMALL if arguments.small else FULL)
    known = [*evaluation.parts, "cost"]
    if unknown := set(arguments.only) - set(known):
        parser.error(f"--only knows {', '.join(known)}, and not {', '.join(sorted(unknown))}")
    if set(arguments.only) != {"cost"}:
        evaluation.run(arguments.only)
    if "cost" in arguments.only or not (arguments.only or arguments.small):
        evaluation.report.add("Cost", cost.measure(arguments.checkpoint, arguments.baseline))
    print(evaluation.report)
    if arguments.write:
        document = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(with_table(document, evaluation.report), encoding="utf-8")
    return 0 if evaluation.report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
