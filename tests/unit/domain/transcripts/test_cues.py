from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashscribe.domain.transcripts.atoms import Atom
from dashscribe.domain.transcripts.cues import MANY_ATOMS, Cue, subtitles
from dashscribe.domain.transcripts.graphemes import is_mark
from dashscribe.domain.transcripts.interleaving import interleaved
from dashscribe.domain.transcripts.line_breaks import NEVER_FIRST, NEVER_LAST, Break
from dashscribe.domain.transcripts.script_rules import GAP_MS, RULES, SubtitleOptions, cells, script_of
from dashscribe.domain.transcripts.segmentation import Shape, Stretch, segmented
from dashscribe.domain.transcripts.transcript import Sentence, Transcript, Word
from dashscribe.domain.transcripts.word_times import TimedSentence
from tests.unit.domain.transcripts.speech import SAMPLES, said, spoken, transcript


def cues(*channels: list[Sentence], duration_ms: int | None = None, **options: object) -> list[Cue]:
    return list(subtitles(transcript(*channels, duration_ms=duration_ms), SubtitleOptions.model_validate(options)).cues)


def shown(found: list[Cue]) -> list[str]:
    return [" / ".join(cue.lines) for cue in found]


def squeezed(text: str) -> str:
    """What the reader reads: without blanks and invisible marks."""
    return "".join(text.replace("\u200f", "").replace("\u00a0", "").split())


def test_silence_has_no_cues() -> None:
    result = subtitles(transcript([]))
    assert (result.cues, result.warnings) == ((), {})


def test_speech_without_times_has_no_cues_and_is_counted() -> None:
    result = subtitles(transcript([said(None, None, "Hello."), said(None, None, "Good-bye.")]))
    assert (result.cues, result.warnings) == ((), {"sentences_without_times": 2})


def test_a_short_sentence_is_one_cue_with_its_own_times() -> None:
    [cue] = cues([said(240, 1640, "Hello world. ")])
    assert (cue.begin_ms, cue.end_ms, cue.text, cue.speakers) == (240, 1640, "Hello world.", ("",))


@pytest.mark.parametrize("sample", SAMPLES, ids=SAMPLES)
@pytest.mark.parametrize("timed", [True, False])
def test_every_script_keeps_its_limits_and_its_text(sample: str, timed: bool) -> None:
    text = SAMPLES[sample]
    sentence = spoken(text, 0, 600) if timed else said(0, 12_000, text)
    found = cues([sentence], duration_ms=20_000)
    rules = RULES[script_of(text)]
    assert squeezed("".join(cue.text for cue in found)) == squeezed(text)
    for cue in found:
        assert len(cue.lines) <= 2
        for line in cue.lines:
            assert cells(line) <= rules.line_cells
            assert line[0] not in NEVER_FIRST
            assert line[-1] not in NEVER_LAST
            assert not is_mark(line[0])


def test_a_long_silence_begins_a_new_cue() -> None:
    words = [Word(0, 400, "Well"), Word(3000, 3400, " yes", ".")]
    assert [cue.begin_ms for cue in cues([said(0, 3400, "Well yes.", words=words)])] == [0, 3000]


def test_a_label_is_shown_only_where_the_voice_changes() -> None:
    turns = [
        said(0, 2000, "Good morning and welcome.", 0),
        said(2100, 4000, "Please take a seat here.", 0),
        said(4100, 6500, "Thank you very much for that.", 1),
        said(6600, 9000, "You are very welcome indeed.", 0),
    ]
    assert [line.partition(":")[0] for line in shown(cues(turns)) if ":" in line] == [
        "Speaker 1",
        "Speaker 2",
        "Speaker 1",
    ]


def test_a_speaker_who_goes_on_is_named_neither_in_the_next_line_nor_in_the_next_cue() -> None:
    long = "Good morning and welcome to this talk about the history of the city and its old bridges and towers."
    found = cues([said(0, 9000, long, 0), said(9100, 10_000, "Thanks.", 1)])
    lines = [line for cue in found for line in cue.lines]
    assert len(found) >= 3
    assert [line.partition(":")[0] for line in lines if ":" in line] == ["Speaker 1", "Speaker 2"]


