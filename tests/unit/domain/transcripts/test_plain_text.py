from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.plain_text import plain_text
from dashscribe.domain.transcripts.transcript import Channel, Sentence, empty
from dashscribe.domain.transcripts.turns import MOST_WORDS, clock, length, parts, turns
from tests.unit.domain.transcripts.speech import SAMPLES, said, transcript


def paragraphs(sentences: list[Sentence]) -> list[str]:
    return plain_text(transcript(sentences)).rstrip("\n").split("\n\n")


def sentences_of(number: int, text: str, pause_ms: int) -> list[Sentence]:
    return [said(n * (1000 + pause_ms), n * (1000 + pause_ms) + 1000, text) for n in range(number)]


def test_silence_is_an_empty_file() -> None:
    assert plain_text(empty(job_id="j", model="m", media="s3://m/k")) == ""


def test_the_text_of_one_voice_has_no_turns_and_ends_in_a_line_break() -> None:
    assert plain_text(transcript([said(0, 1, "Hello. "), said(1, 2, "World. ")])) == "Hello. World.\n"


def test_turns_tell_when_and_who() -> None:
    spoken = [said(0, 900, "Hello.", 0), said(1000, 1900, "How are you?", 0), said(751_000, 752_000, "Fine.", 1)]
    assert plain_text(transcript(spoken)) == (
        "[00:00:00] Speaker 1\nHello. How are you?\n\n[00:12:31] Speaker 2\nFine.\n"
    )
    assert "[00:12:31] Anna\n" in plain_text(transcript(spoken), {"2": "Anna"})


def test_channels_are_told_in_the_order_of_time_and_count_from_one() -> None:
    two = transcript([said(0, 1, "你好。"), said(1000, 1001, "再见。")], [said(500, 600, "Yes. ")])
    assert [turn.name for turn in turns(two)] == ["Channel 1", "Channel 2", "Channel 1"]


def test_a_channel_with_a_text_alone_is_a_turn_at_the_end() -> None:
    one = transcript([said(0, 1000, "Hello.")])
    silent = Channel(channel_id=1, speech_ms=None, text="Third voice.", sentences=[])
    text = plain_text(one.model_copy(update={"channels": [*one.channels, silent]}))
    assert text == "[00:00:00] Channel 1\nHello.\n\nChannel 2\nThird voice.\n"


def test_speech_without_times_has_a_text() -> None:
    assert plain_text(transcript([said(None, None, "Hello.", 0), said(None, None, "Hi.", 1)])) == (
        "Speaker 1\nHello.\n\nSpeaker 2\nHi.\n"
    )


def test_a_pause_ends_a_paragraph_after_three_sentences_only() -> None:
    assert len(paragraphs(sentences_of(9, "It is late.", 1200))) == 3
    assert len(paragraphs(sentences_of(9, "It is late.", 1100))) == 1


def test_a_sentence_of_the_vendor_without_a_mark_counts_as_a_sentence() -> None:
    spoken = [said(0, 500, "One"), said(500, 900, "two"), said(900, 1300, "three."), said(2500, 3000, "Four.")]
    assert paragraphs(spoken) == ["One two three.", "Four."]
    assert paragraphs([spoken[0], spoken[2], spoken[3]]) == ["One three. Four."]
    assert paragraphs([said(0, 1300, "One. Two. Three."), spoken[3]]) == ["One. Two. Three.", "Four."]
    assert paragraphs([said(0, 1300, "One, two. Three."), spoken[3]]) == ["One, two. Three. Four."]


def test_eighty_words_end_a_paragraph_at_the_end_of_a_sentence() -> None:
    found = paragraphs(sentences_of(10, "one two three four five six seven eight nine ten.", 100))
    assert [len(paragraph.split()) for paragraph in found] == [80, 20]


def test_180_ideographs_end_a_paragraph() -> None:
    found = paragraphs(sentences_of(8, "字" * 49 + "。", 100))
    assert [len(paragraph) for paragraph in found] == [200, 200]


def test_no_paragraph_is_longer_than_150_words_without_a_full_stop() -> None:
    found = paragraphs([said(0, 9000, "word, " * 500)])
    assert max(len(paragraph.split()) for paragraph in found) <= MOST_WORDS
    assert " ".join(found) == "word, " * 499 + "word,"


def test_sentences_of_chinese_are_joined_without_blanks() -> None:
    assert paragraphs([said(0, 1, "你好。"), said(1, 2, "我说OK"), said(2, 3, "Yes")]) == ["你好。我说OK Yes"]


def test_sentences_inside_of_a_text_are_found() -> None:
    assert list(parts("It is 3.5 km. “Really?” Yes!")) == ["It is 3.5 km.", "“Really?”", "Yes!"]
    assert list(parts("你好。再见！")) == ["你好。", "再见！"]


def test_a_sentence_in_german_quotes_ends_a_paragraph() -> None:
    said_ = "Er sagte: „Das geht nicht so weiter.“ "
    paragraphs = plain_text(transcript([said(0, 9000, said_ * 20)])).split("\n\n")
    assert len(paragraphs) == 2
    assert all(paragraph.strip().endswith(".“") for paragraph in paragraphs)


def test_a_time_has_hours() -> None:
    assert (clock(0), clock(43_199_999)) == ("00:00:00", "11:59:59")


TEXTS = st.lists(st.sampled_from([*SAMPLES.values(), "word " * 200, "字" * 400, "x" * 900]), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(0, 3000))
def test_nothing_is_lost_and_no_paragraph_is_too_long(texts: list[str], pause_ms: int) -> None:
    spoken = [said(n * 5000, (n + 1) * 5000 - pause_ms, text) for n, text in enumerate(texts)]
    written = plain_text(transcript(spoken))
    assert "".join(written.split()) == "".join("".join(texts).split())
    assert all(length(paragraph) <= MOST_WORDS for paragraph in written.split("\n\n"))
