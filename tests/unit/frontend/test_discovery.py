"""Where the frontend looks for moshi, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshi_frontend.discovery import Name, check_mode, find_moshi
from moshi_frontend.endpoint import Endpoint
from moshi_service.errors import StartupError

# From what wins to what loses.
SOURCES = [
    "MOSHI_URL",
    "SCENARIO6_MOSHI_HTTPS",
    "services__scenario6-moshi__https__0",
    "SCENARIO6_MOSHI_HTTP",
    "services__scenario6-moshi__http__0",
]


def url_of(source: str) -> str:
    scheme = "http" if source.lower().endswith(("_http", "__http__0")) else "https"
    return f"{scheme}://host-{SOURCES.index(source)}:8998"


@given(st.sets(st.sampled_from(SOURCES), min_size=1))
def test_the_first_source_that_is_there_wins(present: set[str]) -> None:
    winner = next(source for source in SOURCES if source in present)
    assert find_moshi({source: url_of(source) for source in present})[0] == Endpoint(url_of(winner))


def test_an_empty_variable_counts_as_absent() -> None:
    environment = {"MOSHI_URL": " ", "SCENARIO6_MOSHI_HTTPS": "", "SCENARIO6_MOSHI_HTTP": "http://a:1"}
    assert find_moshi(environment) == (Endpoint("http://a:1"),)


def test_replicas_by_hand() -> None:
    assert find_moshi({"MOSHI_URL": "https://a:1, https://b:2/"}) == (Endpoint("https://a:1"), Endpoint("https://b:2"))


def test_replicas_by_aspire_which_names_the_first_one_twice() -> None:
    environment = {
        "SCENARIO6_MOSHI_HTTPS": "https://a:1",
        "services__scenario6-moshi__https__0": "https://a:1",
        "services__scenario6-moshi__https__1": "https://b:2",
        "services__scenario6-moshi__http__0": "http://a:3",
    }
    assert find_moshi(environment) == (Endpoint("https://a:1"), Endpoint("https://b:2"))


def test_nothing_there_says_what_to_set() -> None:
    with pytest.raises(StartupError, match="set MOSHI_URL"):
        find_moshi({"PATH": "/bin"})


@pytest.mark.parametrize(
    "value",
    [
        "localhost:8998",
        "wss://localhost:8998",
        "https://",
        "https://host:99999",
        "https://host:0",
        "https://[::1",
        "https://[12345::]",
        "https://[:::]:8998",
        "http://moshi..svc:8998",
        "http://.moshi",
        f"http://{'a' * 64}.svc",
        f"dns+https://moshi.{'a' * 64}",
        "srv+https://_moshi._tcp.a..b",
        "https://host/../x?",
        "https://host?x=1",
        "https://host#x",
        "https://ho st",
        "https://a:1,",
        "https://a;script-src",
        "dns+ftp://a",
        "https://_moshi._tcp.a",
        "dns+https://_moshi._tcp.a:1",
    ],
)
def test_what_is_not_a_url_is_named_with_its_variable(value: str) -> None:
    with pytest.raises(StartupError, match=r"^MOSHI_URL=.* is not a URL such as https://localhost:8998$"):
        find_moshi({"MOSHI_URL": value})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (
            "dns+https://moshi:8998/gpu/",
            Name("dns+https://moshi:8998/gpu/", "A", "moshi", 8998, "https://moshi:8998/gpu"),
        ),
        ("dns+http://moshi", Name("dns+http://moshi", "A", "moshi", 80, "http://moshi")),
        (
            "srv+https://_moshi._tcp.service.consul",
            Name(
                "srv+https://_moshi._tcp.service.consul",
                "SRV",
                "_moshi._tcp.service.consul",
                0,
                "https://service.consul",
            ),
        ),
    ],
)
def test_a_name_for_all_replicas(value: str, name: Name) -> None:
    assert find_moshi({"MOSHI_URL": value}) == (name,)


@pytest.mark.parametrize("host", ["moshi.svc.", "moshi_1", "a" * 63, "192.0.2.1", "[::1]"])
def test_a_host_that_may_be_one(host: str) -> None:
    assert find_moshi({"MOSHI_URL": f"http://{host}:8998"}) == (Endpoint(f"http://{host}:8998"),)


def test_kinds_may_be_mixed() -> None:
    first, second = find_moshi({"MOSHI_URL": "dns+https://gpu:8998, https://spare:8998"})
    assert (str(first), second) == ("dns+https://gpu:8998", Endpoint("https://spare:8998"))


@pytest.mark.parametrize("value", ["srv+https://moshi:8998", "srv+https://_moshi._tcp.consul:8998"])
def test_a_name_without_a_service_has_no_srv_records(value: str) -> None:
    with pytest.raises(StartupError, match=r"is not a name of SRV records such as srv\+https"):
        find_moshi({"MOSHI_URL": value})


def test_browsers_cannot_choose_among_replicas() -> None:
    sources = find_moshi({"MOSHI_URL": "dns+https://moshi:8998"})
    check_mode(sources, "proxy")
    check_mode([Endpoint("https://moshi:8998")], "direct")
    with pytest.raises(StartupError, match=r"FRONTEND_MOSHI_MODE=direct: .* dns\+https://moshi:8998; use proxy"):
        check_mode(sources, "direct")


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(StartupError) as refusal:
        find_moshi({"MOSHI_URL": "https://user:hunter2@host"})
    assert str(refusal.value) == "MOSHI_URL must not contain a user name or password"


@pytest.mark.parametrize(
    ("url", "chat_url", "origins", "is_tls"),
    [
        ("https://host:8998", "wss://host:8998/api/chat", ("wss://host:8998", "https://host:8998"), True),
        ("http://[::1]:8998", "ws://[::1]:8998/api/chat", ("ws://[::1]:8998", "http://[::1]:8998"), False),
        ("https://http/moshi", "wss://http/moshi/api/chat", ("wss://http", "https://http"), True),
    ],
)
def test_what_follows_from_a_url(url: str, chat_url: str, origins: tuple[str, str], is_tls: bool) -> None:
    endpoint = Endpoint(url)
    assert (endpoint.chat_url, endpoint.origins, endpoint.is_tls) == (chat_url, origins, is_tls)


def test_an_address_from_dns_takes_the_place_of_the_name_but_not_in_certificates() -> None:
    endpoint = Endpoint("https://moshi:8998/gpu", ("fd00::7", 8998))
    assert endpoint.direct_url("/alive") == "https://[fd00::7]:8998/gpu/alive"
    assert (endpoint.host, endpoint.authority) == ("moshi", "moshi:8998")
    assert endpoint.chat_url == "wss://moshi:8998/gpu/api/chat"
    assert str(endpoint) == "https://moshi:8998/gpu ([fd00::7]:8998)"
    assert endpoint.in_other_scheme.direct_url("/alive") == "http://[fd00::7]:8998/gpu/alive"
