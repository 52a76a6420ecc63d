"""The command line of tools/update_moshi.sh and .ps1."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vendoring import errors
from vendoring.checkout import Checkout
from vendoring.pin import Refused

_EPILOG = "exit codes: 0 done, 1 verify found differences, 2 wrong usage, 3 refused or failed"


def main(argv: Sequence[str] | None = None, checkout: Checkout | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the arguments after the command's name; None takes the process's.
        checkout: the working copy; None takes the one that this file is in.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments, checkout or Checkout(Path(__file__).resolve().parents[2]))
    except Refused as refusal:
        problem = refusal.problem
    except OSError as error:
        problem = errors.system_failed(error)
    except ModuleNotFoundError as error:
        problem = errors.package_missing(error.name)
    print(f"update_moshi: {problem}", file=sys.stderr)
    return 3


def _run(arguments: argparse.Namespace, checkout: Checkout) -> int:
    # Modules that need the environment are imported here: set-up runs `sync` before there is one.
    match arguments.command:
        case "sync":
            print(checkout.sync(arguments.archive, arguments.force))
        case "verify":
            wrong = checkout.differences(checkout.manifest().files)
            print("\n".join(wrong or ["as pinned"]))
            if wrong:
                print("update_moshi: not as pinned; run tools/update_moshi.sh sync, or git restore", file=sys.stderr)
            return int(bool(wrong))
        case "update":
            from vendoring.update import update

            options = {key: value for key, value in vars(arguments).items() if key != "command"}
            update(checkout, **options)
        case "rollback":
            from vendoring.rollback import rollback

            rollback(checkout, arguments.version, arguments.archive)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="update_moshi",
        description="Keeps third_party/moshi/ equal to the release in MOSHI_VERSION, and changes which one that is.",
        epilog=_EPILOG,
    )
    subparsers = parser.add_subparsers(dest="command", required=True)

    def command(name: str, about: str) -> argparse.ArgumentParser:
        return subparsers.add_parser(name, help=about, description=f"{about.capitalize()}.", epilog=_EPILOG)

    sync = command("sync", "place the pinned release")
    sync.add_argument("--force", action="store_true", help="throw local changes away")
    command("verify", "compare what is placed with what is pinned")
    update = command("update", "pin and place another release, after a report and a trial")
    update.add_argument("version", nargs="?", metavar="VERSION", help="by default the latest")
    update.add_argument("--sha256", dest="digest", metavar="HASH", help="the hash that the archive must have")
    update.add_argument("--commit", metavar="SHA", help="upstream's commit of the release; archives do not say it")
    update.add_argument("--accept", action="store_true", help="go on though the used API, tokens or tests differ")
    rollback = command("rollback", "go back to an earlier pin, byte by byte")
    rollback.add_argument(
        "version", nargs="?", metavar="VERSION", help="by default the committed pin, or else the one before it"
    )
    for each in (sync, update, rollback):
        each.add_argument("--archive", type=Path, metavar="FILE", help="from this file: needs no network")
    return parser
