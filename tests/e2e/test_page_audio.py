"""What the page does with sound, against a moshi that gives back what it hears: how late, and how much of it."""

import json
import statistics
import subprocess
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sphn
from playwright.async_api import Browser, Page, async_playwright, expect

from moshi_frontend.static import BUILT
from support.browser import PATIENCE_MS, arguments, executable
from support.fake_moshi import FakeMoshi, framed_echo
from support.running_frontend import running_frontend

pytestmark = [pytest.mark.anyio, pytest.mark.alone]

LISTEN_SECONDS = 10
CLICK_SECONDS = 0.5
CONNECT_BYTES_GZ = 60_000

# Laid over the browser, not the page: notes when a click enters the page and when it reaches the speaker, on the
# audio clock. 20 ms of tone every half second are easy to find.
LISTENER = """
registerProcessor("onsets", class extends AudioWorkletProcessor {
  quiet = 0;
  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (let index = 0; index < samples.length; index++) {
      if (Math.abs(samples[index]) < 0.05) { this.quiet++; continue; }
      if (this.quiet > sampleRate / 5) this.port.postMessage((currentFrame + index) / sampleRate);
      this.quiet = 0;
    }
    return true;
  }
});
"""
LISTEN = """
(() => {
  const heard = (window.heard = { in: [], out: [] });
  const connect = AudioNode.prototype.connect;
  const tap = async (node, list) => {
    await node.context.listenerReady;
    const listener = new AudioWorkletNode(node.context, "onsets", { numberOfOutputs: 0 });
    listener.port.onmessage = ({ data }) => list.push(data);
    connect.call(node, listener);
  };
  AudioNode.prototype.connect = function (target, ...others) {
    if (this instanceof MediaStreamAudioSourceNode) void tap(this, heard.in);
    if (target === this.context.destination) void tap(this, heard.out);
    return connect.call(this, target, ...others);
  };
  window.AudioContext = class extends AudioContext {
    listenerReady = this.audioWorklet.addModule(URL.createObjectURL(new Blob([LISTENER], { type: "text/javascript" })));
  };
})()
"""
JANK = """
() => {
  setInterval(() => { const until = performance.now() + 200; while (performance.now() < until); }, 500);
}
"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """For the module, because its browser is: they share a loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    clicks = tmp_path_factory.mktemp("clicks") / "clicks.wav"
    tone = ["synth", "0.02", "sine", "1000", "gain", "-3", "pad", "0", str(CLICK_SECONDS - 0.02), "repeat", "19"]
    subprocess.run(["sox", "-n", "-r", "48000", "-c", "1", "-b", "16", clicks, *tone], check=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable(), args=arguments(clicks))
        yield browser
        await browser.close()


async def listen(browser: Browser, query: str, *, jank: bool) -> tuple[dict[str, Any], list[float], int]:
    """The page's figures, the delay of each click from microphone to speaker in ms, and how many were not heard."""
    moshi = FakeMoshi(chat=framed_echo)
    async with moshi.running(), running_frontend(moshi.url, page=BUILT) as frontend:
        # The listener is no part of the page, so the page's content security policy knows nothing of it.
        page = await browser.new_page(bypass_csp=True)
        page.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.add_init_script(f"const LISTENER = {json.dumps(LISTENER)}; {LISTEN}")
        await page.goto(f"http://{frontend.address}/{query}")
        # The microphone as it is: what cancels echo would take the clicks for it.
        await page.evaluate(
            "() => { const devices = navigator.mediaDevices; const open = devices.getUserMedia.bind(devices);"
            " devices.getUserMedia = () => open({ audio: { echoCancellation: false, noiseSuppression: false,"
            " autoGainControl: false } }) }"
        )
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_role("button", name="Hang up")).to_be_visible()
        if jank:
            await page.evaluate(JANK)
        await page.wait_for_timeout(LISTEN_SECONDS * 1000)
        stats = await page.evaluate("window.scenario6.stats()")
        heard = await page.evaluate("window.heard")
        await page.close()
    assert complaints == []
    return stats, *delays(heard["in"], heard["out"])


def delays(said: list[float], heard: list[float]) -> tuple[list[float], int]:
    """The first second is left out: the conversation is only beginning; and so is the end, which is still under way."""
    begin, end = heard[0] + 1, heard[-1] - CLICK_SECONDS
    expected = [at for at in said if begin < at < end]
    found = [min((late - at for late in heard if late > at), default=9.0) for at in expected]
    kept = [delay * 1000 for delay in found if delay < CLICK_SECONDS]
    return kept, len(expected) - len(kept)


