from pathlib import Path

import pytest

from moshi_backend.settings import Settings, load_settings
from moshi_frontend.settings import load_settings as load_frontend_settings
from moshi_service.errors import StartupError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MOSHI_{name.upper()}", raising=False)


def test_defaults_serve_the_demo_model_on_this_machine_only() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.model, settings.tls) == ("127.0.0.1", 8998, "demo", "auto")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHI_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    assert load_settings().allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("SLOTS", "0"),
        ("SLOTS", "257"),
        ("DEVICE", "gpu"),
        ("DTYPE", "int8"),
        ("TLS", "yes"),
        ("MODEL", ""),
        ("HOST", ""),
        ("SESSION_SECONDS", "inf"),
        ("DRAIN_SECONDS", "nan"),
        ("LOG_LEVEL", "loud"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "10.0.0.1, proxy.example"),
        ("TRUSTED_PROXIES", "*,10.0.0"),
        ("TRUSTED_PROXIES", "10.0.0.1;10.0.0.2"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_what_it_got(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MOSHI_{name}", value)
    with pytest.raises(StartupError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith(f"MOSHI_{name}={value!r}: ")
    assert "\n" not in line
    assert "It takes: " in line


@pytest.mark.parametrize(
    "value", ["", "*", " 10.0.0.1 , 10.0.0.0/8,", "::1,fd00::/8,10.1.2.3/8", "::ffff:10.0.0.0/104"]
)
def test_trusted_proxies_are_addresses_and_networks(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHI_TRUSTED_PROXIES", value)
    assert load_settings().trusted_proxies == value


@pytest.mark.parametrize("value", ["", " ", "two words", "caf\u00e9"])
def test_a_token_that_no_header_can_carry_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty token would turn authentication off without a word."""
    monkeypatch.setenv("MOSHI_API_TOKEN", value)
    for load in (load_settings, load_frontend_settings):
        with pytest.raises(StartupError, match=r"^MOSHI_API_TOKEN=\(secret\): ") as caught:
            load()
        assert not value.strip() or value not in str(caught.value)


def test_a_long_value_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHI_ALLOWED_ORIGINS", "x" * 6000)
    with pytest.raises(StartupError) as caught:
        load_settings()
    assert len(str(caught.value)) < 800


def test_certificate_files_must_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    monkeypatch.setenv("MOSHI_TLS", "files")
    monkeypatch.setenv("MOSHI_TLS_CERT", str(tmp_path / "cert.pem"))
    with pytest.raises(StartupError, match="MOSHI_TLS_KEY"):
        load_settings()
    (tmp_path / "key.pem").touch()
    monkeypatch.setenv("MOSHI_TLS_KEY", str(tmp_path / "key.pem"))
    assert load_settings().tls_key == tmp_path / "key.pem"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
