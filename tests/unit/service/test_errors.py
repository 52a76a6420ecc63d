"""Errors as data: a code, a text, a cause and a remedy."""

import json
import logging

import pytest

from moshi_service.errors import InvalidValue, Problem, Row, StartupError, conversations
from moshi_service.telemetry import logs

ROW = Row(cause="another program has the port", remedy="stop the program")


@ROW
def port_taken(port: int, seconds: float) -> str:
    return f"port {port!r} is in use for {seconds:.1f} s"


@Row(cause="a setting is wrong", remedy="follow the reason")
def setting_wrong(name: str, why: object) -> str:
    return f"{name}: {why}"


def test_an_error_is_a_code_and_a_text() -> None:
    problem = port_taken(8080, 1.25)
    assert problem == Problem("port-taken", "port 8080 is in use for 1.2 s")
    assert str(problem) == "[port-taken] port 8080 is in use for 1.2 s"


def test_the_page_shows_the_text_with_ellipses() -> None:
    assert port_taken.pattern == "port … is in use for … s"
    assert (port_taken.code, port_taken.row) == ("port-taken", ROW)


def test_the_code_is_that_of_the_reason_whose_row_has_the_remedy() -> None:
    problem = setting_wrong("PORT", why=port_taken(80, 3))
    assert problem == Problem("port-taken", "PORT: port 80 is in use for 3.0 s")
    assert setting_wrong("PORT", "taken") == Problem("setting-wrong", "PORT: taken")


def test_an_exception_has_the_text_as_its_message() -> None:
    for kind in (StartupError, InvalidValue):
        with pytest.raises(kind, match=r"^port 80 is in use for 3\.0 s$") as raised:
            raise kind(port_taken(80, 3))
        assert raised.value.problem.code == "port-taken"
    assert isinstance(InvalidValue(port_taken(80, 3)), ValueError)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_shows_the_code(form: str) -> None:
    formatter = logs.formatter("json" if form == "json" else "text")
    record = logging.LogRecord("moshi_service", logging.WARNING, __file__, 1, port_taken(80, 3), None, None)
    line = formatter.format(record)
    assert "[port-taken] port 80 is in use" in line
    if form == "json":
        assert json.loads(line)["error"] == "port-taken"


def test_what_a_client_names_is_quoted_so_that_it_forges_no_line_and_colours_no_terminal() -> None:
    evil = "evil\x1b[2K\x85[ready] all is well"
    for problem in (conversations.host_not_allowed(evil, "HOSTS"), conversations.origin_not_allowed(evil, "ORIGINS")):
        assert problem.text.isascii() and problem.text.isprintable()
    assert conversations.origin_not_allowed(None, "ORIGINS").text == "origin None is not in ORIGINS"
