"""Fleets of moshis without a model behind real frontends, in a network of their own: the trials of
docs/evidence/scale.md.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from support.fleet import run
from support.fleet_scenarios import SCENARIOS


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tools/bench fleet", description=__doc__)
    parser.add_argument("trial", nargs="?", choices=SCENARIOS, help="all by default")
    chosen = parser.parse_args(argv).trial
    for trial in [chosen] if chosen else SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(Path(folder), trial, "--long")), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
