from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pysubs2
import webvtt

from dashscribe.domain.transcripts.cues import Cue
from dashscribe.domain.transcripts.script_rules import cells
from dashscribe.domain.transcripts.subtitle_files import srt
from dashscribe.domain.transcripts.transcript import Transcript
from tests.browser import samples
from tests.browser.conftest import OpenPage
from tests.browser.test_reading_and_listening import marked, point_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCHEMA = Path(__file__).resolve().parents[2] / "events/schemas/transcript.schema.json"


def correct(page: Page, text: str, new: str) -> None:
    """Corrects the sentence that has a text; the page is in the correcting mode."""
    page.mouse.click(*point_of(page, text))
    editor = page.get_by_role("textbox", name="Correct this sentence")
    editor.fill(new)
    editor.press("Enter")


def exported(page: Page, name: str) -> str:
    if not page.locator("#export").evaluate("each => each.open"):
        page.locator("#export summary").click()
    with page.expect_download() as download:
        page.locator(f"[data-format={name}]").click()
    assert download.value.suggested_filename.endswith(f".{name}")
    return Path(download.value.path()).read_text()


def test_a_sentence_is_corrected_undone_and_done_again(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.get_by_role("button", name="Correct", exact=True).click()
    correct(page, "Hanna, when", "Hanna, at what time\ndoes your day <b>begin</b>?")
    text = page.locator("#turns")
    assert "Hanna, at what time does your day <b>begin</b>?" in text.inner_text()
    assert marked(page, "corrected") == ["Hanna, at what time does your day <b>begin</b>?"]
    assert page.locator("#correcting-state").inner_text() == "1 change"
    page.get_by_role("button", name="Undo").click()
    assert "Hanna, when does your day begin?" in text.inner_text()
    assert marked(page, "corrected") == []
    page.get_by_role("button", name="Redo").click()
    assert "at what time" in text.inner_text()


def test_escape_keeps_the_sentence_as_it_was(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), address="#t=33")
    page.keyboard.press("e")
    page.keyboard.type("wrong ")
    page.keyboard.press("Escape")
    assert "wrong" not in page.locator("#turns").inner_text()
    assert page.locator(".editor").count() == 0


def test_tab_saves_and_opens_the_next_sentence(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), address="#t=20")
    page.keyboard.press("e")
    page.keyboard.type("I: ")
    page.keyboard.press("Tab")
    assert page.locator(".editor").inner_text().startswith("I came straight")
    assert "I: Thank you" in page.locator("#turns").inner_text()
    page.keyboard.press("Shift+Tab")
    assert page.locator(".editor").inner_text().startswith("I: Thank you")


