"""The models that answer at once, on both endpoints (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from dashscribe.domain.recognition.catalogue import Endpoint, RequestShape
from local.simulator.calls import Call, check_size
from local.simulator.checks import RequestRefusedError
from local.simulator.frames import Answer, in_one, native_stream, openai_stream
from local.simulator.listening import Listener, seconds_of, spoken
from local.simulator.play import Play
from local.simulator.recognition import RecognitionError
from local.simulator.results import EMOTION, LANGUAGE, flash_sentence

_REFUSALS = {
    # What a task would say of a file (docs/vendor-api.md#file-error-codes), as a synchronous call says it (5.1).
    "REQUEST_INVALID_FILE_URL_VALUE": "InvalidURL",
    "InvalidFile.DownloadFailed": "InvalidURL",
    "FILE_403_FORBIDDEN": "BadRequest.InputDownloadFailed",
    "FILE_404_NOT_FOUND": "BadRequest.InputDownloadFailed",
    "FILE_SERVER_ERROR": "BadRequest.InputDownloadFailed",
    "FILE_DOWNLOAD_FAILED": "BadRequest.InputDownloadFailed",
    "DECODE_ERROR": "BadRequest.UnsupportedFileFormat",
    "NO_VALID_AUDIO_ERROR": "BadRequest.UnsupportedFileFormat",
}
_AUDIO_TOKENS_PER_SECOND = 25
_PIECES = re.compile(r"\s*(?:\w+|[^\w\s]+)")
"""A word or its punctuation, with the blank before it, as in docs/vendor-api.md#openai-compatible-stream."""

Json = dict[str, Any]


