"""The addresses of this machine that another device may reach."""

from collections.abc import Iterable

import pytest
from ifaddr import IP, Adapter

from moshi_service import interfaces
from moshi_service.interfaces import InterfaceAddress, lan_addresses
from moshi_service.tls import names_of_this_machine

MACHINE = {
    "lo": ["127.0.0.1", "::1"],
    "docker0": ["172.17.0.1"],
    "eth0": ["169.254.7.7", "fe80::1"],
    "wlan0": ["192.168.0.10", "fe80::2", "fd00::2", "fd00::aaaa"],
}


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [
        Adapter(name, name, [IP((ip, 0, 0) if ":" in ip else ip, 64, name) for ip in ips])
        for name, ips in MACHINE.items()
    ]
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters)
    monkeypatch.setattr(interfaces, "is_throwaway_container", lambda: False)
    towards(monkeypatch, ["192.168.0.10", "fd00::aaaa"])


def towards(monkeypatch: pytest.MonkeyPatch, addresses: Iterable[str]) -> None:
    monkeypatch.setattr(interfaces, "_towards_others", lambda: iter(addresses))


def test_the_addresses_towards_others_come_first_and_all_interfaces_follow() -> None:
    assert lan_addresses() == [
        InterfaceAddress("192.168.0.10", "wlan0"),
        InterfaceAddress("fd00::aaaa", "wlan0"),
        InterfaceAddress("172.17.0.1", "docker0"),
    ]


def test_a_network_without_a_way_out_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the hotspot of a phone without a contract."""
    towards(monkeypatch, [])
    assert [one.address for one in lan_addresses()] == ["172.17.0.1", "192.168.0.10"]


def test_a_throwaway_container_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "is_throwaway_container", lambda: True)
    assert lan_addresses() == []


def test_the_certificate_is_for_each_of_them() -> None:
    assert {"192.168.0.10", "fd00::aaaa", "172.17.0.1"} <= set(names_of_this_machine())
