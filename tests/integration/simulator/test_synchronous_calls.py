"""Synchronous calls: how dashscribe's own client reads the replies, and what the vendor refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashscribe.adapters.dashscope_http import DashScopeHttp
from dashscribe.domain.recognition.catalogue import CATALOGUE, CHAT_PATH, GENERATION_PATH, Endpoint
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.synchronous_replies import read_recognition, read_usage
from dashscribe.domain.recognition.task_replies import FRAMES
from dashscribe.errors import ErrorClass, ResponseLost, VendorError

URL = "http://127.0.0.1:9/walk.wav"
SCRIPTS = [{"match": "walk.wav", "answers": [{"text": "We walked along the river."}]}]
QWEN, FUN, OMNI = "qwen3-asr-flash", "fun-asr-flash-2026-06-15", "qwen3-omni-flash"
CALLS = [
    pytest.param(name, endpoint, stream, id=f"{name} {endpoint} {'stream' if stream else 'JSON'}")
    for name, spec in CATALOGUE.items()
    for endpoint in spec.endpoints
    for stream in (True, False)
    if stream or not spec.must_stream
]
"""Every synchronous model, on each of its endpoints, with and without a stream."""
MAIN_CALLS = [call for call in CALLS if call.values[0] in (QWEN, FUN)]

OptionsFor = Callable[..., Options]
Configure = Callable[..., None]
Recorded = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def transcribe(our_client: DashScopeHttp, options_for: OptionsFor) -> Callable[..., Any]:
    """Call with our client, and read the reply: `transcribe(QWEN, Endpoint.OPENAI, stream=True)`."""

    def transcribed(model: str, endpoint: Endpoint = Endpoint.DASHSCOPE, *, stream: bool, url: str = URL) -> Any:
        options = options_for(model, endpoint=endpoint, stream=stream)
        return read_recognition(our_client.transcribe(options, url, "wav"))

    return transcribed


def operation_of(endpoint: Endpoint) -> str:
    return "chat" if endpoint is Endpoint.OPENAI else "generate"


# our own client


@pytest.mark.parametrize(("model", "endpoint", "stream"), CALLS)
def test_our_client_reads_every_kind_of_reply(
    model: str,
    endpoint: Endpoint,
    stream: bool,
    our_client: DashScopeHttp,
    options_for: OptionsFor,
    configure: Configure,
    recorded: Recorded,
) -> None:
    configure(scripts=SCRIPTS)
    document = our_client.transcribe(options_for(model, endpoint=endpoint, stream=stream), URL, "wav")
    assert (FRAMES in document) is stream
    assert read_recognition(document).channels[0].text == "We walked along the river."
    assert read_usage(document).billed_seconds == (None if model in OMNI or "omni" in model else 2)
    assert [request["status"] for request in recorded(operation_of(endpoint))] == [200]


@pytest.mark.parametrize(
    ("stream", "nested", "sentences"),
    [(True, False, "last"), (True, True, "last"), (False, True, "last"), (False, False, "all")],
)
def test_every_sentence_has_times_if_the_reply_has_every_sentence(
    stream: bool, nested: bool, sentences: str, transcribe: Callable[..., Any], configure: Configure, media_url: str
) -> None:
    configure(behaviour={"nested_sentence": nested, "json_sentences": sentences})
    result = transcribe(FUN, stream=stream, url=f"{media_url}/morning-walk.wav").channels[0]
    assert result.text.startswith("The weather was fine this morning. ")
    if not stream and sentences == "last":
        (whole,) = result.sentences
        assert (whole.text, whole.begin_ms) == (result.text, None)
    else:
        assert "".join(sentence.text for sentence in result.sentences) == result.text
        assert len(result.sentences) == 3
        assert all(sentence.words and sentence.begin_ms < sentence.end_ms for sentence in result.sentences)


@pytest.mark.parametrize(("model", "endpoint", "stream"), MAIN_CALLS)
def test_silence_is_an_empty_text(
    model: str,
    endpoint: Endpoint,
    stream: bool,
    transcribe: Callable[..., Any],
    media_folder: Path,
    media_url: str,
    as_wav: Callable[..., bytes],
) -> None:
    (media_folder / "no-speech.wav").write_bytes(as_wav(bytes(2 * 16_000)))
    result = transcribe(model, endpoint, stream=stream, url=f"{media_url}/no-speech.wav")
    assert (result.channels[0].text, result.channels[0].sentences) == ("", [])


@pytest.mark.parametrize("kind", ["break_stream", "truncate_stream", "reset", "reset_after"])
@pytest.mark.parametrize(("model", "endpoint", "stream"), MAIN_CALLS)
def test_an_incomplete_response_is_a_lost_response(
    model: str,
    endpoint: Endpoint,
    stream: bool,
    kind: str,
    transcribe: Callable[..., Any],
    configure: Configure,
) -> None:
    configure(scripts=SCRIPTS, faults=[{"operation": operation_of(endpoint), "kind": kind, "match": "walk.wav"}])
    with pytest.raises(ResponseLost):
        transcribe(model, endpoint, stream=stream)
    assert transcribe(model, endpoint, stream=stream).channels[0].text == "We walked along the river."


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("model", "endpoint"), [(QWEN, Endpoint.DASHSCOPE), (QWEN, Endpoint.OPENAI)])
def test_a_truncated_text_is_an_error(
    model: str, endpoint: Endpoint, stream: bool, transcribe: Callable[..., Any], configure: Configure
) -> None:
    configure(scripts=SCRIPTS, faults=[{"operation": operation_of(endpoint), "kind": "finish_length"}])
    with pytest.raises(VendorError) as raised:
        transcribe(model, endpoint, stream=stream)
    assert raised.value.code == "TRANSCRIPT_CUT_OFF"


@pytest.mark.parametrize(("model", "endpoint", "stream"), MAIN_CALLS)
def test_a_scripted_code_is_returned_as_an_error(
    model: str, endpoint: Endpoint, stream: bool, transcribe: Callable[..., Any], configure: Configure
) -> None:
    configure(scripts=[{"match": "walk", "answers": [{"code": "DataInspectionFailed", "message": "content refused"}]}])
    with pytest.raises(VendorError, match="content refused") as raised:
        transcribe(model, endpoint, stream=stream)
    assert raised.value.error_class is ErrorClass.PERMANENT


def test_a_scripted_result_is_the_response_body(vendor: httpx.Client, configure: Configure) -> None:
    configure(scripts=[{"match": "walk", "answers": [{"result": {"unknown": 1}}]}])
    assert vendor.post(CHAT_PATH, json=chat()).json() == {"unknown": 1}


def test_the_frames_of_a_scripted_result_are_streamed(transcribe: Callable[..., Any], configure: Configure) -> None:
    broken = {"code": "InternalError.Algo", "message": "broke in the middle"}
    said = {"output": {"choices": [{"message": {"content": [{"text": "We"}]}, "finish_reason": "null"}]}}
    configure(scripts=[{"match": "walk", "answers": [{"result": {"frames": [said, broken]}}]}])
    with pytest.raises(VendorError, match="broke in the middle"):
        transcribe(QWEN, stream=True)


def test_a_hang_fault_delays_the_response(vendor: httpx.Client, configure: Configure) -> None:
    configure(scripts=SCRIPTS, faults=[{"operation": "chat", "kind": "hang", "seconds": 30}])
    with pytest.raises(httpx.ReadTimeout):
        vendor.post(CHAT_PATH, json=chat(), timeout=0.3)


# frames


def test_a_native_stream_has_the_documented_format(vendor: httpx.Client, configure: Configure) -> None:
    """docs/vendor-api.md#dashscope-stream: `id`, `event`, a comment with the status, `data`; usage where a sentence
    ends."""
    configure(scripts=[{"match": "walk", "answers": [{"text": "We walked"}]}])
    answer = vendor.post(GENERATION_PATH, json=native(FUN), headers={"X-DashScope-SSE": "enable"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.removesuffix("\n\n").split("\n\n")
    assert [event.split("\n")[:3] for event in events] == [
        [f"id:{number}", "event:result", ":HTTP_STATUS/200"] for number in (1, 2, 3)
    ]
    frames = [json.loads(event.split("\n")[3].removeprefix("data:")) for event in events]
    assert [frame["output"]["text"] for frame in frames] == ["We", "We walked", "We walked"]
    assert [frame["output"]["sentence"]["sentence_end"] for frame in frames] == [False, False, True]
    assert ["usage" in frame for frame in frames] == [False, False, True]
    assert frames[-1]["output"]["sentence"].keys() == {
        "sentence_id",
        "sentence_end",
        "begin_time",
        "end_time",
        "channel_id",
        "text",
        "words",
    }
    assert all(word["fixed"] for word in frames[-1]["output"]["sentence"]["words"])


# refusals


def native(model: str, content: Any = None, *, before: Any = (), **parameters: Any) -> dict[str, Any]:
    """A native call of this model; `content` replaces the audio."""
    ours: Any = [{"audio": URL}]
    if model == FUN:
        ours = [{"type": "input_audio", "input_audio": {"data": URL}}]
        parameters = {"format": "wav", **parameters}
    messages = [*before, {"role": "user", "content": ours if content is None else content}]
    return {"model": model, "input": {"messages": messages}, "parameters": parameters}


def chat(model: str = QWEN, **more: Any) -> dict[str, Any]:
    audio: dict[str, Any] = {"type": "input_audio", "input_audio": {"data": URL}}
    content = [audio]
    if model == OMNI:
        audio["input_audio"]["format"] = "wav"
        content.append({"type": "text", "text": "Transcribe."})
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


OTHER_ITEM = {"type": "input_audio", "input_audio": {"data": URL}}
WRONG_NATIVE = {
    "async model": native("fun-asr"),
    "model of the other endpoint": native(OMNI),
    "no messages": {"model": QWEN, "input": {}},
    "the other item": native(QWEN, [OTHER_ITEM]),
    "the other item of fun-asr-flash": native(FUN, [{"audio": URL}]),
    "two recordings": native(QWEN, [{"audio": URL}, {"audio": URL}]),
    "context among the parameters": native(QWEN, context="names"),
    "asr_options unknown": native(QWEN, asr_options={"lang": "en"}),
    "no format": {**native(FUN), "parameters": {}},
    "sample_rate a number": native(FUN, sample_rate=16000),
    "vocabulary for fun-asr-flash": native(FUN, vocabulary={"word": 5}),
    "turn of the other type": native(FUN, before=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
    "empty audio": native(QWEN, [{"audio": "data:audio/wav;base64,"}]),
    "no base64": native(QWEN, [{"audio": "data:audio/wav;base64,%%%"}]),
}
WRONG_CHAT = {
    "stream_options without a stream": chat(stream=False, stream_options={"include_usage": True}),
    "context as text": {
        **chat(),
        "messages": [{"role": "system", "content": "names"}, *chat()["messages"]],
    },
    "native item": {**chat(), "messages": [{"role": "user", "content": [{"audio": URL}]}]},
    "asr_options unknown": chat(asr_options={"lang": "en"}),
    "omni without a stream": chat(OMNI),
    "omni that speaks": chat(OMNI, stream=True, modalities=["text", "audio"]),
    "omni without a prompt": {**chat(stream=True), "model": OMNI},
    "prompt outside the messages": chat(OMNI, stream=True, prompt="Transcribe."),
}


@pytest.mark.parametrize("case", WRONG_NATIVE)
def test_the_native_endpoint_refuses(case: str, vendor: httpx.Client, configure: Configure) -> None:
    configure(scripts=SCRIPTS)
    refused = vendor.post(GENERATION_PATH, json=WRONG_NATIVE[case])
    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameter")
    assert refused.json().keys() == {"request_id", "code", "message"}


@pytest.mark.parametrize("case", WRONG_CHAT)
def test_the_openai_endpoint_refuses(case: str, vendor: httpx.Client, configure: Configure) -> None:
    configure(scripts=SCRIPTS)
    refused = vendor.post(CHAT_PATH, json=WRONG_CHAT[case])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_parameter_error")


def test_valid_variants_of_the_refused_calls_are_accepted(vendor: httpx.Client, configure: Configure) -> None:
    configure(scripts=SCRIPTS)
    turns = [{"role": "user", "content": [{"type": "input_text", "text": "x" * 500}]}]
    system = [{"role": "system", "content": [{"text": ""}]}]
    for body in (native(QWEN, before=system, asr_options={"language": "en"}), native(FUN, before=turns)):
        assert vendor.post(GENERATION_PATH, json=body).status_code == 200
    for body in (chat(), chat(OMNI, stream=True, modalities=["text"])):
        assert vendor.post(CHAT_PATH, json=body).status_code == 200


def test_a_synchronous_model_cannot_be_called_asynchronously(vendor: httpx.Client) -> None:
    refused = vendor.post(GENERATION_PATH, json=native(QWEN), headers={"X-DashScope-Async": "enable"})
    assert (refused.status_code, refused.json()["code"]) == (403, "AccessDenied")
    assert refused.json()["message"].endswith("does not support asynchronous calls.")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://127.0.0.1/walk.mp3", "InvalidURL"),
        ("http://127.0.0.1:9/会议.mp3", "InvalidURL"),
        ("http://127.0.0.1:9/absent.mp3", "BadRequest.InputDownloadFailed"),
        ("{media}/status/500", "BadRequest.InputDownloadFailed"),
        ("{media}/no-media.wav", "BadRequest.UnsupportedFileFormat"),
        ("{media}/long.wav", "InvalidFile.AudioLengthError"),
        ("data:audio/wav;base64," + "A" * (10 * 1024**2 + 1), "BadRequest.TooLarge"),
    ],
    ids=["scheme", "not encoded", "unreachable", "server", "no media", "too long", "encoded too large"],
)
def test_a_recording_is_refused(
    url: str, code: str, vendor: httpx.Client, media_folder: Path, media_url: str, as_wav: Callable[..., bytes]
) -> None:
    if "no-media" in url:
        (media_folder / "no-media.wav").write_text("these are notes")
    if "long" in url:
        (media_folder / "long.wav").write_bytes(as_wav(bytes(301 * 2 * 16_000)))
    answer = vendor.post(GENERATION_PATH, json=native(QWEN, [{"audio": url.replace("{media}", media_url)}]))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


# rates, regions, new models, temporary keys


def test_each_model_has_its_own_rate_limit(
    vendor: httpx.Client, post_task: Callable[..., httpx.Response], configure: Configure
) -> None:
    configure(behaviour={"submits_per_second": 1, "queue_seconds": 60}, scripts=SCRIPTS)
    calls = [vendor.post(GENERATION_PATH, json=native(model)).status_code for model in (QWEN, FUN, QWEN)]
    assert calls == [200, 200, 429]
    assert post_task(URL).status_code == 200


@pytest.mark.parametrize(
    ("region", "path", "body", "status", "code"),
    [
        ("us", GENERATION_PATH, native("qwen3-asr-flash-us"), 200, None),
        ("us", GENERATION_PATH, native(QWEN), 400, "InvalidParameter"),
        ("us", CHAT_PATH, chat(), 404, "NotFound"),
        ("beijing", GENERATION_PATH, native("qwen3-asr-flash-us"), 400, "InvalidParameter"),
        ("beijing", CHAT_PATH, chat("qwen3-asr-flash-us"), 404, "model_not_found"),
        ("beijing", CHAT_PATH, chat(), 200, None),
    ],
)
def test_a_region_has_its_own_models_and_endpoints(
    region: str,
    path: str,
    body: dict[str, Any],
    status: int,
    code: str | None,
    vendor: httpx.Client,
    configure: Configure,
) -> None:
    configure(behaviour={"region": region}, scripts=SCRIPTS)
    answer = vendor.post(path, json=body)
    given = answer.json()
    assert (answer.status_code, given.get("error", given).get("code")) == (status, code)


@pytest.mark.parametrize(("region", "status"), [("us", 403), ("international", 400), ("beijing", 200)])
def test_a_region_has_its_own_tasks(
    region: str, status: int, post_task: Callable[..., httpx.Response], configure: Configure
) -> None:
    configure(behaviour={"region": region, "queue_seconds": 60})
    body = {"model": "paraformer-v2", "input": {"file_urls": [URL]}, "parameters": {}}
    assert post_task(body=body).status_code == status


def test_the_simulator_can_serve_a_model_that_the_catalogue_does_not_have(
    vendor: httpx.Client, configure: Configure
) -> None:
    body = native("qwen4-asr-flash")
    assert vendor.post(GENERATION_PATH, json=body).json()["message"] == "Model not exist."
    configure(behaviour={"extra_models": {"qwen4-asr-flash": "qwen3-asr-flash"}}, scripts=SCRIPTS)
    assert vendor.post(GENERATION_PATH, json=body).status_code == 200


def test_a_temporary_key_works_until_it_expires(base_url: str, vendor: httpx.Client, http: httpx.Client) -> None:
    """docs/vendor-api.md#temporary-keys."""
    given = vendor.post("/api/v1/tokens", params={"expire_in_seconds": 1800}).json()
    assert given.keys() == {"token", "expires_at"}

    def status(key: str) -> int:
        return http.get(f"{base_url}/api/v1/tasks", headers={"Authorization": f"Bearer {key}"}).status_code

    assert (status(given["token"]), status("st-of-yesterday")) == (200, 401)
    assert vendor.post("/api/v1/tokens", params={"expire_in_seconds": 1801}).json()["code"] == "InvalidParameter"
    assert http.post(f"{base_url}/api/v1/tokens").status_code == 401