@pytest.mark.parametrize("query", ["", "?codec=wasm"], ids=["webcodecs", "wasm"])
@pytest.mark.parametrize("jank", [False, True], ids=["smooth", "jank"])
async def test_every_click_comes_back(browser: Browser, query: str, jank: bool) -> None:
    stats, late, lost = await listen(browser, query, jank=jank)
    assert stats["codec"] == ("wasm" if query else "webcodecs")
    assert len(late) >= 14
    assert lost == 0
    assert stats["droppedInputPackets"] == 0
    late.sort()
    p50, p95 = statistics.median(late), late[int(len(late) * 0.95)]
    assert p95 < 700  # far above what an idle machine has, so that other work on it does not matter
    print(f"{stats['codec']}, jank {jank}: p50 {p50:.0f} ms, p95 {p95:.0f} ms of {len(late)}, {lost} lost")
    print(f"  underruns {stats['underruns']}, inserted {stats['insertedMs']:.0f} ms")


async def test_both_sides_are_recorded_and_saved(browser: Browser, tmp_path: Path) -> None:
    moshi = FakeMoshi(chat=framed_echo)
    async with moshi.running(), running_frontend(moshi.url, page=BUILT) as frontend:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(f"http://{frontend.address}/")
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("switch", name="Record both sides").check()
        await page.get_by_role("button", name="Close").click()
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_role("button", name="Hang up")).to_be_visible()
        await page.wait_for_timeout(4000)
        await page.get_by_role("button", name="Hang up").click()
        for kind, ending in (("WAV", "wav"), ("Opus", "opus")):
            await page.get_by_text("Save", exact=True).click()
            async with page.expect_download() as download:
                await page.get_by_role("button", name=f"Recording as {kind}").click()
            await (await download.value).save_as(tmp_path / f"saved.{ending}")
        await page.close()
    with wave.open(str(tmp_path / "saved.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        plain = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).T / 32_768
    packed, rate = sphn.read_opus(tmp_path / "saved.opus")
    for sides, seconds in ((plain, plain.shape[1] / 24_000), (packed, packed.shape[1] / rate)):
        assert sides.shape[0] == 2
        assert 3.5 < seconds < 8
        assert all(np.sqrt((side**2).mean()) > 0.005 for side in sides), "a side is silent"


async def test_little_is_loaded_before_a_conversation(browser: Browser) -> None:
    moshi = FakeMoshi()
    async with moshi.running(), running_frontend(moshi.url, page=BUILT) as frontend:
        page = await browser.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        await page.goto(f"http://{frontend.address}/", wait_until="networkidle")
        loaded = [BUILT / url.removeprefix(f"http://{frontend.address}/") for url in requests if "/api/" not in url]
        sizes = {file.name: packed(file) for file in loaded if file.is_file()} | {
            "index.html": packed(BUILT / "index.html")
        }
        timing = await load_timing(page)
        await page.close()
    assert all(url.startswith(f"http://{frontend.address}/") for url in requests), "a third party is asked"
    assert not any("worker" in name or "worklet" in name for name in sizes)
    print(f"before a conversation: {sizes}, {sum(sizes.values())} bytes packed; {timing}")
    assert sum(sizes.values()) < CONNECT_BYTES_GZ


def packed(file: Path) -> int:
    """Bytes by gzip, as the build packed it."""
    small = file.with_name(f"{file.name}.gz")
    return (small if small.exists() else file).stat().st_size


async def load_timing(page: Page) -> dict[str, float]:
    """Milliseconds since the navigation began."""
    timing = await page.evaluate(
        """() => new Promise(resolve => new PerformanceObserver(list => {
          const [navigation] = performance.getEntriesByType('navigation');
          const paint = performance.getEntriesByName('first-contentful-paint')[0];
          resolve({
            firstPaint: paint?.startTime ?? 0,
            largestPaint: list.getEntries().at(-1).startTime,
            loaded: navigation.loadEventEnd,
          });
        }).observe({ type: 'largest-contentful-paint', buffered: true }))"""
    )
    assert isinstance(timing, dict)
    return {name: round(value) for name, value in timing.items()}
