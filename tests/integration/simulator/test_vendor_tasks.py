"""The simulator follows the vendor's rules for tasks, results and the task list (docs/vendor-api.md#task-query)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

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


@pytest.fixture
def finished(configure: Configure, submit: Submit, until: Until) -> dict[str, Any]:
    """The reply for a succeeded task of one file, whose text is "hello"."""
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "hello", "answers": [{"text": "hello"}]}])
    return until(submit("http://127.0.0.1:9/hello.wav"))


def result_url(reply: dict[str, Any]) -> str:
    return str(reply["output"]["results"][0]["transcription_url"])


# query


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_task_can_be_queried_with(method: str, vendor: httpx.Client, finished: dict[str, Any]) -> None:
    reply = vendor.request(method, f"{TASKS}/{finished['output']['task_id']}")
    assert reply.status_code == 200
    assert reply.json()["output"]["task_status"] == "SUCCEEDED"


def test_an_unknown_task_has_the_status_unknown_and_http_200(query: Query) -> None:
    assert query("0f3c")["output"] == {"task_id": "0f3c", "task_status": "UNKNOWN"}


def test_the_reply_for_a_pending_task_has_no_results(submit: Submit, query: Query, configure: Configure) -> None:
    configure(behaviour={"queue_seconds": 60})
    reply = query(submit(ANY_URL))
    assert reply.keys() == {"request_id", "output"}
    assert reply["output"].keys() == {"task_id", "task_status", "submit_time", "task_metrics"}
    assert reply["output"]["task_status"] == "PENDING"


def test_the_reply_for_a_running_task_has_counters_and_no_results(
    submit: Submit, query: Query, until: Until, configure: Configure
) -> None:
    configure(
        behaviour={"queue_seconds": 0},
        scripts=[
            {"match": "quick", "answers": [{"text": "done"}]},
            {"match": "slow", "answers": [{"text": "not yet", "seconds": 60}]},
        ],
    )
    reply = until(submit("http://127.0.0.1:9/quick.wav", "http://127.0.0.1:9/slow.wav"), "RUNNING")
    reply = query(reply["output"]["task_id"])
    assert reply.keys() == {"request_id", "output"}
    assert reply["output"].keys() == {"task_id", "task_status", "submit_time", "scheduled_time", "task_metrics"}
    assert reply["output"]["task_metrics"] == {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 0}


def test_the_reply_for_a_succeeded_task_has_results_and_usage(finished: dict[str, Any]) -> None:
    assert finished.keys() == {"request_id", "output", "usage"}
    assert finished["usage"] == {"duration": 1}
    assert finished["output"].keys() == {
        "task_id",
        "task_status",
        "submit_time",
        "scheduled_time",
        "end_time",
        "task_metrics",
        "results",
    }
    (result,) = finished["output"]["results"]
    assert result.keys() == {"file_url", "transcription_url", "subtask_status"}


def test_times_are_in_utc_plus_8_and_in_order(finished: dict[str, Any]) -> None:
    """docs/vendor-api.md#time-zones."""
    output = finished["output"]
    texts = [output["submit_time"], output["scheduled_time"], output["end_time"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", text) for text in texts)
    moments = [datetime.strptime(text, VENDOR_TIME).replace(tzinfo=UTC) - timedelta(hours=8) for text in texts]
    assert moments == sorted(moments)
    assert abs(datetime.now(UTC) - moments[-1]) < timedelta(minutes=1)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_task_whose_files_all_failed_has_the_configured_status(
    status: str, submit: Submit, until: Until, configure: Configure
) -> None:
    """Both are documented (docs/vendor-api.md#all-files-failed)."""
    configure(
        behaviour={"queue_seconds": 0, "all_failed_status": status},
        scripts=[{"match": "bad", "answers": [{"code": "DECODE_ERROR", "message": "cannot detect audio info"}]}],
    )
    output = until(submit("http://127.0.0.1:9/bad.wav"))["output"]
    assert output["task_status"] == status
    assert output["task_metrics"] == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1}
    assert output["results"][0]["code"] == "DECODE_ERROR"
    assert output.get("code") == (None if status == "SUCCEEDED" else "DECODE_ERROR")


def test_results_can_be_in_reverse_order(submit: Submit, until: Until, configure: Configure) -> None:
    configure(
        behaviour={"queue_seconds": 0, "reverse_results": True},
        scripts=[{"match": "file", "answers": [{"text": "hello"}]}],
    )
    urls = [f"http://127.0.0.1:9/file-{number}.wav" for number in range(3)]
    results = until(submit(*urls))["output"]["results"]
    assert [result["file_url"] for result in results] == urls[::-1]


# results


def test_a_result_url_has_the_documented_form(finished: dict[str, Any], base_url: str) -> None:
    """docs/vendor-api.md#result-url: an encoded colon in the path, Expires, OSSAccessKeyId and Signature in the
    query."""
    url = urlsplit(result_url(finished))
    assert f"{url.scheme}://{url.netloc}" == base_url
    assert "%3A" in url.path
    assert ":" not in url.path
    signed = parse_qs(url.query, strict_parsing=True)
    assert signed.keys() == {"Expires", "OSSAccessKeyId", "Signature"}
    ends_at = datetime.strptime(finished["output"]["end_time"], VENDOR_TIME).replace(tzinfo=UTC) - timedelta(hours=8)
    assert int(signed["Expires"][0]) == pytest.approx(ends_at.timestamp() + 24 * 3600, abs=5)


def test_a_result_is_downloaded_without_a_key(finished: dict[str, Any], http: httpx.Client) -> None:
    fetched = http.get(result_url(finished))
    assert fetched.status_code == 200
    assert fetched.json()["file_url"] == "http://127.0.0.1:9/hello.wav"
    assert fetched.json()["transcripts"][0]["text"] == "hello"


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        pytest.param(r"Signature=.*", "Signature=0000", id="wrong signature"),
        pytest.param(r"Signature=.*", "Signature=%C3%A9", id="signature not ASCII"),
        pytest.param(r"Expires=\d+", "Expires=9999999999", id="longer life"),
        pytest.param(r"Expires=\d+", "Expires=%C2%B2", id="life not a number"),
        pytest.param(r"-1\.json", "-2.json", id="other path"),
        pytest.param(r"\?.*", "", id="no query"),
    ],
)
def test_a_changed_result_url_is_forbidden(
    finished: dict[str, Any], pattern: str, replacement: str, http: httpx.Client
) -> None:
    changed, count = re.subn(pattern, replacement, result_url(finished))
    assert count == 1
    assert http.get(changed).status_code == 403


