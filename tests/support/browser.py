"""Debian's Chromium with someone speaking into its microphone, and what a test looks at in a page."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright import async_api, sync_api
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests" / "artifacts"
AXE = ROOT / "frontend" / "web" / "node_modules" / "axe-core" / "axe.min.js"
WORDS = "Hello Moshi. How are you today? Tell me about the weather, and then about the sea."

PATIENCE_MS = 30_000
"""How long a test waits for what should be in the page. It costs nothing on a fast machine, and a slow one needs it."""
async_api.expect.set_options(timeout=PATIENCE_MS)
sync_api.expect.set_options(timeout=PATIENCE_MS)

REPORT_VIOLATIONS = (
    "document.addEventListener('securitypolicyviolation', event =>"
    " console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`))"
)


def executable() -> str:
    found = shutil.which("chromium")
    assert found, "chromium is missing; tools/test-packages installs it"
    return found


def speech(folder: Path) -> Path:
    """A spoken text, and a second of silence."""
    spoken, padded = folder / "spoken.wav", folder / "speech.wav"
    subprocess.run(["espeak-ng", "-w", spoken, WORDS], check=True)
    subprocess.run(["sox", spoken, "-r", "48000", "-c", "1", padded, "pad", "0", "1"], check=True)
    return padded


def arguments(microphone: Path) -> list[str]:
    """Chromium's, with a file for a microphone that is allowed without a question."""
    return [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=user-gesture-required",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]


@contextmanager
def talking_browser(folder: Path) -> Iterator[Browser]:
    """Chromium, with someone speaking into its microphone."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments(speech(folder)))
        yield browser
        browser.close()
