"""Convert the reply of a synchronous model to the shape of an asynchronous model's result file.

Sources: docs/vendor-api.md#qwen3-asr-flash-reply (both endpoints), docs/vendor-api.md#openai-compatible-stream,
docs/vendor-api.md#dashscope-stream and docs/vendor-api.md#fun-asr-flash-reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.domain.recognition.tolerant import JsonPath, OddValues, read_objects, read_text
from dashscribe.domain.recognition.vendor_usage import TaskUsage
from dashscribe.domain.transcripts.spoken_text import is_visible, join_sentences
from dashscribe.domain.transcripts.transcript import Channel, Sentence
from dashscribe.domain.transcripts.vendor_result import (
    VendorResult,
    contradicts,
    position_of,
    read_sentence,
    with_text_between,
)
from dashscribe.errors import ErrorClass, ResponseLost, VendorError

_NOT_FINISHED = (None, "", "null")
"""Values of `finish_reason` while the model still writes."""
_CUT_OFF = frozenset({"length", "max_tokens", "content_filter"})
"""Values of `finish_reason` of a text that is incomplete. After any other value the text is complete."""
MAX_NESTED_OUTPUTS = 3


@dataclass(frozen=True)
class _Choice:
    """The text of a reply or frame from either endpoint."""

    text: str
    is_delta: bool
    language: str | None
    emotion: str | None
    finish_reason: object


@dataclass(frozen=True)
class _TimedSentence:
    sentence: Sentence
    is_numbered: bool
    ends: object


@dataclass(frozen=True)
class _Reply:
    """A reply, or one frame of a streamed reply. `text` is None where the reply has no field for it."""

    choice: _Choice | None
    text: str | None
    usage: TaskUsage | None
    sentences: list[_TimedSentence] = field(default_factory=list)


def read_recognition(document: JsonObject) -> VendorResult:
    """Return the recognised speech of a reply, as one channel.

    `document` is a reply, or `{"frames": […]}` for a streamed one.
    Raises `ResponseLost` for a reply that is cut off or has no readable text. Raises `VendorError` with the code
    `TRANSCRIPT_CUT_OFF` for a reply that the vendor ended early, because an incomplete transcript must not be stored.
    """
    odd = OddValues()
    replies = _read_replies(document, odd)
    choices = [reply.choice for reply in replies if reply.choice]
    if choices:
        channel = _read_choices(choices, streamed=_is_stream(document))
    elif any(reply.text is not None or reply.sentences for reply in replies):
        channel = _read_sentences(replies, odd, streamed=_is_stream(document))
    else:
        raise ResponseLost("DashScope's response has no text.")
    result = VendorResult([channel], None, odd)
    if result.is_unreadable:
        raise ResponseLost("DashScope's response has no readable text.")
    return result


def read_usage(document: JsonObject) -> TaskUsage:
    """Return the last usage that a reply reports: that with seconds, else that with tokens; else an empty one."""
    found = [reply.usage for reply in reversed(_read_replies(document, OddValues())) if reply.usage]
    with_seconds = [usage for usage in found if usage.billed_seconds is not None]
    with_tokens = [usage for usage in found if usage.tokens is not None]
    return next(iter(with_seconds or with_tokens or found), TaskUsage())


def _is_stream(document: JsonObject) -> bool:
    """Whether this is the stored form of a streamed reply. The vendor may add a field of the same name to any reply."""
    return FRAMES in document and not {"output", "choices"} & document.keys()


def _read_replies(document: JsonObject, odd: OddValues) -> list[_Reply]:
    if not _is_stream(document):
        return [_read_reply(document, (), odd)]
    frames = read_objects(document[FRAMES], ((), FRAMES), odd, is_speech=True)
    return [_read_reply(frame, path, odd) for path, frame in frames]


def _read_reply(reply: dict[str, Any], path: JsonPath, odd: OddValues) -> _Reply:
    output, output_path = reply.get("output"), (path, "output")
    if not isinstance(output, dict):
        if output is not None:
            odd.add(output_path, may_hide_text=True)
        output = {}
    usage = reply.get("usage")
    if usage is not None and not isinstance(usage, dict):
        odd.add((path, "usage"))
    return _Reply(
        choice=_read_choice(reply, path, odd) or _read_choice(output, output_path, odd),
        text=read_text(output["text"], (output_path, "text"), odd, is_speech=True)
        if output.get("text") is not None
        else None,
        usage=TaskUsage.model_validate(usage) if isinstance(usage, dict) else None,
        sentences=_read_timed_sentences(output, output_path, odd, MAX_NESTED_OUTPUTS),
    )


def _read_choice(container: dict[str, Any], path: JsonPath, odd: OddValues) -> _Choice | None:
    """Return the first choice. A model gives more only on request, and we request none."""
    found = next(read_objects(container.get("choices"), (path, "choices"), odd, is_speech=True), None)
    if found is None:
        return None
    place, choice = found
    name = "message" if choice.get("message") else "delta"
    message, message_path = choice.get(name) or {}, (place, name)
    if not isinstance(message, dict):
        odd.add(message_path, may_hide_text=True)
        message = {}
    language = emotion = ""
    for note_path, note in read_objects(message.get("annotations"), (message_path, "annotations"), odd):
        language = read_text(note.get("language"), (note_path, "language"), odd) or language
        emotion = read_text(note.get("emotion"), (note_path, "emotion"), odd) or emotion
    reason = choice.get("finish_reason")
    if reason is not None and not isinstance(reason, str):
        odd.add((place, "finish_reason"))
    return _Choice(
        text=_read_content(message.get("content"), (message_path, "content"), odd),
        is_delta=name == "delta" and bool(message),
        language=language or None,
        emotion=emotion or None,
        finish_reason=reason,
    )


def _read_content(content: object, path: JsonPath, odd: OddValues) -> str:
    """The content of a message is a text, or a list of parts with a text each."""
    if not isinstance(content, list):
        return read_text(content, path, odd, is_speech=True)
    parts = read_objects(content, path, odd, is_speech=True)
    return "".join(read_text(part.get("text"), (place, "text"), odd, is_speech=True) for place, part in parts)


def _read_timed_sentences(output: dict[str, Any], path: JsonPath, odd: OddValues, depth: int) -> list[_TimedSentence]:
    """`sentence` and `sentences`. They may be one level deeper (docs/vendor-api.md#fun-asr-flash-reply)."""
    places = list(read_objects(output.get("sentences"), (path, "sentences"), odd))
    sentence = output.get("sentence")
    if isinstance(sentence, dict):
        places.append(((path, "sentence"), sentence))
    elif sentence is not None:
        odd.add((path, "sentence"))
    found = [
        _TimedSentence(
            read_sentence(document, place, odd, position_of(place)),
            document.get("sentence_id") is not None,
            document.get("sentence_end"),
        )
        for place, document in places
        if document
    ]
    inner = output.get("output")
    if isinstance(inner, dict) and depth:
        found += _read_timed_sentences(inner, (path, "output"), odd, depth - 1)
    return found


def _read_choices(choices: Sequence[_Choice], *, streamed: bool) -> Channel:
    reason = next(
        (choice.finish_reason for choice in reversed(choices) if choice.finish_reason not in _NOT_FINISHED), None
    )
    if streamed and reason is None:
        raise ResponseLost("DashScope's stream ended before its text was complete.")
    if isinstance(reason, str) and reason in _CUT_OFF:
        raise VendorError(
            "TRANSCRIPT_CUT_OFF",
            f"DashScope ended the text early (finish_reason {reason!r}), so the transcript would be incomplete. Use an "
            "asynchronous model for this recording, or name one as the profile's fallback_model.",
            ErrorClass.PERMANENT,
        )
    pieces = [choice.text for choice in choices]
    text = "".join(pieces) if any(choice.is_delta for choice in choices) else _join_pieces(pieces)
    sentence = Sentence(
        sentence_id=1,
        begin_ms=None,
        end_ms=None,
        text=text,
        language=next((choice.language for choice in reversed(choices) if choice.language), None),
        emotion=next((choice.emotion for choice in reversed(choices) if choice.emotion), None),
    )
    return _build_channel(text, [sentence])


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


def _read_sentences(replies: Sequence[_Reply], odd: OddValues, *, streamed: bool) -> Channel:
    text = next((reply.text for reply in reversed(replies) if reply.text), "")
    last = next((reply for reply in reversed(replies) if reply.text is not None or reply.sentences), replies[-1])
    if streamed and not (any(timed.ends is True for timed in last.sentences) or replies[-1].usage):
        raise ResponseLost("DashScope's stream ended in the middle of a sentence.")
    ended: dict[tuple[int | None, int | None], Sentence] = {}
    for reply in replies:
        for timed in reply.sentences:
            if timed.ends is not False:
                number = timed.sentence.sentence_id if timed.is_numbered else None
                ended[number, timed.sentence.begin_ms] = timed.sentence
    sentences = list(ended.values())
    if contradicts(text, sentences):
        odd.add(((), "output"))
        text = join_sentences(sentence.text for sentence in sentences)
    elif _without_blanks(text) != _without_blanks("".join(sentence.text for sentence in sentences)):
        # A reply without a stream has the last sentence only, whose times say nothing about the text before it. The
        # whole text then becomes one sentence without times.
        filled = with_text_between(text, sentences) if odd.pointers or len(sentences) > 1 else None
        sentences = filled or [Sentence(sentence_id=1, begin_ms=None, end_ms=None, text=text)]
    return _build_channel(text, sentences)


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _build_channel(text: str, sentences: Sequence[Sentence]) -> Channel:
    return Channel(
        channel_id=0,
        speech_ms=None,
        text=text if is_visible(text) else "",
        sentences=[sentence for sentence in sentences if is_visible(sentence.text)],
    )
