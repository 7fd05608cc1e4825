"""The simulator accepts what any client may send, unless a page of the vendor excludes it (docs/simulator.md)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from dashscribe.domain.recognition.catalogue import CHAT_PATH, GENERATION_PATH, TASKS_PATH, TRANSCRIPTION_PATH
from local.simulator.server import Simulator

URL = "http://127.0.0.1:9/walk.wav"
SPOKEN = "We walked."
QWEN, FUN, OMNI = "qwen3-asr-flash", "fun-asr-flash-2026-06-15", "qwen3-omni-flash"

Configure = Callable[..., None]

USER = {"role": "user", "content": [{"audio": URL}]}
OPENAI_USER = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": URL}}]}
PROMPT = {"type": "text", "text": "Write down what is said."}


@pytest.fixture(autouse=True)
def _not_strict(configure: Configure) -> None:
    configure(
        behaviour={"strict": False, "queue_seconds": 0}, scripts=[{"match": "walk", "answers": [{"text": SPOKEN}]}]
    )


def chat(*messages: dict[str, Any], model: str = QWEN, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(messages or (OPENAI_USER,)), **more}


def native(*messages: dict[str, Any], model: str = QWEN, **parameters: Any) -> dict[str, Any]:
    return {"model": model, "input": {"messages": list(messages or (USER,))}, "parameters": parameters}


ACCEPTED_CHATS: dict[str, Any] = {
    "extra_body as a field": chat(extra_body={"asr_options": {"enable_itn": False}}),
    "options of chat models": chat(temperature=0, n=1, user="me", top_p=0.9, seed=1, metadata={"a": "b"}),
    "a stream of null": chat(stream=None, stream_options=None),
    "enable_lid": chat(asr_options={"enable_lid": True, "enable_itn": False}),
    "the system message last": chat(OPENAI_USER, {"role": "system", "content": [{"text": "names"}]}),
    "a system element without a text": chat({"role": "system", "content": [{}]}, OPENAI_USER),
    "a system message as text": chat({"role": "system", "content": "names"}, OPENAI_USER),
    "earlier messages": chat(
        {"role": "user", "content": "hello"}, {"role": "assistant", "content": "yes?"}, OPENAI_USER
    ),
}
ACCEPTED_CALLS: dict[str, Any] = {
    "without parameters": {"model": QWEN, "input": {"messages": [USER]}},
    "stream among the parameters": native(stream=False, incremental_output=True),
    "result_format text": native(result_format="text"),
    "enable_lid": native(asr_options={"enable_lid": True, "language": "en"}),
    "unknown parameters": native(asr_options={"lang": "en"}, top_k=1, enable_search=False),
    "the system message last": native(USER, {"role": "system", "content": [{"text": ""}]}),
    "a system element without a text": native({"role": "system", "content": [{}]}, USER),
    "fun-asr-flash with a number": native(OPENAI_USER, model=FUN, format="wav", sample_rate=16000),
    "fun-asr-flash with a stream": native(OPENAI_USER, model=FUN, format="wav", stream=True),
    "fun-asr-flash with turns of text": native(
        {"role": "user", "content": [{"type": "text", "text": "hi"}]}, OPENAI_USER, model=FUN, format="wav"
    ),
}
ACCEPTED_TASKS: dict[str, Any] = {
    "without parameters": {},
    "null parameters": {"parameters": None},
    "hotwords of v1": {"parameters": {}, "resources": [{"resource_id": "1", "resource_type": "asr_phrase"}]},
    "unknown parameters": {"parameters": {"audio_event_detection_enabled": True, "vocabulary": {"a": 5}}},
    "the word filter as an object": {"parameters": {"special_word_filter": {"system_reserved_filter": True}}},
    "null for a parameter": {"parameters": {"channel_id": None, "language_hints": None}},
}
REFUSED_TASKS: dict[str, Any] = {
    "channel_id a text": {"channel_id": "0"},
    "a text for a switch": {"diarization_enabled": "yes"},
    "one speaker": {"diarization_enabled": True, "speaker_count": 1},
    "language_hints a text": {"language_hints": "en"},
}


@pytest.mark.parametrize("case", ACCEPTED_CHATS)
def test_the_openai_compatible_endpoint_accepts(case: str, vendor: httpx.Client) -> None:
    answer = vendor.post(CHAT_PATH, json=ACCEPTED_CHATS[case])
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == SPOKEN


@pytest.mark.parametrize("case", ACCEPTED_CALLS)
def test_dashscopes_own_endpoint_accepts(case: str, vendor: httpx.Client) -> None:
    answer = vendor.post(GENERATION_PATH, json=ACCEPTED_CALLS[case])
    assert answer.status_code == 200, answer.text
    assert SPOKEN in answer.text


@pytest.mark.parametrize("case", ACCEPTED_TASKS)
def test_a_task_is_accepted(case: str, submit: Callable[..., str], until: Callable[..., dict[str, Any]]) -> None:
    task = submit(body={"model": "fun-asr", "input": {"file_urls": [URL]}, **ACCEPTED_TASKS[case]})
    assert until(task)["output"]["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize("case", REFUSED_TASKS)
def test_a_parameter_of_another_type_is_refused(case: str, post_task: Callable[..., httpx.Response]) -> None:
    refused = post_task(URL, **REFUSED_TASKS[case])
    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameter")


def test_a_prompted_model_accepts_any_output_and_counts_the_words_of_the_prompt(vendor: httpx.Client) -> None:
    content = [*OPENAI_USER["content"], PROMPT]
    usage = {"include_usage": True}
    body = chat(
        {"role": "user", "content": content},
        model=OMNI,
        stream=True,
        stream_options=usage,
        modalities=["text", "audio"],
        audio={"voice": "Cherry", "format": "wav"},
    )
    answer = vendor.post(CHAT_PATH, json=body)
    assert answer.status_code == 200, answer.text
    assert '"prompt_tokens_details":{"audio_tokens":27,"text_tokens":5}' in answer.text


@pytest.mark.parametrize(
    ("words", "seconds", "tokens"),
    [(1, 1, 25), (4, 1, 42), (5, 2, 50)],  # 0.8 s, 1.7 s, 2.0 s
)
def test_seconds_are_full_ones_and_tokens_are_of_the_whole_duration(
    words: int, seconds: int, tokens: int, vendor: httpx.Client, configure: Configure
) -> None:
    """docs/vendor-api.md#usage: 42 tokens are 1.68 s, of which one second is full."""
    configure(scripts=[{"match": "walk", "answers": [{"text": " ".join(["word"] * words)}]}])
    usage = vendor.post(CHAT_PATH, json=chat()).json()["usage"]
    assert (usage["seconds"], usage["prompt_tokens"]) == (seconds, tokens)
    assert usage["prompt_tokens_details"]["audio_tokens"] == tokens
    assert vendor.post(GENERATION_PATH, json=native()).json()["usage"]["seconds"] == seconds


