"""What a synchronous model answers, read into the shape that the asynchronous ones leave in their result files.

Sources: docs/vendor-api.md#qwen3-asr-flash-reply (both endpoints of qwen3-asr-flash),
docs/vendor-api.md#qwen3-asr-flash-reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from dashscribe.domain.recognition.parameters import JsonObject
from dashscribe.domain.recognition.task_replies import FRAMES, TextOrNone, UsageOrNone
from dashscribe.domain.transcripts.transcript import VendorResult, VendorSentence, VendorTranscript
from dashscribe.errors import ErrorClass, ResponseLost, VendorError

_UNFINISHED = (None, "", "null")


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _objects_of(value: object) -> list[object]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _read_or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """What is odd about a sentence costs its times, not the text that stands beside it."""
    try:
        return read(value)
    except ValidationError:
        return None


class _Annotation(_Shape):
    language: TextOrNone = None
    emotion: TextOrNone = None


class _Text(_Shape):
    text: str | None = None


class _Message(_Shape):
    content: str | list[_Text] | None = None
    annotations: Annotated[list[_Annotation], BeforeValidator(_objects_of)] = []

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text or "" for part in self.content or [])


class _Choice(_Shape):
    message: _Message | None = None
    delta: _Message | None = None
    finish_reason: str | None = None

    @property
    def said(self) -> _Message:
        return self.message or self.delta or _Message()


class _FlashSentence(VendorSentence):
    sentence_end: bool | None = None


_SentenceOrNone = Annotated[_FlashSentence | None, WrapValidator(_read_or_none)]


class _Output(_Shape):
    choices: list[_Choice] | None = None
    text: str | None = None
    sentence: _SentenceOrNone = None
    sentences: list[_SentenceOrNone] | None = None
    # one page warns that the sentence may lie one level deeper (docs/vendor-api.md#fun-asr-flash-reply)
    output: _Output | None = None

    @property
    def spoken(self) -> list[_FlashSentence]:
        inner = self.output.spoken if self.output else []
        return [sentence for sentence in (*(self.sentences or []), self.sentence, *inner) if sentence]


class _Reply(_Shape):
    """One reply, or one frame of a streamed one, from either endpoint."""

    output: _Output | None = None
    choices: list[_Choice] | None = None
    usage: UsageOrNone = None

    @property
    def choice(self) -> _Choice | None:
        found = self.choices or (self.output.choices if self.output else None)
        return found[0] if found else None


def recognition_in(document: JsonObject) -> VendorResult:
    """The recognised speech of an answer.

    Raises `ResponseLost` for one that is cut off or not understood, `VendorError` for one that the vendor ended early:
    half a transcript is not stored.
    """
    replies = _replies(document)
    if any(reply.choice for reply in replies):
        return _from_choices([reply.choice for reply in replies if reply.choice], streamed=FRAMES in document)
    if any(reply.output and reply.output.text is not None for reply in replies):
        return _from_sentences(replies, streamed=FRAMES in document)
    raise ResponseLost("DashScope's answer holds no text.")


def billed_seconds(document: JsonObject) -> int | None:
    """What the vendor says that it bills; None where it counts tokens or says nothing."""
    for reply in reversed(_replies(document)):
        if reply.usage and reply.usage.billed_seconds is not None:
            return reply.usage.billed_seconds
    return None


def _replies(document: JsonObject) -> list[_Reply]:
    try:
        return [_Reply.model_validate(frame) for frame in document.get(FRAMES, [document])]
    except (ValidationError, TypeError) as error:
        raise ResponseLost("DashScope's answer has an unknown shape.") from error


def _from_choices(choices: Sequence[_Choice], *, streamed: bool) -> VendorResult:
    reason = next(
        (choice.finish_reason for choice in reversed(choices) if choice.finish_reason not in _UNFINISHED), None
    )
    if streamed and reason is None:
        raise ResponseLost("DashScope's stream ended before its text did.")
    if reason not in (None, "stop"):
        raise VendorError(
            "TRANSCRIPT_CUT_OFF",
            f"DashScope ended its answer early ({reason!r}), so the transcript would be incomplete. Use an "
            "asynchronous model for this recording, or name one as the profile's fallback_model.",
            ErrorClass.PERMANENT,
        )
    pieces = [choice.said.text for choice in choices]
    text = "".join(pieces) if any(choice.delta for choice in choices) else _joined(pieces)
    notes = [note for choice in choices for note in choice.said.annotations]
    sentence = VendorSentence(
        text=text,
        language=next((note.language for note in reversed(notes) if note.language), None),
        emotion=next((note.emotion for note in reversed(notes) if note.emotion), None),
    )
    return _one_channel(text, [sentence])


def _joined(pieces: Sequence[str]) -> str:
    """The pieces of DashScope's own stream: each a new part of the text, or each the text so far (no page shows it, the
    SDK asks for the former). It is the latter when every piece begins with the one before and the last is longer than
    the first. An OpenAI-compatible stream's deltas are new parts whatever they look like
    (docs/vendor-api.md#openai-compatible-stream).
    """
    said = [piece for piece in pieces if piece]
    grows = all(later.startswith(earlier) for earlier, later in pairwise(said))
    return said[-1] if len(said) > 1 and grows and len(said[-1]) > len(said[0]) else "".join(said)


def _from_sentences(replies: Sequence[_Reply], *, streamed: bool) -> VendorResult:
    outputs = [reply.output for reply in replies if reply.output]
    text = next(output.text for output in reversed(outputs) if output.text is not None)
    last = outputs[-1].spoken
    if streamed and not (any(sentence.sentence_end for sentence in last) or replies[-1].usage):
        raise ResponseLost("DashScope's stream ended in the middle of a sentence.")
    ended: dict[tuple[int | None, int | None], VendorSentence] = {}
    for output in outputs:
        for sentence in output.spoken:
            if sentence.sentence_end is not False:
                ended[sentence.sentence_id, sentence.begin_time] = sentence
    sentences = list(ended.values())
    if "".join("".join(sentence.text for sentence in sentences).split()) != "".join(text.split()):
        sentences = [VendorSentence(text=text)]  # not every sentence was told: one without times instead of some
    return _one_channel(text, sentences)


def _one_channel(text: str, sentences: list[VendorSentence]) -> VendorResult:
    spoken = [sentence for sentence in sentences if sentence.text.strip()]
    return VendorResult(transcripts=[VendorTranscript(text=text, sentences=spoken)])
