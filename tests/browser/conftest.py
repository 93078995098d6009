"""A headless Chromium, and the report of a small lake opened from the disk.

Needs Chromium and chromedriver, of the distribution or on the path.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.report.browser import chromium
from imgdedup.report import pages
from tests.small_lakes import small_lake

_PATIENCE = 20  # seconds
DESKTOP, PHONE = (1280, 900), (390, 844)


class Browser:
    """A browser at a report, with what the tests ask of it."""

    def __init__(self, driver: Chrome, root: Path, downloads: Path) -> None:
        self.driver, self.root, self.downloads = driver, root, downloads

    def open(self, page: str = "gallery.html") -> None:
        """Open a page of the report, as nobody has seen it before."""
        (folder,) = (self.root / "report").glob("pages-*")
        path = self.root / "report" / page if page == "index.html" else folder / page
        address, _, hash_ = str(path).partition("#")
        self.driver.get("about:blank")
        self.driver.get(f"file://{address}{'#' if hash_ else ''}{hash_}")

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def wait(self, script: str) -> Any:
        """Wait until an expression of JavaScript is true, and return it."""
        waiting = WebDriverWait(self.driver, _PATIENCE, poll_frequency=0.02)
        return waiting.until(lambda _: self.run(f"return {script}"), script)

    def press(self, keys: str) -> None:
        """Press keys, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(keys)

    def emulate(self, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        """Take the size of a screen and a scheme of colours."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        phone = {"mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics | phone)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def exported(self) -> dict[str, Any]:
        """Wait for the file of marks, take it away, and return what it holds."""
        file = self.downloads / "imgdedup-reviews.json"
        WebDriverWait(self.driver, _PATIENCE, poll_frequency=0.02).until(lambda _: file.exists())
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
        return found

    def complaints(self) -> list[str]:
        """What the console says, of errors and of refused contents."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    root = small_lake(tmp_path_factory.mktemp("lake"))
    pages.write(str(root))
    downloads = tmp_path_factory.mktemp("downloads")
    with ExitStack() as stack:
        try:
            driver = stack.enter_context(chromium(downloads))
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield Browser(driver, root, downloads)


@pytest.fixture
def browser(started: Browser) -> Iterator[Browser]:
    """The browser at the gallery, without marks; afterwards its console must be empty."""
    started.emulate()
    started.open()
    started.wait("document.querySelectorAll('.tile').length === 6")
    yield started
    started.open()
    started.run("window.localStorage.clear()")
    assert started.complaints() == []