def test_labels_can_be_switched_off_and_speakers_named() -> None:
    turns = [said(0, 2000, "Good morning and welcome.", 0), said(2600, 5000, "Thank you very much.", 1)]
    assert shown(cues(turns, labels=False)) == ["Good morning and welcome.", "Thank you very much."]
    named = cues(turns, speakers={"2": "Anna"})
    assert named[1].text == "Anna: Thank you very much."
    assert named[1].speakers == ("Anna",)


def test_an_unknown_voice_among_known_ones_begins_with_a_dash() -> None:
    turns = [said(0, 2000, "Good morning and welcome.", 0), said(2600, 5000, "Thank you very much.", -1)]
    assert cues(turns)[1].text == "- Thank you very much."


def test_an_interjection_on_the_other_channel_is_a_second_line() -> None:
    long = spoken("I bought a ticket last night and I never got the message, so I called you again today", 0, 330)
    found = cues([long], [said(2000, 2400, "Okay.")])
    [cue] = [cue for cue in found if "Okay." in cue.text]
    assert cue.lines[1] == "- Channel 2: Okay."
    assert cue.speakers == ("Channel 1", "Channel 2")


def test_without_labels_two_voices_have_a_dash_each() -> None:
    [cue] = cues([said(0, 400, "Seriously?", 0), said(420, 700, "Yes.", 1)], labels=False)
    assert cue.lines == ("- Seriously?", "- Yes.")


def test_a_speaker_who_goes_on_after_an_interjection_is_named_again() -> None:
    long = spoken("one two three four five six seven eight nine ten eleven twelve thirteen fourteen " * 2, 0, 300)
    found = cues([long], [said(2000, 2400, "Okay.")])
    after = shown(found)[next(n for n, cue in enumerate(found) if "Okay." in cue.text) + 1]
    assert after.startswith("Channel 1: ")


def test_bursts_of_no_duration_do_not_overlap() -> None:
    found = cues([said(1000, 1000, "Oh."), said(1040, 1040, "What?"), said(1080, 2000, "In our house.")])
    assert all(one.end_ms + GAP_MS <= other.begin_ms for one, other in pairwise(found))
    assert squeezed("".join(cue.text for cue in found)) == "Oh.What?Inourhouse."


def test_a_right_to_left_line_that_begins_with_latin_has_a_mark() -> None:
    [cue] = cues([said(0, 3000, "NEOM أعلنت عن مشروع كبير")])
    assert cue.text == "\u200fNEOM أعلنت عن مشروع كبير"
    [cue] = cues([said(0, 3000, "أعلنت NEOM عن مشروع كبير")])
    assert not cue.text.startswith("\u200f")
    [cue] = cues([said(0, 5_000, "NASAאמרה שהכול בסדר", language="he")])  # no blank after the Latin letters
    assert cue.text.startswith("\u200fNASA")
    [cue] = cues([said(0, 5_000, "20 אנשים באו", language="he")])  # digits have no direction
    assert cue.text.startswith("20")


def test_sentences_of_two_scripts_have_cues_of_their_own() -> None:
    found = cues([said(0, 1500, "Hello."), said(1500, 3000, "大家好。")])
    assert shown(found) == ["Hello.", "大家好。"]


def test_a_text_that_begins_with_a_mark_gets_a_blank_to_stand_on() -> None:
    [cue] = cues([said(0, 3000, "ิดว่า")])
    assert cue.text == "\u00a0ิดว่า"


def test_the_last_words_are_shown_long_enough_where_the_recording_ends_with_them() -> None:
    text = "We will come back to that in a later lecture, and then we shall see it. Any questions?"
    sentence = spoken(text, ms_a_word=230)
    last = subtitles(transcript([sentence], duration_ms=sentence.end_ms)).cues[-1]
    assert last.end_ms - last.begin_ms >= 833


