from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import samples
from tests.browser.conftest import OpenPage, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

MARKED = """name => [...(CSS.highlights.get(name) ?? [])].map(
  range => range.startContainer.data.slice(range.startOffset, range.endOffset)
)"""
TIME = "() => document.getElementById('media').currentTime"


def marked(page: Page, name: str) -> list[str]:
    """The texts under a mark."""
    texts: list[str] = page.evaluate(MARKED, name)
    return texts


def point_of(page: Page, text: str) -> tuple[float, float]:
    """Where the first occurrence of a text is on the screen."""
    x, y = page.evaluate(
        """text => {
          const walker = document.createTreeWalker(document.getElementById("turns"), NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const at = walker.currentNode.data.indexOf(text);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + text.length);
            range.startContainer.parentElement.scrollIntoView({ block: "center" });
            const box = range.getClientRects()[0];
            return [box.x + box.width / 2, box.y + box.height / 2];
          }
        }""",
        text,
    )
    return x, y


def test_a_click_on_a_word_plays_it_and_marks_it(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=60)
    page.mouse.click(*point_of(page, "bakery"))
    until(page, "!document.getElementById('media').paused")
    assert page.evaluate(TIME) > 10
    assert page.get_by_role("button", name="Pause").is_visible()
    page.keyboard.press("k")
    page.mouse.click(*point_of(page, "ovens"))
    page.keyboard.press("k")
    until(page, "document.getElementById('media').paused")
    assert marked(page, "word")[0].strip(",") in ("ovens", "so")
    assert marked(page, "sentence") == ["I came straight from the ovens, so forgive the flour on my sleeves."]


def test_the_mark_goes_from_word_to_word_as_the_recording_plays(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=60)
    page.keyboard.press("Space")
    seen = set()
    for _ in range(30):
        page.wait_for_timeout(60)
        seen.update(marked(page, "word"))
    assert len(seen) >= 2
    assert {word.strip(".,:") for word in seen} <= set(samples.INTERVIEW[0][1].replace(".", "").split())


def test_the_timeline_moves_the_recording_and_the_text(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=120)
    box = page.locator("#seek").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 10)
    assert page.evaluate(TIME) == pytest.approx(60, abs=1)
    assert page.locator("#time").inner_text() in ("0:59", "1:00", "1:01")
    assert page.locator("#length").inner_text() == "2:00"
    assert "bother you" in page.locator(".turn[aria-current]").inner_text() or marked(page, "sentence")


