from __future__ import annotations

from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript
from tests.browser import samples
from tests.browser.conftest import OpenPage, until
from tests.browser.test_reading_and_listening import marked

TICKS = """() => {
  const canvas = document.getElementById("lanes");
  const row = canvas.getContext("2d").getImageData(0, 1, canvas.width, 1).data;
  let painted = 0;
  for (let x = 3; x < row.length; x += 4) painted += row[x] > 0 ? 1 : 0;
  return painted;
}"""


def of_sentences(sentences: list[Sentence]) -> Transcript:
    text = " ".join(sentence.text for sentence in sentences)
    channel = Channel(channel_id=0, speech_ms=None, text=text, sentences=sentences)
    return Transcript(
        job_id="j", model="m", media="s3://m/k.wav", duration_ms=None, speech_ms=None, text=text, channels=[channel]
    )


def test_hits_are_marked_counted_and_on_the_timeline(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    assert page.evaluate(TICKS) == 0
    page.locator("#search-text").fill("BREAD")
    page.wait_for_selector("text=1 of 5")
    assert marked(page, "hit") == ["bread"] * 5
    assert marked(page, "hit-current") == ["bread"]
    until(page, f"({TICKS})() >= 8")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=2 of 5")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector("text=5 of 5")
    page.keyboard.press("Escape")
    assert marked(page, "hit") == []
    page.locator("#search-text").fill("no such thing")
    page.wait_for_selector("text=No hits")


def test_a_hit_goes_over_the_end_of_a_sentence(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    page.locator("#search-text").fill("having me. I came")
    page.wait_for_selector("text=1 of 1")


SCRIPTS = [
    ("Das ﬁnale Ende", "finale", "ﬁnale"),
    ("Das Maß", "MASS", "Maß"),
    ("ＡＢＣ１２３ です", "abc123", "ＡＢＣ１２３"),
    ("한국어 문장", "한국", "한국"),
    ("ｶﾞｲﾄﾞ を", "ガイド", "ｶﾞｲﾄﾞ"),
    ("cafe\u0301 au lait", "caf\u00e9", "cafe\u0301"),
    ("می\u200cخواهم بروم", "میخواهم", "می\u200cخواهم"),
    ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
    ("今天我们来聊一聊", "我们", "我们"),
    ("กำลังทำงาน", "ทำงาน", "ทำงาน"),
    ("two   blanks", "two blanks", "two   blanks"),
    ("a😀b", "😀b", "😀b"),
]
"""A text, what is searched, and what is found."""


def test_any_script_is_found(open_page: OpenPage) -> None:
    sentences = [
        Sentence(sentence_id=index, begin_ms=index * 1000, end_ms=index * 1000 + 900, text=text, speaker=index)
        for index, (text, _, _) in enumerate(SCRIPTS)
    ]
    page = open_page(of_sentences(sentences))
    for _, query, found in SCRIPTS:
        page.locator("#search-text").fill(query)
        page.keyboard.press("Enter")
        assert marked(page, "hit") == [found]


def test_a_new_name_is_everywhere_and_can_be_undone(open_page: OpenPage) -> None:
    page = open_page(samples.interview(), speaker_names={"2": "Hanna"})
    assert page.locator(".voice-name").all_inner_texts()[:3] == ["Speaker 1", "Hanna", "Speaker 3"]
    page.locator(".voice").first.click()
    field = page.get_by_label("Name of voice 1")
    assert field.evaluate("each => each === document.activeElement")
    field.fill("Marta <b>Lind</b>")
    field.press("Enter")
    names = page.locator(".voice-name").all_inner_texts()
    assert names.count("Marta <b>Lind</b>") == 5
    assert "Speaker 1" not in names
    page.keyboard.press("Control+z")
    assert page.locator(".voice-name").all_inner_texts().count("Speaker 1") == 5
    assert field.input_value() == "Speaker 1"
    page.keyboard.press("Control+Shift+Z")
    assert field.input_value() == "Marta <b>Lind</b>"
    field.fill(" ")
    field.press("Enter")
    assert field.input_value() == "Speaker 1"


def test_a_long_name_is_shown_as_text(open_page: OpenPage) -> None:
    page = open_page(samples.interview())
    field = page.get_by_label("Name of voice 3")
    field.fill("N" * 300)
    field.press("Enter")
    assert "N" * 300 in page.locator(".voice-name").all_inner_texts()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_speakers_that_are_not_told_apart_have_no_number(open_page: OpenPage) -> None:
    sentences = [
        Sentence(sentence_id=1, begin_ms=0, end_ms=900, text="Hi.", speaker=-1),
        Sentence(sentence_id=2, begin_ms=1000, end_ms=1900, text="Ho.", speaker=0),
    ]
    page = open_page(of_sentences(sentences))
    assert page.locator(".voice-name").all_inner_texts() == ["Unknown speaker", "Speaker 1"]


def test_one_speaker_alone_is_not_labelled(open_page: OpenPage) -> None:
    page = open_page(of_sentences([Sentence(sentence_id=1, begin_ms=0, end_ms=900, text="Hello.", speaker=0)]))
    assert page.locator(".voice-name").count() == 0
    assert page.locator("#speakers").is_hidden()


def test_one_speaker_alone_is_labelled_with_a_given_name(open_page: OpenPage) -> None:
    sentence = Sentence(sentence_id=1, begin_ms=0, end_ms=900, text="Hello.", speaker=0)
    page = open_page(of_sentences([sentence]), speaker_names={"1": "Anna"})
    assert page.locator(".voice-name").all_inner_texts() == ["Anna"]


def test_the_numbers_of_speakers_are_those_of_their_names(open_page: OpenPage) -> None:
    sentences = [
        Sentence(sentence_id=index, begin_ms=index, end_ms=index + 1, text="Hi.", speaker=speaker)
        for index, speaker in enumerate([2, 0, None])
    ]
    page = open_page(of_sentences(sentences), speaker_names={"3": "Carla"})
    assert page.locator(".voice").all_inner_texts() == ["3\nCarla", "1\nSpeaker 1", "?\nUnknown speaker"]
