"""Sentences and words with repaired times, in one order, for the JSON shapes of other tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashscribe.domain.transcripts.transcript import Transcript
from dashscribe.domain.transcripts.voices import Voice, voice_of
from dashscribe.domain.transcripts.word_times import TimedText, timed_sentences, timed_words


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence with its times in ms. `words` is empty where the model times sentences only."""

    voice: Voice
    begin_ms: int
    end_ms: int
    text: str
    words: list[TimedText]


def spoken_sentences(transcript: Transcript) -> Iterator[SpokenSentence]:
    """The sentences of all channels by their begin. A channel without any time gives none."""
    timed = [
        sentence
        for channel in transcript.channels
        for sentence in timed_sentences(channel.channel_id, channel.sentences, transcript.duration_ms)
    ]
    for sentence in sorted(timed, key=lambda each: (each.begin_ms, each.channel_id)):
        words, from_vendor = timed_words(sentence)
        yield SpokenSentence(
            voice_of(sentence.channel_id, sentence.sentence),
            sentence.begin_ms,
            sentence.end_ms,
            sentence.text,
            words if from_vendor else [],
        )
