"""Read the result JSON of the asynchronous models (docs/vendor-api.md#result-file), whatever is odd in it.

Times, texts and blanks are taken over verbatim. A fractional time is rounded. What is odd counts as absent. What is
absent is taken from where the document also has it: a text from its sentences or words, a time from the words or from
the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashscribe.domain.recognition.tolerant import (
    JsonPath,
    OddValues,
    read_id,
    read_objects,
    read_text,
    read_time,
    to_whole_number,
)
from dashscribe.domain.transcripts.spoken_text import is_visible, join_sentences, join_words, only_letters
from dashscribe.domain.transcripts.transcript import Channel, Sentence, Word

_MAX_SPEAKERS = 10_000
MAX_FORMAT_CHARACTERS = 100
"""How much of the name of a format is kept. It is part of an event and of a record."""
MAX_MS_PER_SENTENCE, MAX_MS_PER_CHARACTER = 500, 120
"""The duration of slow speech (8 characters a second), for a sentence whose end or begin is unknown."""


@dataclass(frozen=True)
class VendorResult:
    """What was recognised, in our shapes, and which values were not understood."""

    channels: list[Channel]
    duration_ms: int | None = None
    odd_values: OddValues = field(default_factory=OddValues)
    audio_format: str | None = None
    sample_rate: int | None = None

    @classmethod
    def model_validate(cls, document: object, *, consume: bool = False) -> VendorResult:
        """Read a result document. It never raises: see `is_unreadable`.

        `consume` empties each sentence of the document when it is read, so that a long result is not in memory twice.
        """
        odd = OddValues()
        if not isinstance(document, dict):
            odd.add((), may_hide_text=True)
            return cls([], None, odd)
        if getattr(document, "is_damaged", False):
            odd.add(())
        if document.get("transcripts") is None:
            odd.add(((), "transcripts"), may_hide_text=True)
        properties, info = (_read_object(document, name, odd) for name in ("properties", "audio_info"))
        name = "original_duration_in_milliseconds"
        duration_ms = read_time(properties.get(name), (((), "properties"), name), odd)
        tracks = list(read_objects(document.get("transcripts"), ((), "transcripts"), odd, is_speech=True))
        numbers = _channel_numbers(
            [read_id(track.get("channel_id"), (path, "channel_id"), odd) for path, track in tracks]
        )
        channels = [
            _read_channel(track, path, odd, number, duration_ms, consume=consume)
            for (path, track), number in zip(tracks, numbers, strict=True)
        ]
        found = _read_audio(properties, ((), "properties"), "audio_format", "original_sampling_rate", odd)
        audio_format, sample_rate = (
            found if any(found) else _read_audio(info, ((), "audio_info"), "format", "sample_rate", odd)
        )
        return cls(channels, duration_ms, odd, audio_format, sample_rate)

    @property
    def is_unreadable(self) -> bool:
        """Whether the document has no readable text although something in it may be text. Silence is readable."""
        return self.odd_values.may_hide_text and not any(channel.text for channel in self.channels)


def _read_object(document: dict[str, Any], name: str, odd: OddValues) -> dict[str, Any]:
    """Return an object of the document; empty if it is absent or odd."""
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        odd.add(((), name))
    return value if isinstance(value, dict) else {}


def _read_audio(
    container: dict[str, Any], path: JsonPath, format_name: str, rate_name: str, odd: OddValues
) -> tuple[str | None, int | None]:
    """Read the format and the sample rate. Their names depend on the model family."""
    audio_format = read_text(container.get(format_name), (path, format_name), odd)[:MAX_FORMAT_CHARACTERS]
    return audio_format or None, read_id(container.get(rate_name), (path, rate_name), odd) or None


def read_sentence(document: dict[str, Any], path: JsonPath, odd: OddValues, number: int) -> Sentence:
    """Read one sentence. `number` is its `sentence_id` if the document has none. A text without visible signs is empty.

    A missing time is taken from the words.
    """
    begin_ms = read_time(document.get("begin_time"), (path, "begin_time"), odd)
    end_ms = read_time(document.get("end_time"), (path, "end_time"), odd)
    text = read_text(document.get("text"), (path, "text"), odd, is_speech=True)
    words, texts = _read_words(document.get("words"), (path, "words"), odd, begin_ms, end_ms)
    if not is_visible(text):
        text = join_words(texts)
        text = text if is_visible(text) else ""
    if words and (begin_ms is None or end_ms is None):
        begin_ms = words[0].begin_ms if begin_ms is None else begin_ms
        end_ms = max(words[-1].end_ms, begin_ms) if end_ms is None else end_ms
    sentence_id = read_id(document.get("sentence_id"), (path, "sentence_id"), odd)
    return Sentence(
        sentence_id=number if sentence_id is None else sentence_id,
        begin_ms=begin_ms,
        end_ms=end_ms,
        text=text,
        speaker=_read_speaker(document.get("speaker_id"), (path, "speaker_id"), odd),
        language=read_text(document.get("language"), (path, "language"), odd) or None,
        emotion=read_text(document.get("emotion"), (path, "emotion"), odd) or None,
        words=words,
    )


def position_of(path: JsonPath) -> int:
    """The position of an entry in its list, from 1."""
    index = path[1] if path else 0
    return index + 1 if isinstance(index, int) else 1


def _channel_numbers(given: Sequence[int | None]) -> list[int]:
    """The number of each channel. One without a number gets its position, or else the next number that is not used."""
    used = {number for number in given if number is not None}
    numbers: list[int] = []
    for position, number in enumerate(given):
        if number is None:
            number = position
            while number in used:
                number += 1
            used.add(number)
        numbers.append(number)
    return numbers


def _read_channel(
    track: dict[str, Any], path: JsonPath, odd: OddValues, number: int, duration_ms: int | None, *, consume: bool
) -> Channel:
    text = read_text(track.get("text"), (path, "text"), odd, is_speech=True)
    speech_ms = read_time(
        track.get("content_duration_in_milliseconds"), (path, "content_duration_in_milliseconds"), odd
    )
    hidden_before, odd.may_hide_text = odd.may_hide_text, False
    found: list[tuple[JsonPath, Sentence]] = []
    for place, document in read_objects(track.get("sentences"), (path, "sentences"), odd, is_speech=True):
        found.append((place, read_sentence(document, place, odd, position_of(place))))
        if consume:
            document.clear()
    any_is_lost = odd.may_hide_text or not all(sentence.text for _, sentence in found)
    odd.may_hide_text |= hidden_before
    sentences = list(_with_times(found, odd, duration_ms))
    text = text if is_visible(text) else ""
    if text and contradicts(text, sentences):
        odd.add((path, "text"))
        text = ""
    if not text:
        text = join_sentences(sentence.text for sentence in sentences)
    elif not any(sentence.text for sentence in sentences):
        # Files that show one turn after the other are rendered from sentences.
        sentences = [Sentence(sentence_id=1, begin_ms=None, end_ms=None, text=text)]
    elif any_is_lost:
        sentences = with_text_between(text, sentences, duration_ms) or sentences
    return Channel(channel_id=number, speech_ms=speech_ms, text=text, sentences=sentences)


def contradicts(text: str, sentences: Sequence[Sentence]) -> bool:
    """Whether a channel's text is not the text of its sentences: it has none of them, or less than half of them."""
    if text.strip() == "".join(sentence.text for sentence in sentences).strip():
        return False
    said, in_sentences = only_letters(text), [only_letters(sentence.text) for sentence in sentences]
    all_sentences = "".join(in_sentences)
    if said == all_sentences or not all_sentences:
        return False
    return (
        2 * len(said) < len(all_sentences)
        or said in all_sentences
        or not any(sentence in said for sentence in in_sentences if sentence)
    )


