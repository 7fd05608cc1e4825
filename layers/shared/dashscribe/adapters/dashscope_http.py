"""DashScope's HTTP API: tasks (docs/vendor-api.md#task-submission) and synchronous calls
(docs/vendor-api.md#synchronous-calls)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from dashscribe.adapters.http_connections import ONLY_IDENTITY, connection_limits, find_encoding
from dashscribe.domain.json_object import JsonObject
from dashscribe.domain.recognition.catalogue import TASKS_PATH, ModelSpec
from dashscribe.domain.recognition.file_outcomes import MAX_CODE_CHARACTERS, MAX_MESSAGE_CHARACTERS
from dashscribe.domain.recognition.options import Options
from dashscribe.domain.recognition.task_replies import (
    DEFAULT_PAGE_SIZE,
    FRAMES,
    MAX_PAGE_SIZE,
    AcceptedTask,
    TaskList,
    TaskReply,
    read_request_id,
)
from dashscribe.domain.recognition.vendor_codes import classify
from dashscribe.errors import ErrorClass, ResponseLost, VendorError, VendorUnreachable
from dashscribe.redaction import redacted, register_signed_url

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
"""A request takes at most both together, however slowly its response arrives."""
LIST_TIMEOUT = httpx.Timeout(8.0, connect=5.0)
"""Short, because the task list only saves queries: after a time-out, the tasks are queried one by one."""
MAX_CALL_DURATION = timedelta(seconds=160)
"""The longest silence of a synchronous call, and the time after which no more of its response is read. A call lasts at
most twice this long. The vendor itself stops after 300 s (`RequestTimeOut`); most recordings take seconds."""
CALL_TIMEOUT = httpx.Timeout(MAX_CALL_DURATION.total_seconds(), connect=5.0)
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""The largest response. Five minutes of speech with the times of every word, repeated in every
frame of a stream, are a few MB."""
_SSE = "text/event-stream"
_DONE = "[DONE]"
"""The last event of an OpenAI-compatible stream. DashScope's own stream has no such event."""
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
"""The errors of a request that DashScope certainly did not receive."""


class DashScopeHttp:
    """`SpeechService` over HTTP.

    It retries no request, because a repeated POST may create a second paid task. The services decide about retries from
    the records.
    Raises `VendorError` for an error of DashScope, `VendorUnreachable` if the request was not sent, and `ResponseLost`
    if it was sent and its response is missing or unreadable.
    """

    def __init__(self, client: httpx.Client, base_url: str, api_key: Callable[[], str], workspace_id: str = "") -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._workspace_id = workspace_id
        self._largest_page = MAX_PAGE_SIZE

    def submit(self, spec: ModelSpec, file_urls: Sequence[str], parameters: JsonObject) -> AcceptedTask:
        for file_url in file_urls:
            register_signed_url(file_url)
        from dashscribe.domain.recognition.requests import build_task_request

        request = build_task_request(spec, file_urls, parameters)
        body = self._call("POST", request.path, headers=request.headers, json=request.body)
        reply = _read_task(body)
        if not reply.output.task_id:
            raise ResponseLost("DashScope accepted the submission, but its response has no task id.")
        return AcceptedTask(reply.output.task_id, reply.request_id)

    def transcribe(self, options: Options, file_url: str, extension: str) -> JsonObject:
        if not file_url.startswith("data:"):
            register_signed_url(file_url)
        from dashscribe.domain.recognition.requests import build_recognition_request

        request = build_recognition_request(options, file_url, extension)
        accept = {"Accept": _SSE} if options.stream else {}
        sent = {**self._headers(), **accept, **request.headers}
        longest = MAX_CALL_DURATION.total_seconds()
        started = time.monotonic()
        with (
            self._translate_transport_errors("POST", request.path),
            connection_limits(started + 2 * longest),
            self._client.stream(
                "POST",
                self._base_url + request.path,
                headers=sent,
                json=request.body,
                timeout=CALL_TIMEOUT,
                follow_redirects=False,
            ) as response,
        ):
            body = _BoundedBody(response, longest, started + longest)
            if _SSE not in response.headers.get("Content-Type", "").lower():
                content = b"".join(body)
            elif response.status_code == 200:
                return {FRAMES: _read_frames(_iterate_event_data(body))}
            else:  # an error of a streamed call may be an event; the official SDK reads both forms
                content = next(_iterate_event_data(body), "").encode()
        return _read_body(response.status_code, content)

    def query(self, task_id: str) -> TaskReply:
        return _read_task(self._call("GET", _task_path(task_id)))

    def cancel(self, task_id: str) -> None:
        self._call("POST", f"{_task_path(task_id)}/cancel")

    def list_page(self, model: str, page: int, page_size: int) -> TaskList:
        """A page of the task list. A server that refuses the size is asked for the vendor's default from then on."""
        size = min(page_size, self._largest_page)
        try:
            return self._list_page(model, page, size)
        except VendorError as error:
            of_account = error.error_class in (ErrorClass.ACCOUNT_WIDE, ErrorClass.THROTTLED)
            if error.http_status != 400 or of_account or size <= DEFAULT_PAGE_SIZE:
                raise
        listed = self._list_page(model, page, DEFAULT_PAGE_SIZE)
        self._largest_page = DEFAULT_PAGE_SIZE
        return listed

    def _list_page(self, model: str, page: int, page_size: int) -> TaskList:
        query = f"model_name={quote(model)}&page_no={page}&page_size={page_size}"
        body = self._call("GET", f"{TASKS_PATH}/?{query}", timeout=LIST_TIMEOUT)
        try:
            return TaskList.model_validate(body)
        except ValidationError as error:
            raise VendorError(
                "NO_LIST",
                "DashScope's response to a request for the task list is not a task list.",
                ErrorClass.PERMANENT,
            ) from error

    def post(self, path: str, body: JsonObject, timeout: httpx.Timeout) -> JsonObject:
        """POST to another endpoint of DashScope's own API, and return the body of a successful response."""
        return self._call("POST", path, json=body, timeout=timeout)

    def _call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: JsonObject | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> JsonObject:
        sent = {**self._headers(), **(headers or {})}
        longest = (timeout.connect or 0) + (timeout.read or 0)
        deadline = time.monotonic() + longest
        with (
            self._translate_transport_errors(method, path),
            connection_limits(deadline),
            self._client.stream(
                method, self._base_url + path, headers=sent, json=json, timeout=timeout, follow_redirects=False
            ) as response,
        ):
            content = b"".join(_BoundedBody(response, longest, deadline))
        return _read_body(response.status_code, content)

    @contextmanager
    def _translate_transport_errors(self, method: str, path: str) -> Iterator[None]:
        """Tell a request that was not sent, which may be repeated, from one that DashScope may have received."""
        try:
            yield
        except _NOT_SENT as error:
            raise VendorUnreachable(f"Cannot connect to {self._base_url}: {type(error).__name__}.") from error
        except httpx.RequestError as error:
            raise ResponseLost(f"{method} {path}: {type(error).__name__} after the request was sent.") from error

    def _headers(self) -> dict[str, str]:
        sent = {"Authorization": f"Bearer {self._api_key()}", "Accept": "application/json", **ONLY_IDENTITY}
        if self._workspace_id:
            sent["X-DashScope-WorkSpace"] = self._workspace_id
        return sent


