"""A voice and a role picked on the page, from the browser through both services to a model in PersonaPlex's shape."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

import personaplex_checkpoint
from support.browser import REPORT_VIOLATIONS, talking_browser
from support.services import running_frontend, running_moshi

pytestmark = pytest.mark.alone

ROLE = "You are <b>good</b> & you like “the sea”, 海."


def test_a_conversation_in_a_voice_and_a_role(tmp_path: Path) -> None:
    model = tmp_path / "personaplex"
    personaplex_checkpoint.make(model)
    complaints: list[str] = []
    with (
        running_moshi(tmp_path, {"MOSHI_MODEL": str(model), "MOSHI_SLOTS": "2"}) as moshi,
        running_frontend(tmp_path, moshi) as frontend,
        talking_browser(tmp_path) as browser,
    ):
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.add_init_script(REPORT_VIOLATIONS)
        page.goto(f"http://localhost:{frontend.port}/")
        page.get_by_label("Voice", exact=True).select_option("NATM0")
        page.get_by_label("Role").select_option("Write your own")
        text = page.get_by_label("What Moshi should be")
        text.press_sequentially("a " * 400)
        page.get_by_role("button", name="Connect").click()
        state = page.get_by_test_id("state")
        expect(state).to_contain_text("tokens; takes 85 at most", timeout=10_000)

        text.press("ControlOrMeta+a")
        text.press_sequentially(ROLE)
        page.get_by_role("button", name="Connect again").click()
        expect(page.get_by_role("button", name="Hang up")).to_be_visible(timeout=10_000)
        company = page.get_by_test_id("company")
        expect(company).to_contain_text("Voice NATM0")
        expect(company).to_contain_text(ROLE)
        expect(page.get_by_test_id("moshi")).to_have_text("Speaking", timeout=10_000)
        page.get_by_role("button", name="Hang up").click()

        page.get_by_label("Role").select_option("Museum guide")
        page.get_by_role("button", name="Connect again").click()
        expect(company).to_contain_text("Museum guide", timeout=10_000)
        page.get_by_role("button", name="Hang up").click()
        page.reload()
        expect(page.get_by_label("Voice", exact=True)).to_have_value("NATM0")
    assert complaints == []
    logs = (tmp_path / "moshi.log").read_text() + (tmp_path / "frontend.log").read_text()
    assert "you like" not in logs
    assert "you+like" not in logs
    assert "you%20like" not in logs
