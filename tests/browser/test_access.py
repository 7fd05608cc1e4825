"""For everyone: keyboard only, screen readers, paper, small screens, and the pictures in the documents."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import samples
from tests.browser.conftest import OpenPage, until
from tests.browser.test_reading_and_listening import TIME, marked

if TYPE_CHECKING:
    from playwright.sync_api import Page


def violations(page: Page, *, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds, by all of its rules or by some."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed (requirements/dev.txt)")
    script = resources.files(axe).joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("sample", [samples.interview, samples.arabic, samples.chinese, samples.hostile])
def test_axe_finds_nothing_in_light_or_dark(open_page: OpenPage, sample: Any) -> None:
    page = open_page(sample(), facts={"Model": "fun-asr"})
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, rules=("color-contrast",)) == []


def test_axe_finds_nothing_where_everything_is_open(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), facts={"Model": "fun-asr"}, address="#t=33")
    page.locator("#export summary").click()
    page.locator("#search-text").fill("bread")
    page.wait_for_selector("text=of 5")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("e")
    assert page.locator(".editor").count() == 1
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert violations(page) == []


@pytest.mark.parametrize("sample", [samples.without_times, samples.calls])
def test_axe_finds_nothing_on_a_small_screen(open_page: OpenPage, sample: Any) -> None:
    page = open_page(sample())
    page.set_viewport_size({"width": 360, "height": 640})
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_everything_is_done_with_the_keyboard(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=120)
    press = page.keyboard.press
    press("Space")
    until(page, "!document.getElementById('media').paused")
    press("k")
    until(page, "document.getElementById('media').paused")
    start = page.evaluate(TIME)
    for key, seconds in [("l", 10), ("ArrowRight", 5), ("ArrowLeft", -5), ("j", -10)]:
        before = page.evaluate(TIME)
        press(key)
        assert page.evaluate(TIME) - before == pytest.approx(seconds, abs=0.3), key
    assert page.evaluate(TIME) == pytest.approx(start, abs=0.3)
    press("Shift+ArrowRight")
    assert marked(page, "sentence")[0].startswith("Today we talk")
    press("/")
    page.keyboard.type("counter")
    press("Enter")
    page.wait_for_selector("text=1 of 1")
    press("Escape")
    press("e")
    press("Control+End")
    page.keyboard.type(" Indeed.")
    press("Enter")
    assert "bread. Indeed." in page.locator("#turns").inner_text()
    press("Control+z")
    assert "Indeed" not in page.locator("#turns").inner_text()
    press("Escape")
    assert page.locator("#correcting").is_hidden()
    press("?")
    assert page.get_by_role("dialog").is_visible()
    press("Escape")
    assert page.get_by_role("dialog").is_hidden()


def test_every_control_is_reached_with_tab(open_page: OpenPage) -> None:
    page = open_page(samples.calls(), seconds=5)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {
        "search-text",
        "correct",
        "theme",
        "help-open",
        "seek",
        "play",
        "speed",
        "follow",
        "quote",
        "voice",
    } <= reached


def test_the_landmarks_have_names(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    for role, name in [
        ("banner", None),
        ("search", None),
        ("main", None),
        ("complementary", "Recording and speakers"),
        ("region", "Player"),
    ]:
        assert page.get_by_role(role, name=name).count() == 1, role  # type: ignore[arg-type]
    assert page.get_by_role("slider", name="Position in the recording").get_attribute("aria-valuetext")
    assert page.get_by_role("heading", level=3).first.inner_text().endswith("Speaker 1")


def test_paper_has_the_text_alone(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), facts={"Model": "fun-asr"})
    page.emulate_media(media="print")
    for hidden in (".toolbar", ".player", "aside"):
        assert page.locator(hidden).is_hidden()
    assert page.locator(".facts").is_visible()
    assert page.locator(".block").last.evaluate("each => getComputedStyle(each).contentVisibility") == "visible"
    assert len(page.pdf()) > 10_000


def test_the_colours_are_chosen(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Colours").click()
    page.get_by_role("button", name="Colours: light").click()
    assert page.get_by_role("button", name="Colours: dark").is_visible()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
