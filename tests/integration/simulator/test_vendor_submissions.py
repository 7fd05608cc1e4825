"""The simulator follows the vendor's rules for submissions and rates (docs/vendor-api.md#task-submission)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

TASKS = "/api/v1/tasks"
MODEL = "fun-asr"
ANY_URL = "http://127.0.0.1:9/unreachable.wav"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
VENDOR_TIME = "%Y-%m-%d %H:%M:%S.%f"

Configure = Callable[..., None]
Submit = Callable[..., str]
PostTask = Callable[..., httpx.Response]
Query = Callable[[str], dict[str, Any]]
Until = Callable[..., dict[str, Any]]


# submit


def test_the_reply_to_a_submission_has_a_task_id(post_task: PostTask) -> None:
    reply = post_task(ANY_URL).json()
    assert re.fullmatch(UUID, reply["request_id"])
    assert re.fullmatch(UUID, reply["output"]["task_id"])
    assert reply["output"]["task_status"] == "PENDING"


@pytest.mark.parametrize("headers", [{}, {"X-DashScope-Async": "disable"}])
def test_a_submission_without_the_async_header_is_denied(post_task: PostTask, headers: dict[str, str]) -> None:
    refused = post_task(ANY_URL, headers=headers)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/json"
    assert refused.json().keys() == {"request_id", "code", "message"}
    assert refused.json()["code"] == "AccessDenied"
    assert refused.json()["message"] == "current user api does not support synchronous calls."


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"input": {"file_urls": [ANY_URL]}}, "BadRequest.EmptyModel", id="no model"),
        pytest.param({"model": MODEL}, "BadRequest.EmptyInput", id="no input"),
        pytest.param({"model": ["fun-asr"], "input": {"file_urls": [ANY_URL]}}, "InvalidParameter", id="model a list"),
        pytest.param({"model": MODEL, "input": {}}, "InvalidParameter", id="no file_urls"),
        pytest.param({"model": MODEL, "input": {"file_url": ANY_URL}}, "InvalidParameter", id="the other shape"),
        pytest.param({"model": MODEL, "input": {"file_urls": ANY_URL}}, "InvalidParameter", id="text for a list"),
        pytest.param({"model": MODEL, "input": {"file_urls": ["s3://b/k"]}}, "InvalidParameter", id="not http"),
        pytest.param({"model": MODEL, "input": {"file_urls": ["http://[b"]}}, "InvalidParameter", id="no URL"),
        pytest.param({"model": MODEL, "input": {"file_urls": [ANY_URL] * 101}}, "InvalidParameter", id="101 files"),
        pytest.param([], "BadRequest.IllegalInput", id="a list"),
        pytest.param(
            {"model": MODEL, "input": {"file_urls": [ANY_URL]}, "parameters": {"channel_id": "0"}},
            "InvalidParameter",
            id="channel_id a string",
        ),
        pytest.param(
            {"model": MODEL, "input": {"file_urls": [ANY_URL]}, "parameters": {"special_word_filter": {}}},
            "InvalidParameter",
            id="filter an object",
        ),
    ],
)
def test_an_invalid_body_is_refused(post_task: PostTask, body: Any, code: str) -> None:
    refused = post_task(body=body)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert refused.json()["message"]


ONE_FILE = "qwen3-asr-flash-filetrans"
NEWEST = "qwen-audio-3.1-asr-flash-filetrans"
TURN = {"role": "user", "content": [{"type": "input_text", "text": "DashScope"}]}


@pytest.mark.parametrize(
    ("model", "given", "parameters", "message"),
    [
        pytest.param(ONE_FILE, {"file_urls": [ANY_URL]}, {}, "input must contain file_url", id="a list for one file"),
        pytest.param(ONE_FILE, {"file_url": [ANY_URL]}, {}, "input must contain file_url", id="one file in a list"),
        pytest.param(MODEL, {"file_url": ANY_URL}, {}, "input must contain file_urls", id="one file for a list"),
        pytest.param(NEWEST, {"file_url": ANY_URL}, {}, "input must contain file_urls", id="not by the suffix"),
        pytest.param("qwen3-asr-flash", {"file_urls": [ANY_URL]}, {}, "url error, check url!", id="synchronous model"),
        pytest.param(ONE_FILE, {"file_url": ANY_URL}, {"language_hints": ["en"]}, "parameter", id="other's parameter"),
        pytest.param(ONE_FILE, {"file_url": ANY_URL}, {"enable_words": 1}, "parameter", id="number for a switch"),
        pytest.param(NEWEST, {"file_urls": [ANY_URL]}, {"context": [TURN]}, "parameter", id="context as parameter"),
        pytest.param(NEWEST, {"file_urls": [ANY_URL], "context": "names"}, {}, "parameter", id="context a text"),
        pytest.param(MODEL, {"file_urls": [ANY_URL], "context": [TURN]}, {}, "parameter", id="context for fun-asr"),
        pytest.param(MODEL, {"file_urls": [ANY_URL]}, {"vocabulary": {"a": 5}}, "parameter", id="instant words"),
        pytest.param("paraformer-v1", {"file_urls": [ANY_URL]}, {"language_hints": ["zh"]}, "parameter", id="v1 hints"),
    ],
)
def test_a_submission_in_the_shape_of_another_family_is_refused(
    model: str, given: dict[str, Any], parameters: dict[str, Any], message: str, post_task: PostTask
) -> None:
    refused = post_task(body={"model": model, "input": given, "parameters": parameters})
    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameter")
    assert message in refused.json()["message"]


def test_a_submission_in_the_shape_of_its_family_is_accepted(post_task: PostTask, configure: Configure) -> None:
    configure(behaviour={"queue_seconds": 60})
    words = {"enable_words": True, "language": "en"}
    for body in (
        {"model": ONE_FILE, "input": {"file_url": ANY_URL}, "parameters": words},
        {"model": NEWEST, "input": {"file_urls": [ANY_URL], "context": [TURN]}, "parameters": {"vocabulary": {"a": 5}}},
    ):
        assert post_task(body=body).status_code == 200


def test_the_reply_for_a_running_task_of_one_file_has_counters(
    submit: Submit, until: Until, configure: Configure
) -> None:
    """docs/vendor-api.md#task-query, "RUNNING"."""
    configure(
        behaviour={"queue_seconds": 0}, scripts=[{"match": "slow", "answers": [{"text": "not yet", "seconds": 60}]}]
    )
    body = {"model": ONE_FILE, "input": {"file_url": "http://127.0.0.1:9/slow.wav"}, "parameters": {}}
    output = until(submit(body=body), "RUNNING")["output"]
    assert output.keys() == {"task_id", "task_status", "submit_time", "scheduled_time", "task_metrics"}
    assert output["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 0}


def test_a_body_that_is_not_json_is_refused(vendor: httpx.Client) -> None:
    refused = vendor.post(
        "/api/v1/services/audio/asr/transcription", content=b"{", headers={"X-DashScope-Async": "enable"}
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "BadRequest.IllegalInput")


def test_the_number_of_files_can_be_limited_to_one(post_task: PostTask, configure: Configure) -> None:
    configure(behaviour={"max_file_urls": 1})
    assert post_task(ANY_URL, ANY_URL).json()["code"] == "InvalidParameter"
    assert post_task(ANY_URL).status_code == 200


def test_a_submission_without_parameters_is_transcribed(submit: Submit, until: Until, configure: Configure) -> None:
    """docs/vendor-api.md#qwen3-asr-filetrans-parameters: each parameter is optional."""
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "hello", "answers": [{"text": "hello"}]}])
    body = {"model": ONE_FILE, "input": {"file_url": "http://127.0.0.1:9/hello.wav"}}
    assert until(submit(body=body))["output"]["task_status"] == "SUCCEEDED"


