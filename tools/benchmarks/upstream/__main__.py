"""The command line of tools/bench upstream."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.upstream.course import QUICK, Effort, take
from benchmarks.upstream.servers import ours, upstream
from benchmarks.upstream.tables import picture, table
from loadtest.machine import machine


def main(argv: Sequence[str] | None = None) -> int:
    """Measure both and return the exit code: 0 measured, 1 a server did not run, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="tools/bench upstream", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; too short to be quoted")
    parser.add_argument(
        "--output", type=Path, default=Path(".state/bench/upstream"), help="folder for the results (%(default)s)"
    )
    given = parser.parse_args(argv)
    effort = QUICK if given.quick else Effort()
    answers = []
    for name, server in (("upstream", upstream), ("ours", ours)):
        folder = (given.output / name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            answers.append(asyncio.run(take(server(folder), effort)))
        except RuntimeError as error:
            print(f"bench upstream: {error}", file=sys.stderr)
            return 1
    print(table(answers))
    record = {
        "machine": machine(),
        "versions": {package: version(package) for package in ("moshi", "moshi-backend", "torch")},
        "effort": asdict(effort),
        "answers": [asdict(a) | {"held": a.held} for a in answers],
    }
    (given.output / "result.json").write_text(json.dumps(record, indent=2) + "\n")
    picture(answers, given.output / "result.png")
    print(f"\n{given.output}/result.json and result.png hold the rest; each server's log is in its folder beside them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