def test_a_corrected_word_is_marked_at_its_time(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.get_by_role("button", name="Correct", exact=True).click()
    correct(page, "straight from", "I came right away from the warm ovens, so forgive the flour on my sleeves.")
    page.get_by_role("button", name="Correct", exact=True).click()
    page.mouse.click(*point_of(page, "sleeves"))
    assert marked(page, "word") == ["sleeves."]
    page.mouse.click(*point_of(page, "away"))
    assert marked(page, "word")[0] in ("right", "away")


def test_the_draft_is_there_after_the_page_is_opened_again(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.get_by_role("button", name="Correct", exact=True).click()
    correct(page, "Hanna, when", "Hanna, why?")
    page.get_by_label("Name of voice 1").fill("Marta")
    page.get_by_label("Name of voice 1").press("Enter")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert "Hanna, why?" in page.locator("#turns").inner_text()
    assert "Marta" in page.locator(".voice-name").all_inner_texts()
    assert "2 changes" in page.locator("#status").inner_text()
    page.get_by_role("button", name="Correct", exact=True).click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Discard all").click()
    assert "Hanna, why?" not in page.locator("#turns").inner_text()
    page.reload()
    assert "Marta" not in page.locator(".voice-name").all_inner_texts()


def test_the_json_without_corrections_is_the_transcript(open_page: OpenPage) -> None:
    for transcript in (
        samples.interview(),
        samples.chinese(),
        samples.calls(),
        samples.hostile(),
        samples.without_times(),
    ):
        page = open_page(transcript)
        document = json.loads(exported(page, "json"))
        jsonschema.validate(document, json.loads(SCHEMA.read_text()))
        document.pop("speaker_names")
        assert document == transcript.model_dump(mode="json")


def test_the_corrected_json_is_a_transcript(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), speaker_names={"1": "Marta"})
    page.get_by_role("button", name="Correct", exact=True).click()
    correct(page, "Hanna, when", "Hanna, at what time does your day begin?")
    correct(page, "Does it bother", "")
    document = json.loads(exported(page, "json"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["speaker_names"] == {"1": "Marta", "2": "Speaker 2", "3": "Speaker 3"}
    transcript = Transcript.model_validate(document)
    sentence = next(each for each in transcript.channels[0].sentences if "what time" in each.text)
    words = sentence.words or []
    assert "".join(word.text + word.punctuation for word in words) == sentence.text
    assert [word.begin_ms for word in words] == sorted(word.begin_ms for word in words)
    assert words[-1].end_ms == sentence.end_ms
    assert "at what time" in transcript.text
    assert "bother" not in transcript.text


def check_subtitles(srt: str, vtt: str) -> list[Any]:
    cues = list(pysubs2.SSAFile.from_string(srt, format_="srt"))
    assert [cue.start < cue.end for cue in cues] == [True] * len(cues)
    for cue, following in pairwise(cues):
        assert cue.end <= following.start
    assert len(webvtt.from_string(vtt).captions) == len(cues)
    return cues


def test_subtitles_have_the_corrections_and_names(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), speaker_names={"1": "Marta"})
    page.get_by_role("button", name="Correct", exact=True).click()
    correct(page, "Hanna, when", "Hanna, at what time does your <i>day</i> begin?")
    subrip, vtt = exported(page, "srt"), exported(page, "vtt")
    cues = check_subtitles(subrip, vtt)
    assert all(len(line) <= 42 for block in subrip.split("\n\n") for line in block.split("\n")[2:])
    assert all(len(cue.text.split("\\N")) <= 2 for cue in cues)
    assert "Marta: Hanna, at what time" in subrip
    assert "<\u2060i>day" in subrip
    assert "<v Marta>Hanna, at what time" in vtt
    assert "&lt;i&gt;day&lt;/i&gt;" in vtt


def test_chinese_subtitles_are_short_and_whole(open_page: OpenPage) -> None:
    page = open_page(samples.chinese())
    cues = check_subtitles(exported(page, "srt"), exported(page, "vtt"))
    lines = [line for cue in cues for line in cue.text.split("\\N")]
    assert all(cells(line) <= 32 for line in lines)
    assert not [line for line in lines if line[0] in "，。？、"]
    said = "".join(text.replace(" ", "") for _, _, text in samples.CHINESE)
    shown = "".join(line.split(": ")[-1].replace(" ", "") for line in lines)
    assert shown == said


def test_voices_that_overlap_give_cues_in_order(open_page: OpenPage) -> None:
    page = open_page(samples.calls())
    check_subtitles(exported(page, "srt"), exported(page, "vtt"))


def test_hostile_texts_are_whole_in_every_file(open_page: OpenPage) -> None:
    page = open_page(samples.hostile(), title="# not a <heading>")
    cues = check_subtitles(exported(page, "srt"), exported(page, "vtt"))
    assert len(cues) >= len(samples.HOSTILE)
    assert "｛\\an8｝<\u2060i>markup<\u2060/i>" in exported(page, "srt")
    assert "{\\an8}<i>markup</i>" in exported(page, "txt")
    markdown = exported(page, "md")
    assert markdown.startswith("# \\# not a \\<heading\\>\n")
    assert "\n\\<img src=x" in markdown


def test_exported_srt_has_the_escapes_of_the_rendered_one(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.get_by_role("button", name="Correct", exact=True).click()
    said = "{ {x} } &amp; C:\\new <b> 1 < 2"
    correct(page, "Hanna, when", said)
    line = next(line for line in exported(page, "srt").split("\n") if "x" in line and "new" in line)
    expected = srt([Cue(0, 1, (said,))]).split("\n")[2]
    assert line.removeprefix("Speaker 1: ") == expected


def test_exported_french_has_its_no_break_spaces_and_no_line_ends_with_a_guillemet(open_page: OpenPage) -> None:
    page = open_page(samples.french())
    subrip = exported(page, "srt")
    lines = [line for line in subrip.split("\n") if line and not line[0].isdigit()]
    assert not [line for line in lines if line[-1] == "«" or line[0] in "»!:"]
    assert "«\u202fcanal royal\u202f»" in " ".join(lines)
    assert "mille hommes\u202f: « une folie »" in exported(page, "txt")


def test_exported_arabic_srt_goes_from_right_to_left(open_page: OpenPage) -> None:
    page = open_page(samples.arabic(), speaker_names={"1": "ليلى", "2": "سمير"})
    lines = [line for line in exported(page, "srt").split("\n") if line and not line[0].isdigit()]
    arabic = [line for line in lines if line.strip("\u202b\u202c")[0] > "\u0600"]
    assert arabic
    assert all(line.startswith("\u202b") and line.endswith("\u202c") for line in arabic)


def test_without_times_no_subtitles_are_invented(open_page: OpenPage) -> None:
    page = open_page(samples.without_times())
    page.locator("#export summary").click()
    for name in ("srt", "vtt"):
        assert page.locator(f"[data-format={name}]").is_disabled()
    assert page.locator("[data-format=srt]").inner_text().split("\n")[-1] == "no times"
    assert exported(page, "txt") == "Good morning. This model gives no times. The text is still here.\n"


def test_text_files_have_turns_and_facts(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), facts={"Model": "fun-asr"}, speaker_names={"1": "Marta"})
    assert exported(page, "txt").startswith("[00:00:00] Marta\nWelcome back to The Long Table. Today")
    markdown = exported(page, "md")
    assert markdown.startswith("# A talk\n\n- Model: fun-asr\n\n## Marta · [0:00](#t=0)\n\nWelcome back")


def test_a_quote_has_its_time(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), speaker_names={"1": "Marta"}, address="#t=33")
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text; }")
    page.keyboard.press("c")
    page.wait_for_selector("text=The quote is on the clipboard.")
    assert page.evaluate("window.copied") == "“Hanna, when does your day begin?”\n— Marta, A talk, 0:33\n"