def test_an_expired_result_url_is_forbidden(
    configure: Configure, submit: Submit, until: Until, http: httpx.Client
) -> None:
    configure(
        behaviour={"queue_seconds": 0, "result_seconds_to_live": 0},
        scripts=[{"match": "hello", "answers": [{"text": "hello"}]}],
    )
    url = result_url(until(submit("http://127.0.0.1:9/hello.wav")))
    refused = http.get(url)
    assert refused.status_code == 403
    assert "<Code>AccessDenied</Code>" in refused.text


def test_a_query_renews_an_expired_result_url(
    configure: Configure, submit: Submit, until: Until, query: Query, http: httpx.Client
) -> None:
    configure(
        behaviour={"queue_seconds": 0, "result_seconds_to_live": 0},
        scripts=[{"match": "hello", "answers": [{"text": "hello"}]}],
    )
    expired = until(submit("http://127.0.0.1:9/hello.wav"))
    configure(behaviour={"result_seconds_to_live": 60})
    fresh = query(expired["output"]["task_id"])
    assert urlsplit(result_url(fresh)).path == urlsplit(result_url(expired)).path
    assert http.get(result_url(fresh)).status_code == 200
    assert http.get(result_url(expired)).status_code == 403


# cancel and list


def test_a_pending_task_can_be_canceled(
    vendor: httpx.Client, submit: Submit, query: Query, until: Until, configure: Configure
) -> None:
    configure(behaviour={"queue_seconds": 0.3})
    canceled, other = submit(ANY_URL), submit(ANY_URL)
    answer = vendor.post(f"{TASKS}/{canceled}/cancel")
    assert answer.status_code == 200
    assert answer.json().keys() == {"request_id"}
    until(other)  # then the canceled task would have ended too
    assert query(canceled)["output"]["task_status"] == "CANCELED"


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "CANCELED", "UNKNOWN"])
def test_a_task_cannot_be_canceled_with_the_status(
    state: str, vendor: httpx.Client, submit: Submit, query: Query, until: Until, configure: Configure
) -> None:
    seconds = 60 if state == "RUNNING" else 0
    configure(
        behaviour={"queue_seconds": 60 if state == "CANCELED" else 0},
        scripts=[{"match": "hello", "answers": [{"text": "hello", "seconds": seconds}]}],
    )
    task_id = "no-such-task" if state == "UNKNOWN" else submit("http://127.0.0.1:9/hello.wav")
    if state == "CANCELED":
        assert vendor.post(f"{TASKS}/{task_id}/cancel").status_code == 200
    until(task_id, state)
    refused = vendor.post(f"{TASKS}/{task_id}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (400, "UnsupportedOperation")
    assert query(task_id)["output"]["task_status"] == state


@pytest.mark.parametrize("path", [TASKS, f"{TASKS}/"])
def test_a_task_list_has_the_documented_shape(
    path: str, vendor: httpx.Client, finished: dict[str, Any], submit: Submit
) -> None:
    """docs/vendor-api.md#task-list: fields at the top level, epoch milliseconds, no result URLs. The path may end in a
    slash."""
    task_id = finished["output"]["task_id"]
    page = vendor.get(path, params={"task_id": task_id}).json()
    assert {key: page[key] for key in ("total", "total_page", "page_no", "page_size")} == {
        "total": 1,
        "total_page": 1,
        "page_no": 1,
        "page_size": 10,
    }
    (listed,) = page["data"]
    assert (listed["task_id"], listed["status"], listed["model_name"]) == (task_id, "SUCCEEDED", MODEL)
    assert listed["user_api_unique_key"] == f"apikey:v1:audio:asr:transcription:{MODEL}"
    assert listed["gmt_create"] <= listed["start_time"] <= listed["end_time"]
    assert listed["end_time"] == pytest.approx(time.time() * 1000, abs=60_000)
    assert "transcription_url" not in str(page)


def test_a_task_list_has_pages_with_the_newest_task_first(
    vendor: httpx.Client, submit: Submit, configure: Configure
) -> None:
    configure(behaviour={"queue_seconds": 60})
    submitted = [submit(ANY_URL) for _ in range(3)]

    def page(number: int) -> dict[str, Any]:
        reply: dict[str, Any] = vendor.get(TASKS, params={"page_no": number, "page_size": 2}).json()
        return reply

    listed = [task["task_id"] for number in (1, 2) for task in page(number)["data"]]
    assert listed[:3] == submitted[::-1]
    assert page(1)["total"] >= 3
    assert page(1)["total_page"] == -(-page(1)["total"] // 2)


def test_a_task_list_can_be_filtered_by_status(vendor: httpx.Client, finished: dict[str, Any], submit: Submit) -> None:
    task_id = finished["output"]["task_id"]
    assert vendor.get(TASKS, params={"task_id": task_id, "status": "FAILED"}).json()["data"] == []
    assert vendor.get(TASKS, params={"task_id": task_id, "status": "SUCCEEDED"}).json()["total"] == 1


@pytest.mark.parametrize("wrong", [{"page_no": "0"}, {"page_size": "0"}, {"page_size": "-1"}, {"page_no": "one"}])
def test_an_invalid_page_is_refused(vendor: httpx.Client, wrong: dict[str, str]) -> None:
    refused = vendor.get(TASKS, params=wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidParameter")


def test_a_task_list_can_be_filtered_by_time(vendor: httpx.Client, finished: dict[str, Any]) -> None:
    """docs/vendor-api.md#task-list. The range is in UTC+8, like the vendor's other times."""
    task_id, now = finished["output"]["task_id"], datetime.now(UTC) + timedelta(hours=8)

    def listed(start: timedelta, end: timedelta) -> Any:
        times = {"start_time": f"{now + start:%Y%m%d%H%M%S}", "end_time": f"{now + end:%Y%m%d%H%M%S}"}
        return vendor.get(TASKS, params={"task_id": task_id, **times}).json()

    assert listed(timedelta(hours=-1), timedelta(hours=1))["total"] == 1
    assert listed(timedelta(hours=-3), timedelta(hours=-2))["total"] == 0
    assert listed(timedelta(hours=-25), timedelta())["code"] == "InvalidParameter"