def test_the_text_is_read_and_moved_through_without_the_recording(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    assert "The recording is not here. Drop The long table.wav" in page.locator("#recording").inner_text()
    page.mouse.click(*point_of(page, "miracle"))
    assert marked(page, "word") == ["miracle"]
    page.keyboard.press("Space")
    assert "not here" in page.locator("#status").inner_text()


def test_a_dropped_recording_is_played(open_page: OpenPage, tmp_path: Any) -> None:
    page = open_page(samples.interview())
    other = tmp_path / "other.wav"
    other.write_bytes(samples.tone(5))
    page.set_input_files("#recording-file", other)
    until(page, "document.getElementById('media').readyState > 0")
    assert page.locator("#recording").is_hidden()
    assert page.locator("#length").inner_text() == "0:05"
    assert "now other.wav" in page.locator("#status").inner_text()
    page.set_input_files("#recording-file", {"name": "bad.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    page.wait_for_selector("text=The browser cannot play this file.")


def test_the_address_names_the_recording(open_page: OpenPage, tmp_path: Any) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a b.wav").write_bytes(samples.tone(7))
    page = open_page(samples.interview(), address="?media=elsewhere/a%20b.wav")
    until(page, "document.getElementById('media').readyState > 0")
    assert page.locator("#length").inner_text() == "0:07"


def test_a_file_is_taken_by_drag_and_drop(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.evaluate(
        """bytes => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "The long table.wav", { type: "audio/wav" }));
          const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
          for (const type of ["dragover", "drop"]) document.body.dispatchEvent(new DragEvent(type, options));
        }""",
        list(samples.tone(1, rate=4000)),
    )
    until(page, "document.getElementById('media').readyState > 0")
    assert page.locator("#status").inner_text() == "The recording is now The long table.wav."
    assert page.locator("#drop").is_hidden()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:audio/wav;base64,AAAA", "http://other.example/a.wav"])
def test_an_address_that_is_no_recording_is_not_opened(open_page: OpenPage, address: str) -> None:
    page = open_page(samples.interview(), address=f"?media={address}")
    assert page.locator("#recording").is_visible()
    assert page.locator("#media").get_attribute("src") is None


def test_a_deep_link_shows_its_place(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=200, address="#t=100")
    assert page.evaluate(TIME) == pytest.approx(100, abs=1)
    current = page.locator(".turn[aria-current]")
    assert current.evaluate("each => each.getBoundingClientRect().top") > 0
    assert current.evaluate("each => each.getBoundingClientRect().bottom < innerHeight")
    page.evaluate("location.hash = '#t=1:40'")
    assert page.evaluate(TIME) == pytest.approx(100, abs=1)
    page.evaluate("location.hash = '#t=nonsense'")


def test_the_page_scrolls_with_the_recording_until_the_reader_scrolls(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=200)
    follow = page.get_by_role("button", name="Follow")
    page.evaluate("location.hash = '#t=120'")
    assert page.evaluate("scrollY") > 300
    assert follow.get_attribute("aria-pressed") == "true"
    page.mouse.move(500, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_selector("#follow[aria-pressed=false]")
    before = page.evaluate("scrollY")
    page.evaluate("document.getElementById('media').currentTime = 2")
    page.wait_for_timeout(150)
    assert page.evaluate("scrollY") == before
    follow.click()
    page.wait_for_selector("#follow[aria-pressed=true]")
    assert page.evaluate("scrollY") < before


def test_the_speed_is_chosen(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), seconds=10)
    page.get_by_label("Speed").select_option("1.5")
    assert page.evaluate("document.getElementById('media').playbackRate") == 1.5
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(">")
    until(page, "document.getElementById('speed').value === '1.75'")


def test_voices_that_overlap_are_both_marked(open_page: OpenPage) -> None:
    page = open_page(samples.calls(), address="#t=8.05")
    assert len(marked(page, "sentence")) == 2
    assert page.locator(".voice-name").all_inner_texts()[:2] == ["Channel 1", "Channel 2"]


def test_a_transcript_without_times_is_read_and_searched(open_page: OpenPage) -> None:
    page = open_page(samples.without_times())
    assert "This model gives no times." in page.locator("#turns").inner_text()
    assert page.locator(".turn-time").count() == 0
    page.mouse.click(*point_of(page, "no times"))
    assert marked(page, "sentence") == ["This model gives no times. "]
    page.locator("#search-text").fill("still")
    page.wait_for_selector("text=1 of 1")


@pytest.mark.parametrize("turn", [1 / 4, 1], ids=["turns of some sentences", "a turn a sentence"])
def test_twelve_hours_open_with_two_seconds_of_processor_time(
    open_page: OpenPage, cpu_seconds: Callable[[], float], turn: float
) -> None:
    transcript = samples.twelve_hours(turn)
    before = cpu_seconds()
    page = open_page(transcript, address="#t=40000")
    assert 0 < cpu_seconds() - before < 2
    assert marked(page, "word")
    assert page.evaluate("document.querySelectorAll('*').length") < 100_000
    page.locator("#search-text").fill("the state")
    until(page, "document.getElementById('search-count').textContent.includes(' of ')")


def test_chinese_words_are_found_under_the_pointer(open_page: OpenPage) -> None:
    page = open_page(samples.chinese(), title="老面馆", seconds=50)
    paragraphs = page.locator(".turn p")
    assert paragraphs.evaluate_all("all => [...new Set(all.map(each => each.lang))]") == ["zh", "ja"]
    page.mouse.click(*point_of(page, "熬"))
    assert marked(page, "sentence") == ["每天凌晨四点起床，先熬汤，再和面。"]
    assert "节目。今天" in paragraphs.first.inner_text()


def test_arabic_goes_from_right_to_left(open_page: OpenPage) -> None:
    page = open_page(samples.arabic(), title="المكتبات", seconds=50)
    directions = page.locator(".turn p").evaluate_all("all => all.map(each => [each.lang, each.dir])")
    assert directions[0] == ["ar", "rtl"]
    assert ["en", "ltr"] in directions
    assert page.locator("#columns").get_attribute("dir") == "rtl"
    page.mouse.click(*point_of(page, "هادئ".replace("هادئ", "الهادئ")))
    assert marked(page, "word")[0].startswith(("الهادئ", "نادر"))
    assert page.locator(".timeline").get_attribute("dir") == "ltr"


def test_a_hostile_transcript_is_text(open_page: OpenPage) -> None:
    name = "<img src=x onerror=alert(1)>\n" + "very long name " * 20
    page = open_page(samples.hostile(), title="</title><script>x", facts={"<b>": "</dl>"}, speaker_names={"1": name})
    assert page.locator("h1").inner_text() == "</title><script>x"
    assert page.title() == "</title><script>x"
    assert page.locator("#turns img, #turns script, aside img, dl b").count() == 0
    shown = " ".join(page.locator("#turns").inner_text().split())
    assert "</script><script>document.title = 'broken'</script>" in shown
    assert shown.count("<img src=x onerror=") >= 2
    box = page.locator(".voice-name").first.bounding_box()
    assert box
    assert box["height"] < 60
    assert page.locator(".turn p").first.get_attribute("lang") == ""
