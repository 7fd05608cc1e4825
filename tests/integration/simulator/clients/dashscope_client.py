"""Calls of DashScope's official SDK, as its documents show them. Runs in the environment of one version of the SDK.

Usage: `python dashscope_client.py API_URL MEDIA_URL FILE`. Prints a JSON object with the outcome of each call by name.
The calls are the equivalents of the vendor's examples (docs/simulator.md#how-it-is-tested).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib import request

import dashscope
from dashscope.audio.asr import Transcription

API_URL, MEDIA_URL, FILE = sys.argv[1:]
KEY = "sk-any"
URLS = [f"{MEDIA_URL}/hello_world_female.wav", f"{MEDIA_URL}/hello_world_male.wav"]

dashscope.base_http_api_url = API_URL
dashscope.api_key = KEY


def texts_of(reply: Any) -> list[str]:
    assert reply.status_code == HTTPStatus.OK, reply
    texts = []
    for result in reply.output["results"]:
        assert result["subtask_status"] == "SUCCEEDED", result
        document = json.loads(request.urlopen(result["transcription_url"]).read().decode("utf8"))
        texts += [transcript["text"] for transcript in document["transcripts"]]
    return texts


def submit_and_wait() -> Any:
    task = Transcription.async_call(model="fun-asr", file_urls=URLS, language_hints=["zh", "en"])
    return texts_of(Transcription.wait(task=task.output.task_id))


def submit_and_wait_paraformer() -> Any:
    task = Transcription.async_call(model="paraformer-v2", file_urls=URLS, language_hints=["zh", "en"])
    return texts_of(Transcription.wait(task=task.output.task_id))


def submit_and_fetch() -> Any:
    reply = Transcription.async_call(model="fun-asr", file_urls=URLS)
    while reply.output.task_status not in ("SUCCEEDED", "FAILED"):
        reply = Transcription.fetch(task=reply.output.task_id)
    return texts_of(reply)


def submit_with_options() -> Any:
    task = Transcription.async_call(
        model="fun-asr",
        file_urls=URLS[:1],
        phrase_id="1",
        channel_id=[0],
        diarization_enabled=True,
        speaker_count=2,
        special_word_filter=json.dumps({"filter_with_signed": {"word_list": ["hello"]}}),
    )
    return texts_of(Transcription.wait(task=task.output.task_id))


def submit_one_file() -> Any:
    try:
        from dashscope.audio.qwen_asr import QwenTranscription
    except ImportError:
        return "not in this version"
    task = QwenTranscription.async_call(
        model="qwen3-asr-flash-filetrans", file_url=URLS[0], language="en", enable_itn=False, enable_words=True
    )
    reply = QwenTranscription.wait(task=task.output.task_id)
    assert reply.output["task_status"] == "SUCCEEDED", reply
    document = json.loads(request.urlopen(reply.output["result"]["transcription_url"]).read().decode("utf8"))
    return [document["transcripts"][0]["text"]]


def call(audio: str, **more: Any) -> Any:
    messages = [
        {"role": "system", "content": [{"text": ""}]},
        {"role": "user", "content": [{"audio": audio}]},
    ]
    return dashscope.MultiModalConversation.call(
        api_key=KEY,
        model="qwen3-asr-flash",
        messages=messages,
        result_format="message",
        asr_options={"enable_lid": True, "enable_itn": False},
        **more,
    )


def content_of(reply: Any) -> Any:
    assert reply.status_code == HTTPStatus.OK, reply
    return reply.output.choices[0].message.content


def call_once() -> Any:
    return [part["text"] for part in content_of(call(URLS[0]))]


def call_with_a_stream() -> Any:
    replies = [content_of(reply) for reply in call(URLS[0], stream=True, incremental_output=True)]
    return ["".join(part["text"] for content in replies for part in content)]


def call_with_a_local_file() -> Any:
    return [part["text"] for part in content_of(call(f"file://{FILE}"))]


def call_an_unknown_model() -> Any:
    task = Transcription.async_call(model="fun-asr-2099", file_urls=URLS)
    return [task.status_code, task.code, task.message]


def outcome_of(call_sdk: Callable[[], Any]) -> Any:
    try:
        return call_sdk()
    except Exception as error:  # noqa: BLE001  # the test shows whatever went wrong
        return f"{type(error).__name__}: {error}"


CALLS = (
    submit_and_wait,
    submit_and_wait_paraformer,
    submit_and_fetch,
    submit_with_options,
    submit_one_file,
    call_once,
    call_with_a_stream,
    call_with_a_local_file,
    call_an_unknown_model,
)

with ThreadPoolExecutor(len(CALLS)) as pool:  # they mostly wait
    outcomes = pool.map(outcome_of, CALLS)
print(json.dumps({call_sdk.__name__: outcome for call_sdk, outcome in zip(CALLS, outcomes, strict=True)}))