def test_speech_without_a_silence_is_divided_in_parts_at_the_ends_of_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(stretch: Stretch) -> list[Shape]:
        sizes.append(len(stretch.atoms))
        assert stretch.atoms[-1].ends
        return segmented(stretch)

    monkeypatch.setattr("dashscribe.domain.transcripts.cues.segmented", noted)
    text = "We will come back to that in a later lecture."
    found = subtitles(transcript([spoken(text, number * 3000) for number in range(250)])).cues
    assert sizes == [MANY_ATOMS, 250 * 10 - MANY_ATOMS]
    assert squeezed("".join(cue.text for cue in found)) == squeezed(text) * 250


def test_overlapping_channels_become_atoms_only_when_they_are_needed() -> None:
    sentences = [
        TimedSentence(number % 2, said(0, 1, "a"), "a", number * 1000, number * 1000 + 1500) for number in range(100)
    ]
    cut: list[TimedSentence] = []

    def noted(sentence: TimedSentence) -> tuple[list[Atom], int]:
        cut.append(sentence)
        return [Atom(sentence.begin_ms, sentence.end_ms, "a", " ", 1, sentence.channel_id, Break.SENTENCE, True)], 40

    made = interleaved(sentences, noted)
    assert next(made)[0] is sentences[0]
    assert len(cut) <= 3
    assert [sentence for sentence, _ in made] == sentences[1:]


def test_a_word_that_is_wider_than_a_line_has_a_line_of_its_own_and_is_reported() -> None:
    word = "Straßenentwässerungsinvestitionskostenschuldendienstumlagen"
    result = subtitles(
        transcript([said(0, 9000, f"Wir müssen den Punkt mit den {word} leider noch einmal verschieben.")])
    )
    assert word in [line for cue in result.cues for line in cue.lines]
    assert result.warnings["line_width"] == 1


def test_fast_speech_is_reported() -> None:
    result = subtitles(transcript([said(0, 1000, "a" * 20 + " " + "b" * 20 + " " + "c" * 20)], duration_ms=1000))
    assert result.warnings["reading_speed"] == 1
    assert subtitles(transcript([said(0, 3000, "Hello there.")], duration_ms=3000)).warnings == {}


def test_the_language_is_the_models_or_the_scripts() -> None:
    assert subtitles(transcript([said(0, 900, "Hallo.", language="nl")])).language == "nl"
    assert subtitles(transcript([said(0, 900, "皆さん、こんにちは")])).language == "ja"
    assert subtitles(transcript([said(0, 900, "The end of the day")])).language == "en"
    assert subtitles(transcript([said(0, 900, "مرحبا")])).language is None


# properties, on every script

