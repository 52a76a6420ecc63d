"""Settings come from the environment; a wrong one says so in one line."""

from pathlib import Path

import pytest

from moshi_frontend.settings import Settings, load_settings
from moshi_service.errors import StartupError


@pytest.fixture(autouse=True)
def _only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"FRONTEND_{field.upper()}", raising=False)


def test_defaults_serve_this_machine_only() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.tls, settings.moshi_mode) == ("127.0.0.1", 8080, "off", "proxy")


def test_the_state_folder_follows_the_users_own_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert load_settings().state_dir == tmp_path / "scenario6"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTEND_ALLOWED_ORIGINS", "https://a.example, https://b.example ,")
    monkeypatch.setenv("FRONTEND_EMBED_ORIGINS", "https://c.example, http://localhost:3000,")
    monkeypatch.setenv("FRONTEND_TLS_HOSTS", "")
    settings = load_settings()
    assert settings.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.embed_origins == ("https://c.example", "http://localhost:3000")
    assert settings.tls_hosts == ()


@pytest.mark.parametrize(
    ("variable", "value", "takes"),
    [
        ("FRONTEND_HOST", "", "Address to listen on."),
        ("FRONTEND_PORT", "eighty", "Port to listen on, 0 to 65535."),
        ("FRONTEND_PORT", "65536", "Port to listen on, 0 to 65535."),
        ("FRONTEND_MOSHI_MODE", "both", "`proxy`: "),
        ("FRONTEND_TLS", "on", "`auto` makes a certificate"),
        ("FRONTEND_TLS_CERT", "nowhere.pem", "PEM file with the certificate"),
        ("FRONTEND_MAX_CONNECTIONS", "0", "Conversations passed on"),
        ("FRONTEND_TRUSTED_PROXIES", "10.0.0.0/33", "Addresses or networks"),
        ("FRONTEND_TRUSTED_PROXIES", "proxy.example", "Addresses or networks"),
        ("FRONTEND_ALLOWED_ORIGINS", "talk.example", "Origins besides"),
        ("FRONTEND_ALLOWED_ORIGINS", "https://talk.example/page", "Origins besides"),
        ("FRONTEND_EMBED_ORIGINS", "*", "Origins whose pages may show"),
        ("FRONTEND_EMBED_ORIGINS", "https://*.talk.example", "Origins whose pages may show"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_got_and_takes(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, takes: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError) as refusal:
        load_settings()
    line = str(refusal.value)
    assert line.startswith(f"{variable}={value!r}: ")
    assert f". It takes: {takes}" in line
    assert "\n" not in line


def test_a_file_name_that_no_system_takes_is_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTEND_TLS_KEY", "x" * 5000)
    with pytest.raises(StartupError, match=r"^FRONTEND_TLS_KEY=.{1,300}: there is no such file, or it cannot be read"):
        load_settings()


def test_tls_with_files_needs_both_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    monkeypatch.setenv("FRONTEND_TLS", "files")
    monkeypatch.setenv("FRONTEND_TLS_CERT", str(tmp_path / "cert.pem"))
    with pytest.raises(StartupError, match=r"^FRONTEND_TLS=files needs FRONTEND_TLS_CERT and FRONTEND_TLS_KEY"):
        load_settings()


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_api_keys_come_from_the_variable_and_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().all_api_keys() == ()
    monkeypatch.setenv("FRONTEND_API_KEYS", "anna, ben")
    (tmp_path / "keys").write_text("dora\n\nemil\n")
    monkeypatch.setenv("FRONTEND_API_KEYS_FILE", str(tmp_path / "keys"))
    assert [key.get_secret_value() for key in load_settings().all_api_keys()] == ["anna", "ben", "dora", "emil"]


def test_a_bad_api_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRONTEND_API_KEYS", "anna,bén")
    with pytest.raises(StartupError, match="FRONTEND_API_KEYS=\\(secret\\): ") as refusal:
        load_settings()
    assert "bén" not in str(refusal.value)
    monkeypatch.setenv("FRONTEND_API_KEYS", "anna,")
    with pytest.raises(StartupError, match="it is empty"):
        load_settings()
    monkeypatch.delenv("FRONTEND_API_KEYS")
    (tmp_path / "keys").write_text("bén")
    monkeypatch.setenv("FRONTEND_API_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(StartupError, match="cannot be used: it may have letters") as refusal:
        load_settings().all_api_keys()
    assert "bén" not in str(refusal.value)
    for content, says in (b"\n \n", "has no key"), (b"\xff", "cannot be used: it is no text"):
        (tmp_path / "keys").write_bytes(content)
        with pytest.raises(StartupError, match=says):
            load_settings().all_api_keys()
