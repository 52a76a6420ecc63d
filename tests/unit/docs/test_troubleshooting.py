"""Every error has its row, and every row its error."""

import re
from functools import cache
from pathlib import Path

import pytest

from support import messages
from support.messages import Message

PAGE = Path(__file__).parents[3] / "docs/reference/troubleshooting.md"
UNWRITTEN = "Without a message"


@cache
def patterns() -> dict[str, re.Pattern[str]]:
    """By the words in the first column: what they match, `…` being anything."""
    found = {}
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| `") and section != UNWRITTEN:
            for words in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                assert len(re.sub(r"[^A-Za-z]", "", words)) >= 4, f"{words!r} would match too much"
                found[words] = re.compile(".*".join(map(re.escape, words.split("…"))), re.DOTALL)
    return found


EVERY = [*messages.of_python(), *messages.of_the_page(), *messages.of_set_up(), *messages.of_the_app_host()]


@pytest.mark.parametrize("message", sorted({message.text for message in EVERY}))
def test_an_error_has_its_row(message: str) -> None:
    assert any(pattern.fullmatch(message) for pattern in patterns().values()), f"{message!r} is not explained"


@pytest.mark.parametrize("words", patterns())
def test_a_row_is_about_an_error_that_there_is(words: str) -> None:
    assert any(patterns()[words].fullmatch(message.text) for message in EVERY)


def test_errors_are_found_wherever_they_come_from() -> None:
    """A reader of the source that finds nothing would let everything pass."""
    found = {(message.where.split("/")[0], message.text) for message in EVERY}
    assert ("moshi", "… is damaged (…): delete … and start again") in found  # an exception made of a variable
    assert ("moshi", "HF_TOKEN may not read …: give the token access to it, or use another one") in found  # a function
    assert ("moshi", "sphn cannot encode: …") in found  # a finding of the doctor
    assert ("frontend", "the frontend is shutting down") in found  # a close frame
    assert ("frontend", "its certificate is not trusted (…); set FRONTEND_MOSHI_CA") in found  # moshi is lost
    assert ("moshi", "a step has not returned for … s") in found  # the engine fails
    assert ("service", "the new certificate cannot be used: …") in found  # a warning in the log
    assert ("page", "No microphone was found. Plug one in, then connect again.") in found
    assert ("page", "Certificate not accepted") in found  # a state
    assert ("page", "Takes … from … to ….") in found
    assert ("tools", "Node.js is …; the page is built with 20.19 or newer") in found
    assert ("AppHost", "SCENARIO6_GPU=…: it takes auto, on or off") in found
    assert ("tools", "git does not run (…); install it") in found  # placing Moshi
    assert len(found) > 200


def test_what_the_page_says_of_a_failure_is_among_its_problems() -> None:
    """Of modules that put failures into words, or report them, every string but a farewell."""
    for module in ("conversation/reasons.ts", "conversation/machine.ts", "conversation/controller.ts"):
        named = re.findall(r"\bstrings\.([\w.]+)", (messages.PAGE / module).read_text())
        assert named
        assert [name for name in named if not name.startswith("problems.") and name != "hungUp"] == [], module


def test_a_new_error_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text(
        "WHY = 'of a reason'\n"
        "def words(name):\n    return f'no {name}' if name else 'nothing at all'\n"
        "def fail(name):\n    if name:\n        raise LoadError(words(name))\n"
        "    reason = 'ends ' + WHY\n    raise Rejected('cause', 1008, reason)\n"
        "def warn(self, name):\n    log.warning('%s is late', name)\n    self._fail(f'{name} ended')\n"
    )
    found = messages.of_package(tmp_path, root=tmp_path)
    texts = ("no …", "nothing at all", "ends of a reason", "… is late", "… ended")
    assert set(found) == {Message(text, "new.py") for text in texts}
