import pytest

from moshi_service.errors import InvalidValue
from scenario6_client.address import chat_url, host_of, with_parameters


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:8080", "ws://localhost:8080/api/chat"),
        ("https://localhost:8998/", "wss://localhost:8998/api/chat"),
        ("https://talk.example/moshi/", "wss://talk.example/moshi/api/chat"),
        ("wss://talk.example/moshi/api/chat", "wss://talk.example/moshi/api/chat"),
        ("ws://[::1]:8998/api/chat?seed=7", "ws://[::1]:8998/api/chat?seed=7"),
        ("HTTPS://talk.example#settings", "wss://talk.example/api/chat"),
    ],
)
def test_the_page_moshi_and_the_socket_are_the_same_service(given: str, url: str) -> None:
    assert chat_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        *("", "localhost:8080", "ftp://localhost", "https://", "http://localhost:99999", "http://me:secret@localhost"),
        *("http://a..b", f"http://{'a' * 64}.example"),
    ],
)
def test_anything_else_is_no_address(given: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        chat_url(given)
    assert refused.value.problem.code == "address-invalid"


def test_parameters_join_those_of_the_address() -> None:
    assert with_parameters("ws://a/api/chat?a=1", [("b", "x y")]) == "ws://a/api/chat?a=1&b=x+y"
    assert host_of("wss://a.example:8998/api/chat") == "a.example:8998"
