"""The gallery in a real browser, opened from the disk."""

import json
from datetime import datetime

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import DESKTOP, PHONE, Browser
from tests.small_lakes import DAYS, HOSTILE, content_of

KEEPER, HALF = "bridge/whole.png", "bridge/half-mirrored.jpg"


def count(browser: Browser, words: str) -> None:
    browser.wait(f"document.getElementById('count').textContent === {words!r}")


def ask(browser: Browser, **fields: str) -> None:
    """Fill fields of the form as a person does."""
    for name, value in fields.items():
        browser.run(
            f"const field = document.querySelector('[name={name}]'); field.value = {value!r};"
            "field.dispatchEvent(new Event('input', {bubbles: true}))"
        )


ASKED = [
    ({"edit": "mirrored"}, "1 group, 1 copy"),
    ({"kind": "exact"}, "1 group, 1 copy"),
    ({"day": DAYS[0]}, "2 groups, 7 copies"),
    ({"source": "file:///photos/hostile"}, "1 group, 5 copies"),
    ({"least": "0.5"}, "1 group, 5 copies"),
    ({"most": "0.5"}, "1 group, 1 copy"),
    ({"size": "0.1-1"}, "1 group, 1 copy"),
    ({"size": "12-"}, "No group is as asked."),
    ({"search": "HALF-mirr"}, "1 group, 1 copy"),
    ({"kind": "near", "search": "bridge"}, "1 group, 1 copy"),
]


def test_fields_choose_groups(browser: Browser) -> None:
    for fields, words in ASKED:
        ask(browser, **fields)
        count(browser, words)
        ask(browser, **dict.fromkeys(fields, ""))
        count(browser, "2 groups, 7 copies")


def test_across_days_and_clear(browser: Browser) -> None:
    browser.one("#more summary").click()
    browser.one("[name=across]").click()
    count(browser, "2 groups, 7 copies")  # every copy came a day after its keeper
    ask(browser, kind="near")
    count(browser, "2 groups, 6 copies")
    assert browser.one("#active").text == "(2)"
    browser.one("button[type=reset]").click()
    count(browser, "2 groups, 7 copies")


def test_a_link_opens_the_gallery_as_it_asks(browser: Browser) -> None:
    browser.open("gallery.html#kind=exact&search=twin")
    count(browser, "1 group, 1 copy")
    ask(browser, kind="", search="")
    count(browser, "2 groups, 7 copies")
    browser.open("gallery.html#day=2020-01-01")  # a day without copies
    count(browser, "No group is as asked.")
    assert browser.one("[name=day]").get_attribute("value") == "2020-01-01"


def test_the_weakest_pair_comes_first_and_groups_can_be_sorted(browser: Browser) -> None:
    assert browser.one(".card h2").text == KEEPER
    ask(browser, sort="large")
    browser.wait("document.querySelector('.card h2').textContent.startsWith('hostile/')")


def test_marks_are_kept_and_exported_as_one_file(browser: Browser) -> None:
    browser.press("n")
    browser.press("d")
    assert browser.one(".tile .mark").text == "≠ different"
    browser.open()
    browser.wait("document.querySelector('.tile .mark').textContent === '≠ different'")
    browser.press("n")
    browser.press(Keys.ENTER)
    browser.one("#reason").send_keys("another bridge", Keys.TAB)
    browser.one("#close").click()
    browser.one("#export").click()
    browser.one("#reviewer").send_keys("Ada", Keys.ENTER)
    found = browser.exported()
    assert (found["imgdedup"], found["version"]) == ("reviews", 1)
    (review,) = found["reviews"]
    assert datetime.fromisoformat(review.pop("reviewed_at")).utcoffset() is not None
    contents = sorted([(content_of(KEEPER), KEEPER), (content_of(HALF), HALF)])
    assert review == {
        "left_content": contents[0][0],
        "right_content": contents[1][0],
        "left_id": contents[0][1],
        "right_id": contents[1][1],
        "verdict": "different",
        "reviewer": "Ada",
        "reason": "another bridge",
    }
    # The name is asked once. What was exported and is taken back is exported as none.
    browser.one(".tile").click()
    browser.press("u")
    browser.one("#close").click()
    browser.one("#export").click()
    (review,) = browser.exported()["reviews"]
    assert (review["verdict"], review["reviewer"]) == ("none", "Ada")


