"""The steps of docs/tutorial/verify.md, with the demo model and a browser that knows no certificate of ours beforehand.

Its pictures are in tests/artifacts/verify. With KEEP_FOR_DOCS=1 they replace those in docs/pictures.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from support.browser import ARTIFACTS, WORDS, keep_picture, talking_browser
from support.services import free_port
from support.terminal import started

pytestmark = pytest.mark.alone

PICTURES = ARTIFACTS / "verify"
SAID = re.compile(r"(\S+\s+){10}")
"""Some words."""

VOICE = (6.5, WORDS, 6.0)
"""The demo greets before anybody speaks to it."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with talking_browser(tmp_path_factory.mktemp("speech"), VOICE) as browser:
        yield browser


def settings(folder: Path, **more: str) -> dict[str, str]:
    ports = {"MOSHI_PORT": str(free_port()), "FRONTEND_PORT": str(free_port())}
    return {"MOSHI_STATE_DIR": str(folder), "FRONTEND_STATE_DIR": str(folder), **ports, **more}


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    taken = PICTURES / f"{name}.png"
    page.screenshot(path=taken, full_page=True)
    keep_picture(taken, f"demo-{name}")


def accept(page: Page) -> None:
    """As a person does, in Chromium's own warning."""
    expect(page.locator("#details-button")).to_be_visible()
    page.locator("#details-button").click()
    expect(page.locator("#proceed-link")).to_be_visible()
    picture(page, "certificate")
    page.locator("#proceed-link").click()


def converse(page: Page) -> None:
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_test_id("state")).to_contain_text("Live", timeout=10_000)
    expect(page.get_by_test_id("captions")).to_contain_text(SAID, timeout=20_000)
    expect(page.get_by_text("Moshi hears you")).to_be_visible(timeout=20_000)
    assert page.evaluate("window.scenario6.stats().playedRms") > 0.005


def test_over_https_one_certificate_is_accepted_and_then_moshi_is_heard(browser: Browser, tmp_path: Path) -> None:
    with (
        started("make run", settings(tmp_path, FRONTEND_TLS="auto"), tmp_path / "log") as address,
        browser.new_context(viewport={"width": 1280, "height": 800}) as context,
    ):
        page = context.new_page()
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(address)
        accept(page)
        expect(page.get_by_test_id("state")).to_contain_text("Ready when you are")
        expect(page.get_by_text("it does not understand your words")).to_be_visible()
        picture(page, "ready")
        converse(page)
        page.get_by_role("region", name="Connection").locator("summary").click()
        expect(page.get_by_test_id("figures")).to_be_visible()
        picture(page, "figures")


def test_in_direct_mode_the_page_leads_to_the_certificate_and_goes_on_by_itself(
    browser: Browser, tmp_path: Path
) -> None:
    direct = settings(tmp_path, FRONTEND_MOSHI_MODE="direct")
    direct["MOSHI_ALLOWED_ORIGINS"] = f"http://localhost:{direct['FRONTEND_PORT']}"
    with started("make run", direct, tmp_path / "log") as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Connect").click()
        expect(page.get_by_test_id("state")).to_contain_text("Certificate not accepted")
        with context.expect_page() as opened:
            page.get_by_role("link", name="Open the model").click()
        accept(opened.value)
        expect(page.get_by_test_id("state")).to_contain_text("Live", timeout=10_000)
