"""The neutral transcript: one shape for every model, with null for what a model does not give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from dashscribe.domain.transcripts.audio_facts import AudioFacts

if TYPE_CHECKING:
    from dashscribe.domain.transcripts.vendor_result import VendorResult

SCHEMA_VERSION = "1.0"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


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
    audio_format: str | None = Field(default=None, description="as the vendor names it")
    sample_rate: int | None = Field(default=None, description="in Hz")
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
            format=self.audio_format,
            sample_rate=self.sample_rate,
        )


def transcript_json(transcript: Transcript) -> bytearray:
    """`transcript.json`, written one sentence after the other: pydantic needs twice the memory of a long transcript."""
    whole = transcript.__pydantic_serializer__.to_json(transcript, exclude={"channels"})
    head, computed, rest = whole.rpartition(b',"timing":')
    written = bytearray(head + b',"channels":[')
    for number, channel in enumerate(transcript.channels):
        written += b"," * (number > 0)
        written += channel.__pydantic_serializer__.to_json(channel, exclude={"sentences"})[:-1]
        written += b',"sentences":['
        for place, sentence in enumerate(channel.sentences):
            written += b"," * (place > 0)
            written += sentence.__pydantic_serializer__.to_json(sentence)
        written += b"]}"
    written += b"]" + computed + rest
    return written


def neutral(result: VendorResult, *, job_id: str, model: str, media: str) -> Transcript:
    """The vendor's result in our shape."""
    return Transcript(
        job_id=job_id,
        model=model,
        media=media,
        duration_ms=result.duration_ms,
        speech_ms=_total([channel.speech_ms for channel in result.channels]),
        audio_format=result.audio_format,
        sample_rate=result.sample_rate,
        text="\n".join(channel.text.strip() for channel in result.channels if channel.text.strip()),
        channels=result.channels,
    )


def empty(*, job_id: str, model: str, media: str) -> Transcript:
    """The transcript of silent audio, which the vendor does not bill."""
    return Transcript(job_id=job_id, model=model, media=media, duration_ms=None, speech_ms=0, text="", channels=[])


def _total(parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
