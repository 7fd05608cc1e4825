"""Convert the reply of a synchronous model to the shape of an asynchronous model's result file.

Sources: docs/vendor-api.md#qwen3-asr-flash-reply (both endpoints), docs/vendor-api.md#openai-compatible-stream,
docs/vendor-api.md#dashscope-stream and docs/vendor-api.md#fun-asr-flash-reply.
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

_NOT_FINISHED = (None, "", "null")
"""Values of `finish_reason` while the model still writes."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _objects_of(value: object) -> list[object]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _read_or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    """An invalid sentence becomes None: its times are lost, but the text of the reply is kept."""
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
    def content(self) -> _Message:
        return self.message or self.delta or _Message()


class _FlashSentence(VendorSentence):
    sentence_end: bool | None = None


_SentenceOrNone = Annotated[_FlashSentence | None, WrapValidator(_read_or_none)]


class _Output(_Shape):
    choices: list[_Choice] | None = None
    text: str | None = None
    sentence: _SentenceOrNone = None
    sentences: list[_SentenceOrNone] | None = None
    # The sentence may be one level deeper (docs/vendor-api.md#fun-asr-flash-reply).
    output: _Output | None = None

    @property
    def all_sentences(self) -> list[_FlashSentence]:
        inner = self.output.all_sentences if self.output else []
        return [sentence for sentence in (*(self.sentences or []), self.sentence, *inner) if sentence]


class _Reply(_Shape):
    """A reply, or one frame of a streamed reply, from either endpoint."""

    output: _Output | None = None
    choices: list[_Choice] | None = None
    usage: UsageOrNone = None

    @property
    def choice(self) -> _Choice | None:
        found = self.choices or (self.output.choices if self.output else None)
        return found[0] if found else None


def read_recognition(document: JsonObject) -> VendorResult:
    """Return the recognised speech of a reply, as one channel.

    `document` is a reply, or `{"frames": […]}` for a streamed one.
    Raises `ResponseLost` for a reply that is cut off or has an unknown shape. Raises `VendorError` with the code
    `TRANSCRIPT_CUT_OFF` for a reply that the vendor ended early, because an incomplete transcript must not be stored.
    """
    replies = _parse_replies(document)
    if any(reply.choice for reply in replies):
        return _read_choices([reply.choice for reply in replies if reply.choice], streamed=FRAMES in document)
    if any(reply.output and reply.output.text is not None for reply in replies):
        return _read_sentences(replies, streamed=FRAMES in document)
    raise ResponseLost("DashScope's response has no text.")


def read_billed_seconds(document: JsonObject) -> int | None:
    """Return the seconds that the vendor bills; None if it bills tokens or reports no usage."""
    for reply in reversed(_parse_replies(document)):
        if reply.usage and reply.usage.billed_seconds is not None:
            return reply.usage.billed_seconds
    return None


def _parse_replies(document: JsonObject) -> list[_Reply]:
    try:
        return [_Reply.model_validate(frame) for frame in document.get(FRAMES, [document])]
    except (ValidationError, TypeError) as error:
        raise ResponseLost("DashScope's response has an unknown shape.") from error


def _read_choices(choices: Sequence[_Choice], *, streamed: bool) -> VendorResult:
    reason = next(
        (choice.finish_reason for choice in reversed(choices) if choice.finish_reason not in _NOT_FINISHED), None
    )
    if streamed and reason is None:
        raise ResponseLost("DashScope's stream ended before its text was complete.")
    if reason not in (None, "stop"):
        raise VendorError(
            "TRANSCRIPT_CUT_OFF",
            f"DashScope ended the text early (finish_reason {reason!r}), so the transcript would be incomplete. Use an "
            "asynchronous model for this recording, or name one as the profile's fallback_model.",
            ErrorClass.PERMANENT,
        )
    pieces = [choice.content.text for choice in choices]
    text = "".join(pieces) if any(choice.delta for choice in choices) else _join_pieces(pieces)
    annotations = [annotation for choice in choices for annotation in choice.content.annotations]
    sentence = VendorSentence(
        text=text,
        language=next((each.language for each in reversed(annotations) if each.language), None),
        emotion=next((each.emotion for each in reversed(annotations) if each.emotion), None),
    )
    return _build_result(text, [sentence])


def _join_pieces(pieces: Sequence[str]) -> str:
    """Join the pieces of a stream of DashScope's own endpoint.

    Each piece is either a new part of the text or the text so far; the documentation does not say which
    (docs/vendor-api.md#dashscope-stream). The pieces are the text so far if each one starts with the previous one and
    the last is longer than the first. The deltas of an OpenAI-compatible stream are always new parts, so they do not
    come here (docs/vendor-api.md#openai-compatible-stream).
    """
    texts = [piece for piece in pieces if piece]
    grows = all(later.startswith(earlier) for earlier, later in pairwise(texts))
    repeats_text_so_far = len(texts) > 1 and grows and len(texts[-1]) > len(texts[0])
    return texts[-1] if repeats_text_so_far else "".join(texts)


def _read_sentences(replies: Sequence[_Reply], *, streamed: bool) -> VendorResult:
    outputs = [reply.output for reply in replies if reply.output]
    text = next(output.text for output in reversed(outputs) if output.text is not None)
    last = outputs[-1].all_sentences
    if streamed and not (any(sentence.sentence_end for sentence in last) or replies[-1].usage):
        raise ResponseLost("DashScope's stream ended in the middle of a sentence.")
    ended: dict[tuple[int | None, int | None], VendorSentence] = {}
    for output in outputs:
        for sentence in output.all_sentences:
            if sentence.sentence_end is not False:
                ended[sentence.sentence_id, sentence.begin_time] = sentence
    sentences = list(ended.values())
    if "".join("".join(sentence.text for sentence in sentences).split()) != "".join(text.split()):
        # The reply left sentences out, so the whole text becomes one sentence without times.
        sentences = [VendorSentence(text=text)]
    return _build_result(text, sentences)


def _build_result(text: str, sentences: list[VendorSentence]) -> VendorResult:
    not_blank = [sentence for sentence in sentences if sentence.text.strip()]
    return VendorResult(transcripts=[VendorTranscript(text=text, sentences=not_blank)])
