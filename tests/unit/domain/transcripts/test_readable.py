from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.readable import CUE_MS, LINE_CELLS, cells, cues, plain_text
from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript, Word, empty


def said(
    begin_ms: int, end_ms: int, text: str, speaker: int | None = None, words: list[Word] | None = None
) -> Sentence:
    return Sentence(sentence_id=1, begin_ms=begin_ms, end_ms=end_ms, text=text, speaker=speaker, words=words)


def transcript(*channels: list[Sentence]) -> Transcript:
    parts = [
        Channel(channel_id=number, speech_ms=None, text="".join(part.text for part in sentences), sentences=sentences)
        for number, sentences in enumerate(channels)
    ]
    text = "\n".join(part.text.strip() for part in parts if part.text.strip())
    return Transcript(
        job_id="j", model="m", media="s3://m/k", duration_ms=None, speech_ms=None, text=text, channels=parts
    )


def timed_sentence(text: str, begin_ms: int, ms_per_word: int) -> Sentence:
    """A sentence whose words follow each other without a gap."""
    words = [
        Word(begin_ms=begin_ms + number * ms_per_word, end_ms=begin_ms + (number + 1) * ms_per_word, text=f"{word} ")
        for number, word in enumerate(text.split())
    ]
    return said(begin_ms, words[-1].end_ms if words else begin_ms, text, words=words)


# plain text


def test_the_text_of_one_speaker_is_plain_and_ends_in_a_line_break() -> None:
    assert plain_text(transcript([said(0, 1, "Hello. "), said(1, 2, "World. ")])) == "Hello. World.\n"


def test_silent_audio_has_an_empty_text_and_no_cues() -> None:
    silent = empty(job_id="j", model="m", media="s3://m/k")
    assert (plain_text(silent), cues(silent)) == ("", [])


def test_each_turn_is_a_paragraph_with_the_speakers_label() -> None:
    sentences = [said(0, 1, "Hello.", 0), said(1, 2, "How are you?", 0), said(2, 3, "Fine.", 1), said(3, 4, "Good.", 0)]
    assert (
        plain_text(transcript(sentences)) == "Speaker 1: Hello. How are you?\n\nSpeaker 2: Fine.\n\nSpeaker 1: Good.\n"
    )


def test_a_single_speaker_is_not_labelled() -> None:
    assert plain_text(transcript([said(0, 1, "Hello.", 0)])) == "Hello.\n"


def test_turns_of_several_channels_are_in_order_of_time() -> None:
    two = transcript([said(0, 1, "你好。"), said(1, 2, "再见。")], [said(500, 600, "Yes. ")])
    assert plain_text(two) == "Channel 0: 你好。再见。\n\nChannel 1: Yes.\n"


def test_a_space_follows_a_chinese_sentence_that_ends_in_latin_letters() -> None:
    sentences = [said(0, 1, "我说OK", 0), said(1, 2, "Yes", 0), said(2, 3, "好", 1)]
    assert plain_text(transcript(sentences)) == "Speaker 1: 我说OK Yes\n\nSpeaker 2: 好\n"


def test_a_label_has_the_channel_and_the_speaker() -> None:
    two = transcript([said(0, 1, "a", 0)], [said(2, 3, "b", 1)])
    assert plain_text(two) == "Channel 0, Speaker 1: a\n\nChannel 1, Speaker 2: b\n"


def test_a_silent_channel_adds_no_labels() -> None:
    assert plain_text(transcript([said(0, 1, "Hello.")], [said(0, 1, " ")])) == "Hello.\n"


# cues


def test_a_short_sentence_is_one_cue_with_its_own_times() -> None:
    [cue] = cues(transcript([said(240, 3240, "Hello world. ")]))
    assert (cue.begin_ms, cue.end_ms, cue.text) == (240, 3240, "Hello world.")


def test_a_cue_has_two_lines_and_none_is_too_wide() -> None:
    [cue] = cues(transcript([said(0, 3000, "the quick brown fox jumps over the lazy dog and is gone")]))
    assert cue.lines == ("the quick brown fox jumps over the lazy", "dog and is gone")


