"""docs/reference/troubleshooting.md, made from the tables of errors.

Errors in Python are functions in tables (`moshi_service.errors`). Shell, C# and TypeScript cannot use those, so their
texts stand in their source, each beside its code, and an `errors.toml` beside the source has the rows.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import moshi_backend.errors.adapters
import moshi_backend.errors.checkpoints
import moshi_backend.errors.conversations
import moshi_backend.errors.doctor
import moshi_backend.errors.hub
import moshi_backend.errors.kernels
import moshi_backend.errors.memory
import moshi_backend.errors.openai
import moshi_backend.errors.personas
import moshi_backend.errors.start
import moshi_backend.errors.structure
import moshi_frontend.errors.conversations
import moshi_frontend.errors.moshi
import moshi_frontend.errors.openai
import moshi_frontend.errors.start
import moshi_service.errors.conversations
import moshi_service.errors.start
import scenario6_client.errors
import vendoring.errors
from moshi_service.errors import VARIES, Row, entries

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Described:
    """One error of the page. `text` has `…` for the varying parts."""

    code: str
    text: str
    row: Row


@dataclass(frozen=True)
class Foreign:
    """The errors of a component that is not written in Python.

    Attributes:
        table: the file with the rows.
        sources: the files with the texts.
        pattern: finds a code and its text. The first group is the code, the last ones are alternatives for the text.
        varying: the parts of a text that vary.
    """

    table: str
    sources: str
    pattern: str
    varying: str

    def texts(self) -> dict[str, str]:
        """Maps each code in the sources to its text."""
        found: dict[str, str] = {}
        for file in sorted(ROOT.glob(self.sources)):
            if not file.is_file() or file.suffix == ".toml":
                continue
            for code, *texts in re.findall(self.pattern, file.read_text()):
                if code in found:
                    raise ValueError(f"{file}: {code} is there twice")
                found[code] = re.sub(self.varying, VARIES, next(filter(None, texts)))
        return found

    def described(self) -> Iterator[Described]:
        """The errors, in the table's order.

        Raises:
            ValueError: the table and the sources do not have the same codes.
        """
        texts = self.texts()
        rows = tomllib.loads((ROOT / self.table).read_text())["row"]
        codes = [code for row in rows for code in row["codes"]]
        if sorted(codes) != sorted(texts):
            raise ValueError(f"{self.table} and its sources differ: {sorted(set(codes) ^ set(texts)) or codes}")
        for row in rows:
            shared = Row(row["cause"], row["remedy"])
            for code in row["codes"]:
                yield Described(code, texts[code], shared)


SET_UP = Foreign(
    "tools/errors.toml", "tools/*", r'\bfail ([a-z0-9-]+) "((?:[^"\\]|\\.)*)"', r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+"
)
APP_HOST = Foreign("AppHost/errors.toml", "AppHost/*.cs", r'\bFail\("([a-z-]+)", \$?"([^"]*)"\)', r"\{[^}]*\}")
PAGE = Foreign(
    "frontend/web/src/errors.toml",
    "frontend/web/src/strings.ts",
    r'\bcode: "([a-z-]+)",\s*(?:title|text):\s*(?:"([^"]*)"|`([^`]*)`|\'([^\']*)\')',
    r"\$\{[^}]*\}",
)

WITHOUT_A_MESSAGE = (
    (
        "its answers have nothing to do with what I said",
        "this is the demo model: it hears when you talk, and does not understand words",
        "run real [weights](../how-to/weights.md)",
    ),
    (
        "the demo says nothing, or stops in the middle of every sentence",
        "it hears sound all the time: its own sound through loudspeakers, or a loud room",
        "use headphones, push to talk, or a closer microphone",
    ),
    (
        "nothing is heard, the captions come",
        "the page's sound is off, or goes to another device",
        "check the tab's and the system's volume; choose a speaker in *Settings*",
    ),
    (
        "it hears itself",
        "loudspeakers play without echo cancellation",
        "use headphones, or push to talk",
    ),
    (
        "the page works here and not on the phone",
        "the phone opens the page over plain HTTP",
        "start it with [`make run LAN=1`](../how-to/certificates.md#a-phone-in-your-network)",
    ),
    (
        "`make` prints `Error 3`",
        "the command ended with exit code 3, and its line is above",
        "read that line",
    ),
)

type Source = ModuleType | Foreign

SECTIONS: tuple[tuple[str, str, tuple[Source, ...]], ...] = (
    ("Set-up", "", (SET_UP,)),
    (
        "Moshi's release",
        "`make setup` places it with `tools/update_moshi.sh sync`. All lines begin with `update_moshi:`, the exit code "
        "is 3, and the tool has changed nothing. [upgrading-moshi.md](../how-to/upgrading-moshi.md) explains updates.",
        (vendoring.errors,),
    ),
    (
        "Start",
        "If a service ends with exit code 3, its last line is one of these.",
        (moshi_service.errors.start, moshi_backend.errors.start, moshi_frontend.errors.start),
    ),
    (
        "aspire run",
        "[aspire.md](../how-to/aspire.md#when-it-does-not-start) explains the messages of Aspire itself.",
        (APP_HOST,),
    ),
    (
        "Voices and roles",
        "The service stays up with `failed`, unless it refused a client. [personas.md](../how-to/personas.md) explains "
        "voices and roles.",
        (moshi_backend.errors.personas,),
    ),
    (
        "The frontend does not reach moshi",
        "These lines are in the frontend's log, at its `/health`, and on the page while it waits.",
        (moshi_frontend.errors.moshi,),
    ),
    (
        "Weights",
        "The service stays up with `failed`, and the page shows the line. Fix the cause and start again.\n"
        "[weights.md](../how-to/weights.md) explains weights.",
        (
            moshi_backend.errors.hub,
            moshi_backend.errors.checkpoints,
            moshi_backend.errors.adapters,
            moshi_backend.errors.structure,
        ),
    ),
    (
        "GPU and memory",
        "[gpu-and-cpu.md](../how-to/gpu-and-cpu.md) explains the choice of a device.",
        (moshi_backend.errors.memory, moshi_backend.errors.kernels),
    ),
    ("The doctor", "", (moshi_backend.errors.doctor,)),
    ("The page", "", (PAGE,)),
    (
        "How conversations end",
        "These reasons come with a close code, for people who write clients ([protocol.md](protocol.md)). The page "
        "shows them too.",
        (
            moshi_service.errors.conversations,
            moshi_backend.errors.conversations,
            moshi_frontend.errors.conversations,
        ),
    ),
    (
        "scenario6 talk",
        "[talk.md](../how-to/talk.md) describes the command. It also prints the errors of the service.",
        (scenario6_client.errors,),
    ),
    (
        "OpenAI's APIs",
        "These errors are events, or the answers to an upgrade, of `/v1/live/sessions` and `/v1/realtime`. Their API "
        "codes are in [openai.md](openai.md#errors). Reasons that both protocols have are in the table above.",
        (moshi_backend.errors.openai, moshi_frontend.errors.openai),
    ),
)

INTRODUCTION = """\
Every error has a code. Logs and terminals show it in brackets: `[cannot-listen] cannot listen on …`. The page shows it
in small print. Search this page for the code. `…` stands for varying text. Every error that the services, the page,
set-up and the app model can print is here.