# paths


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/no-such-path", 404, "NotFound"),
        ("GET", TRANSCRIPTION_PATH, 400, "InvalidParameter"),
        ("DELETE", f"{TASKS_PATH}/some-task", 400, "InvalidParameter"),
        ("GET", "/", 404, "NotFound"),
        ("POST", "/compatible-mode/v1/audio/transcriptions", 404, "NotFound"),
        ("GET", CHAT_PATH, 400, "invalid_parameter_error"),
    ],
)
def test_a_path_or_method_that_the_vendor_does_not_have_gets_a_json_error(
    method: str, path: str, status: int, code: str, vendor: httpx.Client
) -> None:
    answer = vendor.request(method, path)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (answer.status_code, body.get("error", body)["code"]) == (status, code)
    assert ("error" in body) is path.startswith("/compatible-mode")
    assert body["request_id"]


def test_a_fault_of_the_simulator_gets_a_json_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor() as recognisers:
        simulator = Simulator("http://127.0.0.1:9", recognisers)
        monkeypatch.setattr(simulator.task_store, "tasks", None)
        with TestClient(simulator.application(), raise_server_exceptions=False) as client:
            answer = client.get(f"{TASKS_PATH}/some-task", headers={"Authorization": "Bearer any"})
            monkeypatch.undo()
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")


