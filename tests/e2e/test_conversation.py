"""The main job in a real browser: both services as `make run` starts them, speech in the microphone, speech back."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from support.browser import ARTIFACTS, REPORT_VIOLATIONS, ROOT, WORDS, talking_browser
from support.services import clean_environment, descendants, free_port, is_there

pytestmark = pytest.mark.alone

START_SECONDS = 120.0
TALK_SECONDS = 15.0
SLOTS = 4


@dataclass
class Running:
    process: subprocess.Popen[str]
    page: str
    moshi: str
    authority: Path
    log: Path

    def used_slots(self) -> int:
        trust = ssl.create_default_context(cafile=self.authority)
        used = httpx.get(f"{self.moshi}/api/info", verify=trust, trust_env=False).json()["slots"]["used"]
        assert isinstance(used, int)
        return used

    def wait_for_slots(self, used: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (now := self.used_slots()) != used:
            assert time.monotonic() < deadline, f"{now} slots in use after {seconds} s, not {used}"
            time.sleep(0.02)


def start(folder: Path) -> Running:
    ports = {"MOSHI_PORT": str(free_port()), "FRONTEND_PORT": str(free_port())}
    environment = clean_environment(
        MOSHI_SLOTS=str(SLOTS),
        MOSHI_STATE_DIR=str(folder / "moshi"),
        FRONTEND_STATE_DIR=str(folder / "frontend"),
        **ports,
    )
    log = folder / "run.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "tools" / "run"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    running = Running(
        process,
        f"http://localhost:{ports['FRONTEND_PORT']}",
        f"https://localhost:{ports['MOSHI_PORT']}",
        folder / "moshi" / "tls" / "ca.pem",
        log,
    )
    deadline = time.monotonic() + START_SECONDS
    while f"ready: open {running.page}" not in log.read_text():
        assert process.poll() is None, f"exited with {process.returncode}:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s:\n{log.read_text()}"
        time.sleep(0.1)
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start(tmp_path_factory.mktemp("run"))
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGINT)
            running.process.wait(20)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's Chromium, with someone speaking into its microphone after the demo has greeted."""
    with talking_browser(tmp_path_factory.mktemp("speech"), (6.5, WORDS, 6.0)) as browser:
        yield browser


@dataclass
class Tab:
    page: Page
    complaints: list[str] = field(default_factory=list)
    """Console errors and warnings, exceptions and violations of the content security policy."""

    def stats(self) -> dict[str, Any]:
        stats = self.page.evaluate("window.scenario6.stats()")
        assert isinstance(stats, dict)
        return stats

    def connect(self) -> None:
        self.page.get_by_role("button", name="Connect").click()
        expect(self.page.get_by_role("button", name="Hang up")).to_be_visible(timeout=10_000)


def open_tab(browser: Browser, address: str) -> Tab:
    page = browser.new_page()
    tab = Tab(page)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            tab.complaints.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    page.add_init_script(REPORT_VIOLATIONS)
    page.goto(address)
    return tab


