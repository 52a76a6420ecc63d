"""`make run LAN=1` and a phone: a second machine scans the code in the terminal and has a conversation.

The phone is Chromium in a network namespace of its own. No phone took part.
"""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, ViewportSize, expect, sync_playwright

from support.browser import ARTIFACTS, WORDS, arguments, executable, speech
from support.namespace import HOST, Namespace, second_machine
from support.qr import read_picture, read_terminal
from support.window import Window, make_run

pytestmark = pytest.mark.alone

PICTURES = ARTIFACTS / "phone"
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def phone() -> Iterator[Namespace]:
    with second_machine() as other:
        yield other


@pytest.fixture(scope="module")
def window(phone: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with make_run(tmp_path_factory.mktemp("run"), "--lan") as window:
        yield window


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright, phone: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """On the phone."""
    folder = tmp_path_factory.mktemp("phone")
    program = phone.program(folder, executable())
    said = speech(folder, (6.5, WORDS, 6.0))
    browser = playwright.chromium.launch(executable_path=program, args=arguments(said))
    yield browser
    browser.close()


def scanned(window: Window, folder: Path) -> str:
    return read_terminal(window.printed, folder)


def fingerprint(window: Window) -> str:
    found = re.search(r"Its SHA-256:\s+scenario6: ([0-9A-F:]{95})", window.printed)
    assert found, window.printed
    return found[1]


def accept(page: Page) -> None:
    """As a person does, in Chromium's own warning."""
    page.locator("#details-button").click()
    page.locator("#proceed-link").click()


def unfold(page: Page) -> None:
    page.get_by_role("region", name="Open on your phone").locator("summary").click()


def test_the_terminal_shows_every_address_and_the_code_of_the_first(window: Window, tmp_path: Path) -> None:
    listed = re.findall(r"scenario6:   (https://\S+) \((\S+)\)", window.printed)
    port = window.ports[1]
    assert f"https://{HOST}:{port}" in [url for url, _ in listed]
    assert all(url.endswith(f":{port}") for url, _ in listed)
    assert scanned(window, tmp_path) == listed[0][0]
    last = window.printed.splitlines()[-1]
    assert last.startswith(f"scenario6: ready: open https://localhost:{port} and press Connect")


def test_over_http_the_phone_is_led_to_https_and_has_a_conversation(
    browser: Browser, window: Window, tmp_path: Path
) -> None:
    url = scanned(window, tmp_path).replace("https://", "http://")
    with browser.new_context(viewport=PHONE) as context:
        page = context.new_page()
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(url)
        accept(page)
        expect(page.get_by_test_id("state")).to_contain_text("Ready when you are")
        assert page.url.startswith("https://")
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_test_id("state")).to_contain_text("Live")
        expect(page.get_by_text("Moshi hears you")).to_be_visible()
        expect(page.get_by_test_id("captions")).to_contain_text(re.compile(r"(\S+\s+){5}"))


def test_over_https_the_phone_downloads_the_authority_that_the_terminal_describes(
    browser: Browser, window: Window, phone: Namespace, tmp_path: Path
) -> None:
    url = scanned(window, tmp_path)
    with browser.new_context(viewport=PHONE, ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(url)
        unfold(page)
        expect(page.get_by_test_id("fingerprint")).to_have_text(fingerprint(window))
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "on-the-phone.png", full_page=True)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the authority").click()
        assert download.value.suggested_filename == "scenario6-authority.crt"
        download.value.save_as(tmp_path / "authority.crt")
    pem = tmp_path / "authority.pem"
    pem.write_text(ssl.DER_cert_to_PEM_cert((tmp_path / "authority.crt").read_bytes()))
    answer = phone.run("curl", "--silent", "--fail", "--noproxy", "*", "--cacert", str(pem), f"{url}/alive")
    assert answer == '{"status":"alive"}'


def test_the_page_on_the_computer_shows_the_code_of_the_terminal(
    playwright: Playwright, window: Window, tmp_path: Path
) -> None:
    browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
    with browser.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(f"https://localhost:{window.ports[1]}")
        unfold(page)
        code = page.get_by_role("img", name="QR code of")
        code.screenshot(path=tmp_path / "code.png")
        assert read_picture(tmp_path / "code.png") == f"{scanned(window, tmp_path)}/"
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / "on-the-computer.png", full_page=True)
    browser.close()
