"""Replies of synchronous models, on both endpoints (docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from dashscribe.domain.recognition.catalogue import Endpoint, RequestShape
from local.simulator.calls import Call, check_size
from local.simulator.checks import RequestRefusedError
from local.simulator.frames import Answer, json_answer, native_stream, openai_stream
from local.simulator.recognition import RecognitionError
from local.simulator.results import EMOTION, LANGUAGE, build_flash_sentence
from local.simulator.scenario import Scenario
from local.simulator.transcriber import Transcriber, document_for_text
from local.simulator.usage import audio_tokens, duration_ms, full_seconds, started_seconds

_CALL_ERROR_CODES = {
    # The error code of a task (docs/vendor-api.md#file-error-codes): that of a synchronous call
    # (docs/vendor-api.md#error-codes).
    "REQUEST_INVALID_FILE_URL_VALUE": "InvalidURL",
    "InvalidFile.DownloadFailed": "InvalidURL",
    "FILE_403_FORBIDDEN": "BadRequest.InputDownloadFailed",
    "FILE_404_NOT_FOUND": "BadRequest.InputDownloadFailed",
    "FILE_SERVER_ERROR": "BadRequest.InputDownloadFailed",
    "FILE_DOWNLOAD_FAILED": "BadRequest.InputDownloadFailed",
    "DECODE_ERROR": "BadRequest.UnsupportedFileFormat",
    "NO_VALID_AUDIO_ERROR": "BadRequest.UnsupportedFileFormat",
}
_PIECES = re.compile(r"\s*(?:\w+|[^\w\s]+)")
"""A word or its punctuation, with leading blanks (docs/vendor-api.md#openai-compatible-stream)."""

Json = dict[str, Any]


class SynchronousModels:
    """Replies to valid calls."""

    def __init__(self, scenario: Scenario, transcriber: Transcriber) -> None:
        self._scenario = scenario
        self._transcriber = transcriber

    async def answer(self, call: Call, endpoint: Endpoint, *, cut_off: bool = False) -> Answer:
        """Return the reply to a call. With `cut_off`, its finish reason is `length`. Raises `RequestRefusedError`."""
        script = await self._transcriber.take_scripted_answer(call.audio)
        if "code" in script:
            code = str(script["code"])
            raise RequestRefusedError(int(script.get("status", 400)), code, script.get("message") or code)
        streamed = openai_stream if endpoint is Endpoint.OPENAI else native_stream
        if "result" in script:
            body = script["result"]
            return streamed(body.get("frames", [body])) if call.stream else json_answer(body)
        recognised = document_for_text(script["text"]) if "text" in script else await self._transcribe_call(call)
        if call.spec.shape is RequestShape.INPUT_AUDIO:
            return self._flash(call, recognised)
        reason = "length" if cut_off else "stop"
        return (_chat if endpoint is Endpoint.OPENAI else _message)(call, recognised, reason)

    async def _transcribe_call(self, call: Call) -> Json:
        try:
            media = call.sent_audio
            if media is None:
                media = await self._transcriber.download(call.audio)
                check_size(call.spec, len(media))
            return await self._transcriber.recognise(media, [0], call.spec.max_duration_seconds, silence_fails=False)
        except RecognitionError as error:
            status = 500 if error.code.startswith("InternalError") else 400
            raise RequestRefusedError(status, _CALL_ERROR_CODES.get(error.code, error.code), str(error)) from error

    def _flash(self, call: Call, recognised: Json) -> Answer:
        """Return a reply of fun-asr-flash (docs/vendor-api.md#fun-asr-flash-reply).

        A stream has the text so far, the current sentence, and `usage` where a sentence ends.
        """
        request_id = str(uuid.uuid4())
        sentences = _sentences(recognised)

        def frame(text: str, sentence_fields: Json, seconds: int | None) -> Json:
            is_nested = self._scenario.behaviour.nested_sentence
            fields = {"output": sentence_fields} if is_nested else sentence_fields
            usage = {} if seconds is None else {"usage": {"duration": seconds}}
            return {"output": {"text": text, **fields}, **usage, "request_id": request_id}

        complete = [build_flash_sentence(sentence, len(sentence["words"]), ended=True) for sentence in sentences]
        last: Json = {"sentence": complete[-1]} if complete else {}
        if not call.stream:
            gives_all = complete and self._scenario.behaviour.json_sentences == "all"
            fields = {"sentences": complete} if gives_all else last
            return json_answer(frame(_join_text(recognised), fields, started_seconds(duration_ms(recognised))))
        frames, before = [], ""
        for sentence, ended in zip(sentences, complete, strict=True):
            for words in range(1, len(sentence["words"]) + 1):
                part = build_flash_sentence(sentence, words, ended=False)
                frames.append(frame(before + part["text"], {"sentence": part}, None))
            before += ended["text"]
            frames.append(frame(before, {"sentence": ended}, started_seconds(ended["end_time"])))
        return native_stream([*frames[:-1], frame(before, last, started_seconds(duration_ms(recognised)))])


def _sentences(recognised: Json) -> list[Json]:
    return [
        sentence
        for transcript in recognised["transcripts"]
        for sentence in transcript["sentences"]
        if sentence["words"]
    ]


def _join_text(recognised: Json) -> str:
    return "".join(sentence["text"] for sentence in _sentences(recognised))


def _text_pieces(call: Call, recognised: Json) -> tuple[list[str], Json]:
    """Return the pieces of the text, and the annotations of qwen3-asr-flash."""
    pieces = _PIECES.findall(_join_text(recognised).strip())
    if call.spec.shape is RequestShape.PROMPTED_AUDIO:
        return pieces, {}
    annotation = {"type": "audio_info", "language": call.language or LANGUAGE, "emotion": EMOTION}
    return pieces, {"annotations": [annotation]}


def _message(call: Call, recognised: Json, reason: str) -> Answer:
    """Return a reply of qwen3-asr-flash on DashScope's own endpoint."""
    request_id = str(uuid.uuid4())
    pieces, annotations = _text_pieces(call, recognised)

    def frame(text: str | None, finish_reason: str, tokens: int) -> Json:
        content = [] if text is None else [{"text": text}]
        choice = {"finish_reason": finish_reason, "message": {**annotations, "content": content, "role": "assistant"}}
        usage = {
            "input_tokens_details": {"text_tokens": 0},
            "output_tokens_details": {"text_tokens": tokens},
            "seconds": full_seconds(duration_ms(recognised)),
        }
        return {"output": {"choices": [choice]}, "usage": usage, "request_id": request_id}

    whole = "".join(pieces)
    if not call.stream:
        return json_answer(frame(whole, reason, len(pieces)))
    frames = [
        frame(piece if call.incremental else "".join(pieces[:number]), "null", number)
        for number, piece in enumerate(pieces, 1)
    ]
    return native_stream([*frames, frame(None if call.incremental else whole, reason, len(pieces))])


def _chat(call: Call, recognised: Json, reason: str) -> Answer:
    """Return a reply of either family on the OpenAI-compatible endpoint."""
    pieces, annotations = _text_pieces(call, recognised)
    usage = _chat_usage(call, len(pieces), duration_ms(recognised))
    head = {"model": call.spec.name, "id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time())}
    if not call.stream:
        message = {**annotations, "content": "".join(pieces), "role": "assistant"}
        choice = {"finish_reason": reason, "index": 0, "message": message}
        return json_answer({"choices": [choice], **head, "object": "chat.completion", "usage": usage})
    head |= {"object": "chat.completion.chunk", "usage": None}
    first = {"logprobs": None, "index": 0, "delta": {"content": "", "role": "assistant"}}
    deltas = [{"delta": {**annotations, "content": piece, "role": None}, "index": 0} for piece in pieces]
    last = {"delta": {"role": None}, "index": 0, "finish_reason": reason}
    chunks = [{**head, "choices": [choice]} for choice in (first, *deltas, last)]
    if call.include_usage:
        chunks.append({**head, "choices": [], "usage": usage})
    return openai_stream(chunks)


def _chat_usage(call: Call, output_tokens: int, milliseconds: int) -> Json:
    """Return the usage. A prompt has a token for each word, which is about what it is."""
    of_audio = audio_tokens(milliseconds)
    prompt_tokens = of_audio + call.prompt_words
    usage: Json = {
        "completion_tokens": output_tokens,
        "completion_tokens_details": {"text_tokens": output_tokens},
        "prompt_tokens": prompt_tokens,
        "prompt_tokens_details": {"audio_tokens": of_audio, "text_tokens": call.prompt_words},
        "total_tokens": prompt_tokens + output_tokens,
    }
    return usage if call.spec.shape is RequestShape.PROMPTED_AUDIO else {**usage, "seconds": full_seconds(milliseconds)}