# local files


@pytest.fixture
def uploaded(vendor: httpx.Client, http: httpx.Client, walk_pcm: bytes, as_wav: Callable[..., bytes]) -> str:
    """The `oss://` URL of an uploaded recording."""
    return upload(vendor, http, as_wav(walk_pcm))


def upload(vendor: httpx.Client, http: httpx.Client, content: bytes, **changed: str) -> str:
    reply = vendor.get("/api/v1/uploads", params={"action": "getPolicy", "model": "fun-asr"})
    policy = reply.raise_for_status().json()["data"]
    form = {
        "OSSAccessKeyId": policy["oss_access_key_id"],
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": f"{policy['upload_dir']}/my walk 会议.wav",
        "x-oss-object-acl": policy["x_oss_object_acl"],
        "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
        "success_action_status": "200",
        **changed,
    }
    http.post(policy["upload_host"], data=form, files={"file": ("walk.wav", content)}).raise_for_status()
    return f"oss://{form['key']}"


RESOLVE = {"X-DashScope-OssResourceResolve": "enable"}


def test_an_uploaded_file_is_transcribed(
    uploaded: str, submit: Callable[..., str], until: Callable[..., dict[str, Any]], configure: Configure
) -> None:
    configure(scripts=[{"match": "walk", "answers": [{"recognise": True}]}])
    reply = until(submit(uploaded, headers={"X-DashScope-Async": "enable", **RESOLVE}))
    (result,) = reply["output"]["results"]
    assert (result["file_url"], result["subtask_status"]) == (uploaded, "SUCCEEDED")


def test_an_uploaded_file_needs_the_header_that_resolves_it(
    uploaded: str, vendor: httpx.Client, post_task: Callable[..., httpx.Response]
) -> None:
    body = native({"role": "user", "content": [{"audio": uploaded}]})
    assert vendor.post(GENERATION_PATH, json=body, headers=RESOLVE).status_code == 200
    assert vendor.post(GENERATION_PATH, json=body).json()["code"] == "InvalidURL"
    assert post_task(uploaded).json()["code"] == "InvalidParameter"


def test_an_uploaded_file_expires(
    uploaded: str, submit: Callable[..., str], until: Callable[..., dict[str, Any]], configure: Configure
) -> None:
    configure(behaviour={"upload_seconds_to_live": 0}, scripts=[{"match": "walk", "answers": [{"recognise": True}]}])
    reply = until(submit(uploaded, headers={"X-DashScope-Async": "enable", **RESOLVE}))
    assert reply["output"]["results"][0]["code"] == "FILE_404_NOT_FOUND"


@pytest.mark.parametrize(
    ("changed", "status"), [({"Signature": "wrong"}, 403), ({"key": "other/walk.wav"}, 403), ({"key": ""}, 400)]
)
def test_an_upload_that_its_policy_does_not_allow_is_refused(
    changed: dict[str, str], status: int, vendor: httpx.Client, http: httpx.Client
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        upload(vendor, http, b"content", **changed)
    assert raised.value.response.status_code == status


def test_an_upload_policy_needs_a_model_and_a_key(base_url: str, vendor: httpx.Client, http: httpx.Client) -> None:
    assert vendor.get("/api/v1/uploads", params={"action": "getPolicy"}).json()["code"] == "InvalidParameter"
    refused = http.get(f"{base_url}/api/v1/uploads", params={"action": "getPolicy", "model": "fun-asr"})
    assert refused.status_code == 401


# network


def test_a_latency_delays_every_response(vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"latency_seconds": 0.2})
    assert vendor.get(f"{TASKS_PATH}/no-such-task").elapsed.total_seconds() >= 0.2
