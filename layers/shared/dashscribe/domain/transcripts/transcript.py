"""The neutral transcript: one shape for every model, with null for what a model does not give."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from dashscribe.domain.transcripts.audio_facts import AudioFacts

SCHEMA_VERSION = "1.0"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


# A dataclass with slots, which pydantic validates like a model: the 144,000 words of 12 hours take 110 MB less.
@dataclass(frozen=True, slots=True)
class Word:
    """A word as recognised. Spaces are part of `text` and `punctuation`, so that both can be joined as they are."""

    begin_ms: int
    end_ms: int
    text: str
    punctuation: str = ""


class Sentence(_Shape):
    """A sentence. Times are ms from the start of the audio. Times and `words` are null where the model gives none."""

    sentence_id: int
    begin_ms: int | None
    end_ms: int | None
    text: str
    speaker: int | None = None
    language: str | None = None
    emotion: str | None = None
    words: list[Word] | None = None


class Channel(_Shape):
    """One audio track. `speech_ms` is the duration of the speech in it, null where the model does not give it."""

    channel_id: int
    speech_ms: int | None
    text: str
    sentences: list[Sentence]


class Transcript(_Shape):
    """`transcript.json`."""

    schema_version: str = SCHEMA_VERSION
    job_id: str
    model: str
    media: str = Field(description="the s3:// address of the recording")
    duration_ms: int | None
    speech_ms: int | None
    text: str = Field(description="the text of all channels, one line a channel")
    channels: list[Channel]

    @computed_field(description="the finest that this model times")  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def timing(self) -> Literal["words", "sentences", "none"]:
        sentences = [sentence for channel in self.channels for sentence in channel.sentences]
        if any(sentence.words for sentence in sentences):
            return "words"
        return "sentences" if any(sentence.begin_ms is not None for sentence in sentences) else "none"

    @property
    def languages(self) -> list[str]:
        """The languages that the model names, the most frequent first."""
        spoken = [sentence for channel in self.channels for sentence in channel.sentences if sentence.text.strip()]
        counts = Counter(sentence.language for sentence in spoken if sentence.language)
        return [language for language, _ in counts.most_common()]

    @property
    def facts(self) -> AudioFacts:
        return AudioFacts(
            duration_ms=self.duration_ms,
            speech_ms=self.speech_ms,
            channels=[channel.channel_id for channel in self.channels],
        )


class _VendorShape(BaseModel):
    model_config = ConfigDict(extra="ignore")


@dataclass(slots=True)
class VendorWord:
    begin_time: int
    end_time: int
    text: str
    punctuation: str | None = None


class VendorSentence(_VendorShape):
    begin_time: int | None = None
    end_time: int | None = None
    text: str
    sentence_id: int | None = None
    speaker_id: int | None = None
    language: str | None = None
    emotion: str | None = None
    words: list[VendorWord] | None = None


class VendorTranscript(_VendorShape):
    channel_id: int = 0
    content_duration_in_milliseconds: int | None = None
    text: str | None = None
    sentences: list[VendorSentence] | None = None


class VendorProperties(_VendorShape):
    original_duration_in_milliseconds: int | None = None


class VendorResult(_VendorShape):
    """The result JSON of the asynchronous models (docs/vendor-api.md#result-file)."""

    properties: VendorProperties | None = None
    transcripts: list[VendorTranscript]


def neutral(result: VendorResult, *, job_id: str, model: str, media: str) -> Transcript:
    """Convert the vendor's result to our shape. Times, texts and spaces are not changed."""
    channels = [
        Channel(
            channel_id=track.channel_id,
            speech_ms=track.content_duration_in_milliseconds,
            text=_whole(track.text if track.text is not None else _joined(track.sentences or [])),
            sentences=[
                Sentence(
                    sentence_id=part.sentence_id if part.sentence_id is not None else index,
                    begin_ms=part.begin_time,
                    end_ms=part.end_time,
                    text=_whole(part.text),
                    speaker=part.speaker_id,
                    language=part.language,
                    emotion=part.emotion,
                    words=None
                    if part.words is None
                    else [
                        Word(
                            begin_ms=word.begin_time,
                            end_ms=word.end_time,
                            text=_whole(word.text),
                            punctuation=_whole(word.punctuation or ""),
                        )
                        for word in part.words
                    ],
                )
                for index, part in enumerate(track.sentences or [], start=1)
            ],
        )
        for track in result.transcripts
    ]
    return Transcript(
        job_id=job_id,
        model=model,
        media=media,
        duration_ms=result.properties.original_duration_in_milliseconds if result.properties else None,
        speech_ms=_total([channel.speech_ms for channel in channels]),
        text="\n".join(channel.text.strip() for channel in channels if channel.text.strip()),
        channels=channels,
    )


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _whole(text: str) -> str:
    """The text without halves of characters, which JSON can escape and UTF-8 cannot encode."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _joined(sentences: list[VendorSentence]) -> str:
    """The text of a channel for which the vendor gives only sentences. Some models write no blank after a sentence."""
    text = ""
    for sentence in sentences:
        needs_blank = text[-1:] in (".", "!", "?", "…") and sentence.text[:1].isalpha()
        text += (" " if needs_blank else "") + sentence.text
    return text


def empty(*, job_id: str, model: str, media: str) -> Transcript:
    """The transcript of silent audio, which the vendor does not bill."""
    return Transcript(job_id=job_id, model=model, media=media, duration_ms=None, speech_ms=0, text="", channels=[])


def _total(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
