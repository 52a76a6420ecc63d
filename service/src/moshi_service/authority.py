"""The authority that signs the automatic certificate: a new one, and its form for other devices."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=30 * 365)
FILE_NAME = "scenario6-authority.crt"
"""The name under which a device downloads it."""
MEDIA_TYPE = "application/x-x509-ca-cert"
"""By this type iOS takes it for a profile, and Firefox for an authority."""
_LONGEST_NAME = 64


def new_authority(machine: str, now: datetime) -> tuple[bytes, bytes]:
    """Certificate and key, in PEM.

    Args:
        machine: this machine's name. People see it in their device's list of authorities. iOS does not list one
            without a common name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = f"Scenario 6 on {machine}"[:_LONGEST_NAME]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Scenario 6"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, in the way browsers and phones show it: `AB:CD:...`."""
    return certificate.fingerprint(SHA256()).hex(":").upper()


def as_der(certificate: x509.Certificate) -> bytes:
    """The binary form, which phones expect of a file with the ending `.crt`."""
    return certificate.public_bytes(Encoding.DER)
