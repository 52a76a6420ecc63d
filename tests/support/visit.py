"""A person at the page, in any browser that Selenium drives: real clicks, real keys, and what the person sees."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from moshi_frontend.static import BUILT
from support.engines import Engine
from support.fake_moshi import FakeMoshi, Script
from support.marionette import SET_CONTEXT
from support.running_frontend import running_frontend

PATIENCE_SECONDS = 30.0
_BUTTON = "//*[self::button or self::summary][normalize-space()='{}']"
_FIELD = "//input[@id = //label[normalize-space()='{}']/@for]"
NOT_YET = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
"""A button that is about to come, or still moves."""
LINK = """document.body.prepend(
  Object.assign(document.createElement("a"), { href: "about:blank", target: "_blank", textContent: "Elsewhere" })
)"""
WATCH = """
window.complaints = [];
for (const level of ["error", "warn"]) {
  const shown = console[level];
  console[level] = (...given) => { complaints.push(given.join(" ")); shown.apply(console, given); };
}
addEventListener("error", ({ message }) => complaints.push(message));
addEventListener("unhandledrejection", ({ reason }) => complaints.push(String(reason)));
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  complaints.push(`policy violated: ${violatedDirective} ${blockedURI}`));
"""


@dataclass(frozen=True)
class Visit:
    engine: Engine
    moshi: FakeMoshi
    portal: BlockingPortal
    """Runs the fake moshi's coroutines in its own loop."""

    def click(self, name: str) -> None:
        """A button, as soon as it is there."""
        self._click(_BUTTON.format(name))

    def switch_on(self, label: str) -> None:
        self._click(_FIELD.format(label))
        self.wait(lambda: self._find(_FIELD.format(label)).is_selected())

    def fill_in(self, label: str, keys: str) -> None:
        """Clicks into a field and types."""
        self._click(_FIELD.format(label))
        self.type(keys)

    def value(self, label: str) -> str:
        return str(self._find(_FIELD.format(label)).get_property("value"))

    def type(self, keys: str) -> None:
        """On the keyboard, wherever the focus is."""
        ActionChains(self.engine.driver).send_keys(keys).perform()

    @contextmanager
    def key_held(self, key: str) -> Iterator[None]:
        ActionChains(self.engine.driver).key_down(key).perform()
        yield
        ActionChains(self.engine.driver).key_up(key).perform()

    @contextmanager
    def button_held(self, name: str) -> Iterator[None]:
        """With the mouse."""
        ActionChains(self.engine.driver).click_and_hold(self._find(_BUTTON.format(name))).perform()
        yield
        ActionChains(self.engine.driver).release().perform()

    @contextmanager
    def another_tab_in_front(self) -> Iterator[None]:
        """Opened by a click on a link, which a test adds to the page. The test still sees the page behind it."""
        driver = self.engine.driver
        page = driver.current_window_handle
        self.evaluate(LINK)
        self._click("//a[.='Elsewhere']")
        self.wait(lambda: self.evaluate("document.visibilityState") == "hidden")
        yield
        (other,) = set(driver.window_handles) - {page}
        driver.switch_to.window(other)
        driver.close()
        driver.switch_to.window(page)
        self.wait(lambda: self.evaluate("document.visibilityState") == "visible")

    @contextmanager
    def zoomed_in(self) -> Iterator[Callable[[int], None]]:
        """Gives a function that zooms to so many device pixels in each CSS pixel, by Firefox's own keys."""

        def zoom(wanted: int) -> None:
            while (before := self._device_pixels()) < wanted:
                self._control("+")
                self.wait(partial(self._is_larger_than, before))

        try:
            yield zoom
        finally:
            self._control("0")

    def _is_larger_than(self, before: float) -> bool:
        return self._device_pixels() > before

    def _device_pixels(self) -> float:
        return float(self.evaluate("devicePixelRatio"))

    def _control(self, key: str) -> None:
        driver = self.engine.driver
        driver.execute(SET_CONTEXT, {"value": "chrome"})
        ActionChains(driver).key_down(Keys.CONTROL).send_keys(key).key_up(Keys.CONTROL).perform()
        driver.execute(SET_CONTEXT, {"value": "content"})

    def connect(self) -> None:
        self.click("Connect")
        self.wait(lambda: self._find(_BUTTON.format("Hang up")).is_displayed())

    def text(self, test_id: str) -> str:
        """What a person reads there."""
        return str(self.evaluate(f"document.querySelector('[data-testid={test_id}]')?.innerText ?? ''"))

    def sees(self, test_id: str, words: str) -> None:
        """Waits until these words are at that place."""
        try:
            self.wait(lambda: words in self.text(test_id))
        except TimeoutError:
            raise AssertionError(f"{test_id} says {self.text(test_id)!r}, not {words!r}") from None

    def evaluate(self, expression: str) -> Any:
        return self.engine.driver.execute_script(f"return {expression}")

    def stats(self) -> dict[str, Any]:
        stats = self.evaluate("window.scenario6.stats()")
        assert isinstance(stats, dict)
        return stats

    def wait(self, until: Callable[[], object]) -> None:
        """Until this is true.

        Raises:
            TimeoutError: it never was.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(*NOT_YET):
                if until():
                    return
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.05)

    def saved(self, ending: str) -> Path:
        """The one file with that ending that the browser saved, complete."""
        found: list[Path] = []

        def complete() -> bool:
            found[:] = [path for path in self.engine.downloads.glob(f"*{ending}") if path.stat().st_size > 0]
            return len(found) == 1 and not list(self.engine.downloads.glob("*.part"))

        try:
            self.wait(complete)
        except TimeoutError:
            raise AssertionError(f"no {ending} was saved: {sorted(self.engine.downloads.iterdir())}") from None
        return found[0]

    def _find(self, path: str) -> WebElement:
        return self.engine.driver.find_element(By.XPATH, path)

    def _click(self, path: str) -> None:
        def clicked() -> bool:
            self._find(path).click()
            return True

        self.wait(clicked)


def watched_page(folder: Path) -> Path:
    """The built page with a first script that notes its complaints. WebDriver itself has nothing of that kind."""
    copy = folder / "page"
    if not copy.exists():
        shutil.copytree(BUILT, copy, ignore=shutil.ignore_patterns("index.html.*"))
        (copy / "watch.js").write_text(WATCH)
        page = copy / "index.html"
        page.write_text(page.read_text().replace("<head>", '<head><script src="./watch.js"></script>', 1))
    return copy


@contextmanager
def visit(engine: Engine, chat: Script) -> Iterator[Visit]:
    """The page of a fake moshi, without complaints until its end. Its address is new, so nothing is remembered."""
    page = watched_page(engine.downloads)
    moshi = FakeMoshi(chat=chat)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(moshi.running()),
        portal.wrap_async_context_manager(running_frontend(moshi.url, page=page)) as frontend,
    ):
        portal.call(partial(frontend.config, until=lambda config: config["moshi"]["health"]["status"] == "ready"))
        visit = Visit(engine, moshi, portal)
        engine.driver.get(f"http://{frontend.address}/")
        yield visit
        assert visit.evaluate("window.complaints") == []
        engine.driver.get("about:blank")