def test_a_submission_without_parameters_to_a_workspace_host_is_accepted_and_fails_later(
    submit: Submit, until: Until, configure: Configure
) -> None:
    """docs/vendor-api.md#workspace-hosts."""
    configure(behaviour={"queue_seconds": 0, "missing_parameters_fail_the_task": True})
    output = until(submit(body={"model": MODEL, "input": {"file_urls": [ANY_URL]}}))["output"]
    assert output["task_status"] == "FAILED"
    assert output["code"] == "InvalidParameter"
    assert "results" not in output


@pytest.mark.parametrize("authorization", ["", "Bearer", "sk-local", "Basic sk-local", "Bearer sk-other"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/services/audio/asr/transcription"),
        ("GET", f"{TASKS}/some-task"),
        ("GET", TASKS),
        ("POST", f"{TASKS}/some-task/cancel"),
    ],
)
def test_a_request_without_a_valid_key_is_refused(
    base_url: str, method: str, path: str, authorization: str, http: httpx.Client
) -> None:
    refused = http.request(
        method, base_url + path, headers={"X-DashScope-Async": "enable", "Authorization": authorization}
    )
    assert (refused.status_code, refused.json()["code"]) == (401, "InvalidApiKey")


def test_a_reset_of_the_scenario_restores_the_api_keys(base_url: str, configure: Configure, http: httpx.Client) -> None:
    with_any_key = {"Authorization": "Bearer sk-any"}
    configure(behaviour={"api_keys": None})
    assert http.get(f"{base_url}{TASKS}", headers=with_any_key).status_code == 200
    http.delete(f"{base_url}/control")
    assert http.get(f"{base_url}{TASKS}", headers=with_any_key).status_code == 401


# rates


@pytest.mark.parametrize(("model", "limit"), [("fun-asr", 10), ("paraformer-v2", 20)])
def test_a_submission_above_the_limit_of_its_model_is_throttled(
    model: str, limit: int, post_task: PostTask, configure: Configure
) -> None:
    configure(behaviour={"queue_seconds": 60})
    body = {"model": model, "input": {"file_urls": [ANY_URL]}, "parameters": {}}
    for _ in range(limit):
        assert post_task(body=body).status_code == 200
    for _ in range(60):  # one is enough, unless a slow machine needs more than a second for as many submissions
        answer = post_task(body=body)
        if answer.status_code != 200:
            break
    assert answer.status_code == 429
    assert answer.json()["code"] == "Throttling.RateQuota"
    assert answer.json()["message"] == "Requests rate limit exceeded, please try again later."


def test_queries_lists_and_cancellations_share_one_rate_limit(vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"queries_per_second": 3})
    answers = [
        vendor.get(f"{TASKS}/no-such-task"),
        vendor.get(TASKS),
        vendor.post(f"{TASKS}/no-such-task/cancel"),
        vendor.get(f"{TASKS}/no-such-task"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 429]


def test_a_throttled_account_is_served_again_after_a_second(vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"queries_per_second": 1})
    deadline = time.monotonic() + 5
    codes = [vendor.get(f"{TASKS}/no-such-task").status_code for _ in range(2)]
    assert codes == [200, 429]
    while vendor.get(f"{TASKS}/no-such-task").status_code == 429:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_queries_do_not_count_against_the_submit_rate(
    vendor: httpx.Client, post_task: PostTask, configure: Configure
) -> None:
    configure(behaviour={"queries_per_second": 1, "submits_per_second": 1})
    assert vendor.get(f"{TASKS}/no-such-task").status_code == 200
    assert post_task(ANY_URL).status_code == 200
    assert vendor.get(f"{TASKS}/no-such-task").status_code == 429
