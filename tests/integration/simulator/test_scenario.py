"""Tests can configure scripted answers and faults of the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, get_args

import httpx
import pytest

from local.simulator.scenario import Operation

TASKS = "/api/v1/tasks"
QUERY = f"{TASKS}/no-such-task"

Configure = Callable[..., None]
Submit = Callable[..., str]
Until = Callable[..., dict[str, Any]]
Recorded = Callable[[str], list[dict[str, Any]]]


def only_result(reply: dict[str, Any]) -> dict[str, Any]:
    (result,) = reply["output"]["results"]
    found: dict[str, Any] = result
    return found


# faults


def test_a_status_fault_returns_json_the_given_number_of_times(vendor: httpx.Client, configure: Configure) -> None:
    body = {"code": "ModelServingError", "message": "overload"}
    configure(faults=[{"operation": "query", "status": 503, "times": 2, "body": body, "headers": {"Retry-After": "1"}}])
    answers = [vendor.get(QUERY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json().items() >= body.items()
    assert answers[0].json()["request_id"]
    assert answers[0].headers["retry-after"] == "1"


def test_a_status_fault_can_return_html(vendor: httpx.Client, configure: Configure) -> None:
    configure(faults=[{"operation": "query", "status": 502, "body": "<html>Bad Gateway</html>"}])
    answer = vendor.get(QUERY)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text == "<html>Bad Gateway</html>"


def tasks_of(vendor: httpx.Client, model: str) -> int:
    """Count the tasks of a model. Tasks of other tests remain in the list."""
    total: int = vendor.get(TASKS, params={"model_name": model}).json()["total"]
    return total


def test_a_reset_fault_closes_the_connection_before_the_request_is_handled(
    post_task: Callable[..., httpx.Response], vendor: httpx.Client, configure: Configure, recorded: Recorded
) -> None:
    model, before = "paraformer-8k-v2", tasks_of(vendor, "paraformer-8k-v2")
    body = {"model": model, "input": {"file_urls": ["http://127.0.0.1:9/a.wav"]}, "parameters": {}}
    configure(faults=[{"operation": "submit", "kind": "reset"}])
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        post_task(body=body)
    assert tasks_of(vendor, model) == before
    assert [request["status"] for request in recorded("submit")] == [0]
    assert post_task(body=body).status_code == 200


def test_a_reset_after_fault_handles_the_request_and_then_closes_the_connection(
    post_task: Callable[..., httpx.Response], vendor: httpx.Client, configure: Configure, recorded: Recorded
) -> None:
    model, before = "paraformer-mtl-v1", tasks_of(vendor, "paraformer-mtl-v1")
    body = {"model": model, "input": {"file_urls": ["http://127.0.0.1:9/a.wav"]}, "parameters": {}}
    configure(faults=[{"operation": "submit", "kind": "reset_after"}])
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        post_task(body=body)
    assert tasks_of(vendor, model) == before + 1
    assert [request["status"] for request in recorded("submit")] == [0]


def test_a_hang_fault_delays_its_own_request_only(
    vendor: httpx.Client, configure: Configure, recorded: Recorded
) -> None:
    configure(faults=[{"operation": "query", "kind": "hang", "seconds": 30}])
    with pytest.raises(httpx.ReadTimeout):
        vendor.get(QUERY, timeout=0.3)
    assert vendor.get(QUERY, timeout=10).status_code == 200
    assert [request["status"] for request in recorded("query")] == [0, 200]


def test_a_hang_fault_ends_with_a_response(vendor: httpx.Client, configure: Configure) -> None:
    configure(faults=[{"operation": "query", "kind": "hang", "seconds": 0.3}])
    began = time.monotonic()
    assert vendor.get(QUERY).json()["output"]["task_status"] == "UNKNOWN"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("submit", "POST", "/api/v1/services/audio/asr/transcription"),
        ("query", "GET", QUERY),
        ("list", "GET", TASKS),
        ("cancel", "POST", f"{QUERY}/cancel"),
        ("result", "GET", "/results/none.json"),
        ("token", "POST", "/api/v1/tokens"),
        ("generate", "POST", "/api/v1/services/aigc/multimodal-generation/generation"),
        ("chat", "POST", "/compatible-mode/v1/chat/completions"),
    ],
)
def test_a_fault_applies_to_its_own_operation_only(
    operation: str, method: str, path: str, vendor: httpx.Client, configure: Configure
) -> None:
    others = set(get_args(Operation)) - {operation}
    configure(faults=[{"operation": other, "status": 599} for other in others])
    assert vendor.request(method, path).status_code != 599
    configure(faults=[{"operation": operation, "status": 598}])
    assert vendor.request(method, path).status_code == 598


def test_a_fault_can_apply_to_the_requests_for_some_files_only(
    post_task: Callable[..., httpx.Response], submit: Submit, until: Until, vendor: httpx.Client, configure: Configure
) -> None:
    ours, theirs = "http://127.0.0.1:9/our%20files/a.wav?X=1", "http://127.0.0.1:9/theirs.wav"
    configure(
        behaviour={"queue_seconds": 0},
        scripts=[{"match": ".wav", "answers": [{"text": "hello"}]}],
        faults=[{"operation": each, "status": 503, "match": "/our files/"} for each in ("submit", "query", "result")],
    )
    submit(theirs)
    assert post_task(theirs, ours).status_code == 503
    task, other = submit(theirs, ours), submit(theirs)
    until(other)
    assert vendor.get(f"{TASKS}/{task}").status_code == 503
    addresses = [result["transcription_url"] for result in until(task)["output"]["results"]]
    assert [vendor.get(address).status_code for address in addresses] == [200, 503]
    assert vendor.get(addresses[1]).status_code == 200


def test_a_submission_is_recorded_with_its_task_even_without_a_response(
    post_task: Callable[..., httpx.Response],
    submit: Submit,
    vendor: httpx.Client,
    configure: Configure,
    recorded: Recorded,
) -> None:
    task = submit("http://127.0.0.1:9/a.wav")
    assert post_task("no address").status_code == 400
    configure(faults=[{"operation": "submit", "kind": "reset_after"}, {"operation": "submit", "kind": "reset"}])
    for _ in range(2):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            post_task("http://127.0.0.1:9/a.wav")
    answered, refused, cut_after, cut_before = [request["task_id"] for request in recorded("submit")]
    assert (answered, refused, cut_before) == (task, None, None)
    assert vendor.get(f"{TASKS}/{cut_after}").json()["output"]["task_status"] != "UNKNOWN"


def test_remaining_scripts_and_faults_are_visible(
    base_url: str, submit: Submit, until: Until, vendor: httpx.Client, configure: Configure, http: httpx.Client
) -> None:
    configure(
        behaviour={"queue_seconds": 0},
        scripts=[{"match": "a.wav", "answers": [{"text": "hello"}]}, {"match": "b.wav", "answers": [{"text": "you"}]}],
        faults=[{"operation": "list", "status": 503, "times": 3}],
    )
    until(submit("http://127.0.0.1:9/a.wav"))
    assert vendor.get(TASKS).status_code == 503
    state = http.get(f"{base_url}/control").json()
    assert [script["used"] for script in state["scripts"]] == [1, 0]
    assert [fault["times"] for fault in state["faults"]] == [2]


def test_a_reset_of_the_scenario_ends_the_faults(
    base_url: str, vendor: httpx.Client, configure: Configure, http: httpx.Client
) -> None:
    configure(faults=[{"operation": "query", "status": 503, "times": 100}])
    assert vendor.get(QUERY).status_code == 503
    http.delete(f"{base_url}/control")
    assert vendor.get(QUERY).status_code == 200


def test_the_task_list_can_be_turned_off(submit: Submit, vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"lists_tasks": False})
    task = submit("http://127.0.0.1:9/a.wav")
    assert vendor.get(TASKS).status_code == vendor.get(f"{TASKS}/").status_code == 404
    assert vendor.get(f"{TASKS}/{task}").status_code == 200


def test_the_task_list_can_be_turned_off_for_one_model(vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"of_models": {"fun-asr": {"lists_tasks": False}}})
    statuses = [vendor.get(TASKS, params={"model_name": model}).status_code for model in ("fun-asr", "paraformer-v2")]
    assert statuses == [404, 200]


def test_the_limits_and_the_end_of_a_task_can_differ_for_one_model(
    post_task: Callable[..., httpx.Response], until: Until, configure: Configure
) -> None:
    own = {"max_file_urls": 2, "queue_seconds": 0, "all_failed_status": "FAILED", "reverse_results": True}
    configure(
        behaviour={"queue_seconds": 60, "of_models": {"fun-asr": own}},
        scripts=[{"match": "bad", "answers": [{"code": "DECODE_ERROR"}]}],
    )
    urls = [f"http://127.0.0.1:9/bad{number}.wav" for number in range(3)]
    assert post_task(*urls).status_code == 400
    output = until(post_task(*urls[:2]).json()["output"]["task_id"])["output"]
    assert output["task_status"] == "FAILED"
    assert [result["file_url"] for result in output["results"]] == urls[1::-1]


def test_the_page_size_can_be_limited(submit: Submit, vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"largest_list_page": 2})
    for number in range(3):
        submit(f"http://127.0.0.1:9/{number}.wav")
    page = vendor.get(TASKS, params={"page_size": 100}).json()
    assert (page["page_size"], len(page["data"])) == (2, 2)


def test_a_larger_page_can_be_refused(vendor: httpx.Client, configure: Configure) -> None:
    configure(behaviour={"largest_list_page": 10, "refuses_larger_list_pages": True})
    assert vendor.get(TASKS, params={"page_size": 11}).status_code == 400
    assert vendor.get(TASKS, params={"page_size": 10}).status_code == 200


# scripts


def test_each_submission_uses_the_next_scripted_answer_and_the_last_one_repeats(
    submit: Submit, until: Until, configure: Configure, http: httpx.Client
) -> None:
    answers = [{"code": "FILE_403_FORBIDDEN", "message": "signature"}, {"text": "second"}, {"text": "third"}]
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "/a b.wav", "answers": answers}])
    results = [only_result(until(submit("http://127.0.0.1:9/a%20b.wav?X-Amz-Signature=1"))) for _ in range(4)]
    assert (results[0]["code"], results[0]["message"]) == ("FILE_403_FORBIDDEN", "signature")
    texts = [http.get(result["transcription_url"]).json()["transcripts"][0]["text"] for result in results[1:]]
    assert texts == ["second", "third", "third"]


def test_a_newer_script_takes_precedence_over_an_older_one(submit: Submit, until: Until, configure: Configure) -> None:
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "wav", "answers": [{"code": "OLD"}]}])
    configure(scripts=[{"match": "wav", "answers": [{"code": "NEW"}]}])
    assert only_result(until(submit("http://127.0.0.1:9/a.wav")))["code"] == "NEW"


def test_a_scripted_result_of_any_shape_is_returned_unchanged(
    submit: Submit, until: Until, configure: Configure, http: httpx.Client
) -> None:
    configure(
        behaviour={"queue_seconds": 0},
        scripts=[{"match": "unusual", "answers": [{"result": {"transcripts": "none", "more": [1]}}]}],
    )
    reply = until(submit("http://127.0.0.1:9/unusual.wav"))
    assert reply["usage"] == {"duration": 0}
    assert http.get(only_result(reply)["transcription_url"]).json() == {
        "file_url": "http://127.0.0.1:9/unusual.wav",
        "transcripts": "none",
        "more": [1],
    }


def test_a_scripted_result_url_is_returned_unchanged(submit: Submit, until: Until, configure: Configure) -> None:
    elsewhere = "http://169.254.169.254/latest/meta-data/"
    configure(
        behaviour={"queue_seconds": 0}, scripts=[{"match": "a.wav", "answers": [{"transcription_url": elsewhere}]}]
    )
    result = only_result(until(submit("http://127.0.0.1:9/a.wav")))
    assert (result["subtask_status"], result["transcription_url"]) == ("SUCCEEDED", elsewhere)


def test_a_file_scripted_as_missing_is_not_in_the_results(submit: Submit, until: Until, configure: Configure) -> None:
    configure(
        behaviour={"queue_seconds": 0},
        scripts=[
            {"match": "gone", "answers": [{"missing": True}]},
            {"match": "there", "answers": [{"text": "hello"}]},
        ],
    )
    reply = until(submit("http://127.0.0.1:9/gone.wav", "http://127.0.0.1:9/there.wav"))
    assert reply["output"]["task_status"] == "SUCCEEDED"
    assert only_result(reply)["file_url"] == "http://127.0.0.1:9/there.wav"


def test_a_script_can_use_real_recognition(submit: Submit, until: Until, configure: Configure, media_url: str) -> None:
    answers = [{"code": "FILE_SERVER_ERROR"}, {"recognise": True}]
    configure(behaviour={"queue_seconds": 0}, scripts=[{"match": "absent", "answers": answers}])
    codes = [only_result(until(submit(f"{media_url}/absent.wav")))["code"] for _ in range(2)]
    assert codes == ["FILE_SERVER_ERROR", "FILE_404_NOT_FOUND"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"behaviour": {"speed": 1}},
        {"behaviour": {"of_models": {"fun-asr": {"speed": 1}}}},
        {"faults": [{"operation": "fetch"}]},
        {"faults": [{"operation": "query", "kind": "break_stream"}]},
        {"scripts": [{}]},
    ],
)
def test_an_invalid_scenario_is_refused(base_url: str, wrong: dict[str, Any], http: httpx.Client) -> None:
    assert http.post(f"{base_url}/control", json=wrong).status_code == 400


def test_a_reset_of_the_scenario_cancels_running_tasks(
    base_url: str, submit: Submit, vendor: httpx.Client, configure: Configure, http: httpx.Client
) -> None:
    configure(behaviour={"queue_seconds": 60})
    task_id = submit("http://127.0.0.1:9/never.wav")
    http.delete(f"{base_url}/control")
    assert vendor.get(f"{TASKS}/{task_id}").json()["output"]["task_status"] == "CANCELED"
