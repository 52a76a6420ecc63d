"""The automatic certificate: made once, kept, renewed in time, readable by its owner only."""

import errno
import os
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

import moshi_service.interfaces
import moshi_service.tls
from moshi_service.tls import LIFETIME, RENEW_BEFORE_END, Certificate, automatic_certificate

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOSTS = ("localhost", "127.0.0.1", "::1", "Talk.Example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tls"


def leaf(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.chain.read_bytes())


def authority(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())


def test_it_carries_the_hosts_and_is_signed_by_the_authority(folder: Path) -> None:
    certificate = automatic_certificate(folder, HOSTS, NOW)
    names = leaf(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "talk.example"}
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    leaf(certificate).verify_directly_issued_by(authority(folder))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)


@pytest.mark.parametrize("engine", ["docker", "podman", None])
@pytest.mark.parametrize("name", ["0f1e2d3c4b5a", "talk", "a_b"])
def test_a_name_that_was_made_up_for_a_container_is_not_asked_for(
    name: str, engine: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / ".dockerenv"
    monkeypatch.setattr(moshi_service.interfaces, "DOCKER", mark)
    monkeypatch.delenv("container", raising=False)
    if engine == "docker":
        mark.touch()
    elif engine:
        monkeypatch.setenv("container", engine)
    monkeypatch.setattr("socket.gethostname", lambda: name)
    names = moshi_service.tls.names_of_this_machine()
    if name == "0f1e2d3c4b5a" and engine:
        assert names == moshi_service.tls.LOOPBACK  # its address is made up as well
    else:
        assert names[:3] == moshi_service.tls.LOOPBACK
        assert (name in names) is (name != "a_b")  # no certificate can carry an underscore


def test_it_is_valid_now_and_for_no_longer_than_browsers_accept(folder: Path) -> None:
    made = leaf(automatic_certificate(folder, HOSTS, NOW))
    assert made.not_valid_before_utc < NOW < made.not_valid_after_utc
    assert made.not_valid_after_utc - made.not_valid_before_utc == LIFETIME


def test_only_its_owner_may_read_it(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True)
    automatic_certificate(folder, HOSTS, NOW)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert files == dict.fromkeys(["ca.pem", "ca-key.pem", "cert.pem", "key.pem"], 0o600)


def test_it_is_kept(folder: Path) -> None:
    first = automatic_certificate(folder, HOSTS, NOW).chain.read_bytes()
    later = NOW + LIFETIME - RENEW_BEFORE_END - timedelta(days=2)
    assert automatic_certificate(folder, reversed(HOSTS), later).chain.read_bytes() == first


@pytest.mark.parametrize(
    ("hosts", "later"),
    [
        (HOSTS, LIFETIME - RENEW_BEFORE_END),
        ((*HOSTS, "new.example"), timedelta(0)),
    ],
    ids=["ends soon", "lacks a host"],
)
def test_it_is_issued_anew_by_the_same_authority(folder: Path, hosts: tuple[str, ...], later: timedelta) -> None:
    first = leaf(automatic_certificate(folder, HOSTS, NOW))
    trusted = authority(folder)
    second = leaf(automatic_certificate(folder, hosts, NOW + later))
    assert second.serial_number != first.serial_number
    assert second.not_valid_after_utc == first.not_valid_after_utc + later
    assert authority(folder) == trusted
    second.verify_directly_issued_by(trusted)


def test_the_other_service_gets_the_same_one_and_adds_its_hosts(folder: Path) -> None:
    first = automatic_certificate(folder, ("one.example",), NOW)
    second = moshi_service.tls.automatic_certificate(folder, ("two.example",), NOW)
    assert (second.chain, second.authority) == (first.chain, first.authority)
    both = automatic_certificate(folder, ("one.example",), NOW).chain.read_bytes()
    assert moshi_service.tls.automatic_certificate(folder, ("two.example",), NOW).chain.read_bytes() == both
    names = leaf(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"one.example", "two.example"}


def test_two_that_start_together_make_one(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: automatic_certificate(folder, HOSTS, NOW).chain.read_bytes(), range(8)))
    assert len(set(made)) == 1


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "cert.pem", "key.pem"])
@pytest.mark.parametrize("damage", ["lost", "emptied"])
def test_a_damaged_file_is_replaced(folder: Path, name: str, damage: str) -> None:
    automatic_certificate(folder, HOSTS, NOW)
    if damage == "lost":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"")
    certificate = automatic_certificate(folder, HOSTS, NOW)
    leaf(certificate).verify_directly_issued_by(authority(folder))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate.chain, certificate.key)


def test_an_authority_with_another_key_goes_on_and_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    certificate = automatic_certificate(folder, HOSTS, NOW)
    presented = certificate.chain.read_bytes()
    automatic_certificate(tmp_path / "other", HOSTS, NOW)
    (folder / "ca-key.pem").write_bytes((tmp_path / "other" / "ca-key.pem").read_bytes())
    for _ in range(3):  # a service looks every 30 s
        assert automatic_certificate(folder, HOSTS, NOW).chain.read_bytes() == presented
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(OSError, match=r"ca-key\.pem is not the key of ca\.pem; restore the right one, or remove both"):
        automatic_certificate(folder, (*HOSTS, "new.example"), NOW)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_an_authority_without_its_key_goes_on_until_a_new_certificate_is_needed(folder: Path) -> None:
    presented = automatic_certificate(folder, HOSTS, NOW).chain.read_bytes()
    trusted = authority(folder)
    (folder / "ca-key.pem").unlink()
    assert automatic_certificate(folder, HOSTS, NOW).chain.read_bytes() == presented
    assert authority(folder) == trusted


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "cert.pem", "key.pem"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_something_else_in_a_files_place_is_named(folder: Path, name: str, kind: str) -> None:
    automatic_certificate(folder, HOSTS, NOW)
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    with pytest.raises(OSError, match=rf"^{name} is not an ordinary file; remove it$"):
        automatic_certificate(folder, HOSTS, NOW)


def test_a_key_that_others_can_read_is_closed_to_them_and_that_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = automatic_certificate(folder, HOSTS, NOW)
    certificate.key.chmod(0o644)
    automatic_certificate(folder, HOSTS, NOW)
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    assert [record.message for record in caplog.records] == [
        f"[key-was-readable] {certificate.key} could be read by other users of this machine; now only its owner can"
    ]


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    automatic_certificate(folder, HOSTS, NOW)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        automatic_certificate(folder, (*HOSTS, "new.example"), NOW)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_what_a_killed_writer_left_is_removed(folder: Path) -> None:
    automatic_certificate(folder, HOSTS, NOW)
    (folder / "tmpabcd1234").write_bytes(b"half a key")
    automatic_certificate(folder, HOSTS, NOW)
    assert not (folder / "tmpabcd1234").exists()


@pytest.mark.parametrize("host", ["not a name", "", "me@talk.example", "10.0.0.0/8", "under_score"])
def test_a_host_that_no_certificate_can_carry(folder: Path, host: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        automatic_certificate(folder, (host,), NOW)
    assert not (folder / "cert.pem").exists()
