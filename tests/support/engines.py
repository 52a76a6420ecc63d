"""Debian's Chromium, Firefox and WebKitGTK, driven by Selenium, in a room with a microphone and a speaker."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.remote.webdriver import WebDriver

from support.marionette import Marionette
from support.sound import Room

WIDTH, HEIGHT = 1280, 900
START_SECONDS = 120.0
FIREFOX = {
    "marionette.port": 0,  # any, which Firefox writes into its profile
    "media.navigator.permission.disabled": True,
    "browser.download.folderList": 2,
    "browser.download.alwaysOpenPanel": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.startup.max_resumed_crashes": -1,
}
"""No question about the microphone, files saved without a question, nothing updated."""


@dataclass(frozen=True)
class Engine:
    """A running browser, which saves files in `downloads`."""

    name: str
    driver: WebDriver
    downloads: Path


@contextmanager
def chromium(folder: Path, room: Room) -> Iterator[Engine]:
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",  # answers the question about the microphone
        f"--window-size={WIDTH},{HEIGHT}",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    service = webdriver.ChromeService(_program("chromedriver"), env=room.environment)
    driver = webdriver.Chrome(options, service)
    try:
        yield Engine("chromium", driver, folder)
    finally:
        driver.quit()


@contextmanager
def firefox(folder: Path, room: Room) -> Iterator[Engine]:
    profile, output = folder / "profile", folder / "output.log"
    profile.mkdir()
    preferences = FIREFOX | {"browser.download.dir": str(folder)}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [
        _program("firefox-esr", "firefox"),
        "--headless",
        "--marionette",
        "--remote-allow-system-access",  # to the keys of the browser itself
        "--no-remote",
        "--profile",
        str(profile),
    ]
    size = {"MOZ_HEADLESS_WIDTH": str(WIDTH), "MOZ_HEADLESS_HEIGHT": str(HEIGHT)}
    with output.open("w") as log:
        process = subprocess.Popen(
            command, env=room.environment | size, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        port = profile / "MarionetteActivePort"
        _wait(lambda: port.exists() and port.read_text() != "", process, output)
        driver = WebDriver(Marionette(int(port.read_text())), options=webdriver.FirefoxOptions())
        yield Engine("firefox", driver, folder)
        driver.quit()
        process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def webkit(folder: Path, room: Room) -> Iterator[Engine]:
    """WebKitGTK's own small browser, which needs a screen."""
    options = webdriver.WebKitGTKOptions()
    options.binary_location = _mini_browser()
    for argument in ("--automation", "--enable-media-stream=true"):
        options.add_argument(argument)
    with _screen(folder) as display:
        own = {"DISPLAY": display, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DOWNLOAD_DIR": str(folder)}
        service = webdriver.WebKitGTKService(_program("WebKitWebDriver"), env=room.environment | own)
        service.start()
        try:
            driver = WebDriver(RemoteConnection(client_config=ClientConfig(service.service_url)), options=options)
            driver.set_window_size(WIDTH, HEIGHT)
            yield Engine("webkit", driver, folder)
            driver.quit()
        finally:
            _end(service.process)
            service.stop()


ENGINES: dict[str, Callable[[Path, Room], AbstractContextManager[Engine]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
}


def _end(driver: subprocess.Popen[bytes]) -> None:
    """WebKitGTK's driver sometimes does not end when it is asked. Selenium would wait for a minute."""
    driver.terminate()
    try:
        driver.wait(5)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()  # otherwise Selenium sends a request to the process that was killed


@contextmanager
def _screen(folder: Path) -> Iterator[str]:
    """The name of an X display without a monitor."""
    reader, writer = os.pipe()
    with (folder / "xvfb.log").open("w") as log:
        process = subprocess.Popen(
            [_program("Xvfb"), "-displayfd", str(writer), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"],
            pass_fds=[writer],
            stdout=log,
            stderr=log,
        )
    os.close(writer)
    try:
        with os.fdopen(reader) as chosen:
            number = chosen.readline().strip()
        assert number, (folder / "xvfb.log").read_text()
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)


def _program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"{names[0]} is missing; tools/test-packages installs it"
    return found


def _mini_browser() -> str:
    """WebKitGTK keeps it beside its own processes."""
    found = [
        path for folder in ("lib", "libexec") for path in Path("/usr", folder).glob("**/webkit2gtk-4.1/MiniBrowser")
    ]
    assert found, "MiniBrowser of WebKitGTK is missing; tools/test-packages installs it"
    return str(found[0])


def _wait(until: Callable[[], bool], process: subprocess.Popen[bytes], output: Path) -> None:
    """The process says in `output` why it ended before."""
    deadline = time.monotonic() + START_SECONDS
    while not until():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
