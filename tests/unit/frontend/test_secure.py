"""The page offers a secure address only where the service knows one."""

import pytest

from moshi_frontend.secure import secure_origin

PROXY = "https://talk.example"


@pytest.mark.parametrize(
    ("scheme", "host", "origins", "expected"),
    [
        ("http", "talk.example:8080", (), None),  # plain HTTP on this port, whatever the page may wish
        ("https", "talk.example:8080", (), "https://talk.example:8080"),  # own TLS, or a trusted proxy's word
        ("http", "talk.example", (PROXY,), PROXY),  # a proxy serves both
        ("http", "TALK.example:8080", (PROXY,), PROXY),
        ("http", "talk.example", ("https://TALK.example:8443",), "https://TALK.example:8443"),
        ("http", "talk.example", ("http://talk.example", PROXY), PROXY),
        ("http", "192.0.2.7:8080", (PROXY,), None),  # another name: it may be another site's
        ("http", "talk.example.evil.example", (PROXY,), None),
        ("http", "[2001:db8::1]:8080", ("https://[2001:db8::1]",), "https://[2001:db8::1]"),
        ("http", "[", (PROXY,), None),
        ("http", "", (PROXY,), None),
        ("https", "", (), None),
    ],
)
def test_the_secure_origin(scheme: str, host: str, origins: tuple[str, ...], expected: str | None) -> None:
    assert secure_origin(scheme, host, origins) == expected