class SynchronousModels:
    """Calls, already checked, and their answers."""

    def __init__(self, play: Play, listener: Listener) -> None:
        self._play = play
        self._listener = listener

    async def answer(self, call: Call, endpoint: Endpoint, *, cut_off: bool = False) -> Answer:
        """Raises `RequestRefusedError`. With `cut_off` the text is said to have become too long."""
        script = await self._listener.scripted_answer(call.audio)
        if "code" in script:
            code = str(script["code"])
            raise RequestRefusedError(int(script.get("status", 400)), code, script.get("message") or code)
        streamed = openai_stream if endpoint is Endpoint.OPENAI else native_stream
        if "result" in script:
            body = script["result"]
            return streamed(body.get("frames", [body])) if call.stream else in_one(body)
        heard = spoken(script["text"]) if "text" in script else await self._heard(call)
        if call.spec.shape is RequestShape.INPUT_AUDIO:
            return self._flash(call, heard)
        reason = "length" if cut_off else "stop"
        return (_chat if endpoint is Endpoint.OPENAI else _message)(call, heard, reason)

    async def _heard(self, call: Call) -> Json:
        try:
            media = call.sent_audio
            if media is None:
                media = await self._listener.download(call.audio)
                check_size(call.spec, len(media))
            return await self._listener.recognise(media, [0], call.spec.max_duration_seconds, silence_fails=False)
        except RecognitionError as error:
            status = 500 if error.code.startswith("InternalError") else 400
            raise RequestRefusedError(status, _REFUSALS.get(error.code, error.code), str(error)) from error

    def _flash(self, call: Call, heard: Json) -> Answer:
        """fun-asr-flash: no `choices`; the text so far, one sentence at a time, `usage` where a sentence ends."""
        request_id = str(uuid.uuid4())
        sentences = _sentences(heard)

        def frame(text: str, told: Json, seconds: int | None) -> Json:
            placed = {"output": told} if self._play.behaviour.nested_sentence else told
            usage = {} if seconds is None else {"usage": {"duration": seconds}}
            return {"output": {"text": text, **placed}, **usage, "request_id": request_id}

        whole = [flash_sentence(sentence, len(sentence["words"]), ended=True) for sentence in sentences]
        if not call.stream:
            told: Json = {"sentence": whole[-1]} if whole else {}
            if whole and self._play.behaviour.json_sentences == "all":
                told = {"sentences": whole}
            return in_one(frame(_text(heard), told, seconds_of(heard)))
        frames, before = [], ""
        for sentence, ended in zip(sentences, whole, strict=True):
            for words in range(1, len(sentence["words"]) + 1):
                part = flash_sentence(sentence, words, ended=False)
                frames.append(frame(before + part["text"], {"sentence": part}, None))
            before += ended["text"]
            frames.append(frame(before, {"sentence": ended}, -(-ended["end_time"] // 1000)))
        return native_stream([*frames[:-1], frame(before, {"sentence": whole[-1]} if whole else {}, seconds_of(heard))])


def _sentences(heard: Json) -> list[Json]:
    return [
        sentence for transcript in heard["transcripts"] for sentence in transcript["sentences"] if sentence["words"]
    ]


def _text(heard: Json) -> str:
    return "".join(sentence["text"] for sentence in _sentences(heard))


def _said(call: Call, heard: Json) -> tuple[list[str], Json]:
    """The pieces of the text, and the notes beside it that qwen3-asr-flash makes."""
    pieces = _PIECES.findall(_text(heard).strip())
    if call.spec.shape is RequestShape.PROMPTED_AUDIO:
        return pieces, {}
    note = {"type": "audio_info", "language": call.language or LANGUAGE, "emotion": EMOTION}
    return pieces, {"annotations": [note]}


def _message(call: Call, heard: Json, reason: str) -> Answer:
    """qwen3-asr-flash on the native endpoint."""
    request_id = str(uuid.uuid4())
    pieces, notes = _said(call, heard)

    def frame(text: str | None, finish_reason: str, tokens: int) -> Json:
        content = [] if text is None else [{"text": text}]
        choice = {"finish_reason": finish_reason, "message": {**notes, "content": content, "role": "assistant"}}
        usage = {
            "input_tokens_details": {"text_tokens": 0},
            "output_tokens_details": {"text_tokens": tokens},
            "seconds": seconds_of(heard),
        }
        return {"output": {"choices": [choice]}, "usage": usage, "request_id": request_id}

    whole = "".join(pieces)
    if not call.stream:
        return in_one(frame(whole, reason, len(pieces)))
    frames = [
        frame(piece if call.incremental else "".join(pieces[:number]), "null", number)
        for number, piece in enumerate(pieces, 1)
    ]
    return native_stream([*frames, frame(None if call.incremental else whole, reason, len(pieces))])


def _chat(call: Call, heard: Json, reason: str) -> Answer:
    """Both families of the OpenAI-compatible endpoint."""
    pieces, notes = _said(call, heard)
    usage = _chat_usage(call, len(pieces), seconds_of(heard))
    head = {"model": call.spec.name, "id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time())}
    if not call.stream:
        message = {**notes, "content": "".join(pieces), "role": "assistant"}
        choice = {"finish_reason": reason, "index": 0, "message": message}
        return in_one({"choices": [choice], **head, "object": "chat.completion", "usage": usage})
    head |= {"object": "chat.completion.chunk", "usage": None}
    first = {"logprobs": None, "index": 0, "delta": {"content": "", "role": "assistant"}}
    deltas = [{"delta": {**notes, "content": piece, "role": None}, "index": 0} for piece in pieces]
    last = {"delta": {"role": None}, "index": 0, "finish_reason": reason}
    chunks = [{**head, "choices": [choice]} for choice in (first, *deltas, last)]
    if call.include_usage:
        chunks.append({**head, "choices": [], "usage": usage})
    return openai_stream(chunks)


def _chat_usage(call: Call, said: int, seconds: int) -> Json:
    heard = _AUDIO_TOKENS_PER_SECOND * seconds
    usage: Json = {
        "completion_tokens": said,
        "completion_tokens_details": {"text_tokens": said},
        "prompt_tokens": heard,
        "prompt_tokens_details": {"audio_tokens": heard, "text_tokens": 0},
        "total_tokens": heard + said,
    }
    return usage if call.spec.shape is RequestShape.PROMPTED_AUDIO else {**usage, "seconds": seconds}
