"""A certificate for people who have none, by an authority of their own that outlives its renewals."""

import ipaddress
import os
import socket
import ssl
import tempfile
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import idna
import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

LIFETIME = timedelta(days=397)  # the longest that every browser accepts
CLOCK_SKEW = timedelta(days=1)
RENEW_BEFORE_END = timedelta(days=30)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """PEM files: the chain and key that a server presents."""

    chain: Path
    key: Path

    def fingerprint(self) -> str:
        """SHA-256 in the way browsers show it: `AB:CD:...`."""
        leaf = x509.load_pem_x509_certificate(self.chain.read_bytes())
        return leaf.fingerprint(SHA256()).hex(":").upper()


def names_of_this_machine() -> tuple[str, ...]:
    """What a browser on this machine or its network may call it."""
    name = socket.gethostname()
    # A container's name may have an underscore, which no certificate can carry.
    return LOOPBACK if "_" in name else (*LOOPBACK, name)


def automatic_certificate(folder: Path, hosts: Iterable[str], now: datetime) -> Certificate:
    """The certificate kept in `folder`, issued anew if it ends soon or is not for exactly `hosts`.

    `hosts` are DNS names and IP addresses. Beside it are `ca.pem`, for clients to trust, and `ca-key.pem`.

    Raises:
        OSError: the folder cannot be written.
        ValueError: a host is not a name or address that a certificate can carry.
    """
    names = {_normal(host) for host in hosts}
    certificate = Certificate(folder / "cert.pem", folder / "key.pem")
    authority = _kept_authority(folder)
    if authority is None or not _is_current(certificate, authority, names, now):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if authority is None:
            authority = trustme.CA(organization_name="Scenario 6", organization_unit_name="frontend")
            _write(folder / "ca-key.pem", authority.private_key_pem.bytes())
            _write(folder / "ca.pem", authority.cert_pem.bytes())
        issued = authority.issue_cert(
            *sorted(names),
            organization_name="Scenario 6",
            organization_unit_name="frontend",
            not_before=now - CLOCK_SKEW,
            not_after=now - CLOCK_SKEW + LIFETIME,
        )
        _write(certificate.key, issued.private_key_pem.bytes())
        _write(certificate.chain, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return certificate


def _kept_authority(folder: Path) -> trustme.CA | None:
    try:
        return trustme.CA.from_pem((folder / "ca.pem").read_bytes(), (folder / "ca-key.pem").read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _is_current(certificate: Certificate, authority: trustme.CA, names: AbstractSet[str], now: datetime) -> bool:
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)
        leaf = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
        leaf.verify_directly_issued_by(issuer)
    except (OSError, ValueError, InvalidSignature):
        return False
    covers = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {*covers.get_values_for_type(x509.DNSName), *map(str, covers.get_values_for_type(x509.IPAddress))}
    return names == covered and now < leaf.not_valid_after_utc - RENEW_BEFORE_END


def _normal(host: str) -> str:
    """As a certificate spells it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return idna.encode(host, uts46=True).decode()


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
