"""Which web pages may open a conversation."""

import pytest

from moshi_service.origins import is_allowed_origin

HOST = "talk.example:8080"
LISTED = ("https://other.example",)


@pytest.mark.parametrize(
    "origin",
    [None, "http://talk.example:8080", "https://talk.example:8080", "https://other.example"],
)
def test_allowed(origin: str | None) -> None:
    assert is_allowed_origin(origin, HOST, LISTED)


@pytest.mark.parametrize(
    "origin",
    [
        "http://talk.example",
        "http://talk.example:8081",
        "http://talk.example:8080.evil.example",
        "http://evil.example/talk.example:8080",
        "http://other.example",
        "https://other.example.evil.example",
        "https://[malformed",
        "null",
        "",
    ],
)
def test_refused(origin: str) -> None:
    assert not is_allowed_origin(origin, HOST, LISTED)


def test_a_request_without_a_host_has_no_page_of_its_own() -> None:
    assert not is_allowed_origin("null", None, LISTED)
    assert not is_allowed_origin("", None, LISTED)
