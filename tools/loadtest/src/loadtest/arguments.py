"""The command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from loadtest.abuse import KINDS
from loadtest.load import Plan
from moshi_service.errors import InvalidValue
from scenario6_client.address import chat_url

_EPILOG = "exit codes: 0 measured, 1 the server could not be reached, 2 wrong usage. abusive kinds: " + "; ".join(
    f"{kind}: {words}" for kind, words in KINDS.items()
)


@dataclass(frozen=True)
class Command:
    """The load to make, and the files for its results."""

    plan: Plan
    json: Path | None
    plot: Path | None


def read(argv: Sequence[str] | None = None) -> Command:
    """The command that the arguments make; wrong ones end the process with 2 and a line that says what is taken."""
    parser = _parser()
    given = parser.parse_args(argv)
    for file in filter(None, (given.json, given.plot)):
        if not file.absolute().parent.is_dir():
            parser.error(f"{file}: the folder {file.parent} does not exist; make it first")
    if given.plot and given.plot.suffix.lower() != ".png":
        parser.error(f"--plot {given.plot}: a name that ends in .png is needed")
    parameters = [*given.param, *([("protocol", "2")] if given.protocol == 2 else [])]
    plan = Plan(
        url=given.url,
        sessions=given.sessions,
        seconds=given.seconds,
        churn=given.churn,
        abusive=tuple(kind for kinds in given.abusive for kind in kinds),
        parameters=tuple(parameters),
        authority=given.ca,
        insecure=given.insecure,
        queue_patience=given.queue_patience,
        start_timeout=given.start_timeout,
        in_phase=given.in_phase,
    )
    return Command(plan, given.json, given.plot)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"loadtest: {message}; see loadtest --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="loadtest",
        description="Hold conversations with a Moshi server and say how well it kept up.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("url", type=_url, help="of moshi, https://localhost:8998, or of the frontend, http://localhost:8080")
    add("--sessions", type=_count, default=1, metavar="N", help="paced clients at the same time (1)")
    add("--seconds", type=_seconds, default=20.0, metavar="S", help="how long they talk (20)")
    add("--churn", type=_seconds, metavar="S", help="a client leaves after about S seconds and another one joins")
    add("--abusive", type=_abusive, action="append", default=[], metavar="KIND[:COUNT]", help="beside the paced ones")
    add("--param", type=_parameter, action="append", default=[], metavar="KEY=VALUE", help="query parameter")
    add("--protocol", type=int, choices=(1, 2), default=1, help="2 asks the server for its own figures (1)")
    add("--ca", type=Path, metavar="FILE", help="the certificate's authority (the system's, and those of `make run`)")
    add("--insecure", action="store_true", help="do not verify the certificate")
    add("--queue-patience", type=_seconds, default=10.0, metavar="S", help="wait S for a handshake (10)")
    add("--start-timeout", type=_seconds, default=5.0, metavar="S", help="wait S for each other before talking (5)")
    add("--in-phase", action="store_true", help="all speak at the same moments, not spread over the 80 ms")
    add("--json", type=Path, metavar="FILE", help="write everything there")
    add("--plot", type=Path, metavar="FILE.png", help="draw the lags there")
    return parser


def _url(text: str) -> str:
    try:
        return chat_url(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1000")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.5 to 86400")
    return seconds


def _abusive(text: str) -> list[str]:
    kind, _, count = text.partition(":")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}")
    return [kind] * (_count(count) if count else 1)


def _parameter(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
