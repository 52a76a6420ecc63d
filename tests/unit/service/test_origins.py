"""Which pages may connect, and by which names a service may be called: the same in both services."""

import time

import pytest

from moshi_service.origins import (
    host_of_origin,
    is_allowed_host,
    is_allowed_origin,
    parse_host,
    parse_host_pattern,
    parse_origin,
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://talk.example", "https://talk.example"),
        ("https://talk.example:443", "https://talk.example"),
        ("http://talk.example:80", "http://talk.example"),
        ("http://talk.example:443", "http://talk.example:443"),
        ("HTTPS://Talk.EXAMPLE", "https://talk.example"),
        ("https://talk.example/", "https://talk.example"),
        ("https://talk.example.", "https://talk.example"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://192.0.2.7:8080", "http://192.0.2.7:8080"),
        ("https://[2001:DB8:0::1]:443", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_has_one_spelling(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "talk.example",
        "ftp://talk.example",
        "wss://talk.example",
        "https://",
        "https://*.example",
        "https://talk.example/page",
        "https://talk.example?x",
        "https://me@talk.example",
        "https://talk.example:",
        "https://talk.example:0x50",
        "https://talk.example:70000",
        "https://talk example",
        "https://-talk.example",
        "https://talk..example",
        "https://[x",
        "https://[1::2::3]",
    ],
)
def test_nothing_else_is_an_origin(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|must|has a port"):
        parse_origin(text)


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "expected"),
    [
        ("https://talk.example", "talk.example:443", (), True),
        ("http://talk.example", "talk.example:80", (), True),
        ("https://talk.example", "Talk.Example", (), True),
        ("https://Talk.Example:443", "talk.example", (), True),
        ("https://talk.example:8443", "talk.example:443", (), False),
        ("https://[2001:db8::1]", "[2001:DB8::1]:443", (), True),
        ("https://other.example:443", "talk.example", ("https://other.example",), True),
        ("https://other.example", "talk.example:bad", ("https://other.example",), True),
        ("https://talk.example", "talk.example:bad", (), False),
        ("https://talk.example", "", (), False),
        ("https://talk.example", None, (), False),
    ],
)
def test_origins_are_compared_by_meaning(
    origin: str, host: str | None, allowed: tuple[str, ...], expected: bool
) -> None:
    assert is_allowed_origin(origin, host, allowed) is expected


@pytest.mark.parametrize(
    "host",
    [
        None,  # HTTP/1.0
        "localhost:8080",
        "LOCALHOST",
        "talk.localhost",
        "127.0.0.1:8998",
        "10.1.2.3",
        "[::1]:8080",
        "scenario6-moshi:8998",  # a container
        "scenario6-moshi.dev.internal:8998",  # Aspire
        "host.docker.internal",
        "moshi.default.svc.cluster.local",  # Kubernetes
        "moshi.default.svc",
        "laptop.local",
        "talk.example:443",
        "a.talk.example",
    ],
)
def test_a_service_may_be_called_by_addresses_private_names_and_listed_ones(host: str | None) -> None:
    assert is_allowed_host(host, ("talk.example", "*.talk.example"))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "talk.example.evil.example",
        "evil-talk.example",
        "a.b.talk.example",
        "0x7f.1",
        "local.example",
        "",
        "a b",
        "[::1",
    ],
)
def test_a_public_name_that_is_not_listed_is_refused(host: str) -> None:
    assert not is_allowed_host(host, ("talk.example", "*.talk.example"))


def test_every_name_is_allowed_where_the_operator_says_so() -> None:
    assert is_allowed_host("evil.example", ("*",))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("Talk.Example", "talk.example"),
        ("*.talk.example", "*.talk.example"),
        ("*", "*"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_an_allowed_host_has_one_spelling(text: str, pattern: str) -> None:
    assert parse_host_pattern(text) == pattern


@pytest.mark.parametrize("text", ["", "https://talk.example", "talk.example/", "talk.example:443", "a.*.example", "*."])
def test_an_allowed_host_that_cannot_match_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        parse_host_pattern(text)


def test_the_host_of_an_origin() -> None:
    assert host_of_origin("https://talk.example:8443") == parse_host("talk.example:1") == "talk.example"


def test_a_very_long_host_costs_nothing() -> None:
    """Python's IDNA would take seconds, in which no conversation goes on."""
    host = "\xe9." * 30_000
    before = time.process_time()
    assert not is_allowed_host(host, ())
    assert not is_allowed_origin(f"http://{host}", host, ())
    assert time.process_time() - before < 0.1