def test_marks_of_two_tabs_come_together(browser: Browser) -> None:
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    try:
        browser.open()
        browser.press("n")
        browser.press("s")
        browser.driver.switch_to.window(first)
        browser.wait("document.querySelector('#marks').textContent.startsWith('1 same')")
        browser.run("document.querySelectorAll('.tile')[2].focus()")
        browser.press("d")
        assert browser.one("#marks").text == "1 same, 1 different (2 not exported)"
    finally:
        browser.driver.switch_to.window(
            next(h for h in browser.driver.window_handles if h != first)
        )
        browser.driver.close()
        browser.driver.switch_to.window(first)


def test_keys_go_through_the_pairs_and_mark_them(browser: Browser) -> None:
    browser.press("n")
    browser.press(Keys.ENTER)
    place = "document.getElementById('viewer-place').textContent"
    browser.wait(f"{place}.startsWith('1 of 7')")
    browser.press("s")
    assert browser.one("#same").get_attribute("aria-pressed") == "true"
    browser.press("n")
    browser.wait(f"{place}.startsWith('2 of 7')")
    assert not browser.one("#same").is_enabled()  # equal bytes
    browser.press("s")
    browser.press(Keys.ARROW_RIGHT)
    browser.press("d")
    browser.press(Keys.ARROW_LEFT)
    browser.press("p")
    browser.wait(f"{place}.startsWith('1 of 7')")
    browser.press("u")
    assert browser.one("#same").get_attribute("aria-pressed") == "false"
    browser.press("n")
    browser.press("n")
    browser.press(Keys.ESCAPE)
    assert not browser.one("#viewer").is_displayed()
    assert browser.run("return document.activeElement.pair.group.id").startswith("hostile/")
    assert browser.one("#marks").text == "0 same, 1 different (1 not exported)"
    browser.press("/")
    browser.press("snd")  # letters of a search are no commands
    assert browser.one("#search").get_attribute("value") == "snd"
    count(browser, "No group is as asked.")


