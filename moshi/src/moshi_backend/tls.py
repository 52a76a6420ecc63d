"""A certificate for people who have none: made on first run, kept, and renewed before it ends."""

import ipaddress
import os
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

LIFETIME = timedelta(days=397)  # the longest that every browser accepts
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RENEW_BEFORE_END = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """PEM files: the chain and key that a server presents, and the authority that a client has to trust."""

    chain: Path
    key: Path
    authority: Path


def names_of_this_machine() -> tuple[str, ...]:
    name = socket.gethostname()
    # A container's name may have an underscore, which no certificate can carry.
    return LOOPBACK if "_" in name else (*LOOPBACK, name)


def automatic_certificate(folder: Path, hosts: Sequence[str], now: datetime | None = None) -> Certificate:
    """The certificate kept in `folder`, made or renewed if it must be. `hosts` are DNS names and IP addresses."""
    now = now or datetime.now(UTC)
    certificate = Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    if not _is_current(certificate, hosts, now):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="Scenario 6", organization_unit_name="moshi")
        issued = authority.issue_cert(*hosts, not_after=now + LIFETIME)
        _write(certificate.authority, authority.cert_pem.bytes())
        _write(certificate.key, issued.private_key_pem.bytes())
        _write(certificate.chain, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return certificate


def _is_current(certificate: Certificate, hosts: Sequence[str], now: datetime) -> bool:
    if not (certificate.chain.exists() and certificate.key.exists() and certificate.authority.exists()):
        return False
    leaf = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = set(names.get_values_for_type(x509.DNSName))
    covered |= {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return {_normal(host) for host in hosts} <= covered and now < leaf.not_valid_after_utc - RENEW_BEFORE_END


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
