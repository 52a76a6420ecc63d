"""Failures to reach moshi, in words short enough for a close reason."""

import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from moshi_frontend.trust import Trust, explain


def wrapped(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
        (OSError("Multiple exceptions: ..."), "connection failed"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not known"),
        (wrapped(httpx.ConnectError("x"), ConnectionRefusedError(111, "x")), "connection refused"),
        (ExceptionGroup("x", [ConnectionRefusedError(111, "x"), OSError()]), "connection refused"),
        (wrapped(TimeoutError(), KeyboardInterrupt()), "no answer in time"),
        (FileNotFoundError(2, "No such file"), "cannot read FRONTEND_MOSHI_CA (No such file)"),
        (
            wrapped(httpx.ConnectError("x"), unverified(62)),
            "its certificate has another name; see MOSHI_TLS_HOSTS",
        ),
        (unverified(18), "its certificate is not trusted (self-signed certificate); set FRONTEND_MOSHI_CA"),
        (httpx.RemoteProtocolError("x"), "unexpected answer (RemoteProtocolError)"),
    ],
)
def test_the_cause_is_found_and_explained(error: BaseException, words: str) -> None:
    assert explain(error).text == words


def test_the_authority_is_read_again_only_when_its_file_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes())
    trust = Trust(file)
    first = trust.context()
    assert trust.context() is first
    file.write_bytes(trustme.CA().cert_pem.bytes() * 2)
    assert trust.context() is not first


def test_a_file_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(ssl.SSLError) as error:
        Trust(tmp_path / "ca.pem").context()
    assert explain(error.value).text == "TLS failed (no certificate or crl found)"