class _BoundedBody(httpx.SyncByteStream):
    """The body of a response. Raises `ResponseLost` when it is too large or takes too long.

    A body with an encoding that was not requested is not read: it may be a decompression bomb.
    """

    def __init__(self, response: httpx.Response, longest: float, deadline: float) -> None:
        self._response = response
        self._longest = longest
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        if encoding := find_encoding(self._response):
            if self._response.status_code == 200:
                raise ResponseLost(
                    f"DashScope's response has the content encoding {encoding}, which was not requested."
                )
            return  # the status of an error is enough
        size = 0
        for chunk in self._response.iter_bytes():
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseLost(f"DashScope's response is larger than {MAX_RESPONSE_BYTES:,} bytes.")
            if time.monotonic() > self._deadline:
                raise ResponseLost(f"DashScope's response took longer than {self._longest:.0f} seconds.")
            yield chunk


def _task_path(task_id: str) -> str:
    return f"{TASKS_PATH}/{quote(task_id, safe='')}"


def _iterate_event_data(body: _BoundedBody) -> Iterator[str]:
    """Yield the data of each event that has data."""
    from httpx_sse import EventSource  # imported here because only one Lambda function streams

    for event in EventSource(httpx.Response(200, headers={"Content-Type": _SSE}, stream=body)).iter_sse():
        if event.data.strip():
            yield event.data


def _read_frames(events: Iterator[str]) -> list[JsonObject]:
    """Return the JSON object of each event.

    Raises `VendorError` for an event that is an error, and `ResponseLost` for an event that is not a JSON object.
    """
    frames: list[JsonObject] = []
    for data in events:
        if data.strip() == _DONE:
            break
        try:
            frame = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ResponseLost("DashScope's stream has an event that is not JSON.") from error
        if not isinstance(frame, dict):
            raise ResponseLost("DashScope's stream has an event that is not a JSON object.")
        code, message = _find_error(frame)
        if code and not frame.get("output"):
            raise VendorError(
                code,
                message or "DashScope ended its stream with an error.",
                classify(code, message),
                request_id=read_request_id(frame),
            )
        frames.append(frame)
    return frames


def _find_error(body: JsonObject) -> tuple[str, str]:
    """Return the code and the message of an error body, in the shape of DashScope or of OpenAI
    (docs/vendor-api.md#error-bodies). Both are empty if there is no error."""
    nested = body.get("error")
    error = nested if isinstance(nested, dict) else body
    code = error.get("code") or (error.get("type") if error is nested else "")
    return (
        redacted(str(code or ""))[:MAX_CODE_CHARACTERS],
        redacted(str(error.get("message") or ""))[:MAX_MESSAGE_CHARACTERS],
    )


def _read_body(status: int, content: bytes) -> JsonObject:
    """Return the JSON object of a successful response. Raises `VendorError` for any other.

    A response with the status 200 can be an error too (docs/vendor-api.md#error-bodies).
    """
    body: JsonObject = {}
    with suppress(ValueError, RecursionError):
        parsed = json.loads(content)
        body = parsed if isinstance(parsed, dict) else {}
    code, message = _find_error(body)
    is_success = 200 <= status < 300
    if is_success and body and (body.get("output") or not code):
        return body
    if is_success and not code:
        raise ResponseLost(f"DashScope returned HTTP {status} without a readable body.")
    code = code or f"HTTP_{status}"
    error_class = classify(code, message, status)
    raise VendorError(code, message or f"DashScope returned HTTP {status}.", error_class, status, read_request_id(body))


def _read_task(body: JsonObject) -> TaskReply:
    try:
        return TaskReply.model_validate(body)
    except ValidationError as error:
        raise ResponseLost("DashScope's response has an unknown shape.") from error