def test_the_frame_and_the_overlay_follow_the_map(browser: Browser) -> None:
    points = browser.one(".tile .frame .over").get_attribute("points") or ""
    found = sorted({tuple(round(float(v), 3) for v in p.split(",")) for p in points.split()})
    assert found == [(0.5, 0.0), (0.5, 1.0), (1.0, 0.0), (1.0, 1.0)]
    browser.one(".tile").click()
    for mode in ("slider", "blink", "difference"):
        browser.one(f"[data-mode={mode}]").click()
        base, laid = (
            browser.run(
                f"const box = document.querySelector('{selector}').getBoundingClientRect();"
                "return [box.left, box.top, box.right, box.bottom]"
            )
            for selector in ("#overlay > .picture", "#overlay .layer .picture")
        )
        assert laid == pytest.approx([(base[0] + base[2]) / 2, *base[1:]], abs=0.5)
    browser.one("[data-mode=slider]").click()
    browser.run(
        "const field = document.querySelector('#slide input'); field.value = 75;"
        "field.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    clip = browser.run("return getComputedStyle(document.querySelector('.layer')).clipPath")
    assert clip == "inset(0px 0px 0px 75%)"


@pytest.mark.parametrize(
    "frame_map",
    [
        [0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 1.0],  # a quarter turn
        [1.2, 0.3, -0.1, -0.2, 0.9, 0.05, 0.1, -0.2, 1.0],  # a perspective
    ],
)
def test_an_image_is_laid_where_its_map_takes_it(browser: Browser, frame_map: list[float]) -> None:
    width, height, corner = 200, 120, (0.7, 0.4)
    matrix = np.reshape(frame_map, (3, 3))
    for is_from_keeper, expected in ((0, matrix), (1, np.linalg.inv(matrix))):
        x, y, depth = expected @ [*corner, 1]
        pair = {"kind": "near", "map": frame_map, "from_keeper": is_from_keeper, "wider": 1}
        found = browser.run(
            f"const map = imgdedup.intoWider({json.dumps(pair)});"
            f"const matrix = new DOMMatrix(imgdedup.matrix3d(map, {width}, {height}));"
            f"const point = {{x: {corner[0] * width}, y: {corner[1] * height}}};"
            "const {x, y, w} = matrix.transformPoint(point); return [x / w, y / w]"
        )
        assert found == pytest.approx([x / depth * width, y / depth * height], abs=0.01)


def test_hostile_names_are_shown_and_do_nothing(browser: Browser) -> None:
    shown = [element.text for element in browser.all(".tile .name")]
    assert f"hostile/{HOSTILE[1]}" in shown
    assert "hostile/invoice\\u202egpj.exe" in shown
    assert "hostile/two\\u000alines\\u2028three.jpg" in shown
    assert browser.run("return imgdedup.visible('a\\ud800b')") == "a\\ud800b"  # half a sign
    assert browser.run("return [...document.images].every((i) => i.src.endsWith('.jpg'))")
    for page in ("index.html", *(path.name for path in browser.root.glob("report/*/run-*.html"))):
        browser.open(page)
        assert browser.all("img, iframe, object") == []
        grid = "getComputedStyle(document.querySelector('.tiles')).display"
        assert browser.run(f"return {grid}") == "grid"  # the style sheet is allowed


def test_thumbnails_come_when_they_are_seen(browser: Browser) -> None:
    browser.wait("[...document.images].filter((image) => image.naturalWidth > 0).length >= 2")
    assert browser.run("return [...document.images].every((i) => i.loading === 'lazy')")


def test_marks_live_on_where_the_browser_keeps_nothing(browser: Browser) -> None:
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    command = "Page.addScriptToEvaluateOnNewDocument"
    added = browser.driver.execute_cdp_cmd(command, {"source": refuse})
    try:
        browser.open()
        browser.press("n")
        browser.press("s")
        assert "1 same" in browser.one("#marks").text
        assert "This browser keeps no marks" in browser.one("#marks").text
        browser.one("#export").click()
        browser.one("#reviewer").send_keys("Ada", Keys.ENTER)
        assert [review["verdict"] for review in browser.exported()["reviews"]] == ["same"]
    finally:
        remove = "Page.removeScriptToEvaluateOnNewDocument"
        browser.driver.execute_cdp_cmd(remove, {"identifier": added["identifier"]})


@pytest.mark.parametrize("page", ["gallery.html", "index.html", "run"])
def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(
    browser: Browser, page: str
) -> None:
    if page == "run":
        page = next(browser.root.glob("report/*/run-*.html")).name
    browser.emulate(PHONE)
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE[0]
    for control in browser.all("a, button, input, select, summary, svg[role=img]"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")
    browser.emulate(DESKTOP)


def test_dark_and_light_follow_the_system(browser: Browser) -> None:
    def contrast() -> tuple[float, float]:
        """How light ground and ink are, 0 to 255."""
        style = "getComputedStyle(document.body)"
        colours = browser.run(f"return [{style}.backgroundColor, {style}.color]")
        light = [sum(map(int, colour[4:-1].split(","))) / 3 for colour in colours]
        return light[0], light[1]

    ground, ink = contrast()
    assert ground - ink > 150
    browser.emulate(scheme="dark")
    ground, ink = contrast()
    assert ink - ground > 150
    browser.emulate()


def test_the_focus_is_seen(browser: Browser) -> None:
    browser.press("n")
    style = "getComputedStyle(document.activeElement)"
    assert browser.run(f"return {style}.outlineStyle") == "solid"
    assert browser.run("return document.activeElement.className") == "tile"
