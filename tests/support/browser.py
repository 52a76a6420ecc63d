"""Debian's Chromium with someone speaking into its microphone, and what a test looks at in a page."""

import os
import shutil
import subprocess
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright import async_api, sync_api
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "tests" / "artifacts"
AXE = ROOT / "frontend" / "web" / "node_modules" / "axe-core" / "axe.min.js"
DOCS = ROOT / "docs"
KEEP = "KEEP_FOR_DOCS"
"""With this variable set, tests renew the pictures and the recording in docs/."""

WORDS = "Hello Moshi. How are you today? Tell me about the weather, and then about the sea."
MICROPHONE_RATE = 48_000
ROOM = 3e-4
"""Root mean square of the noise in the microphone, -70 dBFS: a quiet room, and not a microphone that is off."""

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


def speech(folder: Path, said: Sequence[str | float] = (WORDS, 1.0)) -> Path:
    """Write a sound file for the microphone: spoken texts, and pauses in seconds. Chromium repeats it."""
    noise = np.random.default_rng(0)
    parts = [
        np.zeros(round(part * MICROPHONE_RATE)) if isinstance(part, float) else _spoken(part, folder) for part in said
    ]
    sound = np.concatenate(parts)
    sound += noise.normal(0, ROOM, len(sound))
    path = folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, MICROPHONE_RATE, 0, "NONE", ""))
        file.writeframes((sound.clip(-1, 1) * 32_767).astype(np.int16).tobytes())
    return path


def _spoken(text: str, folder: Path) -> NDArray[np.float64]:
    """A text in a voice of Flite, without the silence around it."""
    spoken, cut = folder / "spoken.wav", folder / "cut.raw"
    subprocess.run(["flite", "-voice", "awb", "-t", text, "-o", spoken], check=True)
    trim = ["silence", "1", "0.05", "1%", "reverse"] * 2
    form = ["-r", str(MICROPHONE_RATE), "-c", "1", "-b", "16", "-e", "signed"]
    subprocess.run(["sox", spoken, *form, cut, *trim], check=True)
    return np.fromfile(cut, np.int16) / 32_768


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
def talking_browser(folder: Path, said: Sequence[str | float] = (WORDS, 1.0)) -> Iterator[Browser]:
    """Chromium, with someone who says this into its microphone, again and again."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments(speech(folder, said)))
        yield browser
        browser.close()


def keep_picture(taken: Path, name: str) -> None:
    """If somebody asked for it, and docs/pictures has a picture of that name: replace it with this one."""
    kept = DOCS / "pictures" / f"{name}.webp"
    if os.environ.get(KEEP) and kept.exists():
        with Image.open(taken) as picture:
            picture.convert("RGB").save(kept, quality=80, method=6)
