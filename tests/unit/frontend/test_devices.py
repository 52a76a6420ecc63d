"""The addresses at which other devices find the page."""

from pathlib import Path

import pytest
import trustme

from moshi_frontend import devices
from moshi_frontend.settings import Settings
from moshi_service.interfaces import InterfaceAddress

WLAN, DOCKER = InterfaceAddress("192.168.0.10", "wlan0"), InterfaceAddress("172.17.0.1", "docker0")
IPV6 = InterfaceAddress("fd00::2", "wlan0")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "lan_addresses", lambda: [WLAN, IPV6, DOCKER])


def test_on_every_interface_they_are_all_addresses() -> None:
    every = ["https://192.168.0.10:8080", "https://[fd00::2]:8080", "https://172.17.0.1:8080"]
    assert devices.origins(Settings(host="::", tls="auto"), 8080) == every
    assert devices.origins(Settings(host="0.0.0.0", tls="auto"), 8080) == [every[0], every[2]]


def test_on_one_address_it_is_that_one() -> None:
    assert devices.origins(Settings(host="192.168.0.10", tls="auto"), 443) == ["https://192.168.0.10:443"]
    assert devices.origins(Settings(host="127.0.0.1", tls="auto"), 8080) == []


def test_over_plain_http_there_are_none() -> None:
    assert devices.origins(Settings(host="0.0.0.0", tls="off"), 8080) == []


def test_a_certificate_of_the_operators_own_names_them_and_has_addresses_too(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    listed = ("talk.example", "*.talk.example", "localhost", "127.0.0.1", "10.9.9.9", "192.168.0.10", "fd00::2")
    made = trustme.CA().issue_cert(*listed)
    made.cert_chain_pems[0].write_to_path(chain)
    made.private_key_pem.write_to_path(key)
    settings = Settings(host="::", tls="files", tls_cert=chain, tls_key=key)
    named = ["https://talk.example:8080", "https://192.168.0.10:8080", "https://[fd00::2]:8080"]
    assert devices.origins(settings, 8080) == named  # 10.9.9.9 is no address of this machine any more


@pytest.mark.parametrize(
    ("client", "here"),
    [("127.0.0.1", True), ("::1", True), ("192.168.0.20", False), (None, False), ("testclient", False)],
)
def test_only_a_browser_on_this_machine_is_told(client: str | None, here: bool) -> None:
    assert devices.is_this_machine(client) is here