TEXTS = st.lists(
    st.one_of(
        st.sampled_from(list(SAMPLES.values())),
        st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=40),
        st.text(st.sampled_from("กำ็क्षि字ー「」。，あ한 👍🏽🇧🇷aé.,"), min_size=1, max_size=60),
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@st.composite
def channels(draw: st.DrawFn) -> list[Sentence]:
    """Sentences of a channel: in order, or with odd times; with words, without, or with words that lie."""
    found: list[Sentence] = []
    now = 0
    for text in draw(st.lists(TEXTS, max_size=4)):
        now += draw(st.integers(0, 3000))
        speaker = draw(st.sampled_from([None, -1, 0, 1]))
        kind = draw(st.sampled_from(["words", "sentence", "odd words", "odd sentence"]))
        if kind == "words":
            found.append(spoken(text, now, draw(st.integers(0, 900)), speaker))
        elif kind == "odd words":
            odd = st.integers(-1000, 100_000)
            words = [Word(draw(odd), draw(odd), part) for part in text.split()[:20]]
            found.append(said(now, now + 5000, text, speaker, words))
        elif kind == "sentence":
            found.append(said(now, now + draw(st.integers(0, 20_000)), text, speaker))
        else:
            odd_time = st.none() | st.integers(-1000, 100_000)
            found.append(said(draw(odd_time), draw(odd_time), text, speaker))
        now = max(now, found[-1].end_ms or 0) if kind in ("words", "sentence") else now
    return found


def spoken_text(result: Transcript) -> list[str]:
    return [squeezed(sentence.text) for channel in result.channels for sentence in channel.sentences]


@settings(max_examples=120, deadline=None)
@given(channels(), st.none() | st.integers(0, 200_000))
@example([said(0, 20_000, "a" * 500)], None)
@example([said(0, 0, "word " * 100)], 0)
def test_the_text_of_a_channel_is_whole_and_in_order(sentences: list[Sentence], duration_ms: int | None) -> None:
    source = transcript(
        [sentence.model_copy(update={"speaker": None}) for sentence in sentences], duration_ms=duration_ms
    )
    result = subtitles(source)
    untimed = bool(result.warnings.get("sentences_without_times"))
    if not untimed:
        assert squeezed("".join(cue.text for cue in result.cues)) == "".join(spoken_text(source))
    assert untimed == (not result.cues and any(spoken_text(source)))


@settings(max_examples=120, deadline=None)
@given(st.lists(channels(), min_size=1, max_size=2), st.none() | st.integers(0, 200_000))
def test_cues_are_in_order_apart_and_within_their_limits(parts: list[list[Sentence]], duration_ms: int | None) -> None:
    options = SubtitleOptions()
    result = subtitles(transcript(*parts, duration_ms=duration_ms), options)
    found = result.cues
    assert all(one.end_ms + GAP_MS <= other.begin_ms for one, other in pairwise(found))
    assert all(0 <= cue.begin_ms < cue.end_ms <= cue.begin_ms + options.maximum_ms for cue in found)
    assert all(1 <= len(cue.lines) <= 2 and all(line.strip() for line in cue.lines) for cue in found)
    assert all(len(cue.speakers) == len(cue.lines) for cue in found)
    widest = max(rules.line_cells for rules in RULES.values())
    too_wide = sum(any(cells(line) > widest for line in cue.lines) for cue in found)
    assert too_wide <= result.warnings.get("line_width", 0)
    short = sum(cue.end_ms - cue.begin_ms < options.minimum_ms for cue in found)
    assert short == result.warnings.get("minimum_duration", 0)


@settings(max_examples=60, deadline=None)
@given(channels(), st.sampled_from([1, 2, 3]), st.sampled_from([12, 37, 80]), st.booleans())
def test_options_are_kept(sentences: list[Sentence], lines: int, width: int, labels: bool) -> None:
    options = SubtitleOptions(lines=lines, line_width=width, labels=labels)
    result = subtitles(transcript(sentences), options)
    assert all(len(cue.lines) <= lines for cue in result.cues)
    wide = sum(any(cells(line) > width * 2 for line in cue.lines) for cue in result.cues)
    assert wide <= result.warnings.get("line_width", 0)


def test_two_lines_of_many_short_words_are_about_equally_long() -> None:
    [cue] = cues([spoken("it is so as we go on to do it in an ox or by us if he is at no or my ad", 0, 250)])
    upper, lower = cue.lines
    assert abs(len(upper) - len(lower)) <= 10


def test_a_line_with_a_label_is_no_wider_than_another_line() -> None:
    first = spoken("chair However, a responsibility no! ten we or not so for good yes.", 0, 185, speaker=0)
    second = spoken("last", 6000, speaker=1)
    assert shown(cues([first, second])) == [
        "Speaker 1: chair However, a responsibility / no! ten we or not so for good yes.",
        "Speaker 2: last",
    ]


def test_a_line_that_fills_its_width_exceeds_no_limit() -> None:
    result = subtitles(transcript([said(0, 6000, "x " * 20 + "xx")]))
    assert [cells(line) for cue in result.cues for line in cue.lines] == [42]
    assert result.warnings == {}
