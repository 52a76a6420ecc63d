"""Certificates that a client believes."""

import os
import ssl
from pathlib import Path

import pytest
import trustme

from scenario6_client import trust as module
from scenario6_client.trust import BadAuthority, own_authorities, trust


def state(folder: Path) -> Path:
    file = folder / "tls/ca.pem"
    file.parent.mkdir(parents=True)
    file.write_bytes(trustme.CA().cert_pem.bytes())
    return file


@pytest.fixture(autouse=True)
def no_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "user_state_path", lambda name: tmp_path / "home" / name)


def test_authorities_of_this_users_services_are_found(tmp_path: Path) -> None:
    named, here, home = (state(tmp_path / name) for name in ("named", "here", "home/scenario6"))
    environment = {"MOSHI_STATE_DIR": str(tmp_path / "named"), "FRONTEND_STATE_DIR": str(tmp_path / "none")}
    assert list(own_authorities(environment, tmp_path / "here")) == [named, here, home]


def test_an_authority_of_another_user_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state(tmp_path / "here")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert list(own_authorities({}, tmp_path / "here")) == []


def test_a_named_authority_is_the_only_one(tmp_path: Path) -> None:
    context = trust("wss://localhost", state(tmp_path / "a"))
    assert context is not None and len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_plain_http_has_none_and_insecure_believes_everything(tmp_path: Path) -> None:
    assert trust("ws://localhost") is None
    context = trust("wss://localhost", insecure=True)
    assert context is not None and context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("content", [None, b"hello", b""])
def test_a_file_that_is_no_authority(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadAuthority) as refused:
        trust("wss://localhost", file)
    assert refused.value.problem.code == "authority-file-unusable"


def test_a_broken_authority_of_a_service_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state(tmp_path / "a").write_bytes(b"half")
    monkeypatch.setenv("MOSHI_STATE_DIR", str(tmp_path / "a"))
    assert trust("wss://localhost") is not None
