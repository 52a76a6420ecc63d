"""The command line of `scenario6`."""

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from moshi_service.errors import InvalidValue
from scenario6_client import __version__, errors
from scenario6_client.address import chat_url
from scenario6_client.talk import Plan

TOKEN = "MOSHI_API_TOKEN"

_EPILOG = """\
exit codes: 0 the conversation went as it was meant; 1 the service refused it or ended it, or a file could not be
written after it; 2 wrong usage; 3 it could not begin: the address, the certificate, a file, the sound card;
130 Ctrl-C before its end (a conversation with a microphone ends with Ctrl-C, and this is 0).
"""


@dataclass(frozen=True)
class Command:
    """`plan` is none for the list of devices."""

    plan: Plan | None


def read(argv: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Command:
    """The command that the arguments make; wrong ones end the process with 2 and a line that says what is taken."""
    parser, talk = _parsers()
    given = parser.parse_args(argv)
    if given.command == "devices":
        return Command(None)
    for file in filter(None, (given.answer, given.report)):
        if (why := _obstacle(file)) is not None:
            talk.error(str(errors.file_not_written(file, why)))
    files = [file.resolve() for file in (given.question, given.answer, given.report) if file is not None]
    if len(set(files)) < len(files):
        talk.error("--in, --out and --report need different files")
    if given.question is None and given.listen is not None:
        talk.error("--listen belongs to --in")
    if given.question is not None and (given.microphone or given.speaker or given.buffer):
        talk.error("--in takes the place of the sound card: --microphone, --speaker and --buffer do not go with it")
    token = None
    try:
        token = _token(given.token_file, environment)
    except InvalidValue as error:
        talk.error(str(error.problem))
    return Command(
        Plan(
            url=given.url,
            parameters=tuple(given.param),
            question=given.question,
            answer=given.answer,
            report=given.report,
            listen=Plan.listen if given.listen is None else given.listen,
            wait=given.wait,
            authority=given.ca,
            insecure=given.insecure,
            token=token,
            microphone=given.microphone,
            speaker=given.speaker,
            buffer=Plan.buffer if given.buffer is None else given.buffer,
        )
    )


def _obstacle(file: Path) -> str | None:
    """Why a file cannot be written, as far as one sees before the conversation."""
    folder = file.absolute().parent
    if not folder.is_dir():
        return f"the folder {file.parent} does not exist"
    if file.is_dir():
        return "it is a folder"
    return None if os.access(file if file.exists() else folder, os.W_OK) else "permission denied"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"scenario6: {message}; see scenario6 talk --help\n")


def _parsers() -> tuple[_Parser, _Parser]:
    """The parser of everything, and that of `talk`."""
    parser = _Parser(prog="scenario6", description="Talk with Moshi from a terminal.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("devices", help="list the microphones and speakers")
    talk = commands.add_parser(
        "talk",
        help="hold a conversation",
        description="Hold a conversation with a microphone and a speaker, or with files. Moshi's words go to standard "
        f"output. If the service asks for a token, it is read from {TOKEN} or from --token-file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = talk.add_argument
    add("url", type=_url, help="of the page, http://localhost:8080, or of moshi, https://localhost:8998")
    add("--in", dest="question", type=Path, metavar="FILE", help="say this recording, without a sound card")
    add("--out", dest="answer", type=Path, metavar="FILE.wav", help="write Moshi's sound there")
    add("--listen", type=_seconds(0, 3600), metavar="S", help=f"listen S after the recording ({Plan.listen:g})")
    add("--report", type=Path, metavar="FILE.json", help="write there what happened, for a bug report")
    add("--param", type=_parameter, action="append", default=[], metavar="KEY=VALUE", help="such as seed=7")
    add("--wait", type=_seconds(1, 86_400), default=Plan.wait, metavar="S", help=f"wait S in a queue ({Plan.wait:g})")
    add("--ca", type=Path, metavar="FILE", help="the certificate's authority (the system's, and those of `make run`)")
    add("--insecure", action="store_true", help="do not verify the certificate")
    add("--token-file", type=Path, metavar="FILE", help=f"with the token, in place of {TOKEN}")
    add("--microphone", metavar="NAME", help="a name or a number of `scenario6 devices`")
    add("--speaker", metavar="NAME", help="the same")
    add("--buffer", type=_seconds(0.01, 2), metavar="S", help=f"of the sound card, if it stutters ({Plan.buffer:g})")
    return parser, talk


def _url(text: str) -> str:
    try:
        return chat_url(text)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(str(error.problem)) from None


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not least <= seconds <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from {least:g} to {most:g}")
        return seconds

    return read


def _parameter(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Raises:
    InvalidValue: the file cannot be read, or a header cannot carry the token.
    """
    where: object = TOKEN if file is None else file
    try:
        token = environment.get(TOKEN) if file is None else file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(errors.token_unusable(where, getattr(error, "strerror", "it is no text"))) from None
    if token is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidValue(errors.token_unusable(where, "it has to be letters, digits and ASCII punctuation"))
    return token