If there is no message, follow [verify.md](../tutorial/verify.md) step by step, and then read
[without a message](#without-a-message). moshi's log has a line for the beginning and a line for the end of each
conversation, with the reason. The conversation's [trace](../how-to/observability.md) has the same id.
"""


def described(sources: Iterable[Source]) -> list[Described]:
    """The errors of these tables, in their order."""
    found: list[Described] = []
    for source in sources:
        if isinstance(source, Foreign):
            found += source.described()
        else:
            found += [Described(entry.code, entry.pattern, entry.row) for entry in entries(source)]
    return found


def page(generated: str) -> str:
    """The whole page. `generated`: the sentence that says so."""
    parts = ["# Troubleshooting\n", generated, INTRODUCTION]
    for title, introduction, sources in SECTIONS:
        parts.append(f"## {title}\n")
        if introduction:
            parts.append(f"{introduction}\n")
        rows: dict[Row, list[str]] = {}
        for error in described(sources):
            rows.setdefault(error.row, []).append(_named(error))
        parts.append(_table("error", [("<br>".join(named), row.cause, row.remedy) for row, named in rows.items()]))
    parts += ["## Without a message\n", _table("you see or hear", WITHOUT_A_MESSAGE)]
    return "\n".join(parts)


def _named(error: Described) -> str:
    """The code, to which a link leads, and the text."""
    said = re.sub(r"\s+", " ", error.text.replace(r"\"", '"'))
    text = f"`` {said} ``" if "`" in said else f"`{said}`"
    return f'<a id="{error.code}"></a>**{error.code}** {text if said != VARIES else "the words of the system"}'


def _table(first: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [(first, "cause", "remedy"), ("---", "---", "---"), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