def test_a_long_sentence_is_split_between_words_at_the_times_of_the_words() -> None:
    sentence = timed_sentence(" ".join(["word"] * 40), 1000, 100)
    found = cues(transcript([sentence]))
    assert len(found) > 1
    assert all(cue.begin_ms % 100 == cue.end_ms % 100 == 0 for cue in found)
    assert {word for cue in found for word in cue.text.split()} == {"word"}


def test_no_cue_of_slow_speech_is_shown_longer_than_seven_seconds() -> None:
    found = cues(transcript([timed_sentence("one two three four five six seven eight", 0, 2000)]))
    assert max(cue.end_ms - cue.begin_ms for cue in found) <= CUE_MS
    assert " ".join(cue.text for cue in found) == "one two three four five six seven eight"


def test_a_line_of_chinese_has_half_as_many_characters() -> None:
    found = cues(transcript([said(0, 10_000, "字" * 100)]))
    assert "".join(cue.text for cue in found).replace("\n", "") == "字" * 100
    assert max(len(line) for cue in found for line in cue.lines) == LINE_CELLS // 2


def test_the_cues_of_a_sentence_without_word_times_share_its_time() -> None:
    found = cues(transcript([said(1000, 11_000, "字" * 100)]))
    assert (found[0].begin_ms, found[-1].end_ms) == (1000, 11_000)
    assert all(one.end_ms == other.begin_ms for one, other in pairwise(found))


def test_a_sentence_without_a_duration_is_still_shown() -> None:
    [cue] = cues(transcript([said(500, 500, "Hm.")]))
    assert cue.begin_ms < cue.end_ms


def test_a_speaker_is_labelled_once_per_sentence() -> None:
    found = cues(transcript([said(0, 9000, "字" * 60, 0), said(9000, 9500, "Yes.", 1)]))
    assert [cue.text.startswith("Speaker") for cue in found] == [True, False, True]
    assert found[-1].text == "Speaker 2: Yes."


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("你好", 4), ("😀", 2), ("é", 1), ("", 0)])
def test_wide_characters_take_two_cells(text: str, width: int) -> None:
    assert cells(text) == width


TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=60), min_size=1, max_size=30
).map(" ".join)


@st.composite
def sentences(draw: st.DrawFn) -> list[Sentence]:
    """Consecutive sentences of one channel, some with words and some without."""
    found, now_ms = [], 0
    for text in draw(st.lists(TEXTS, max_size=4)):
        now_ms += draw(st.integers(0, 3000))
        if draw(st.booleans()):
            found.append(timed_sentence(text, now_ms, draw(st.integers(0, 4000))))
        else:
            found.append(said(now_ms, now_ms + draw(st.integers(0, 20_000)), text))
        now_ms = found[-1].end_ms or 0
    return found


@settings(max_examples=150, deadline=None)
@given(sentences())
@example([said(0, 20_000, "a" * 500)])
@example([said(0, 0, "word " * 100)])
def test_cues_are_in_order_and_not_empty_have_a_duration_and_lose_no_character(
    spoken_text: list[Sentence],
) -> None:
    found = cues(transcript(spoken_text))
    assert all(one.begin_ms <= other.begin_ms for one, other in pairwise(found))
    assert all(cue.begin_ms < cue.end_ms for cue in found)
    assert all(line.strip() and cells(line) <= LINE_CELLS for cue in found for line in cue.lines)
    shown = "".join("".join(cue.text.split()) for cue in found)
    assert shown == "".join("".join(part.text.split()) for part in spoken_text)


def transcript_of(*sentences: Sentence, more: tuple[Sentence, ...] = ()) -> Transcript:
    channels = [Channel(channel_id=0, speech_ms=1, text="t", sentences=list(sentences))]
    if more:
        channels.append(Channel(channel_id=1, speech_ms=1, text="t", sentences=list(more)))
    return Transcript(job_id="j", model="m", media="s3://b/k", duration_ms=1, speech_ms=1, text="t", channels=channels)


