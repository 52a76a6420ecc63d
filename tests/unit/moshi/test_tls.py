import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moshi_backend.tls import LIFETIME, RENEW_BEFORE_END, automatic_certificate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTS = ("localhost", "127.0.0.1", "::1")


def test_the_chain_and_key_belong_together_and_only_the_owner_may_read_them(tmp_path: Path) -> None:
    made = automatic_certificate(tmp_path / "tls", HOSTS, NOW)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.chain, made.key)
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert made.key.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("later", "hosts", "kept"),
    [
        (timedelta(days=1), HOSTS, True),
        (timedelta(days=1), HOSTS[:1], True),
        (LIFETIME - RENEW_BEFORE_END - timedelta(days=1), HOSTS, True),
        (LIFETIME - RENEW_BEFORE_END, HOSTS, False),
        (LIFETIME, HOSTS, False),
        (timedelta(days=1), (*HOSTS, "talk.example"), False),
        (timedelta(days=1), (*HOSTS, "192.0.2.7"), False),
    ],
)
def test_it_is_kept_until_it_nears_its_end_or_lacks_a_name(
    later: timedelta, hosts: tuple[str, ...], kept: bool, tmp_path: Path
) -> None:
    first = automatic_certificate(tmp_path, HOSTS, NOW).chain.read_bytes()
    second = automatic_certificate(tmp_path, hosts, NOW + later).chain.read_bytes()
    assert (first == second) is kept


@pytest.mark.parametrize("lost", ["cert.pem", "key.pem", "ca.pem"])
def test_a_lost_file_is_made_again(lost: str, tmp_path: Path) -> None:
    automatic_certificate(tmp_path, HOSTS, NOW)
    (tmp_path / lost).unlink()
    made = automatic_certificate(tmp_path, HOSTS, NOW)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(made.chain, made.key)
    assert made.authority.exists()
