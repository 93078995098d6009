"""A headless Chromium, and what a page costs in it."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.ui import WebDriverWait

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120  # seconds
MISSING = "no Chromium with its chromedriver (Debian: chromium, chromium-driver)"
# What a person asks for: fields of the form, and their values.
ASKED: Mapping[str, Mapping[str, str]] = {
    "edit": {"edit": "cropped"},
    "day": {"day": "2026-01-10"},
    "margin": {"least": "0.5"},
    "largest first": {"sort": "large"},
    "name": {"search": "00007"},
}
# Fills the form, and answers when the frame after the new cards has been painted.
_FILTER = """
const [fields, answer] = arguments;
const before = performance.now();
for (const [name, value] of Object.entries(fields)) {
  const field = document.querySelector(`[name=${name}]`);
  field.value = value;
  field.dispatchEvent(new Event("input", {bubbles: true}));
}
const typed = Object.keys(fields).some((name) => ["search", "least", "most"].includes(name));
setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() =>
  answer([performance.now() - before, document.getElementById("count").textContent])
)), typed ? 151 : 0);
"""
_TIMES = """
const [found] = performance.getEntriesByType("navigation");
const paint = performance.getEntriesByName("first-contentful-paint")[0];
return {paint: paint.startTime, ready: found.domContentLoadedEventEnd,
        heap: performance.memory.usedJSHeapSize,
        cards: document.querySelectorAll(".card").length};
"""


@contextmanager
def chromium(downloads: Path | None = None) -> Iterator[Chrome]:
    """A headless Chromium within the `with` block; FileNotFoundError when there is none."""
    found, served = (
        next(filter(None, map(shutil.which, _BROWSERS)), None),
        shutil.which("chromedriver"),
    )
    if not found or not served:
        raise FileNotFoundError(MISSING)
    options = ChromeOptions()
    options.binary_location = found
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Without a sandbox of its own it also runs in a container. It opens our own pages only.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = Chrome(options=options, service=ChromeService(served))
    try:
        yield driver
    finally:
        driver.quit()


def measure(page: Path) -> dict[str, Any]:
    """Milliseconds to paint a gallery and to filter it, its memory, and what the console says."""
    with chromium() as driver:
        driver.set_script_timeout(_PATIENCE)
        driver.get(f"file://{page}")
        waiting = WebDriverWait(driver, _PATIENCE)
        waiting.until(lambda _: driver.execute_script("return document.querySelector('.tile')"))
        found: dict[str, Any] = dict(driver.execute_script(_TIMES))
        found["filters"] = {}
        for name, fields in ASKED.items():
            found["filters"][name] = driver.execute_async_script(_FILTER, dict(fields))
            driver.execute_async_script(_FILTER, dict.fromkeys(fields, ""))
        found["console"] = [entry["message"] for entry in driver.get_log("browser")]
    return found
