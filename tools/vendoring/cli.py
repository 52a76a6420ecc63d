"""The command line of tools/vendor_moshi."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vendoring import commands
from vendoring.commands import Checkout
from vendoring.errors import Refused
from vendoring.manifest import NAME, Release, sha256
from vendoring.source import default_cache

_EPILOG = "exit codes: 0 done, 1 verify found differences, 2 wrong usage, 3 refused or failed"


def main(argv: Sequence[str] | None = None, checkout: Checkout | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the arguments after the command's name; None takes the process's.
        checkout: the working copy; None takes the one that this file is in.
    """
    arguments = _parser().parse_args(argv)
    checkout = checkout or Checkout(Path(__file__).resolve().parents[2])
    try:
        return _run(arguments, checkout)
    except Refused as refusal:
        return _fail(str(refusal))
    except OSError as error:
        return _fail(f"{error}; put that right and run it again")


def _run(arguments: argparse.Namespace, checkout: Checkout) -> int:
    match arguments.command:
        case "sync":
            print(commands.sync(checkout, arguments.archive, default_cache(), arguments.force))
        case "verify":
            wrong = commands.verify(checkout)
            for difference in wrong:
                print(f"{difference.kind:8} {difference.path}")
            if wrong:
                print("vendor_moshi: not as pinned; run tools/vendor_moshi sync", file=sys.stderr)
                return 1
            print("as pinned")
        case "pin":
            print(commands.pin(checkout, _release(arguments), arguments.archive, default_cache()))
    return 0


def _release(arguments: argparse.Namespace) -> Release:
    archive: Path | None = arguments.archive
    return Release(
        version=arguments.version,
        commit=arguments.commit,
        archive=f"{NAME}-{arguments.version}.tar.gz",
        sha256=arguments.sha256 if archive is None else sha256(archive.read_bytes()),
    )


def _fail(reason: str) -> int:
    print(f"vendor_moshi: {reason}", file=sys.stderr)
    return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vendor_moshi",
        description="Keeps third_party/moshi/ equal to the release in MOSHI_VERSION.",
        epilog=_EPILOG,
    )
    subparsers = parser.add_subparsers(dest="command", required=True)

    sync = subparsers.add_parser("sync", help="place the pinned release", epilog=_EPILOG)
    sync.add_argument("--archive", type=Path, metavar="FILE", help="from this file: needs no network")
    sync.add_argument("--force", action="store_true", help="throw local changes away")

    subparsers.add_parser("verify", help="compare what is placed with what is pinned", epilog=_EPILOG)

    pin = subparsers.add_parser("pin", help="write MOSHI_VERSION and UPSTREAM.json", epilog=_EPILOG)
    pin.add_argument("version", metavar="VERSION")
    pin.add_argument("--commit", required=True, metavar="SHA", help="the upstream commit of it")
    origin = pin.add_mutually_exclusive_group(required=True)
    origin.add_argument("--archive", type=Path, metavar="FILE", help="the archive itself")
    origin.add_argument("--sha256", metavar="HASH", help="the hash that the archive from the index must have")
    return parser
