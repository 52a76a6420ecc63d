"""By which names a service may be called. Both services have the same code for it."""

from pathlib import Path

import trustme

from moshi_service.hosts import own_hosts


def test_names_come_from_every_setting_that_names_the_service(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    made = trustme.CA().issue_cert("moshi.example", "*.talk.example", "192.0.2.9", "2001:db8::2")
    made.cert_chain_pems[0].write_to_path(chain)
    hosts = own_hosts(("a.example",), ("b.example", "192.0.2.7", "2001:db8::1"), ("https://c.example:8443",), chain)
    from_settings = {"a.example", "b.example", "192.0.2.7", "c.example"}
    assert hosts == from_settings | {"moshi.example", "*.talk.example", "192.0.2.9"}


def test_a_certificate_that_cannot_be_read_adds_no_name(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("no certificate")
    assert own_hosts((), (), (), tmp_path / "chain.pem") == own_hosts((), (), (), tmp_path / "missing.pem") == set()
