"""A certificate for people who have none, by an authority of their own that outlives its renewals.

Both services keep it in the same folder, so that a person has one certificate to accept and one authority to trust.
"""

import fcntl
import ipaddress
import logging
import os
import socket
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import idna
import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from moshi_service.authority import fingerprint, new_authority
from moshi_service.errors import ProblemError
from moshi_service.errors import start as errors
from moshi_service.interfaces import is_throwaway_container, lan_addresses

LIFETIME = timedelta(days=397)  # the longest that every browser accepts
CLOCK_SKEW = timedelta(days=1)
RENEW_BEFORE_END = timedelta(days=30)
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_FILES = ("ca.pem", "ca-key.pem", "cert.pem", "key.pem")
_UNFINISHED = "tmp"
"""How names of files begin that are still being written."""

log = logging.getLogger(__name__)


class UnusableFile(ProblemError, OSError):
    """A file of the automatic certificate cannot be used."""


@dataclass(frozen=True)
class Certificate:
    """PEM files: the chain and key that a server presents, and the authority that a client has to trust."""

    chain: Path
    key: Path
    authority: Path

    def fingerprint(self) -> str:
        """SHA-256 in the way browsers show it: `AB:CD:...`."""
        return fingerprint(x509.load_pem_x509_certificate(self.chain.read_bytes()))


def names_of_this_machine() -> tuple[str, ...]:
    """The names by which browsers on this machine or its networks may call it."""
    if is_throwaway_container():
        return LOOPBACK  # the next start would need another certificate
    name = socket.gethostname()
    # A container's name may have an underscore, which no certificate can carry.
    names = LOOPBACK if "_" in name else (*LOOPBACK, name)
    return (*names, *(one.address for one in lan_addresses()))


def automatic_certificate(folder: Path, hosts: Iterable[str], now: datetime) -> Certificate:
    """The certificate kept in `folder`, issued anew if it ends soon or lacks one of `hosts`.

    `hosts` are DNS names and IP addresses. Those that it has stay: the other service asked for them.

    The authority's key is needed only to issue. A key that is not the authority's is never replaced, because somebody
    put it there.

    Raises:
        OSError: the folder cannot be written, or a file in it cannot be used.
        ValueError: a host is not a name or address that a certificate can carry.
    """
    names = {_normal(host) for host in hosts}
    certificate = Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    with _locked(folder):
        _tidy(folder)
        covered = _covered(certificate, now)
        if covered is None or not names <= covered:
            authority = _kept_authority(folder)
            if authority is None:
                chain, key = new_authority(socket.gethostname(), now)
                _write(folder / "ca-key.pem", key)
                _write(folder / "ca.pem", chain)
                authority = trustme.CA.from_pem(chain, key)
            issued = authority.issue_cert(
                *sorted(names | (covered or set())),
                organization_name="Scenario 6",
                not_before=now - CLOCK_SKEW,
                not_after=now - CLOCK_SKEW + LIFETIME,
            )
            _write(certificate.key, issued.private_key_pem.bytes())
            _write(certificate.chain, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return certificate


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two services that start together must not issue two certificates."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _tidy(folder: Path) -> None:
    """Remove what a writer left behind when it was killed, and make sure that every file is safe to open.

    Raises:
        UnusableFile: one is not an ordinary file. To open a pipe, for one, would wait forever.
    """
    for file in folder.iterdir():
        if file.name.startswith(_UNFINISHED) and not file.is_dir():
            file.unlink()
        elif file.name in _FILES and file.exists():
            if not file.is_file():
                raise UnusableFile(errors.certificate_file_special(file.name))
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)
                if file.name.endswith("key.pem"):
                    log.warning(errors.key_was_readable(file))


def _kept_authority(folder: Path) -> trustme.CA | None:
    """None if a file is missing or is not PEM.

    Raises:
        UnusableFile: the files do not belong together.
    """
    try:
        authority = trustme.CA.from_pem((folder / "ca.pem").read_bytes(), (folder / "ca-key.pem").read_bytes())
        key = load_pem_private_key(authority.private_key_pem.bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if x509.load_pem_x509_certificate(authority.cert_pem.bytes()).public_key() != key.public_key():
        raise UnusableFile(errors.authority_key_mismatch())
    return authority


def _covered(certificate: Certificate, now: datetime) -> AbstractSet[str] | None:
    """The hosts that it is for; none if it is not to be used any more."""
    try:
        issuer = x509.load_pem_x509_certificate(certificate.authority.read_bytes())
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)
        leaf = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
        leaf.verify_directly_issued_by(issuer)
    except (OSError, ValueError, InvalidSignature):
        return None
    if now >= leaf.not_valid_after_utc - RENEW_BEFORE_END:
        return None
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def _normal(host: str) -> str:
    """As a certificate spells it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return idna.encode(host, uts46=True).decode()


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step, readable by its owner only. A failure leaves the old file and nothing else."""
    descriptor, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
