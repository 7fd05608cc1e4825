"""The transcript as the player page holds it: all of `transcript.json`, written so that 12 hours are small.

A channel is written in columns, one entry a sentence, because like beside like compresses best:

* `texts`;
* `times`: two entries a sentence, a gap and a duration. Times are whole multiples of `unit`; a gap counts from the end
  of what comes before;
* `words`: gaps and durations of the words, or 0 where the model gave none;
* `parts`: which parts of the sentence's text the words are. A word has three signs: how many characters are skipped,
  how long the word is, and how long its punctuation is, in UTF-16 units, as JavaScript counts. Words that are not parts
  of the text are written as they are;
* `more`: what else is known, or 0.
"""

from __future__ import annotations

import json
import math
import string
from collections.abc import Iterator, Mapping, Sequence

from dashscribe.domain.transcripts.transcript import Channel, Sentence, Transcript, Word

JOINERS = ("", " ", "\n")
"""How the text of a channel is made of its sentences; which one is told by its index."""

_SIGNS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def player_data(
    transcript: Transcript, *, title: str, facts: Mapping[str, str], speaker_names: Mapping[str, str]
) -> bytes:
    """JSON that may stand inside a `script` element."""
    unit = math.gcd(*_times(transcript)) or 1
    head = {
        "title": title,
        "facts": list(facts.items()),
        "names": dict(speaker_names),
        "schema_version": transcript.schema_version,
        "job_id": transcript.job_id,
        "model": transcript.model,
        "media": _without_signature(transcript.media),
        "duration_ms": transcript.duration_ms,
        "audio_format": transcript.audio_format,
        "sample_rate": transcript.sample_rate,
        "speech_ms": transcript.speech_ms,
        "timing": transcript.timing,
        "unit": unit,
    }
    channels = ",\n".join(_channel(channel, unit) for channel in transcript.channels)
    text = f'{_json(head)[:-1]},"channels":[{channels}]}}'
    # A lone surrogate cannot be encoded. Its Python escape is also its JSON escape.
    return text.replace("<", "\\u003c").encode("utf-8", "backslashreplace")


def _without_signature(media: str) -> str:
    """An `s3://` address without a change, and a web address without its query, which may hold a signature."""
    return media.split("?")[0].split("#")[0] if media.lower().startswith(("http:", "https:")) else media


def _times(transcript: Transcript) -> Iterator[int]:
    for channel in transcript.channels:
        for sentence in channel.sentences:
            yield from (time for time in (sentence.begin_ms, sentence.end_ms) if time is not None)
            for word in sentence.words or []:
                yield word.begin_ms
                yield word.end_ms


def _channel(channel: Channel, unit: int) -> str:
    texts = [sentence.text for sentence in channel.sentences]
    join = next((index for index, joiner in enumerate(JOINERS) if joiner.join(texts) == channel.text), None)
    head = {
        "id": channel.channel_id,
        "speech_ms": channel.speech_ms,
        "join": join,
        "text": channel.text if join is None else None,
    }
    sentences = channel.sentences
    columns = {
        "texts": texts,
        "times": list(_sentence_times(sentences, unit)),
        "more": [_more(sentence, number) for number, sentence in enumerate(sentences, start=1)],
        "words": [
            list(_word_times(sentence, clock, unit)) or 0
            for sentence, clock in zip(sentences, _clocks(sentences), strict=True)
        ],
        "parts": [0 if sentence.words is None else _parts(sentence.words, sentence.text) for sentence in sentences],
    }
    return _json(head | columns)


def _clocks(sentences: Sequence[Sentence]) -> Iterator[int]:
    """For each sentence, the time from which its words count."""
    clock = 0
    for sentence in sentences:
        yield clock if sentence.begin_ms is None else sentence.begin_ms
        clock = clock if sentence.end_ms is None else sentence.end_ms


def _sentence_times(sentences: Sequence[Sentence], unit: int) -> Iterator[int | None]:
    clock = 0
    for sentence in sentences:
        begin, end = sentence.begin_ms, sentence.end_ms
        yield None if begin is None else (begin - clock) // unit
        yield None if end is None else (end - (clock if begin is None else begin)) // unit
        clock = clock if end is None else end


def _word_times(sentence: Sentence, clock: int, unit: int) -> Iterator[int]:
    for word in sentence.words or []:
        yield (word.begin_ms - clock) // unit
        yield (word.end_ms - word.begin_ms) // unit
        clock = word.end_ms


def _more(sentence: Sentence, number: int) -> dict[str, int | str] | int:
    more = {
        "id": None if sentence.sentence_id == number else sentence.sentence_id,
        "s": sentence.speaker,
        "l": sentence.language,
        "e": sentence.emotion,
    }
    return {key: value for key, value in more.items() if value is not None} or 0


def _parts(words: Sequence[Word], text: str) -> str | list[list[str]]:
    lengths = _lengths(words, text)
    return lengths if lengths is not None else [[word.text, word.punctuation] for word in words]


def _lengths(words: Sequence[Word], text: str) -> str | None:
    """Where the words stand in the text; None where they do not."""
    signs: list[str] = []
    position = 0
    for word in words:
        start = text.find(word.text, position)
        end = start + len(word.text)
        if start < 0 or not text.startswith(word.punctuation, end):
            return None
        skipped = text[position:start]
        if any(sign.isalnum() for sign in skipped):
            return None
        for part in (skipped, word.text, word.punctuation):
            length = _utf16_length(part)
            if length >= len(_SIGNS):
                return None
            signs.append(_SIGNS[length])
        position = end + len(word.punctuation)
    return "".join(signs)


def _utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(sign > "\uffff" for sign in text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