def picture(tab: Tab, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    tab.page.screenshot(path=ARTIFACTS / f"{name}.png")


def felt_delay(shown: str) -> int:
    """The milliseconds from mouth to ear, of which a packet (20 ms) and a frame (80 ms) can never be missing."""
    found = re.fullmatch(r"Delay (\d+) ms", shown)
    assert found, shown
    return int(found[1])


@pytest.mark.parametrize("query", ["", "?codec=wasm"], ids=["webcodecs", "wasm"])
def test_someone_speaks_and_hears_and_reads_moshi(query: str, running: Running, browser: Browser) -> None:
    tab = open_tab(browser, running.page + "/" + query)
    expect(tab.page.get_by_text("it does not understand your words")).to_be_visible()
    began = time.monotonic()
    tab.connect()
    assert running.used_slots() == 1
    tab.page.wait_for_timeout(TALK_SECONDS * 1000)
    stats = tab.stats()
    late = felt_delay(tab.page.get_by_test_id("delay").inner_text())
    # Each second of answers belongs to a second of speech, so the answers cannot be later than what is not played yet.
    # The page shows a delay of the last second.
    assert 100 < late < (time.monotonic() - began - stats["playedSeconds"] + 1) * 1000
    picture(tab, f"live-{stats['codec']}")
    assert stats["codec"] == ("wasm" if query else "webcodecs")
    assert stats["playedSeconds"] >= 12
    assert stats["playedRms"] > 0.005
    assert stats["peak"] < 1
    assert stats["underruns"] >= 0
    assert stats["insertedMs"] < 1500
    assert stats["droppedInputPackets"] == 0
    assert 0 < stats["roundTripMs"] < 1000
    assert stats["stepMs"] > 0
    captions = tab.page.get_by_test_id("captions").inner_text()
    assert len(captions.split()) >= 5
    assert tab.complaints == []
    print(f"browser, {TALK_SECONDS:.0f} s: {stats}")

    tab.page.get_by_role("button", name="Hang up").click()
    running.wait_for_slots(0, 1.0)
    expect(tab.page.get_by_role("button", name="Connect")).to_be_visible()
    picture(tab, f"ended-{stats['codec']}")
    tab.page.close()


def test_two_tabs_converse_at_the_same_time_and_a_closed_one_frees_its_slot(running: Running, browser: Browser) -> None:
    tabs = [open_tab(browser, running.page) for _ in range(2)]
    for tab in tabs:
        tab.connect()
    assert running.used_slots() == 2
    tabs[0].page.wait_for_timeout(5000)
    assert all(tab.stats()["playedSeconds"] > 2 for tab in tabs)
    tabs[0].page.close()
    running.wait_for_slots(1, 1.0)
    heard = tabs[1].stats()["playedSeconds"]
    tabs[1].page.wait_for_timeout(2000)
    assert tabs[1].stats()["playedSeconds"] > heard + 1
    assert [tab.complaints for tab in tabs] == [[], []]
    tabs[1].page.close()
    running.wait_for_slots(0, 1.0)


def test_muted_the_microphone_is_silent_and_the_conversation_goes_on(running: Running, browser: Browser) -> None:
    tab = open_tab(browser, running.page)
    tab.connect()
    tab.page.get_by_role("button", name="Mute").click()
    expect(tab.page.get_by_role("button", name="Unmute")).to_be_visible()
    sent = tab.stats()["audioMessagesOut"]
    tab.page.wait_for_timeout(2000)
    assert tab.stats()["audioMessagesOut"] > sent + 50
    tab.page.get_by_role("button", name="Unmute").click()
    assert tab.complaints == []
    tab.page.close()
    running.wait_for_slots(0, 1.0)


def test_one_too_many_waits_and_is_next(running: Running, browser: Browser) -> None:
    tabs = [open_tab(browser, running.page) for _ in range(SLOTS + 1)]
    *talking, waiting = tabs
    for tab in talking:
        tab.connect()
    waiting.page.get_by_role("button", name="Connect").click()
    expect(waiting.page.get_by_test_id("state")).to_contain_text("You are next", timeout=10_000)
    talking[0].page.get_by_role("button", name="Hang up").click()
    expect(waiting.page.get_by_test_id("state")).to_contain_text("Live", timeout=10_000)
    for tab in tabs:
        tab.page.close()
    running.wait_for_slots(0, 2.0)


def test_ctrl_c_ends_everything_with_exit_code_0(running: Running, browser: Browser) -> None:
    """The last test here: it stops the services, with a conversation going on."""
    tab = open_tab(browser, running.page)
    tab.connect()
    children = descendants(running.process.pid)
    assert len(children) >= 2
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) == 0, running.log.read_text()
    assert [child for child in children if is_there(child)] == []
    expect(tab.page.get_by_test_id("state")).to_contain_text("shutting down", timeout=5000)
    tab.page.close()


def test_a_port_in_use_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for variable in ("MOSHI_PORT", "FRONTEND_PORT"):
            other = {"MOSHI_PORT": str(free_port()), "FRONTEND_PORT": str(free_port())} | {variable: str(port)}
            environment = clean_environment(
                MOSHI_STATE_DIR=str(tmp_path / "m"), FRONTEND_STATE_DIR=str(tmp_path / "f"), **other
            )
            refused = subprocess.run(
                [sys.executable, ROOT / "tools" / "run"], env=environment, capture_output=True, text=True, timeout=60
            )
            assert refused.returncode == 3
            assert refused.stderr.count("\n") == 1
            assert variable in refused.stderr
            assert str(port) in refused.stderr
