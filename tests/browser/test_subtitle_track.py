"""`transcript.vtt` as the track of a video in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashscribe.domain.transcripts.cues import Cue
from dashscribe.domain.transcripts.subtitle_files import vtt
from tests.browser.conftest import until
from tests.unit.domain.transcripts.test_subtitle_files import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHOWN = """[...document.querySelector("track").track.cues].map((cue) => {
  const shown = cue.getCueAsHTML();
  return [cue.id, shown.textContent, [...shown.querySelectorAll("span[title]")].map((voice) => voice.title)];
})"""


def cues_of(page: Page, document: str) -> list[tuple[str, str, list[str]]]:
    page.goto("about:blank")
    page.set_content("<video><track default></video>")
    page.evaluate(
        """text => {
          document.querySelector("track").src = URL.createObjectURL(new Blob([text], {type: "text/vtt"}));
        }""",
        document,
    )
    until(page, "document.querySelector('track').readyState === 2")
    return [tuple(cue) for cue in page.evaluate(SHOWN)]


def test_chromium_shows_what_was_said(window: Page) -> None:
    said = [Cue(number * 2000, number * 2000 + 1500, ("before", text)) for number, text in enumerate(HOSTILE)]
    shown = cues_of(window, vtt(said, "en"))
    assert [text for _, text, _ in shown] == [f"before\n{text}" for text in HOSTILE]
    assert [number for number, _, _ in shown] == [str(number) for number in range(1, len(HOSTILE) + 1)]


def test_chromium_knows_the_voices(window: Page) -> None:
    name = "<b>A</b> & B > c"
    two = [Cue(0, 1500, ("- Hello", "- Hi"), ("Anna", name)), Cue(2000, 3500, ("Anna: Yes",), ("Anna",))]
    shown = cues_of(window, vtt(two))
    assert [text for _, text, _ in shown] == ["- Hello\n- Hi", "Anna: Yes"]
    assert [voices for _, _, voices in shown] == [["Anna", name], ["Anna"]]
