import pytest

from moshi_backend.api.auth import has_token
from moshi_service.origins import is_allowed_origin


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "expected"),
    [
        (None, "localhost:8998", (), True),
        ("https://localhost:8998", "localhost:8998", (), True),
        ("https://talk.example", "moshi.example", ("https://talk.example",), True),
        ("https://talk.example", "moshi.example", (), False),
        ("https://localhost:8080", "localhost:8998", (), False),
        ("null", "localhost:8998", (), False),
        ("null", None, (), False),
        ("https://[x", "localhost:8998", (), False),
        ("https://talk.example.evil", "moshi.example", ("https://talk.example",), False),
    ],
)
def test_a_browser_may_come_from_this_host_or_a_listed_origin(
    origin: str | None, host: str | None, allowed: tuple[str, ...], expected: bool
) -> None:
    assert is_allowed_origin(origin, host, allowed) is expected


@pytest.mark.parametrize(
    ("header", "token", "expected"),
    [
        (None, None, True),
        ("Bearer anything", None, True),
        ("Bearer sesame", "sesame", True),
        (None, "sesame", False),
        ("", "sesame", False),
        ("sesame", "sesame", False),
        ("Bearer sesam", "sesame", False),
        ("Bearer sésame", "sesame", False),
    ],
)
def test_a_token_is_asked_for_only_if_there_is_one(header: str | None, token: str | None, expected: bool) -> None:
    assert has_token(header, token) is expected