def _with_times(
    found: Sequence[tuple[JsonPath, Sentence]], odd: OddValues, duration_ms: int | None
) -> Iterator[Sentence]:
    """Give each sentence without a time the time of its neighbours, so that it is in the subtitles."""
    sentences = [sentence for _, sentence in found]
    for (path, sentence), timed in zip(found, _fill_times(sentences, duration_ms), strict=True):
        if timed is not sentence:
            odd.add((path, "begin_time" if sentence.begin_ms is None else "end_time"))
        yield timed


def _fill_times(sentences: Sequence[Sentence], duration_ms: int | None) -> Iterator[Sentence]:
    """A sentence lasts from the end of the previous one to the begin of the next one, or as long as slow speech.

    If no sentence has a time, the model gives none, and none is made up.
    """
    if all(sentence.begin_ms is None and sentence.end_ms is None for sentence in sentences):
        yield from sentences
        return
    next_begins: list[int | None] = [duration_ms]
    for sentence in reversed(sentences):
        next_begins.append(next_begins[-1] if sentence.begin_ms is None else sentence.begin_ms)
    next_begins.reverse()
    previous_end = 0
    for sentence, next_begin in zip(sentences, next_begins[1:], strict=True):
        begin, end = sentence.begin_ms, sentence.end_ms
        if begin is None or end is None:
            longest = MAX_MS_PER_SENTENCE + MAX_MS_PER_CHARACTER * len(sentence.text)
            if begin is None:
                begin = previous_end if end is None else max(min(previous_end, end), end - longest)
            if end is None:
                end = begin + longest if next_begin is None else min(max(begin, next_begin), begin + longest)
            sentence = sentence.model_copy(update={"begin_ms": begin, "end_ms": end})
        previous_end = end
        yield sentence


