"""The authority and the certificate as phones demand them."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from moshi_service.authority import new_authority
from moshi_service.tls import automatic_certificate

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def made(tmp_path: Path) -> tuple[x509.Certificate, x509.Certificate]:
    """The authority and the certificate."""
    certificate = automatic_certificate(tmp_path, ("localhost", "192.168.0.10"), NOW)
    authority = x509.load_pem_x509_certificate(certificate.authority.read_bytes())
    return authority, x509.load_pem_x509_certificate(certificate.chain.read_bytes())


def test_ios_lists_the_authority_because_it_has_a_common_name(
    made: tuple[x509.Certificate, x509.Certificate],
) -> None:
    (name,) = made[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == f"Scenario 6 on {socket.gethostname()}"


def test_the_authority_signs_servers_and_no_other_authority(made: tuple[x509.Certificate, x509.Certificate]) -> None:
    constraints = made[0].extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert made[0].not_valid_before_utc <= NOW - timedelta(days=1)
    assert made[0].not_valid_after_utc > NOW + timedelta(days=20 * 365)


def test_the_certificate_has_all_that_ios_13_demands(made: tuple[x509.Certificate, x509.Certificate]) -> None:
    """https://support.apple.com/en-us/103769"""
    _, leaf = made
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(leaf.signature_hash_algorithm, SHA256)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.168.0.10"]
    assert ExtendedKeyUsageOID.SERVER_AUTH in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=825)


def test_a_long_name_of_a_machine_is_cut() -> None:
    chain, _ = new_authority("x" * 200, NOW)
    (name,) = x509.load_pem_x509_certificate(chain).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert len(name.value) == 64