def test_spaces_that_the_words_lack_come_from_the_sentence() -> None:
    words = [Word(begin_ms=100 * n, end_ms=100 * n + 90, text=text) for n, text in enumerate(["this", "is", "Alibaba"])]
    sentence = Sentence(sentence_id=1, begin_ms=0, end_ms=300, text="this is Alibaba", words=words)
    assert [cue.text for cue in cues(transcript_of(sentence))] == ["this is Alibaba"]


def test_cues_of_a_long_turn_and_an_interjection_are_in_order_of_time() -> None:
    long = Sentence(sentence_id=1, begin_ms=0, end_ms=20_000, text="word " * 60)
    short = Sentence(sentence_id=1, begin_ms=5_000, end_ms=6_000, text="yes")
    begins = [cue.begin_ms for cue in cues(transcript_of(long, more=(short,)))]
    assert begins == sorted(begins)


@pytest.mark.parametrize("text", ["word " * 40, "a" * 30 + " " + "b" * 30 + " " + "c" * 20, "字" * 100, "x" * 300])
def test_no_cue_has_more_than_two_lines_or_a_line_that_is_too_wide(text: str) -> None:
    found = cues(transcript_of(Sentence(sentence_id=1, begin_ms=0, end_ms=9_000, text=text)))
    assert all(len(cue.lines) <= 2 and all(cells(line) <= LINE_CELLS for line in cue.lines) for cue in found)
    assert "".join("".join(cue.lines) for cue in found).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("gap", ["\n\n", "\u2028", "\x85", "\r\n"])
def test_a_line_break_in_the_speech_does_not_end_the_cue(gap: str) -> None:
    found = cues(transcript_of(Sentence(sentence_id=1, begin_ms=0, end_ms=900, text=f"Hello{gap}world")))
    assert [cue.text for cue in found] == ["Hello world"]


def test_a_turn_without_a_speaker_has_no_empty_label() -> None:
    known = Sentence(sentence_id=1, begin_ms=0, end_ms=900, text="a", speaker=0)
    unknown = Sentence(sentence_id=2, begin_ms=1000, end_ms=1900, text="b")
    transcript = transcript_of(known, unknown)
    assert plain_text(transcript) == "Speaker 1: a\n\nb\n"
    assert [cue.text for cue in cues(transcript)] == ["Speaker 1: a", "b"]


def test_times_that_run_backwards_are_corrected() -> None:
    found = cues(transcript_of(Sentence(sentence_id=1, begin_ms=-500, end_ms=-900, text="odd")))
    assert [(cue.begin_ms, cue.end_ms) for cue in found] == [(0, 100)]


@pytest.mark.parametrize("present", [[1, 2], [0, 2], [0, 1], [0]])
def test_a_sentence_with_missing_words_is_shown_for_its_own_time(present: list[int]) -> None:
    words = [Word(begin_ms=100 * n, end_ms=100 * n + 90, text=text) for n, text in enumerate(["One", "two", "three"])]
    sentence = said(0, 6_000, "One, two, three.", words=[words[n] for n in present])
    assert [(cue.begin_ms, cue.end_ms, cue.text) for cue in cues(transcript([sentence]))] == [
        (0, 6_000, "One, two, three.")
    ]


def test_punctuation_that_only_the_sentence_has_does_not_discard_the_times_of_the_words() -> None:
    words = [Word(begin_ms=100, end_ms=200, text="¿Qué"), Word(begin_ms=300, end_ms=400, text="tal")]
    [cue] = cues(transcript([said(0, 6_000, "— «¿Qué», tal?!", words=words)]))
    assert (cue.begin_ms, cue.end_ms, cue.text) == (100, 400, "— «¿Qué», tal?!")


def test_speech_without_times_has_text_but_no_cues() -> None:
    untimed = Sentence(sentence_id=1, begin_ms=None, end_ms=None, text="Hello & good-bye. ")
    transcript = transcript_of(untimed).model_copy(update={"text": "Hello & good-bye."})
    assert plain_text(transcript) == "Hello & good-bye.\n"
    assert cues(transcript) == []