def with_text_between(
    text: str, sentences: Sequence[Sentence], duration_ms: int | None = None
) -> list[Sentence] | None:
    """Add a sentence for each part of the text that no sentence has, so that every file has all of the text.

    None if the text does not contain the sentences in their order.
    """
    found: list[Sentence] = []
    position = 0

    def add_text_before(end: int) -> None:
        between = text[position:end].strip()
        if only_letters(between):
            found.append(Sentence(sentence_id=len(found) + 1, begin_ms=None, end_ms=None, text=between))

    for sentence in sentences:
        own = sentence.text.strip()
        begin = text.find(own, position)
        if begin < 0:
            return None
        add_text_before(begin)
        found.append(sentence)
        position = begin + len(own)
    add_text_before(len(text))
    return list(_fill_times(found, duration_ms))


def _read_words(
    value: object, path: JsonPath, odd: OddValues, begin_ms: int | None, end_ms: int | None
) -> tuple[list[Word] | None, list[str]]:
    """Read the words of a sentence that lasts from `begin_ms` to `end_ms`: None without a list, and all of their texts.

    A word without a time gets the time of its neighbours, or of the sentence. A word that still has none is left out.
    """
    if not isinstance(value, list | dict):
        if value is not None:
            odd.add(path, may_hide_text=True)
        return None, []
    times: list[tuple[int | None, int | None]] = []
    texts: list[tuple[str, str]] = []
    is_timed = True
    for place, word in read_objects(value, path, odd, is_speech=True):
        text = read_text(word.get("text"), (place, "text"), odd, is_speech=True)
        punctuation = read_text(word.get("punctuation"), (place, "punctuation"), odd)
        begin = read_time(word.get("begin_time"), (place, "begin_time"), odd)
        end = read_time(word.get("end_time"), (place, "end_time"), odd)
        if begin is None or end is None:
            is_timed = False
            odd.add((place, "begin_time" if begin is None else "end_time"))
        if text or punctuation:
            texts.append((text, punctuation))
            times.append((begin, end))
    filled = times if is_timed else _fill_word_times(times, begin_ms, end_ms)
    words = [
        Word(begin_ms=begin, end_ms=end, text=text, punctuation=punctuation)
        for (text, punctuation), (begin, end) in zip(texts, filled, strict=True)
        if begin is not None and end is not None
    ]
    return words, [text + punctuation for text, punctuation in texts]


def _fill_word_times(
    times: Sequence[tuple[int | None, int | None]], begin_ms: int | None, end_ms: int | None
) -> list[tuple[int | None, int | None]]:
    next_begins = [end_ms]
    for begin, _ in reversed(times):
        next_begins.append(next_begins[-1] if begin is None else begin)
    next_begins.reverse()
    filled: list[tuple[int | None, int | None]] = []
    previous_end = begin_ms
    for (begin, end), next_begin in zip(times, next_begins[1:], strict=True):
        begin = (end if previous_end is None else previous_end) if begin is None else begin
        if end is None and begin is not None:
            end = begin if next_begin is None else max(begin, next_begin)
        filled.append((begin, end))
        previous_end = previous_end if end is None else end
    return filled


def _read_speaker(value: object, path: JsonPath, odd: OddValues) -> int | None:
    """Return the number of a speaker. A negative number means an unknown speaker, so it is not odd."""
    if value is None or (type(value) is int and value < 0):
        return None
    speaker = to_whole_number(value, _MAX_SPEAKERS)
    if speaker is None:
        odd.add(path)
    return speaker
